//! Deterministic random numbers: the same for the same seed on every machine.

use std::ops::RangeInclusive;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

/// A stream of random numbers, identified by a seed and a stream number.
#[derive(Debug)]
pub(crate) struct Chance(Pcg32);

impl Chance {
    /// Returns the stream; neighbouring seeds give unrelated numbers.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg32::new(mixed(seed), mixed(stream)))
    }

    /// Returns a number from 0 to just below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// Returns a number of the range, its ends included.
    pub(crate) fn within(&mut self, range: RangeInclusive<u32>) -> u32 {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// Returns true with a probability of 1 / `times`.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// Returns a number from 0 to just below 1.
    pub(crate) fn share(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// Returns a number from `low` to just below `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Returns a number of approximately the standard normal distribution, within ±3.5.
    pub(crate) fn normal(&mut self) -> f64 {
        // The sum of four uniform numbers of 16 bits has a variance of 1/3; cheaper than an exact normal deviate.
        let (one, other) = (self.0.next_u32(), self.0.next_u32());
        let sum = (one >> 16) + (one & 0xFFFF) + (other >> 16) + (other & 0xFFFF);
        (f64::from(sum) / 65_536.0 - 2.0) * 1.732_050_807_568_877_2
    }

    /// Returns the time until the next event of a Poisson process with this rate; infinite for 0.
    pub(crate) fn wait(&mut self, rate: f64) -> f64 {
        if rate > 0.0 { -(1.0 - self.share()).ln() / rate } else { f64::INFINITY }
    }

    /// Returns one of the choices, each with the same probability.
    pub(crate) fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.below(N as u32) as usize]
    }
}

/// Spreads a number over all 64 bits (the finalizer of splitmix64).
pub(crate) const fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_gives_the_same_numbers_for_ever() {
        let mut chance = Chance::new(1, 2);
        let drawn: Vec<u32> = (0..6).map(|_| chance.within(1..=1000)).collect();
        assert_eq!(drawn, [790, 838, 68, 829, 434, 544]);
    }
}
