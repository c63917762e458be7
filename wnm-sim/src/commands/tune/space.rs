//! What is tuned, from where to where, and the way from a point of the unit cube to settings.

use wnm_core::{Policy, Preset, RawSettings};

use crate::SimError;
use crate::words::nearest;

/// How the values of a setting lie between its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Equal steps are worth the same: percentages.
    Even,
    /// Equal factors are: times and counts.
    ByFactor,
}

/// A setting that may be tuned: its bounds unless others are given, and the furthest they may be.
struct Known {
    key: &'static str,
    range: (u64, u64),
    furthest: (u64, u64),
    scale: Scale,
    of: fn(&Policy) -> f64,
}

impl Known {
    const fn dimension(&self) -> Dimension {
        let &Self { key, range: (low, high), scale, of, .. } = self;
        Dimension { key, low, high, scale, of }
    }
}

const fn percent(key: &'static str, low: u64, high: u64, of: fn(&Policy) -> f64) -> Known {
    Known { key, range: (low, high), furthest: (0, 100), scale: Scale::Even, of }
}

const fn seconds(key: &'static str, low: u64, high: u64, of: fn(&Policy) -> f64) -> Known {
    Known { key, range: (low, high), furthest: (0, 86_400), scale: Scale::ByFactor, of }
}

const fn count(key: &'static str, high: u64, of: fn(&Policy) -> f64) -> Known {
    Known { key, range: (1, high), furthest: (1, 1000), scale: Scale::ByFactor, of }
}

/// What the steady rules are tuned by. The mark to which reliefs go stands before those that it bounds.
const STEADY: &[Known] = &[
    percent(BACK, 10, 80, |policy| policy.tuning.relief_target * 100.0),
    percent(SOFT, 0, 60, |policy| policy.tuning.warning * 100.0),
    percent(GOAL, 10, 90, |policy| policy.tuning.growth_target * 100.0),
    seconds("steady_grace", 15, 900, |policy| policy.tuning.grace.as_secs_f64()),
    seconds("steady_cooldown", 15, 600, |policy| policy.tuning.cooldown.as_secs_f64()),
    // More never start at once, unless max_concurrent_starts allows it.
    count("steady_adds", 4, |policy| f64::from(policy.tuning.adds)),
];
/// What the classic rules are tuned by, and the steady ones where a bound asks for it.
const CLASSIC: &[Known] = &[
    seconds("delay_start", 30, 1200, |policy| policy.delays.start.as_secs_f64()),
    seconds("delay_restart", 60, 3600, |policy| policy.delays.restart.as_secs_f64()),
    seconds("delay_upgrade", 30, 1200, |policy| policy.delays.upgrade.as_secs_f64()),
    seconds("delay_remove", 30, 1200, |policy| policy.delays.remove.as_secs_f64()),
    count("max_concurrent_starts", 8, |policy| f64::from(policy.limits.starts)),
    count("max_concurrent_removals", 8, |policy| f64::from(policy.limits.removals)),
    count("max_concurrent_upgrades", 8, |policy| f64::from(policy.limits.upgrades)),
    count("max_concurrent_operations", 8, |policy| f64::from(policy.limits.operations)),
];

const SOFT: &str = "steady_warning";
const BACK: &str = "steady_relief_target";
const GOAL: &str = "steady_growth_target";

/// A setting and its bounds, both of which it may reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dimension {
    pub(super) key: &'static str,
    pub(super) low: u64,
    pub(super) high: u64,
    scale: Scale,
    /// Reads it from a policy.
    pub(super) of: fn(&Policy) -> f64,
}

impl Dimension {
    /// Returns the whole number that a share of the way between two bounds stands for; each has its equal part of it.
    fn at(self, share: f64, low: u64, high: u64) -> u64 {
        let (from, to) = (low as f64, high as f64 + 1.0);
        let value = match self.scale {
            Scale::Even => from + share * (to - from),
            Scale::ByFactor => (from + 1.0) * ((to + 1.0) / (from + 1.0)).powf(share) - 1.0,
        };
        // A hair below a whole number is rounding's doing.
        ((value + 1e-9) as u64).clamp(low, high)
    }
}

