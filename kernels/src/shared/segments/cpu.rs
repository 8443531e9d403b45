//! The fast version: the rows of the table that are touched become disjoint slices, one task
//! for a few of them.

use std::ops::Range;

use limbeck_engine::chunked;

use crate::shared::reduce::{add_rows, rows_per_task};

/// The lists of `Segments`, and the weights of its entries in the same order.
#[derive(Clone, Copy)]
pub(crate) struct Lists<'a> {
    pub(super) sources: &'a [u32],
    pub(super) offsets: &'a [u32],
    pub(super) targets: &'a [u32],
    pub(super) joins: &'a [u32],
    pub(super) weights: Option<&'a [f32]>,
    pub(super) whole: usize,
}

/// Entries that one task sums where there are very many.
const ENTRIES_PER_TASK: usize = 1 << 16;

/// `into[key] += sum over the key's entries` of another kind: `add_sum` adds that of some entries,
/// given by their places in the order of the keys, to a row.
pub(crate) fn add_with(
    lists: Lists<'_>,
    (into, columns): (&mut [f32], usize),
    pieces: &mut [f32],
    add_sum: impl Fn(&mut [f32], Range<usize>) + Sync + Send,
) {
    walk(lists, (into, columns, true), pieces, |targets| {
        targets.each(|block, first, accumulate| {
            for (segment, into) in (first..).zip(block.iter_mut()) {
                if !accumulate {
                    into.fill(0.0);
                }
                let entries = lists.offsets[segment] as usize..lists.offsets[segment + 1] as usize;
                add_sum(into, entries);
            }
        });
    });
}

/// Where sums go: a row for each key of few entries, and for each piece of the others.
pub(super) struct Targets<'a> {
    whole: Vec<&'a mut [f32]>,
    parts: Vec<&'a mut [f32]>,
    per_task: usize,
    work: usize,
    accumulate: bool,
}

impl Targets<'_> {
    /// Blocks of consecutive rows, each with the number of its first segment, and whether sums are
    /// added to what stands there.
    pub(super) fn each(
        &mut self,
        sum_block: impl Fn(&mut [&mut [f32]], usize, bool) + Sync + Send,
    ) {
        let (per_task, first_piece) = (self.per_task, self.whole.len());
        chunked(&mut self.whole, per_task, self.work, |task, block| {
            sum_block(block, task * per_task, self.accumulate);
        });
        chunked(&mut self.parts, 1, self.work, |piece, block| {
            sum_block(block, first_piece + piece, false);
        });
    }
}

/// Lets `sum_all` sum the segments, and joins the pieces.
pub(super) fn walk(
    lists: Lists<'_>,
    (into, columns, accumulate): (&mut [f32], usize, bool),
    pieces: &mut [f32],
    sum_all: impl FnOnce(&mut Targets<'_>),
) {
    if columns == 0 {
        return;
    }
    let entries = lists.sources.len();
    let (few, many) = lists.targets.split_at(lists.whole);
    let average = lists.offsets[lists.whole] as usize / few.len().max(1) + 1;
    let per_task = match entries > 8 * ENTRIES_PER_TASK {
        true => ENTRIES_PER_TASK / average,
        false => rows_per_task(columns * average),
    };
    sum_all(&mut Targets {
        whole: disjoint_rows(into, columns, few),
        parts: pieces.chunks_mut(columns).collect(),
        per_task: per_task.max(1),
        work: (entries + lists.targets.len()) * columns,
        accumulate,
    });
    let work = pieces.len();
    let pieces = &*pieces;
    let mut targets = disjoint_rows(into, columns, many);
    chunked(&mut targets, 1, work, |key, row| {
        if !accumulate {
            row[0].fill(0.0);
        }
        let joined = lists.joins[key] as usize..lists.joins[key + 1] as usize;
        add_rows(
            row[0],
            &pieces[joined.start * columns..joined.end * columns],
        );
    });
}

/// The rows with these numbers, which ascend.
pub(crate) fn disjoint_rows<'a, T>(
    table: &'a mut [T],
    columns: usize,
    numbers: &[u32],
) -> Vec<&'a mut [T]> {
    let (mut rest, mut next) = (table, 0);
    let mut take = |number: usize| {
        let skipped = (number - next) * columns;
        let (row, tail) = std::mem::take(&mut rest)[skipped..].split_at_mut(columns);
        (rest, next) = (tail, number + 1);
        row
    };
    numbers
        .iter()
        .map(|&number| take(number as usize))
        .collect()
}
