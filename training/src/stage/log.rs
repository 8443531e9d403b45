//! Sums of the loss terms over an epoch and between two lines of the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Running sums of named values. Part of the checkpoint, so that a resumed run logs and balances
/// what the uninterrupted one would.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    sums: BTreeMap<String, (f64, u64)>,
}

impl Sums {
    pub(super) fn add(&mut self, name: &str, value: f64) {
        match self.sums.get_mut(name) {
            Some((sum, count)) => {
                *sum += value;
                *count += 1;
            }
            None => {
                self.sums.insert(name.to_string(), (value, 1));
            }
        }
    }

    pub(super) fn mean(&self, name: &str) -> Option<f64> {
        self.sums.get(name).map(|(sum, count)| sum / *count as f64)
    }

    pub(super) fn means(&self) -> BTreeMap<String, f64> {
        self.sums
            .iter()
            .map(|(name, (sum, count))| (name.clone(), sum / *count as f64))
            .collect()
    }

    pub(super) fn clear(&mut self) {
        self.sums.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_survive_a_round_trip() {
        let mut sums = Sums::default();
        sums.add("L1", 0.1);
        sums.add("L1", 0.2);
        let text = serde_json::to_string(&sums).expect("plain numbers");
        let mut back: Sums = serde_json::from_str(&text).expect("what was written");
        assert_eq!(back, sums);
        assert_eq!(back.mean("L1"), Some((0.1 + 0.2) / 2.0));
        assert_eq!(back.mean("L2"), None);
        back.clear();
        assert!(back.is_empty());
    }
}