/// Values for the dimensions of a space, in their order.
pub(super) type Values = Vec<u64>;

/// Everything that a search may try.
#[derive(Debug, Clone)]
pub(super) struct Space(pub(super) Vec<Dimension>);

/// Points that the sequence has.
const POINTS: u32 = 1 << 16;

impl Space {
    /// Returns what is tuned of a preset, within `--bound KEY=LOW..HIGH`; what `set` holds stays as it is.
    ///
    /// # Errors
    /// A bound is none, is of no setting that may be tuned, or all of them together leave nothing to try.
    pub(super) fn new(preset: Preset, bounds: &[String], set: &RawSettings) -> Result<Self, SimError> {
        let (tuned, further) = match preset {
            Preset::Steady => (STEADY, CLASSIC),
            Preset::Classic => (CLASSIC, &[][..]),
        };
        let mut space = Self(tuned.iter().map(Known::dimension).collect());
        for text in bounds {
            let (known, low, high) = read_bound(text, tuned.iter().chain(further))
                .map_err(|what| SimError::Input(format!("--bound {text}: {what}")))?;
            let bound = Dimension { low, high, ..known.dimension() };
            match space.0.iter_mut().find(|dimension| dimension.key == known.key) {
                Some(dimension) => *dimension = bound,
                None => space.0.push(bound),
            }
        }
        for dimension in &mut space.0 {
            if let Some(text) = set.get(dimension.key) {
                let whole = text.parse().map_err(|_| {
                    SimError::Input(format!("--set {}={text}: expected a whole number to tune around", dimension.key))
                })?;
                (dimension.low, dimension.high) = (whole, whole);
            }
        }
        space.check()?;
        Ok(space)
    }

