//! The settings to tune with their ranges, and the mapping from points of the unit cube to settings.

use wnm_core::{Policy, Preset, RawSettings};

use crate::SimError;
use crate::words::nearest;

/// The distribution of a setting's values between its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Equal steps are equally likely: percentages.
    Even,
    /// Equal factors are equally likely: times and counts.
    ByFactor,
}

/// A setting that can be tuned: default range, widest permitted range, scale and accessor.
struct Tunable {
    key: &'static str,
    range: (u64, u64),
    furthest: (u64, u64),
    scale: Scale,
    of: fn(&Policy) -> f64,
}

impl Tunable {
    const fn dimension(&self) -> Dimension {
        let &Self { key, range: (low, high), scale, of, .. } = self;
        Dimension { key, low, high, scale, of }
    }
}

const fn percent(key: &'static str, low: u64, high: u64, of: fn(&Policy) -> f64) -> Tunable {
    Tunable { key, range: (low, high), furthest: (0, 100), scale: Scale::Even, of }
}

const fn seconds(key: &'static str, low: u64, high: u64, of: fn(&Policy) -> f64) -> Tunable {
    Tunable { key, range: (low, high), furthest: (0, 86_400), scale: Scale::ByFactor, of }
}

const fn count(key: &'static str, high: u64, of: fn(&Policy) -> f64) -> Tunable {
    Tunable { key, range: (1, high), furthest: (1, 1000), scale: Scale::ByFactor, of }
}

const fn load(key: &'static str, of: fn(&Policy) -> f64) -> Tunable {
    Tunable { key, range: (1, 1000), furthest: (1, 1000), scale: Scale::ByFactor, of }
}

/// Settings of the steady preset. The relief target comes first, because it limits the ranges of the next two.
const STEADY: &[Tunable] = &[
    percent(RELIEF_TARGET, 10, 80, |policy| policy.tuning.relief_target * 100.0),
    percent(WARNING, 0, 60, |policy| policy.tuning.warning * 100.0),
    percent(GROWTH_TARGET, 10, 90, |policy| policy.tuning.growth_target * 100.0),
    seconds("steady_grace", 15, 900, |policy| policy.tuning.grace.as_secs_f64()),
    seconds("steady_cooldown", 15, 600, |policy| policy.tuning.cooldown.as_secs_f64()),
    // The engine starts more nodes at once only where max_concurrent_starts allows it.
    count("steady_adds", 4, |policy| f64::from(policy.tuning.adds)),
];
/// Settings of the classic preset; those of steady may be tuned as well with `--bound`.
const CLASSIC: &[Tunable] = &[
    seconds("delay_start", 30, 1200, |policy| policy.delays.start.as_secs_f64()),
    seconds("delay_restart", 60, 3600, |policy| policy.delays.restart.as_secs_f64()),
    seconds("delay_upgrade", 30, 1200, |policy| policy.delays.upgrade.as_secs_f64()),
    seconds("delay_remove", 30, 1200, |policy| policy.delays.remove.as_secs_f64()),
    count("max_concurrent_starts", 8, |policy| f64::from(policy.limits.starts)),
    count("max_concurrent_removals", 8, |policy| f64::from(policy.limits.removals)),
    count("max_concurrent_upgrades", 8, |policy| f64::from(policy.limits.upgrades)),
    count("max_concurrent_operations", 8, |policy| f64::from(policy.limits.operations)),
];

/// Thresholds, which are tuned with `--bound` only: they are promises to the operator of the host.
const THRESHOLDS: &[Tunable] = &[
    percent("cpu_less_than", 10, 90, |policy| policy.cpu.less_than.get()),
    percent("cpu_remove", 20, 95, |policy| policy.cpu.remove.get()),
    percent("mem_less_than", 10, 90, |policy| policy.memory.less_than.get()),
    percent("mem_remove", 20, 95, |policy| policy.memory.remove.get()),
    percent("hd_less_than", 10, 90, |policy| policy.disk.less_than.get()),
    percent("hd_remove", 20, 95, |policy| policy.disk.remove.get()),
    load("desired_load_average", |policy| policy.load.map_or(0.0, |load| load.less_than.get())),
    load("max_load_average_allowed", |policy| policy.load.map_or(0.0, |load| load.remove.get())),
    Tunable { furthest: (1, 65_535), ..count("node_cap", 1000, |policy| f64::from(policy.node_cap)) },
];

