//! The fast version: the rows of the table that are touched become disjoint slices, one task
//! for a few of them.

use std::ops::Range;

use limbeck_engine::chunked;

use crate::shared::reduce::{add_rows, for_row_blocks, rows_per_task};
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

/// Entries that one task sums where there are very many.
const ENTRIES_PER_TASK: usize = 1 << 16;

/// `into[key] = sum over the key's entries of weight * rows[source]`, or `+=` with `accumulate`.
///
/// With memory for it ([`packed`]), a strip of columns of all rows is copied together before it is
/// read, so that it fits in cache, and on few pages, where all rows do not.
pub(crate) fn sum(
    lists: Lists<'_>,
    rows: &[f32],
    (into, columns, accumulate): (&mut [f32], usize, bool),
    (pieces, packed): (&mut [f32], &mut [f32]),
) {
    let strip = match packed.is_empty() {
        true => columns,
        false => STRIP,
    };
    walk(lists, (into, columns, accumulate), pieces, |targets| {
        for first in (0..columns).step_by(strip.max(1)) {
            let strip = first..columns.min(first + strip);
            let source = match packed.is_empty() {
                true => Strip {
                    rows,
                    columns,
                    first,
                },
                false => pack(rows, columns, strip.clone(), packed),
            };
            targets.each(|block, segment, accumulate| {
                sum_block(block, segment, lists, source, strip.clone(), accumulate);
            });
        }
    });
}

/// The memory that [`sum`] takes to read a matrix of this shape strip by strip; none where it is
/// narrow, small, or read but a few times.
pub(crate) fn packed(rows: usize, columns: usize, entries: usize) -> usize {
    let large = rows * columns > 1 << 19 && entries > 8 * rows;
    if columns > STRIP && large {
        rows * STRIP
    } else {
        0
    }
}

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
struct Targets<'a> {
    whole: Vec<&'a mut [f32]>,
    parts: Vec<&'a mut [f32]>,
    per_task: usize,
    work: usize,
    accumulate: bool,
}

impl Targets<'_> {
    /// Blocks of consecutive rows, each with the number of its first segment, and whether sums are
    /// added to what stands there.
    fn each(&mut self, sum_block: impl Fn(&mut [&mut [f32]], usize, bool) + Sync + Send) {
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
fn walk(
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

/// Columns that are summed in registers.
const STRIP: usize = 32;

/// Some columns of all rows, from number `first` on.
#[derive(Clone, Copy)]
struct Strip<'a> {
    rows: &'a [f32],
    columns: usize,
    first: usize,
}

/// Copies a strip together.
fn pack<'p>(rows: &[f32], columns: usize, strip: Range<usize>, packed: &'p mut [f32]) -> Strip<'p> {
    let width = strip.len();
    let packed = &mut packed[..rows.len() / columns * width];
    for_row_blocks(packed, width, |first, block| {
        let rows = rows[first * columns..].chunks_exact(columns);
        for (into, row) in block.chunks_exact_mut(width).zip(rows) {
            into.copy_from_slice(&row[strip.clone()]);
        }
    });
    Strip {
        rows: packed,
        columns: width,
        first: 0,
    }
}

vectorised! {
    /// The sums of the segments from number `first` on, in these columns of their targets.
    fn sum_block(
        block: &mut [&mut [f32]],
        first: usize,
        lists: Lists<'_>,
        source: Strip<'_>,
        columns: Range<usize>,
        accumulate: bool,
    ) {
        for (segment, into) in (first..).zip(block.iter_mut()) {
            let entries = lists.offsets[segment] as usize..lists.offsets[segment + 1] as usize;
            let weights = lists.weights.map(|weights| &weights[entries.clone()]);
            let into = &mut into[columns.clone()];
            if !accumulate {
                into.fill(0.0);
            }
            add_strips(into, source, &lists.sources[entries], weights);
        }
    }
}

vectorised! {
    /// `into += sum of weight * rows[source]`, in the order of the sources.
    pub(crate) fn add_entries(into: &mut [f32], rows: &[f32], sources: &[u32], weights: Option<&[f32]>) {
        let source = Strip {
            rows,
            columns: into.len(),
            first: 0,
        };
        add_strips(into, source, sources, weights);
    }
}

/// The same for some columns, a few at a time in registers.
#[inline(always)]
fn add_strips(into: &mut [f32], source: Strip<'_>, sources: &[u32], weights: Option<&[f32]>) {
    let mut done = 0;
    while done < into.len() {
        let strip = Strip {
            first: source.first + done,
            ..source
        };
        let rest = &mut into[done..];
        done += match rest.len() {
            32.. => in_registers::<32>(rest, strip, sources, weights),
            16.. => in_registers::<16>(rest, strip, sources, weights),
            8.. => in_registers::<8>(rest, strip, sources, weights),
            4.. => in_registers::<4>(rest, strip, sources, weights),
            _ => in_registers::<1>(rest, strip, sources, weights),
        };
    }
}

/// The first W columns; returns their number.
#[inline(always)]
fn in_registers<const W: usize>(
    into: &mut [f32],
    source: Strip<'_>,
    sources: &[u32],
    weights: Option<&[f32]>,
) -> usize {
    let row = |number: u32| -> &[f32; W] {
        let row = &source.rows[number as usize * source.columns + source.first..];
        row.first_chunk()
            .expect("a row has as many columns as its target")
    };
    let (into, _) = into
        .split_first_chunk_mut::<W>()
        .expect("W columns are left");
    let mut sums = *into;
    match weights {
        None => {
            for &number in sources {
                for (a, b) in sums.iter_mut().zip(row(number)) {
                    *a += b;
                }
            }
        }
        Some(weights) => {
            for (&number, &weight) in sources.iter().zip(weights) {
                for (a, b) in sums.iter_mut().zip(row(number)) {
                    *a += weight * b;
                }
            }
        }
    }
    *into = sums;
    W
}
