//! The fast version: the rows of the table that are touched become disjoint slices, one task
//! for a few of them.

use limbeck_engine::chunked;

use crate::shared::reduce::{add_rows, rows_per_task};
use crate::shared::vectorised;

/// The lists of `Segments`, and the weights of its entries in the same order.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    pub(super) sources: &'a [u32],
    pub(super) offsets: &'a [u32],
    pub(super) targets: &'a [u32],
    pub(super) joins: &'a [u32],
    pub(super) weights: Option<&'a [f32]>,
    pub(super) whole: usize,
}

/// `into[key] += sum over the key's entries of weight * rows[source]`.
pub(super) fn add(
    into: &mut [f32],
    columns: usize,
    rows: &[f32],
    lists: Lists<'_>,
    pieces: &mut [f32],
) {
    if columns == 0 {
        return;
    }
    let work = lists.sources.len() * columns;
    let sum = |segment: usize, into: &mut [f32]| {
        let entries = lists.offsets[segment] as usize..lists.offsets[segment + 1] as usize;
        let weights = lists.weights.map(|weights| &weights[entries.clone()]);
        add_entries(into, rows, &lists.sources[entries], weights);
    };
    let (few, many) = lists.targets.split_at(lists.whole);
    let per_task = rows_per_task(columns);
    let mut targets = disjoint_rows(into, columns, few);
    chunked(&mut targets, per_task, work, |task, rows| {
        for (i, row) in rows.iter_mut().enumerate() {
            sum(task * per_task + i, row);
        }
    });
    chunked(pieces, columns, work, |piece, into| {
        into.fill(0.0);
        sum(lists.whole + piece, into);
    });
    let work = pieces.len();
    let pieces = &*pieces;
    let mut targets = disjoint_rows(into, columns, many);
    chunked(&mut targets, 1, work, |key, row| {
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

vectorised! {
    /// `into += sum of weight * rows[source]`, in the order of the sources.
    pub(crate) fn add_entries(into: &mut [f32], rows: &[f32], sources: &[u32], weights: Option<&[f32]>) {
        let columns = into.len();
        let row = |source: u32| &rows[source as usize * columns..][..columns];
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
}
