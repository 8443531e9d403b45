//! The fast version: the rows of the table that are touched become disjoint slices, one task
//! for a few of them.

use std::ops::Range;

use limbeck_engine::chunked;

use crate::shared::reduce::{add_rows, rows_per_task};
use crate::shared::vectorised;

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

/// Entries that one task sums where there are very many: enough that a strip of the rows they read
/// is read again and again while it is in cache.
const ENTRIES_PER_TASK: usize = 1 << 17;

/// `into[key] = sum over the key's entries of weight * rows[source]`, or `+=` with `accumulate`.
pub(crate) fn sum(
    lists: Lists<'_>,
    rows: &[f32],
    (into, columns, accumulate): (&mut [f32], usize, bool),
    pieces: &mut [f32],
) {
    walk(
        lists,
        (into, columns, accumulate),
        pieces,
        |block, first, accumulate| {
            sum_block(block, first, lists, rows, accumulate);
        },
    );
}

/// `into[key] += sum over the key's entries` of another kind: `add_sum` adds that of some entries,
/// given by their places in the order of the keys, to a row.
pub(crate) fn add_with(
    lists: Lists<'_>,
    (into, columns): (&mut [f32], usize),
    pieces: &mut [f32],
    add_sum: impl Fn(&mut [f32], Range<usize>) + Sync + Send,
) {
    walk(
        lists,
        (into, columns, true),
        pieces,
        |block, first, accumulate| {
            for (segment, into) in (first..).zip(block.iter_mut()) {
                if !accumulate {
                    into.fill(0.0);
                }
                let entries = lists.offsets[segment] as usize..lists.offsets[segment + 1] as usize;
                add_sum(into, entries);
            }
        },
    );
}

/// Sums all segments, a block of consecutive ones at a time, and joins the pieces.
fn walk(
    lists: Lists<'_>,
    (into, columns, accumulate): (&mut [f32], usize, bool),
    pieces: &mut [f32],
    sum_block: impl Fn(&mut [&mut [f32]], usize, bool) + Sync + Send,
) {
    if columns == 0 {
        return;
    }
    let entries = lists.sources.len();
    let work = (entries + lists.targets.len()) * columns;
    let (few, many) = lists.targets.split_at(lists.whole);
    let whole_entries = lists.offsets[lists.whole] as usize;
    let average = whole_entries / few.len().max(1) + 1;
    let per_task = match entries > 8 * ENTRIES_PER_TASK {
        true => ENTRIES_PER_TASK / average,
        false => rows_per_task(columns * average),
    };
    let per_task = per_task.max(1);
    let mut targets = disjoint_rows(into, columns, few);
    chunked(&mut targets, per_task, work, |task, block| {
        sum_block(block, task * per_task, accumulate);
    });
    let mut parts: Vec<&mut [f32]> = pieces.chunks_mut(columns).collect();
    chunked(&mut parts, 1, work, |piece, block| {
        sum_block(block, lists.whole + piece, false);
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

/// Columns that are summed in registers.
const STRIP: usize = 32;

vectorised! {
    /// The sums of some segments from number `first` on, strip by strip: of a tall matrix, a strip
    /// of all rows fits in cache where all rows do not.
    fn sum_block(block: &mut [&mut [f32]], first: usize, lists: Lists<'_>, rows: &[f32], accumulate: bool) {
        let columns = block[0].len();
        let mut column = 0;
        while column < columns {
            let width = STRIP.min(columns - column);
            for (segment, into) in (first..).zip(block.iter_mut()) {
                let entries = lists.offsets[segment] as usize..lists.offsets[segment + 1] as usize;
                let weights = lists.weights.map(|weights| &weights[entries.clone()]);
                let into = &mut into[column..column + width];
                if !accumulate {
                    into.fill(0.0);
                }
                add_strip(into, rows, (columns, column), &lists.sources[entries], weights);
            }
            column += width;
        }
    }
}

vectorised! {
    /// `into += sum of weight * rows[source]`, in the order of the sources.
    pub(crate) fn add_entries(into: &mut [f32], rows: &[f32], sources: &[u32], weights: Option<&[f32]>) {
        let columns = into.len();
        for (strip, into) in into.chunks_mut(STRIP).enumerate() {
            add_strip(into, rows, (columns, strip * STRIP), sources, weights);
        }
    }
}

/// The sum of a strip of at most `STRIP` columns, from number `column` on.
#[inline(always)]
fn add_strip(
    into: &mut [f32],
    rows: &[f32],
    (columns, column): (usize, usize),
    sources: &[u32],
    weights: Option<&[f32]>,
) {
    match <&mut [f32; STRIP]>::try_from(&mut *into) {
        Ok(into) => {
            // In registers, over all entries.
            let mut sums = *into;
            add_all(&mut sums, rows, (columns, column), sources, weights);
            *into = sums;
        }
        Err(_) => add_all(into, rows, (columns, column), sources, weights),
    }
}

#[inline(always)]
fn add_all<T: AsMut<[f32]> + ?Sized>(
    into: &mut T,
    rows: &[f32],
    (columns, column): (usize, usize),
    sources: &[u32],
    weights: Option<&[f32]>,
) {
    let into = into.as_mut();
    let width = into.len();
    let row = |source: u32| &rows[source as usize * columns + column..][..width];
    match weights {
        None => {
            for &source in sources {
                for (a, b) in into.iter_mut().zip(row(source)) {
                    *a += b;
                }
            }
        }
        Some(weights) => {
            for (&source, &weight) in sources.iter().zip(weights) {
                for (a, b) in into.iter_mut().zip(row(source)) {
                    *a += weight * b;
                }
            }
        }
    }
}
