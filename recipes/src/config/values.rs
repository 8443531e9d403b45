//! Values that a plain number cannot express: a switch with a number, a stretch of training.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A value, or the word `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RawOffOr<T>", into = "RawOffOr<T>")]
#[serde(bound(
    serialize = "T: Clone + Serialize",
    deserialize = "T: Deserialize<'de>"
))]
pub enum OffOr<T> {
    /// Switched off.
    Off,
    /// Switched on, with this value.
    On(T),
}

impl<T: Copy> OffOr<T> {
    /// The value, if switched on.
    pub fn get(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or \"off\"")]
enum RawOffOr<T> {
    Word(OffWord),
    Value(T),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OffWord {
    Off,
}

impl<T> From<RawOffOr<T>> for OffOr<T> {
    fn from(raw: RawOffOr<T>) -> Self {
        match raw {
            RawOffOr::Word(OffWord::Off) => Self::Off,
            RawOffOr::Value(value) => Self::On(value),
        }
    }
}

impl<T> From<OffOr<T>> for RawOffOr<T> {
    fn from(value: OffOr<T>) -> Self {
        match value {
            OffOr::Off => Self::Word(OffWord::Off),
            OffOr::On(value) => Self::Value(value),
        }
    }
}

/// A stretch of training: `"1500 steps"`, `"30 epochs"`, or `"10 %"` of the stage. A bare whole
/// number means steps.
///
/// ```
/// use limbeck_recipes::config::Extent;
/// let warm_up: Extent = "10 %".parse()?;
/// assert_eq!(warm_up.steps(2000, 77), 200);
/// let length: Extent = "3 epochs".parse()?;
/// assert_eq!(length.steps(0, 77), 231);
/// assert_eq!(length.to_string(), "3 epochs");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawExtent", into = "String")]
pub enum Extent {
    /// Parameter updates.
    Steps(u64),
    /// Passes over the labelled texts.
    Epochs(u64),
    /// A share of the whole stage, from 0 to 1.
    Share(f64),
}

impl Extent {
    /// The stretch in steps, for a stage of `total` steps of which `per_epoch` make an epoch.
    /// Shares are rounded to the nearest step.
    pub fn steps(self, total: u64, per_epoch: u64) -> u64 {
        match self {
            Self::Steps(steps) => steps,
            Self::Epochs(epochs) => epochs.saturating_mul(per_epoch),
            Self::Share(share) => (share * total as f64).round() as u64,
        }
    }

    /// Whether nothing is left of it in any stage.
    pub fn is_zero(self) -> bool {
        matches!(self, Self::Steps(0) | Self::Epochs(0) | Self::Share(0.0))
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(1) => write!(formatter, "1 step"),
            Self::Steps(steps) => write!(formatter, "{steps} steps"),
            Self::Epochs(1) => write!(formatter, "1 epoch"),
            Self::Epochs(epochs) => write!(formatter, "{epochs} epochs"),
            // Rounded, so that 0.07 reads "7 %" and not "7.000000000000001 %".
            Self::Share(share) => write!(formatter, "{} %", (share * 1e8).round() / 1e6),
        }
    }
}

impl FromStr for Extent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let split = text
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let parsed = match unit.trim() {
            "step" | "steps" => number.parse().ok().map(Self::Steps),
            "epoch" | "epochs" => number.parse().ok().map(Self::Epochs),
            "%" => match number.parse::<f64>() {
                Ok(percent) if percent <= 100.0 => Some(Self::Share(percent / 100.0)),
                _ => None,
            },
            _ => None,
        };
        parsed.ok_or_else(|| {
            "expected a stretch of training such as \"1500 steps\", \"30 epochs\" or \"10 %\""
                .into()
        })
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a stretch of training such as \"1500 steps\", \"30 epochs\" or \"10 %\""
)]
enum RawExtent {
    Steps(u64),
    Text(String),
}

impl TryFrom<RawExtent> for Extent {
    type Error = String;

    fn try_from(raw: RawExtent) -> Result<Self, String> {
        match raw {
            RawExtent::Steps(steps) => Ok(Self::Steps(steps)),
            RawExtent::Text(text) => text.parse(),
        }
    }
}

impl From<Extent> for String {
    fn from(extent: Extent) -> Self {
        extent.to_string()
    }
}
