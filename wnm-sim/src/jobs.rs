//! Work on several threads, with results in the order of the tasks: the same whatever the number of threads.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Returns how many threads this machine runs at once.
pub(crate) fn available() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Works on all tasks, so many at once, and hands over each result in the order of the tasks as soon as it may.
///
/// # Errors
/// What `take` could not take; then no further task is begun.
pub(crate) fn in_order<T: Sync, R: Send, E>(
    tasks: &[T],
    jobs: NonZeroUsize,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.get().min(tasks.len()) {
            let (sender, next, is_over, work) = (sender.clone(), &next, &is_over, &work);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(task) = tasks.get(i) else { return };
                    if sender.send((i, work(task))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut turn = 0;
        for (i, result) in results {
            early.insert(i, result);
            while let Some(result) = early.remove(&turn) {
                if let Err(error) = take(&tasks[turn], result) {
                    is_over.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                turn += 1;
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
