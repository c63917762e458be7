//! Runs tasks on several threads and hands over their results in the order of the tasks.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::mpsc;

use rayon::iter::{ParallelBridge, ParallelIterator};

/// Returns the number of threads that the machine runs at once.
pub(crate) fn available() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Runs all tasks on `jobs` threads, and passes each result to `take` in the order of the tasks as soon as possible.
///
/// # Errors
/// The first error of `take`; no further task begins after it.
pub(crate) fn in_order<T: Sync, R: Send, E>(
    tasks: &[T],
    jobs: NonZeroUsize,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(jobs.get().min(tasks.len()).max(1)).build() else {
        // A host that refuses more threads still gets its results.
        return tasks.iter().try_for_each(|task| take(task, work(task)));
    };
    let (sender, results) = mpsc::channel();
    pool.in_place_scope(|scope| {
        scope.spawn(|_| {
            // A bridge begins tasks in their order, where a split slice would finish the last tasks first. Sending
            // fails once an error has dropped the receiver, which ends the loop.
            let run = |sender: &mut mpsc::Sender<_>, (i, task)| sender.send((i, work(task)));
            _ = tasks.iter().enumerate().par_bridge().try_for_each_with(sender, run);
        });
        let mut early = BTreeMap::new();
        let mut next = 0;
        for (i, result) in results {
            // A long task holds back the results of shorter ones that began after it.
            early.insert(i, result);
            while let Some(result) = early.remove(&next) {
                take(&tasks[next], result)?;
                next += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_an_error_ends_the_work() {
        let tasks: Vec<u64> = (0..200).collect();
        for jobs in [1, 2, 7, 300].map(|jobs| NonZeroUsize::new(jobs).unwrap()) {
            let mut all = Vec::new();
            let slow_first = |task: &u64| (0..(200 - task) * 50).fold(*task, |sum, i| sum.wrapping_mul(31) ^ i);
            let done = in_order(&tasks, jobs, slow_first, |task, _| {
                all.push(*task);
                if *task == 150 { Err("enough") } else { Ok(()) }
            });
            assert_eq!((done, all), (Err("enough"), (0..=150).collect()), "{jobs}");
        }
    }
}
