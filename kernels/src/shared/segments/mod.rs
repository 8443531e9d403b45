//! Sums of rows by key: the gradient of a table whose rows were looked up.
//!
//! The host sorts the entries by key once per batch. Each key then sums its own entries in their
//! order, in parallel over keys: no thread reads all entries, and no two write one row. A key
//! with very many entries is cut into pieces whose sums are joined in order. What is cut where
//! depends on the keys alone, so the bits of a sum never depend on who computed it.

mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod strips;

use std::ops::Range;

use limbeck_engine::{Device, Meta, Result, Tape, Tensor, Var};

pub(crate) use cpu::{Lists, add_with, disjoint_rows};
pub(crate) use strips::{add_entries, packed, sum};

use crate::check;
use crate::harness::Case;

/// Most entries of a key that one task sums.
const CHUNK: usize = 64;

/// Most entries of a row of a sparse matrix that one task sums.
const ROW_CHUNK: usize = 1024;

/// Entries grouped by key: first the keys with few entries, then those cut into pieces, each part
/// by ascending key.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    /// The entries, by key; those of one key in their own order.
    pub(crate) order: Vec<u32>,
    /// Where in `order` each key of few entries and each piece begins, and the end.
    offsets: Vec<u32>,
    /// The keys, each once.
    targets: Vec<u32>,
    /// Which piece each key of many entries begins with, and the number of pieces.
    joins: Vec<u32>,
    /// How many of `targets` have few entries.
    whole: usize,
}

impl Segments {
    /// Groups entry `e` under `keys[e]`. There must be fewer than 2^32 entries.
    pub(crate) fn by_key(keys: &[u32]) -> Self {
        // Key above, entry below: sorting the pairs is a stable sort by key.
        let mut sorted: Vec<u64> = (0u64..)
            .zip(keys)
            .map(|(entry, &key)| u64::from(key) << 32 | entry)
            .collect();
        sorted.sort_unstable();
        let key = |pair: u64| (pair >> 32) as u32;
        let entries: Vec<u32> = sorted.iter().map(|&pair| pair as u32).collect();
        let mut start = 0;
        let groups = sorted.chunk_by(|&a, &b| key(a) == key(b)).map(|group| {
            start += group.len();
            (key(group[0]), start - group.len()..start)
        });
        Segments::of_groups(&entries, groups.collect(), CHUNK)
    }

    /// Takes entries that lie row after row, `offsets` saying where. Every row is a key, one without
    /// entries too.
    pub(crate) fn of_rows(offsets: &[u32]) -> Self {
        let entries: Vec<u32> = (0..*offsets.last().unwrap_or(&0)).collect();
        let groups = (0..).zip(offsets.windows(2));
        let groups = groups.map(|(row, pair)| (row, pair[0] as usize..pair[1] as usize));
        Segments::of_groups(&entries, groups.collect(), ROW_CHUNK)
    }

    /// Keys with the ranges of their entries; those of more than `longest` are cut.
    fn of_groups(entries: &[u32], groups: Vec<(u32, Range<usize>)>, longest: usize) -> Self {
        let (few, many): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|(_, range)| range.len() <= longest);
        let mut segments = Segments {
            order: Vec::with_capacity(entries.len()),
            offsets: vec![0],
            targets: few.iter().chain(&many).map(|&(key, _)| key).collect(),
            joins: vec![0],
            whole: few.len(),
        };
        for (_, range) in few {
            segments.push(&entries[range]);
        }
        for (_, range) in many {
            // As many pieces as entries in a piece: neither the sums nor their join get long.
            for piece in entries[range.clone()].chunks(range.len().isqrt().max(longest)) {
                segments.push(piece);
            }
            segments.joins.push(segments.shape().pieces as u32);
        }
        segments
    }

    fn push(&mut self, entries: &[u32]) {
        self.order.extend(entries);
        self.offsets.push(self.order.len() as u32);
    }

    pub(crate) fn shape(&self) -> SegmentShape {
        SegmentShape {
            entries: self.order.len(),
            targets: self.targets.len(),
            whole: self.whole,
            pieces: self.offsets.len() - 1 - self.whole,
        }
    }

    /// Puts the lists on a device; entry `e` reads row `source(e)` of what is summed.
    pub(crate) fn upload(
        &self,
        device: &Device,
        source: impl Fn(u32) -> u32,
    ) -> Result<SegmentTensors> {
        let upload = |ids: &[u32]| device.ids(ids, [ids.len()]);
        let sources: Vec<u32> = self.order.iter().map(|&entry| source(entry)).collect();
        Ok(SegmentTensors {
            sources: upload(&sources)?,
            offsets: upload(&self.offsets)?,
            targets: upload(&self.targets)?,
            joins: upload(&self.joins)?,
            shape: self.shape(),
        })
    }

    /// Adds the lists as inputs of a case.
    pub(crate) fn inputs(&self, case: Case, source: impl Fn(u32) -> u32) -> Case {
        let sources: Vec<u32> = self.order.iter().map(|&entry| source(entry)).collect();
        [&sources, &self.offsets, &self.targets, &self.joins]
            .into_iter()
            .fold(case, |case, ids| case.ids(ids, [ids.len()]))
    }
}

