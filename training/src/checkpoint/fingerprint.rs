//! Telling whether a checkpoint belongs to a configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Result, TrainingError};

/// A configuration as dotted keys and their values, so that two of them can be compared and the
/// first difference named.
///
/// ```
/// use limbeck_training::checkpoint::Fingerprint;
/// use serde_json::json;
/// let before = Fingerprint::of(&json!({"student": {"channels": 72}, "device": "cpu"}), &["device"])?;
/// let now = Fingerprint::of(&json!({"student": {"channels": 64}, "device": "gpu"}), &["device"])?;
/// assert_eq!(
///     now.first_difference(&before).unwrap(),
///     "`student.channels` is 64 now, but was 72"
/// );
/// # Ok::<(), limbeck_training::TrainingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(BTreeMap<String, String>);

impl Fingerprint {
    /// Flattens a configuration, leaving out the keys in `free` (and all below them), which may
    /// change between stop and resume: the output folder, the device, the number of threads ...
    ///
    /// # Errors
    /// If the configuration cannot be expressed as JSON.
    pub fn of<T: Serialize>(configuration: &T, free: &[&str]) -> Result<Self> {
        let value = serde_json::to_value(configuration).map_err(|error| {
            TrainingError::Configuration(format!("the configuration cannot be stored: {error}"))
        })?;
        let mut keys = BTreeMap::new();
        flatten(String::new(), &value, free, &mut keys);
        Ok(Self(keys))
    }

    /// The first key, in alphabetical order, in which `earlier` differs, with both values.
    pub fn first_difference(&self, earlier: &Self) -> Option<String> {
        let keys: BTreeSet<&String> = self.0.keys().chain(earlier.0.keys()).collect();
        keys.into_iter()
            .find_map(|key| match (self.0.get(key), earlier.0.get(key)) {
                (now, before) if now == before => None,
                (Some(now), Some(before)) => {
                    Some(format!("`{key}` is {now} now, but was {before}"))
                }
                (Some(now), None) => Some(format!("`{key}` is {now} now, but was not set")),
                (None, before) => Some(format!(
                    "`{key}` is not set now, but was {}",
                    before.map_or("", |b| b)
                )),
            })
    }
}

fn flatten(key: String, value: &Value, free: &[&str], keys: &mut BTreeMap<String, String>) {
    if free.contains(&key.as_str()) {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let below = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(below, field, free, keys);
            }
        }
        // An option that is not set is the same as one that is not there.
        Value::Null => {}
        leaf => {
            keys.insert(key, leaf.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: Value) -> Fingerprint {
        Fingerprint::of(&value, &["out", "data.threads"]).unwrap()
    }

    #[test]
    fn equal_configurations_have_no_difference() {
        let a = of(json!({"seed": 1, "out": "a", "data": {"dir": "d", "threads": 1}, "x": null}));
        let b = of(json!({"data": {"threads": 4, "dir": "d"}, "out": "b", "seed": 1}));
        assert_eq!(a.first_difference(&b), None);
    }

    #[test]
    fn the_first_difference_is_named_whichever_side_it_is_on() {
        let a = of(json!({"kernels": [2, 3], "seed": 1}));
        let b = of(json!({"kernels": [2, 4], "seed": 2}));
        let message = a.first_difference(&b).unwrap();
        assert_eq!(message, "`kernels` is [2,3] now, but was [2,4]");
        let empty = of(json!({}));
        assert_eq!(
            a.first_difference(&empty).unwrap(),
            "`kernels` is [2,3] now, but was not set"
        );
        assert_eq!(
            empty.first_difference(&b).unwrap(),
            "`kernels` is not set now, but was [2,4]"
        );
    }

    #[test]
    fn keys_that_only_begin_like_a_free_one_count() {
        let a = of(json!({"output": "a"}));
        assert!(a.first_difference(&of(json!({"output": "b"}))).is_some());
    }
}
