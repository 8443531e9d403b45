//! Another wording without a translator: deletion, swaps, TF-IDF replacement.
//!
//! Deletion and swaps as in EDA (Wei and Zou 2019), replacement as in UDA (Xie et al. 2020): words
//! that say little about their text are replaced by words that say little about any.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::protect::Protect;
use crate::error::{DataError, Result};
use crate::rng::Rng;
use crate::text::Unit;

/// How much of a text changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentOptions {
    /// Words, or characters for languages written without spaces.
    pub unit: Unit,
    /// Probability of each unit to be deleted; one unit always stays.
    pub delete: f64,
    /// Swaps as a share of the units: of any two words, of two neighbouring characters.
    pub swap: f64,
    /// Mean probability of a unit to be replaced.
    pub replace: f64,
    /// What is left alone.
    pub protect: Protect,
}

impl AugmentOptions {
    /// A tenth of the units for each of the three, with the unit's default protection.
    pub fn new(unit: Unit) -> Self {
        Self {
            unit,
            delete: 0.1,
            swap: 0.1,
            replace: 0.1,
            protect: Protect::of_unit(unit),
        }
    }
}

/// Writes texts anew. Its statistics come from the texts it was fitted to.
///
/// With `C` the largest TF-IDF within the text and `Z` the mean of `C - tfidf`, unit `i` is replaced
/// with probability `min(1, replace (C - tfidf_i) / Z)`; the replacement `w` is drawn in proportion
/// to `max S - S(w)` with `S(w) = count(w) idf(w)`.
#[derive(Clone, Debug)]
pub struct Augmenter {
    options: AugmentOptions,
    seed: u64,
    idf: BTreeMap<String, f64>,
    replacements: Vec<String>,
    /// Running sums of the replacements' weights.
    cumulative: Vec<f64>,
}

impl Augmenter {
    /// Counts the units of `texts`.
    ///
    /// # Errors
    /// A probability outside `[0, 1]`.
    pub fn fit<T: AsRef<str>>(texts: &[T], options: AugmentOptions, seed: u64) -> Result<Self> {
        let shares = [
            ("augment.delete", options.delete),
            ("augment.swap", options.swap),
            ("augment.replace", options.replace),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(DataError::option(name, "a share from 0 to 1", share));
            }
        }
        let mut count: BTreeMap<String, u64> = BTreeMap::new();
        let mut documents: BTreeMap<String, u64> = BTreeMap::new();
        for text in texts {
            let units = options.unit.split(text.as_ref());
            for unit in units.iter().copied().collect::<BTreeSet<_>>() {
                *documents.entry(unit.to_string()).or_default() += 1;
            }
            for unit in units {
                *count.entry(unit.to_string()).or_default() += 1;
            }
        }
        let idf: BTreeMap<String, f64> = documents
            .into_iter()
            .map(|(unit, df)| (unit, (texts.len() as f64 / df as f64).ln()))
            .collect();
        let score = |(unit, &count): (&String, &u64)| count as f64 * idf[unit];
        let largest = count.iter().map(score).fold(0.0, f64::max);
        let mut sum = 0.0;
        let cumulative = count
            .iter()
            .map(|entry| {
                sum += largest - score(entry);
                sum
            })
            .collect();
        let replacements = count.into_keys().collect();
        Ok(Self {
            options,
            seed,
            idf,
            replacements,
            cumulative,
        })
    }

    /// What it was built with.
    pub fn options(&self) -> &AugmentOptions {
        &self.options
    }

    /// Another wording of `text`. The same (seed, round, index) and text give the same wording.
    pub fn rewrite(&self, text: &str, round: u64, index: usize) -> String {
        let unit = self.options.unit;
        let units = unit.split(text);
        if units.is_empty() {
            return text.to_string();
        }
        let mut rng = Rng::new(self.seed, "augment", &[round, index as u64]);
        let protected = self.options.protect.mask(unit, &units);
        let mut written: Vec<(&str, bool)> = units.into_iter().zip(protected).collect();
        self.replace(&mut written, &mut rng);
        self.swap(&mut written, &mut rng);
        self.delete(&mut written, &mut rng);
        written
            .into_iter()
            .map(|(unit, _)| unit)
            .collect::<Vec<_>>()
            .join(unit.separator())
    }

    fn replace<'a>(&'a self, units: &mut [(&'a str, bool)], rng: &mut Rng) {
        let mut count: BTreeMap<&str, f64> = BTreeMap::new();
        for (unit, _) in units.iter() {
            *count.entry(unit).or_default() += 1.0;
        }
        // A unit the statistics do not know is as rare as can be: it stays.
        let rarest = self.idf.values().copied().fold(0.0, f64::max);
        let length = units.len() as f64;
        let tfidf: Vec<f64> = units
            .iter()
            .map(|(unit, _)| count[unit] / length * self.idf.get(*unit).unwrap_or(&rarest))
            .collect();
        let largest = tfidf.iter().copied().fold(0.0, f64::max);
        let mean = tfidf.iter().map(|value| largest - value).sum::<f64>() / length;
        for ((unit, protected), value) in units.iter_mut().zip(tfidf) {
            // Equal TF-IDF everywhere: no word says less than another.
            let share = if mean > 0.0 {
                (largest - value) / mean
            } else {
                1.0
            };
            let chosen = rng.chance(self.options.replace * share);
            let replacement = self.replacement(rng);
            if chosen
                && !*protected
                && let Some(replacement) = replacement
            {
                *unit = replacement;
            }
        }
    }

    fn replacement(&self, rng: &mut Rng) -> Option<&str> {
        let drawn = rng.unit() * self.cumulative.last()?;
        let place = self.cumulative.partition_point(|&sum| sum <= drawn);
        self.replacements.get(place).map(String::as_str)
    }

    fn swap(&self, units: &mut [(&str, bool)], rng: &mut Rng) {
        let free: Vec<usize> = (0..units.len()).filter(|&place| !units[place].1).collect();
        if free.len() < 2 {
            return;
        }
        // The fraction left over becomes a chance, so that short texts change at times as well.
        let wanted = self.options.swap * units.len() as f64;
        let swaps = wanted as usize + usize::from(rng.chance(wanted.fract()));
        for _ in 0..swaps {
            let first = rng.below(free.len() - 1);
            let second = match self.options.unit {
                Unit::Word => first + 1 + rng.below(free.len() - 1 - first),
                Unit::Character => first + 1,
            };
            units.swap(free[first], free[second]);
        }
    }

    fn delete(&self, units: &mut Vec<(&str, bool)>, rng: &mut Rng) {
        let spared = rng.below(units.len());
        let mut place = 0;
        units.retain(|(_, protected)| {
            let kept = !rng.chance(self.options.delete) || *protected || place == spared;
            place += 1;
            kept
        });
    }
}
