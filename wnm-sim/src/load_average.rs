//! The load averages of the kernel, in its fixed-point arithmetic (`kernel/sched/loadavg.c`).

/// The number 1 in fixed point: `FIXED_1`.
const ONE: u64 = 2048;
/// Decay of the averages over 1, 5 and 15 minutes in five seconds: `EXP_1`, `EXP_5`, `EXP_15`.
const DECAY: [u64; 3] = [1884, 2014, 2037];

/// The averages over 1, 5 and 15 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LoadAverages([u64; 3]);

impl LoadAverages {
    /// Advances by five seconds; `millitasks` is the number of runnable or disk-waiting tasks at their end, times 1000.
    pub(crate) fn tick(&mut self, millitasks: u32) {
        let active = u64::from(millitasks) * ONE / 1000;
        for (load, decay) in self.0.iter_mut().zip(DECAY) {
            // `calc_load` rounds up while the average rises, else it would never reach its limit.
            let up = if active >= *load { ONE - 1 } else { 0 };
            *load = (*load * decay + active * (ONE - decay) + up) / ONE;
        }
    }

    /// Returns the three averages.
    pub(crate) fn get(self) -> [f64; 3] {
        self.0.map(|load| load as f64 / ONE as f64)
    }

    /// Returns the average over a minute.
    pub(crate) fn one(self) -> f64 {
        self.0[0] as f64 / ONE as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values computed by hand from the kernel's formula: one running task adds 0.08 in the first five seconds.
    #[test]
    fn averages_follow_the_kernel() {
        let mut load = LoadAverages::default();
        load.tick(1000);
        assert_eq!(load.0, [164, 34, 11]);
        load.tick(1000);
        assert_eq!(load.0, [315, 68, 22]);
        (0..3000).for_each(|_| load.tick(1000));
        assert_eq!(load.0, [ONE; 3]);
        load.tick(0);
        assert_eq!(load.0, [1884, 2014, 2037]);
        (0..3000).for_each(|_| load.tick(0));
        assert_eq!(load.0, [0; 3]);
    }

    /// After a fall from twice the limit to 0.9 of it the averages stay over the limit for about 144, 719 and 2158 s.
    #[test]
    fn averages_lag_by_minutes() {
        let mut load = LoadAverages::default();
        (0..5000).for_each(|_| load.tick(32_000));
        let mut over = [0; 3];
        for _ in 0..1000 {
            load.tick(14_400);
            for (over, load) in over.iter_mut().zip(load.get()) {
                *over += if load > 16.0 { 5 } else { 0 };
            }
        }
        for (over, known) in over.into_iter().zip([144, 719, 2158]) {
            assert!(i32::abs(over - known) <= known / 20, "{over} {known}");
        }
    }
}
