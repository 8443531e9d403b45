//! Unlabelled text in pairs of two wordings with the same meaning.
//!
//! Four sources: files of ready pairs, a translator that is plugged in, offline augmentation, and
//! the same text twice under dropout. A [`PairReport`] says which one made the pairs.

mod augment;
mod command;
mod kept;
mod protect;
mod sources;

use std::fmt;

pub use augment::{AugmentOptions, Augmenter};
pub use command::CommandTranslator;
pub use kept::KeptTranslations;
pub use protect::Protect;
pub use sources::{AugmentedPairs, DropoutPairs, FilePairs, TranslatedPairs, Translator};

use crate::read::LabelledSet;
use crate::text::normalise;

/// An unlabelled text in two wordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPair {
    /// The text.
    pub original: String,
    /// Its other wording.
    pub other: String,
}

impl TextPair {
    /// Whether both sides are the same text after [`normalise`].
    pub fn is_identical(&self) -> bool {
        normalise(&self.original) == normalise(&self.other)
    }
}

/// What made the pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairKind {
    /// They were ready.
    Files,
    /// A translator, by its name.
    Translator(String),
    /// Deletion, swaps and TF-IDF replacement.
    Augmentation,
    /// The same text twice.
    Dropout,
}

impl fmt::Display for PairKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files => f.write_str("read ready-made"),
            Self::Translator(name) => write!(f, "back-translated by {name}"),
            Self::Augmentation => {
                f.write_str("made by offline augmentation (deletion, swaps, TF-IDF replacement)")
            }
            Self::Dropout => f.write_str("the same text twice, told apart by dropout"),
        }
    }
}

/// A numbered collection of pairs.
pub trait PairSource: Send + Sync {
    /// What makes the pairs.
    fn kind(&self) -> PairKind;

    /// How many pairs there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pair number `index`, below [`PairSource::len`]. Sources that make pairs anew depend on
    /// `round` (usually the epoch); the same round gives the same pair.
    fn pair(&self, index: usize, round: u64) -> TextPair;
}

/// Which source made the pairs, and what became of them. `Display` is the line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairReport {
    /// What made them.
    pub kind: PairKind,
    /// How many there were.
    pub total: usize,
    /// How many had two identical sides after normalisation (never counted for dropout pairs).
    pub identical: usize,
    /// How many had a side without any text; they are always left out.
    pub empty: usize,
    /// Whether the identical ones were left out.
    pub dropped: bool,
    /// In how many of the pairs kept the teacher decides differently on the two sides, once it has
    /// been asked: see [`PairReport::compare_decisions`].
    pub decision_changes: Option<usize>,
}

impl PairReport {
    /// How many pairs were kept.
    pub fn kept(&self) -> usize {
        self.total - self.empty - if self.dropped { self.identical } else { 0 }
    }

    /// Records the teacher's classes of the two sides of every pair kept.
    pub fn compare_decisions(&mut self, original: &[u32], other: &[u32]) {
        let changes = original.iter().zip(other).filter(|(a, b)| a != b).count();
        self.decision_changes = Some(changes);
    }
}

impl fmt::Display for PairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pairs, {}", self.total, self.kind)?;
        if self.kind != PairKind::Dropout {
            let fate = if self.dropped { "left out" } else { "kept" };
            write!(f, "; {} with two identical sides ({fate})", self.identical)?;
        }
        if self.empty > 0 {
            write!(f, "; {} with an empty side (left out)", self.empty)?;
        }
        if let Some(changes) = self.decision_changes {
            let share = 100.0 * changes as f64 / self.kept().max(1) as f64;
            write!(
                f,
                "; the teacher's decision differs in {share:.1} % of {}",
                self.kept()
            )?;
        }
        Ok(())
    }
}

/// The pairs of `rounds` rounds, one round after the other: with two, a source that makes pairs anew
/// gives every text two other wordings. `drop_identical` leaves out pairs with two identical sides;
/// it does not apply to dropout pairs, which are identical by design.
///
/// ```
/// use limbeck_data::pairs::{DropoutPairs, gather};
/// let source = DropoutPairs::new(vec!["a clear varnish".into()]);
/// let (pairs, report) = gather(&source, 1, true);
/// assert_eq!(pairs.len(), 1);
/// assert_eq!(report.to_string(), "1 pairs, the same text twice, told apart by dropout");
/// ```
pub fn gather(
    source: &dyn PairSource,
    rounds: u64,
    drop_identical: bool,
) -> (Vec<TextPair>, PairReport) {
    let kind = source.kind();
    let compare = kind != PairKind::Dropout;
    let mut report = PairReport {
        kind,
        total: source.len() * rounds as usize,
        identical: 0,
        empty: 0,
        dropped: drop_identical && compare,
        decision_changes: None,
    };
    let mut pairs = Vec::with_capacity(report.total);
    let numbers = (0..rounds).flat_map(|round| (0..source.len()).map(move |index| (round, index)));
    for (round, index) in numbers {
        let pair = source.pair(index, round);
        if pair.original.trim().is_empty() || pair.other.trim().is_empty() {
            report.empty += 1;
            continue;
        }
        let identical = compare && pair.is_identical();
        report.identical += usize::from(identical);
        if !(identical && report.dropped) {
            pairs.push(pair);
        }
    }
    (pairs, report)
}

/// The texts of the rows whose label is not shown, and with `unlabelled_from_train` those of the
/// labelled rows after them.
pub fn unlabelled_texts(
    set: &LabelledSet,
    unlabelled: &[usize],
    labelled: &[usize],
    unlabelled_from_train: bool,
) -> Vec<String> {
    let again = if unlabelled_from_train { labelled } else { &[] };
    unlabelled
        .iter()
        .chain(again)
        .map(|&row| set.texts[row].clone())
        .collect()
}