    fn check(&self) -> Result<(), SimError> {
        if let Some((low, high)) = self.back_bounds()
            && low > high
        {
            let of = |key| self.0.iter().find(|dimension| dimension.key == key).map_or((0, 0), |d| (d.low, d.high));
            let ((soft, _), (back_low, back_high), (goal, _)) = (of(SOFT), of(BACK), of(GOAL));
            return Err(SimError::Input(format!(
                "the bounds contradict each other: expected a steady_relief_target that is at least steady_warning and leaves \
                 steady_growth_target of 100 %, found steady_warning from {soft}, steady_relief_target {back_low}..{back_high} and \
                 steady_growth_target from {goal}; give bounds that leave room"
            )));
        }
        if self.0.iter().all(|dimension| dimension.low == dimension.high) {
            return Err(SimError::Input(
                "nothing is left to tune: expected a setting that may take two values; widen a --bound, or --set fewer"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Returns the bounds within which steady_relief_target leaves room for steady_warning below it and steady_growth_target above.
    fn back_bounds(&self) -> Option<(u64, u64)> {
        let of = |key| self.0.iter().find(|dimension| dimension.key == key);
        let (soft, back, goal) = (of(SOFT)?, of(BACK)?, of(GOAL)?);
        Some((back.low.max(soft.low), back.high.min(100 - goal.low)))
    }

    /// Returns what a point of the unit cube stands for. Every point stands for something that agrees with itself:
    /// where a setting bounds another, the other is drawn from what is left.
    pub(super) fn values(&self, mut point: impl FnMut(usize) -> f64) -> Values {
        let mut back = 0;
        let value = |(i, dimension): (usize, &Dimension)| {
            let (low, high) = (dimension.low, dimension.high);
            let (low, high) = match dimension.key {
                BACK => self.back_bounds().unwrap_or((low, high)),
                SOFT => (low, high.min(back)),
                GOAL => (low, high.min(100 - back)),
                _ => (low, high),
            };
            let value = dimension.at(point(i), low, high);
            if dimension.key == BACK {
                back = value;
            }
            value
        };
        self.0.iter().enumerate().map(value).collect()
    }

    /// Returns the first different candidates of a Sobol sequence, scrambled by the seed; fewer where there are not as
    /// many.
    pub(super) fn candidates(&self, count: usize, seed: u64) -> Vec<Values> {
        let scramble = (crate::chance::mixed(seed) >> 32) as u32;
        let mut seen = std::collections::BTreeSet::new();
        (0..POINTS)
            .map(|i| self.values(|dimension| f64::from(sobol_burley::sample(i, dimension as u32, scramble))))
            .filter(|values| seen.insert(values.clone()))
            .take(count)
            .collect()
    }

    /// Returns what a policy has, to the nearest whole number.
    pub(super) fn values_of(&self, policy: &Policy) -> Values {
        self.0.iter().map(|dimension| (dimension.of)(policy).round() as u64).collect()
    }

    /// Returns the values as settings, over others.
    pub(super) fn settings(&self, values: &[u64], under: &RawSettings) -> RawSettings {
        let mut settings = under.clone();
        for (dimension, value) in self.0.iter().zip(values) {
            // Bounds are within what every one of these settings takes.
            _ = settings.set(dimension.key, &value.to_string());
        }
        settings
    }
}

/// Reads `KEY=LOW..HIGH`; returns the setting and its bounds.
fn read_bound<'a>(text: &str, known: impl Iterator<Item = &'a Known> + Clone) -> Result<(&'a Known, u64, u64), String> {
    const EXPECTED: &str = "expected KEY=LOW..HIGH, as in steady_warning=10..40";
    let (key, bounds) = text.split_once('=').ok_or(EXPECTED)?;
    let Some(setting) = known.clone().find(|setting| setting.key == key.trim()) else {
        let keys = || known.clone().map(|known| known.key);
        let hint = nearest(key, keys()).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(format!("expected one of {}{hint}", keys().collect::<Vec<_>>().join(", ")));
    };
    let (low, high) = bounds.split_once("..").ok_or(EXPECTED)?;
    let (least, most) = setting.furthest;
    let whole = |text: &str| match text.trim().parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("expected whole numbers from {least} to {most}, found {}", text.trim())),
    };
    let (low, high) = (whole(low)?, whole(high)?);
    if low > high {
        return Err(format!("expected the lower bound first, found {low} above {high}"));
    }
    Ok((setting, low, high))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn space(preset: Preset, bounds: &[&str]) -> Result<Space, String> {
        let bounds: Vec<_> = bounds.iter().map(|bound| (*bound).to_owned()).collect();
        Space::new(preset, &bounds, &RawSettings::default()).map_err(|error| error.to_string())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn every_point_of_the_cube_is_a_policy_within_the_bounds(
            point in proptest::collection::vec(0.0..1.0, 8),
            bounds in proptest::collection::vec((0_u64..=100, 0_u64..=100), 3),
            preset in prop_oneof![Just(Preset::Steady), Just(Preset::Classic)],
        ) {
            let bounds: Vec<_> = [SOFT, BACK, GOAL].iter().zip(bounds).map(|(key, (a, b))| {
                format!("{key}={}..{}", a.min(b), a.max(b))
            }).collect();
            let bounds: &[String] = if preset == Preset::Steady { &bounds } else { &[] };
            // What contradicts itself is refused before any point is looked at.
            let Ok(space) = Space::new(preset, bounds, &RawSettings::default()) else { return Ok(()) };
            let values = space.values(|i| point[i]);
            for (dimension, value) in space.0.iter().zip(&values) {
                prop_assert!((dimension.low..=dimension.high).contains(value), "{dimension:?}: {value}");
            }
            let under = RawSettings { preset: Some(preset), ..RawSettings::default() };
            prop_assert!(Policy::new(&space.settings(&values, &under), Some(4)).is_ok(), "{values:?}");
        }
    }

    #[test]
    fn the_ends_of_the_cube_are_the_bounds() {
        let space = space(Preset::Steady, &["steady_grace=0..600"]).unwrap();
        assert_eq!(space.values(|_| 0.0), [10, 0, 10, 0, 15, 1]);
        assert_eq!(space.values(|_| 1.0 - 1e-12), [80, 60, 20, 600, 600, 4]);
        // Every count gets its share, the last one too.
        let adds = space.0[5];
        let of = |value| (0..1000).filter(|i| adds.at(f64::from(*i) / 1000.0, 1, 4) == value).count();
        assert_eq!([of(1), of(2), of(3), of(4)].iter().sum::<usize>(), 1000);
        assert!(of(4) > 150, "{}", of(4));
    }

    #[test]
    fn candidates_are_different_and_the_same_for_the_same_seed() {
        let space = space(Preset::Steady, &[]).unwrap();
        let drawn = space.candidates(64, 1);
        assert_eq!(drawn.len(), 64);
        assert_eq!(drawn, space.candidates(64, 1));
        assert_ne!(drawn, space.candidates(64, 2));
        // A Sobol sequence puts equally many into each eighth of the range.
        let low = drawn.iter().filter(|values| values[0] < 45).count();
        assert!((28..=36).contains(&low), "{low}");
    }

    #[test]
    fn what_has_few_values_has_few_candidates() {
        let fixed = [
            "steady_warning=20..20",
            "steady_relief_target=30..30",
            "steady_growth_target=50..50",
            "steady_grace=120..120",
        ];
        let space = space(Preset::Steady, &[&fixed[..], &["steady_cooldown=60..60", "steady_adds=2..3"]].concat());
        assert_eq!(space.unwrap().candidates(100, 1).len(), 2);
    }

    #[test]
    fn bounds_that_make_no_sense_are_refused() {
        for (bounds, said) in [
            (&["steady_grace"][..], "--bound steady_grace: expected KEY=LOW..HIGH"),
            (&["steady_grace=5"], "--bound steady_grace=5: expected KEY=LOW..HIGH"),
            (&["steady_grace=60..30"], "expected the lower bound first, found 60 above 30"),
            (&["steady_warning=0.9..0.2"], "expected whole numbers from 0 to 100, found 0.9"),
            (&["steady_adds=0..3"], "expected whole numbers from 1 to 1000, found 0"),
            (&["steady_grac=1..3"], "did you mean steady_grace?"),
            (
                &["cpu_remove=70..90"],
                "expected one of steady_relief_target, steady_warning, steady_growth_target, steady_grace",
            ),
            (&["steady_warning=50..60", "steady_relief_target=10..40"], "the bounds contradict each other"),
            (
                &["steady_relief_target=60..70", "steady_growth_target=50..60"],
                "found steady_warning from 0, steady_relief_target 60..70 and",
            ),
        ] {
            let error = space(Preset::Steady, bounds).unwrap_err();
            assert!(error.contains(said), "{bounds:?}: {error}");
        }
        assert!(
            space(Preset::Classic, &["steady_warning=10..20"]).unwrap_err().contains("expected one of delay_start")
        );
        let all: Vec<_> = CLASSIC.iter().map(|known| format!("{}=3..3", known.key)).collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        assert!(space(Preset::Classic, &all).unwrap_err().contains("nothing is left to tune"));
    }

    #[test]
    fn a_bound_adds_what_is_not_tuned_otherwise() {
        let space = space(Preset::Steady, &["delay_start=30..120", "steady_adds=2..3"]).unwrap();
        assert_eq!(space.0.len(), STEADY.len() + 1);
        assert_eq!(space.values(|_| 0.0).last(), Some(&30));
    }

    #[test]
    fn what_is_set_stays_as_it_is() {
        let mut set = RawSettings::default();
        set.set("steady_warning", "25").unwrap();
        let space = Space::new(Preset::Steady, &[], &set).unwrap();
        assert!(space.candidates(50, 1).iter().all(|values| values[1] == 25 && values[0] >= 25));
    }
}