/// Returns the settings that can be tuned, with their default ranges.
pub(crate) fn tunable() -> impl Iterator<Item = (&'static str, u64, u64)> {
    STEADY.iter().chain(CLASSIC).chain(THRESHOLDS).map(|known| (known.key, known.range.0, known.range.1))
}

/// The low and the high threshold of each signal: the low one must be below the high one.
const PAIRS: [[&str; 2]; 4] = [
    ["cpu_less_than", "cpu_remove"],
    ["mem_less_than", "mem_remove"],
    ["hd_less_than", "hd_remove"],
    ["desired_load_average", "max_load_average_allowed"],
];

const WARNING: &str = "steady_warning";
const RELIEF_TARGET: &str = "steady_relief_target";
const GROWTH_TARGET: &str = "steady_growth_target";

/// A setting with its bounds, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dimension {
    pub(super) key: &'static str,
    pub(super) low: u64,
    pub(super) high: u64,
    scale: Scale,
    /// Reads the value of the setting from a policy.
    pub(super) of: fn(&Policy) -> f64,
}

impl Dimension {
    /// Maps a share of the range, 0 to 1, to a whole number; all numbers get an equal part on the scale.
    fn at(self, share: f64, low: u64, high: u64) -> u64 {
        let (from, to) = (low as f64, high as f64 + 1.0);
        let value = match self.scale {
            Scale::Even => from + share * (to - from),
            Scale::ByFactor => (from + 1.0) * ((to + 1.0) / (from + 1.0)).powf(share) - 1.0,
        };
        // Rounding errors may leave the value just below a whole number.
        ((value + 1e-9) as u64).clamp(low, high)
    }
}

/// Values for the dimensions of a space, in order.
pub(super) type Values = Vec<u64>;

/// The settings to tune with their bounds.
#[derive(Debug, Clone)]
pub(super) struct Space(pub(super) Vec<Dimension>);

/// Length of the Sobol sequence.
const POINTS: u32 = 1 << 16;

impl Space {
    /// Returns the space of a preset, with bounds of the form `KEY=LOW..HIGH`; settings in `set` are fixed.
    ///
    /// `starts` are the policies from which the search starts, one for each scenario: a tuned threshold stays on its side
    /// of a threshold that is not tuned.
    ///
    /// # Errors
    /// A bound is malformed or names a setting that cannot be tuned, or the bounds leave nothing to try.
    pub(super) fn new(
        preset: Preset,
        bounds: &[String],
        set: &RawSettings,
        starts: &[Policy],
    ) -> Result<Self, SimError> {
        let (tuned, further) = match preset {
            Preset::Steady => (STEADY, CLASSIC),
            Preset::Classic => (CLASSIC, &[][..]),
        };
        let further = || further.iter().chain(THRESHOLDS);
        let mut space = Self(tuned.iter().map(Tunable::dimension).collect());
        for text in bounds {
            let (known, low, high) = read_bound(text, tuned.iter().chain(further()))
                .map_err(|problem| SimError::input(format!("invalid --bound {text}: {problem}")))?;
            let bound = Dimension { low, high, ..known.dimension() };
            match space.0.iter_mut().find(|dimension| dimension.key == known.key) {
                Some(dimension) => *dimension = bound,
                None => space.0.push(bound),
            }
        }
        for dimension in &mut space.0 {
            if let Some(text) = set.get(dimension.key) {
                let whole = text.parse().map_err(|_| {
                    SimError::input(format!(
                        "invalid --set {}={text}: a tuned setting needs a whole number",
                        dimension.key
                    ))
                })?;
                (dimension.low, dimension.high) = (whole, whole);
            }
        }
        space.respect(starts)?;
        space.check()?;
        Ok(space)
    }

    fn find(&self, key: &str) -> Option<&Dimension> {
        self.0.iter().find(|dimension| dimension.key == key)
    }

