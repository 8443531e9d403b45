//! Schedules: how the learning rate, or the weight of a loss term, changes from update to update.
//!
//! With `step` = 0, 1, 2 ... the number of updates already done, the learning rate of the next
//! update is `base · m(step)`, where
//!
//! ```text
//! m(step) = min(1, (step + 1) / warmup) · decay(step)
//! decay(step) = 1                                  constant
//!             = 1 - step / total                   linear
//!             = (1 + cos(π · step / total)) / 2    cosine
//! ```
//!
//! all in f64; without warm-up the first factor is 1, beyond `total` the decay stays at its last
//! value 0. PyTorch's `LambdaLR` with the same function gives the same rates.

use std::f64::consts::PI;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The part of a run file that describes the learning rate's course.
///
/// ```
/// use limbeck_training::schedule::ScheduleConfig;
/// let config: ScheduleConfig = toml::from_str("decay = 'linear'\nwarmup = 0.1")?;
/// let schedule = config.over(100);
/// assert_eq!(schedule.multiplier(0), 0.1); // the first of 10 updates of warm-up
/// assert_eq!(schedule.multiplier(50), 0.5);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// What follows the warm-up, and already scales it.
    pub decay: Decay,
    /// How long the rate rises.
    pub warmup: Warmup,
}

/// The falling part of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// None.
    #[default]
    Constant,
    /// A straight line to 0.
    Linear,
    /// Half a cosine wave to 0 (Loshchilov and Hutter 2017, without restarts).
    Cosine,
}

/// The length of the warm-up: an integer in the run file is a number of updates, a number with a
/// decimal point a share of all updates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Warmup {
    /// So many updates.
    Steps(u64),
    /// A share from 0 to 1 of all updates, rounded to the nearest whole update.
    Fraction(f64),
}

impl Default for Warmup {
    fn default() -> Self {
        Self::Steps(0)
    }
}

impl Warmup {
    fn steps(self, total: u64) -> u64 {
        match self {
            Self::Steps(steps) => steps,
            Self::Fraction(share) => share_of(share, total),
        }
    }
}

impl<'de> Deserialize<'de> for Warmup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WarmupVisitor)
    }
}

struct WarmupVisitor;

impl de::Visitor<'_> for WarmupVisitor {
    type Value = Warmup;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number of updates (100) or a share of all updates from 0.0 to 1.0 (0.06)")
    }

    fn visit_u64<E: de::Error>(self, steps: u64) -> Result<Warmup, E> {
        Ok(Warmup::Steps(steps))
    }

    fn visit_i64<E: de::Error>(self, steps: i64) -> Result<Warmup, E> {
        u64::try_from(steps)
            .map(Warmup::Steps)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(steps), &self))
    }

    fn visit_f64<E: de::Error>(self, share: f64) -> Result<Warmup, E> {
        if (0.0..=1.0).contains(&share) {
            Ok(Warmup::Fraction(share))
        } else {
            Err(E::invalid_value(de::Unexpected::Float(share), &self))
        }
    }
}

impl ScheduleConfig {
    /// Fixes the schedule for a run of `total` updates.
    pub fn over(self, total: u64) -> Schedule {
        Schedule {
            decay: self.decay,
            warmup: self.warmup.steps(total),
            total,
        }
    }
}

/// A schedule over a known number of updates; see the module for the formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    decay: Decay,
    warmup: u64,
    total: u64,
}

impl Schedule {
    /// The factor on the base learning rate for the update after `step` completed ones.
    pub fn multiplier(&self, step: u64) -> f64 {
        let warmup = match self.warmup {
            0 => 1.0,
            updates => ((step as f64 + 1.0) / updates as f64).min(1.0),
        };
        warmup * self.decay(step)
    }

    fn decay(&self, step: u64) -> f64 {
        // A run without updates has no progress to speak of; max(1) keeps 0/0 away.
        let (step, total) = (step.min(self.total) as f64, self.total.max(1) as f64);
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Linear => 1.0 - step / total,
            Decay::Cosine => 0.5 * (1.0 + (PI * step / total).cos()),
        }
    }
}

/// How the weight of a loss term comes in: from 0 in a straight line over the first `share` of
/// all updates, then constant. A consistency or layer term that starts at full weight can drown
/// the labels while the model still knows nothing.
///
/// ```text
/// r(step) = min(1, step / round(share · total)),   r = 1 for share = 0
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RampUp {
    #[serde(deserialize_with = "unit_interval")]
    share: f64,
}

