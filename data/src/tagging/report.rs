//! What a careful person should know about tagged data before training on them.

use std::fmt;

use super::TaggedSet;
use super::records::ReadCounts;
use super::scheme::Scheme;
use crate::split::{absent_from_train, groups};

/// Figures about one part of a tagged data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedPartReport {
    /// `train`, `dev` or `test`.
    pub name: &'static str,
    /// Number of sentences.
    pub sentences: usize,
    /// Number of tokens.
    pub tokens: usize,
    /// Spans of each type; tokens of each tag if the tags are plain.
    pub per_kind: Vec<(String, usize)>,
    /// Sentences that repeat an earlier one of the same part.
    pub repeated: usize,
    /// Sentences that also stand in train (0 for train itself).
    pub in_train: usize,
    /// Tokens of the longest sentence.
    pub longest: usize,
    /// Sentences whose tags break the scheme.
    pub broken: usize,
    /// The line of the first tag that does.
    pub first_broken: Option<usize>,
    /// What the reader passed over or changed.
    pub counts: ReadCounts,
}

/// What the reader and the scheme complain of.
#[derive(Default)]
pub(super) struct Oddities {
    pub(super) counts: ReadCounts,
    pub(super) broken: usize,
    pub(super) first_broken: Option<usize>,
}

impl TaggedPartReport {
    pub(super) fn new(
        name: &'static str,
        set: &TaggedSet,
        per_kind: Vec<(String, usize)>,
        oddities: Oddities,
    ) -> Self {
        Self {
            name,
            sentences: set.len(),
            tokens: set.tokens(),
            per_kind,
            repeated: set.len() - groups(&set.texts()).len(),
            in_train: 0,
            longest: set.longest(),
            broken: oddities.broken,
            first_broken: oddities.first_broken,
            counts: oddities.counts,
        }
    }

    /// The report of a part beside `train`.
    pub(super) fn against(mut self, train: &TaggedSet, set: &TaggedSet) -> Self {
        let absent = absent_from_train(&train.texts(), &set.texts());
        self.in_train = absent.iter().filter(|&&absent| !absent).count();
        self
    }
}

/// Figures and oddities of a tagged data set; none of them is an error. `Display` prints some lines for
/// a person. Sentences count as equal after [`crate::normalise`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedReport {
    /// What the files are written in.
    pub found: Scheme,
    /// What the sets are written in.
    pub scheme: Scheme,
    /// The parts that were read.
    pub parts: Vec<TaggedPartReport>,
}

impl fmt::Display for TaggedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.found, self.scheme) {
            (Scheme::None, _) => writeln!(f, "plain tags")?,
            (found, scheme) => writeln!(f, "tags of {}, kept as {}", found.name(), scheme.name())?,
        }
        self.parts.iter().try_for_each(|part| writeln!(f, "{part}"))
    }
}

impl fmt::Display for TaggedPartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KINDS_SHOWN: usize = 12;
        write!(
            f,
            "{:<5} {} sentences, {} tokens, longest {}",
            self.name, self.sentences, self.tokens, self.longest
        )?;
        for (kind, count) in self.per_kind.iter().take(KINDS_SHOWN) {
            let kind = if kind.is_empty() { "spans" } else { kind };
            write!(f, ", {kind} {count}")?;
        }
        if let Some(more) = self.per_kind.len().checked_sub(KINDS_SHOWN + 1) {
            write!(f, " and {} more", more + 1)?;
        }
        for (count, what) in [
            (self.repeated, "repeated"),
            (self.in_train, "also in train"),
            (self.counts.documents, "document marks"),
            (self.counts.ranges, "multiword ranges"),
            (self.counts.empty_nodes, "empty nodes"),
            (self.counts.marked, "tokens with white space"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if let Some(line) = self.first_broken {
            write!(
                f,
                ", {} break the scheme, first in line {line}",
                self.broken
            )?;
        }
        Ok(())
    }
}