    /// Narrows the bounds of thresholds so that a low threshold can be below its high one.
    fn respect(&mut self, starts: &[Policy]) -> Result<(), SimError> {
        for [low_key, high_key] in PAIRS {
            let bounds = |space: &Self, key| space.find(key).map(|dimension| (dimension.low, dimension.high));
            let (low, high) = (bounds(self, low_key), bounds(self, high_key));
            if low.is_none() && high.is_none() {
                continue;
            }
            let value = |key: &str, policy: &Policy| {
                THRESHOLDS.iter().find(|known| known.key == key).map_or(0.0, |known| (known.of)(policy))
            };
            let fixed = |key| starts.iter().map(move |policy| value(key, policy));
            // The strictest scenario decides about a threshold that is not tuned.
            let least = low.map_or_else(|| fixed(low_key).fold(0.0, f64::max).floor() as u64, |(low, _)| low);
            let most = high.map_or_else(|| fixed(high_key).fold(1e6, f64::min).ceil() as u64, |(_, high)| high);
            for dimension in &mut self.0 {
                if dimension.key == low_key {
                    dimension.high = dimension.high.min(most.saturating_sub(1));
                }
                if dimension.key == high_key {
                    dimension.low = dimension.low.max(least + 1);
                }
                if [low_key, high_key].contains(&dimension.key) && dimension.low > dimension.high {
                    return Err(SimError::input(format!(
                        "the bounds contradict each other: no {low_key} from {least} on is below a {high_key} of at \
                         most {most}"
                    ))
                    .hint(format!("widen them with --bound {low_key}=LOW..HIGH or --bound {high_key}=LOW..HIGH")));
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), SimError> {
        if let Some((low, high)) = self.relief_target_bounds()
            && low > high
        {
            let of = |key| self.0.iter().find(|dimension| dimension.key == key).map_or((0, 0), |d| (d.low, d.high));
            let ((warning, _), (low, high), (growth, _)) = (of(WARNING), of(RELIEF_TARGET), of(GROWTH_TARGET));
            return Err(SimError::input(format!(
                "the bounds contradict each other: no steady_relief_target in {low}..{high} is at least steady_warning \
                 ({warning}) and at most 100 minus steady_growth_target ({growth})"
            ))
            .hint("widen these bounds with --bound"));
        }
        if self.0.iter().all(|dimension| dimension.low == dimension.high) {
            return Err(SimError::input("nothing to tune: every setting has a single value")
                .hint("widen a --bound, or give fewer --set"));
        }
        Ok(())
    }

    /// Returns the bounds of the relief target that are compatible with the warning threshold and the growth target.
    fn relief_target_bounds(&self) -> Option<(u64, u64)> {
        let of = |key| self.0.iter().find(|dimension| dimension.key == key);
        let (warning, relief, growth) = (of(WARNING)?, of(RELIEF_TARGET)?, of(GROWTH_TARGET)?);
        Some((relief.low.max(warning.low), relief.high.min(100 - growth.low)))
    }

    /// Maps a point of the unit cube to values. Every point gives a valid policy: where the relief target limits another
    /// setting, that setting is drawn from the remaining range.
    pub(super) fn values(&self, mut point: impl FnMut(usize) -> f64) -> Values {
        let mut values = self.drawn(&mut point);
        for [low_key, high_key] in PAIRS {
            let place = |key| self.0.iter().position(|dimension| dimension.key == key);
            if let (Some(low), Some(high)) = (place(low_key), place(high_key)) {
                let dimension = self.0[low];
                values[low] = dimension.at(point(low), dimension.low, dimension.high.min(values[high] - 1));
            }
        }
        values
    }

    /// Maps a point to values in which only the thresholds of one signal may still contradict each other.
    fn drawn(&self, point: &mut impl FnMut(usize) -> f64) -> Values {
        let mut relief = 0;
        let value = |(i, dimension): (usize, &Dimension)| {
            let (low, high) = (dimension.low, dimension.high);
            let (low, high) = match dimension.key {
                RELIEF_TARGET => self.relief_target_bounds().unwrap_or((low, high)),
                WARNING => (low, high.min(relief)),
                GROWTH_TARGET => (low, high.min(100 - relief)),
                // Every other setting is independent.
                _ => (low, high),
            };
            let value = dimension.at(point(i), low, high);
            if dimension.key == RELIEF_TARGET {
                relief = value;
            }
            value
        };
        self.0.iter().enumerate().map(value).collect()
    }

    /// Returns the first `count` different candidates of a Sobol sequence scrambled by the seed; fewer where the space is
    /// smaller.
    pub(super) fn candidates(&self, count: usize, seed: u64) -> Vec<Values> {
        let scramble = (crate::chance::mixed(seed) >> 32) as u32;
        // Rounding to whole numbers maps different points to the same candidate.
        let mut seen = std::collections::BTreeSet::new();
        (0..POINTS)
            .map(|i| self.values(|dimension| f64::from(sobol_burley::sample(i, dimension as u32, scramble))))
            .filter(|values| seen.insert(values.clone()))
            .take(count)
            .collect()
    }

    /// Returns the values of a policy, rounded to whole numbers.
    pub(super) fn values_of(&self, policy: &Policy) -> Values {
        self.0.iter().map(|dimension| (dimension.of)(policy).round() as u64).collect()
    }

    /// Returns the values as settings on top of others.
    pub(super) fn settings(&self, values: &[u64], under: &RawSettings) -> RawSettings {
        let mut settings = under.clone();
        for (dimension, value) in self.0.iter().zip(values) {
            // Cannot fail: the bounds are within the range of every one of these settings.
            _ = settings.set(dimension.key, &value.to_string());
        }
        settings
    }
}

/// Parses `KEY=LOW..HIGH` into the setting and its bounds.
fn read_bound<'a>(
    text: &str,
    known: impl Iterator<Item = &'a Tunable> + Clone,
) -> Result<(&'a Tunable, u64, u64), String> {
    const FORM: &str = "it is not KEY=LOW..HIGH, as in steady_warning=10..40";
    let (key, bounds) = text.split_once('=').ok_or(FORM)?;
    let Some(setting) = known.clone().find(|setting| setting.key == key.trim()) else {
        let keys = || known.clone().map(|known| known.key);
        let hint = nearest(key, keys()).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(format!("{key} cannot be tuned, only {}{hint}", keys().collect::<Vec<_>>().join(", ")));
    };
    let (low, high) = bounds.split_once("..").ok_or(FORM)?;
    let (least, most) = setting.furthest;
    let whole = |text: &str| match text.trim().parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("{} is not a whole number from {least} to {most}", text.trim())),
    };
    let (low, high) = (whole(low)?, whole(high)?);
    if low > high {
        return Err(format!("the lower bound {low} is above the upper bound {high}"));
    }
    Ok((setting, low, high))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn starts(pairs: &[(&str, &str)]) -> Vec<Policy> {
        let mut settings = RawSettings::default();
        pairs.iter().for_each(|(key, value)| settings.set(key, value).unwrap());
        vec![Policy::new(&settings, Some(4)).unwrap()]
    }