/// Sizes of the lists: what `infer` needs to know of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentShape {
    /// Rows to be summed.
    pub(crate) entries: usize,
    /// Keys.
    pub(crate) targets: usize,
    /// Keys summed in one go.
    pub(crate) whole: usize,
    /// Pieces of all other keys.
    pub(crate) pieces: usize,
}

impl SegmentShape {
    /// The scratch memory of a sum into rows of this width.
    pub(crate) fn scratch(&self, columns: usize) -> Meta {
        Meta::real([self.pieces, columns])
    }

    /// The four lists, which are the inputs from number `first` on, on the host.
    pub(crate) fn lists<'a>(
        &self,
        ids: impl Fn(usize) -> &'a [u32],
        first: usize,
        weights: Option<&'a [f32]>,
    ) -> Lists<'a> {
        Lists {
            sources: ids(first),
            offsets: ids(first + 1),
            targets: ids(first + 2),
            joins: ids(first + 3),
            weights,
            whole: self.whole,
        }
    }

    /// Checks the four lists among an operator's inputs.
    pub(crate) fn check(&self, operator: &'static str, lists: &[Meta]) -> Result<()> {
        let expected = [
            ("the sorted rows", self.entries),
            ("the segment offsets", self.whole + self.pieces + 1),
            ("the distinct ids", self.targets),
            ("the piece offsets", self.targets - self.whole + 1),
        ];
        for ((what, length), &found) in expected.into_iter().zip(lists) {
            check::exactly(operator, what, found, Meta::ids([length]))?;
        }
        Ok(())
    }
}

/// [`Segments`] on a device.
#[derive(Clone, Debug)]
pub(crate) struct SegmentTensors {
    sources: Tensor,
    offsets: Tensor,
    targets: Tensor,
    joins: Tensor,
    shape: SegmentShape,
}

impl SegmentTensors {
    pub(crate) fn shape(&self) -> SegmentShape {
        self.shape
    }

    /// The keys, each once.
    pub(crate) fn targets(&self) -> &Tensor {
        &self.targets
    }

    /// The four lists, in the order in which operators take them.
    pub(crate) fn constants(&self, tape: &Tape) -> [Var; 4] {
        [&self.sources, &self.offsets, &self.targets, &self.joins]
            .map(|list| tape.constant(list.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_stable_and_rare_keys_come_first() {
        let mut keys = vec![7, 2, 7, 0];
        keys.extend([1; 100]);
        keys.push(2);
        let segments = Segments::by_key(&keys);
        assert_eq!(segments.targets, [0, 2, 7, 1]);
        assert_eq!(segments.offsets, [0, 1, 3, 5, 69, 105]);
        assert_eq!(segments.order[..5], [3, 1, 104, 0, 2]);
        assert!(segments.order[5..].iter().copied().eq(4..104));
        assert_eq!(segments.joins, [0, 2]);
    }

    #[test]
    fn pieces_of_a_very_common_key_grow_with_it() {
        let segments = Segments::by_key(&vec![3; 10_000]);
        let shape = segments.shape();
        assert_eq!((shape.targets, shape.whole, shape.pieces), (1, 0, 100));
    }

    #[test]
    fn rows_of_a_matrix_keep_their_order_and_the_empty_ones_stay() {
        let segments = Segments::of_rows(&[0, 2, 2, 2 + 3000, 3003]);
        assert_eq!(segments.targets, [0, 1, 3, 2]);
        assert_eq!(segments.offsets, [0, 2, 2, 3, 3 + 1024, 3 + 2048, 3003]);
        assert_eq!(segments.order[..4], [0, 1, 3002, 2]);
        assert_eq!(segments.joins, [0, 3]);
    }

    #[test]
    fn no_entries() {
        let segments = Segments::by_key(&[]);
        assert_eq!(segments.offsets, [0]);
        assert_eq!(segments.joins, [0]);
        assert!(segments.targets.is_empty());
    }
}