impl RampUp {
    /// A ramp over the first `share` of all updates; none if `share` is not from 0 to 1.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self { share })
    }

    /// The factor on the term's weight for the update after `step` of `total` completed ones.
    ///
    /// ```
    /// use limbeck_training::schedule::RampUp;
    /// let ramp = RampUp::new(0.5).unwrap();
    /// assert_eq!([0, 10, 20, 30].map(|step| ramp.multiplier(step, 40)), [0.0, 0.5, 1.0, 1.0]);
    /// ```
    pub fn multiplier(&self, step: u64, total: u64) -> f64 {
        match share_of(self.share, total) {
            0 => 1.0,
            updates => (step as f64 / updates as f64).min(1.0),
        }
    }
}

fn unit_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&share) {
        return Ok(share);
    }
    Err(de::Error::custom(format!(
        "expected a share of all updates from 0 to 1, found {share}"
    )))
}

fn share_of(share: f64, total: u64) -> u64 {
    (share * total as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(decay: Decay, warmup: Warmup, total: u64) -> Schedule {
        ScheduleConfig { decay, warmup }.over(total)
    }

    #[test]
    fn constant_without_warmup_is_one_everywhere() {
        let s = schedule(Decay::Constant, Warmup::Steps(0), 10);
        assert!((0..20).all(|step| s.multiplier(step) == 1.0));
    }

    #[test]
    fn warmup_reaches_one_at_its_last_update() {
        let s = schedule(Decay::Constant, Warmup::Steps(4), 100);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|i| s.multiplier(i)),
            [0.25, 0.5, 0.75, 1.0, 1.0]
        );
    }

    #[test]
    fn linear_decay_scales_the_warmup_too() {
        let s = schedule(Decay::Linear, Warmup::Steps(2), 8);
        let expected = [0.5, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0];
        for (step, want) in expected.into_iter().enumerate() {
            assert_eq!(s.multiplier(step as u64), want, "step {step}");
        }
    }

    #[test]
    fn cosine_is_one_half_in_the_middle_and_stays_at_zero_after_the_end() {
        let s = schedule(Decay::Cosine, Warmup::Steps(0), 1000);
        assert_eq!(s.multiplier(0), 1.0);
        // cos(π/2) is 6e-17 in f64, cos(π/3) one rounding away from 1/2.
        assert!((s.multiplier(500) - 0.5).abs() < 1e-15);
        let third = schedule(Decay::Cosine, Warmup::Steps(0), 3).multiplier(1);
        assert!((third - 0.75).abs() < 1e-15);
        assert_eq!(s.multiplier(1000), 0.0);
        assert_eq!(s.multiplier(5000), 0.0);
    }

    #[test]
    fn a_share_of_all_updates_is_rounded() {
        let s = schedule(Decay::Constant, Warmup::Fraction(0.06), 250);
        assert_eq!(s, schedule(Decay::Constant, Warmup::Steps(15), 250));
    }

    #[test]
    fn a_run_without_updates_divides_by_nothing() {
        for decay in [Decay::Constant, Decay::Linear, Decay::Cosine] {
            assert_eq!(schedule(decay, Warmup::Fraction(0.5), 0).multiplier(0), 1.0);
        }
        assert_eq!(RampUp::new(1.0).unwrap().multiplier(0, 0), 1.0);
    }

    #[test]
    fn configurations_survive_toml() {
        for warmup in [
            Warmup::Steps(1),
            Warmup::Fraction(1.0),
            Warmup::Fraction(0.06),
        ] {
            let config = ScheduleConfig {
                decay: Decay::Cosine,
                warmup,
            };
            let text = toml::to_string(&config).unwrap();
            assert_eq!(
                toml::from_str::<ScheduleConfig>(&text).unwrap(),
                config,
                "{text}"
            );
        }
        assert_eq!(
            toml::from_str::<ScheduleConfig>("").unwrap(),
            ScheduleConfig::default()
        );
    }

    #[test]
    fn impossible_configurations_say_what_is_allowed() {
        for (text, word) in [
            ("warmup = -1", "a number of updates"),
            ("warmup = 1.5", "a share of all updates"),
            ("warmup = nan", "a share of all updates"),
            ("warmup = 'long'", "a number of updates"),
            ("decay = 'step'", "cosine"),
            ("warm_up = 3", "warmup"),
        ] {
            let message = toml::from_str::<ScheduleConfig>(text)
                .unwrap_err()
                .to_string();
            assert!(message.contains(word), "{text}: {message}");
        }
    }

    #[test]
    fn ramps_refuse_shares_outside_zero_to_one() {
        assert_eq!(
            serde_json::from_str::<RampUp>("0.25").ok(),
            RampUp::new(0.25)
        );
        assert!(
            serde_json::from_str::<RampUp>("1.25")
                .unwrap_err()
                .to_string()
                .contains("1.25")
        );
        assert_eq!(RampUp::new(f64::NAN), None);
        assert_eq!(RampUp::default().multiplier(0, 10), 1.0);
    }
}