    fn space(preset: Preset, bounds: &[&str]) -> Result<Space, String> {
        let bounds: Vec<_> = bounds.iter().map(|bound| (*bound).to_owned()).collect();
        Space::new(preset, &bounds, &RawSettings::default(), &starts(&[])).map_err(|error| error.to_string())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn every_point_is_a_policy_within_the_bounds(
            point in proptest::collection::vec(0.0..1.0, 8),
            bounds in proptest::collection::vec((0_u64..=100, 0_u64..=100), 3),
            preset in prop_oneof![Just(Preset::Steady), Just(Preset::Classic)],
        ) {
            let bounds: Vec<_> = [WARNING, RELIEF_TARGET, GROWTH_TARGET].iter().zip(bounds).map(|(key, (a, b))| {
                format!("{key}={}..{}", a.min(b), a.max(b))
            }).collect();
            let bounds: &[String] = if preset == Preset::Steady { &bounds } else { &[] };
            // Contradicting bounds are refused when the space is built.
            let Ok(space) = Space::new(preset, bounds, &RawSettings::default(), &starts(&[])) else { return Ok(()) };
            let values = space.values(|i| point[i]);
            for (dimension, value) in space.0.iter().zip(&values) {
                prop_assert!((dimension.low..=dimension.high).contains(value), "{dimension:?}: {value}");
            }
            let under = RawSettings { preset: Some(preset), ..RawSettings::default() };
            prop_assert!(Policy::new(&space.settings(&values, &under), Some(4)).is_ok(), "{values:?}");
        }
    }

    #[test]
    fn ends_of_the_cube_are_the_bounds() {
        let space = space(Preset::Steady, &["steady_grace=0..600"]).unwrap();
        assert_eq!(space.values(|_| 0.0), [10, 0, 10, 0, 15, 1]);
        assert_eq!(space.values(|_| 1.0 - 1e-12), [80, 60, 20, 600, 600, 4]);
        // Every count gets its share of the scale, the last one included.
        let adds = space.0[5];
        let of = |value| (0..1000).filter(|i| adds.at(f64::from(*i) / 1000.0, 1, 4) == value).count();
        assert_eq!([of(1), of(2), of(3), of(4)].iter().sum::<usize>(), 1000);
        assert!(of(4) > 150, "{}", of(4));
    }

    #[test]
    fn candidates_differ_and_depend_on_the_seed() {
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
    fn small_space_has_few_candidates() {
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
    fn invalid_bounds_are_refused() {
        for (bounds, said) in [
            (&["steady_grace"][..], "invalid --bound steady_grace: it is not KEY=LOW..HIGH"),
            (&["steady_grace=5"], "invalid --bound steady_grace=5: it is not KEY=LOW..HIGH"),
            (&["steady_grace=60..30"], "the lower bound 60 is above the upper bound 30"),
            (&["steady_warning=0.9..0.2"], "0.9 is not a whole number from 0 to 100"),
            (&["steady_adds=0..3"], "0 is not a whole number from 1 to 1000"),
            (&["steady_grac=1..3"], "did you mean steady_grace?"),
            (
                &["rewards_address=70..90"],
                "rewards_address cannot be tuned, only steady_relief_target, steady_warning, steady_growth_target",
            ),
            (&["cpu_remove=20..50"], "no cpu_less_than from 50 on is below a cpu_remove of at most 50"),
            (&["mem_less_than=80..90", "mem_remove=60..80"], "no mem_less_than from 80 on is below a mem_remove"),
            (&["steady_warning=50..60", "steady_relief_target=10..40"], "the bounds contradict each other"),
            (
                &["steady_relief_target=60..70", "steady_growth_target=50..60"],
                "no steady_relief_target in 60..70 is at least steady_warning (0) and at most 100 minus",
            ),
        ] {
            let error = space(Preset::Steady, bounds).unwrap_err();
            assert!(error.contains(said), "{bounds:?}: {error}");
        }
        assert!(space(Preset::Classic, &["steady_warning=10..20"]).unwrap_err().contains("only delay_start"));
        let all: Vec<_> = CLASSIC.iter().map(|known| format!("{}=3..3", known.key)).collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        assert!(space(Preset::Classic, &all).unwrap_err().contains("nothing to tune"));
    }

    #[test]
    fn bound_adds_a_setting() {
        let space = space(Preset::Steady, &["delay_start=30..120", "steady_adds=2..3"]).unwrap();
        assert_eq!(space.0.len(), STEADY.len() + 1);
        assert_eq!(space.values(|_| 0.0).last(), Some(&30));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn tuned_thresholds_never_contradict_each_other(
            point in proptest::collection::vec(0.0..1.0, 16),
            bounds in proptest::collection::vec((1_u64..=100, 1_u64..=100), 8),
            wanted in proptest::collection::vec(any::<bool>(), 8),
        ) {
            let keys = PAIRS.concat();
            let bounds: Vec<_> = keys.iter().zip(bounds).zip(wanted).filter(|(_, wanted)| *wanted)
                .map(|((key, (a, b)), _)| format!("{key}={}..{}", a.min(b), a.max(b))).collect();
            let starts = starts(&[("cpu_remove", "80"), ("desired_load_average", "7.5"), ("max_load_average_allowed", "9")]);
            let Ok(space) = Space::new(Preset::Steady, &bounds, &RawSettings::default(), &starts) else { return Ok(()) };
            let values = space.values(|i| point[i]);
            for (dimension, value) in space.0.iter().zip(&values) {
                prop_assert!((dimension.low..=dimension.high).contains(value), "{dimension:?}: {value}");
            }
            let mut under = RawSettings { preset: Some(Preset::Steady), ..RawSettings::default() };
            for (key, value) in [("cpu_remove", "80"), ("desired_load_average", "7.5"), ("max_load_average_allowed", "9")] {
                under.set(key, value).unwrap();
            }
            prop_assert!(Policy::new(&space.settings(&values, &under), Some(4)).is_ok(), "{values:?} of {bounds:?}");
        }
    }

    #[test]
    fn fixed_setting_keeps_its_value() {
        let mut set = RawSettings::default();
        set.set("steady_warning", "25").unwrap();
        let space = Space::new(Preset::Steady, &[], &set, &starts(&[])).unwrap();
        assert!(space.candidates(50, 1).iter().all(|values| values[1] == 25 && values[0] >= 25));
    }
}
