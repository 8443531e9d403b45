//! The fast version: all columns of a target at once, edge by edge; going back, each row of x and
//! each edge collect what they won.

use limbeck_engine::{Backward, Forward, chunked};

use super::{EdgeMax, NO_EDGE, WEIGHTS, columns};
use crate::shared::edges::{OFFSETS, ORDER, SEGMENTS, SOURCES, TARGETS, X};
use crate::shared::reduce::{rows_per_task, sum_of};
use crate::shared::{segments, vectorised};

pub(super) fn forward(io: &mut Forward<'_, f32>) {
    let columns = columns(io.metas());
    let (x, weights, y, winners) = (io.real(X), io.real(WEIGHTS), io.output(0), io.save_ids(0));
    let (offsets, sources) = (io.ids(OFFSETS), io.ids(SOURCES));
    if columns == 0 {
        return;
    }
    let (targets, work) = (offsets.len() - 1, sources.len() * columns);
    let per_task = rows_per_task(work / targets.max(1));
    let blocks = y.chunks_mut(per_task * columns);
    let mut blocks: Vec<_> = blocks.zip(winners.chunks_mut(per_task * columns)).collect();
    chunked(&mut blocks, 1, work, |task, block| {
        let (y, winners) = &mut block[0];
        let results = y
            .chunks_exact_mut(columns)
            .zip(winners.chunks_exact_mut(columns));
        for (i, (y, winners)) in (task * per_task..).zip(results) {
            let edges = offsets[i] as usize..offsets[i + 1] as usize;
            let (weights, sources) = (&weights[edges.clone()], &sources[edges]);
            largest(y, winners, x, offsets[i], weights, sources);
        }
    });
}

vectorised! {
    /// The largest product in each column, and the first edge that has it, counted from `first`.
    fn largest(
        y: &mut [f32],
        winners: &mut [u32],
        x: &[f32],
        first: u32,
        weights: &[f32],
        sources: &[u32],
    ) {
        let columns = y.len();
        y.fill(0.0);
        winners.fill(NO_EDGE);
        for ((e, &w), &source) in (first..).zip(weights).zip(sources) {
            let x = &x[source as usize * columns..][..columns];
            for ((y, winner), &x) in y.iter_mut().zip(winners.iter_mut()).zip(x) {
                let product = w * x;
                // Without branches, so that the loop vectorises.
                let larger = (product > *y) | (product.is_nan() & !y.is_nan()) | (e == first);
                *y = if larger { product } else { *y };
                *winner = if larger { e } else { *winner };
            }
        }
    }
}

pub(super) fn backward(operator: &EdgeMax, io: &mut Backward<'_, f32>) {
    let columns = columns(io.metas());
    let (weights, winners, dy) = (io.real(WEIGHTS), io.saved_ids(0), io.upstream());
    if let Some(dx) = io.gradient(X) {
        let pieces = io.scratch(0);
        // The lists' rows are the targets of the sorted edges.
        let (order, targets) = (io.ids(ORDER), io.ids(SEGMENTS));
        let lists = operator.edges.by_source;
        let lists = lists.lists(|list| io.ids(list), SEGMENTS, None);
        segments::add_with(lists, (dx, columns), pieces, |dx, entries| {
            let (order, targets) = (&order[entries.clone()], &targets[entries]);
            add_won(dx, order, targets, weights, winners, dy);
        });
    }
    if let Some(dweights) = io.gradient(WEIGHTS) {
        let (x, sources, targets) = (io.real(X), io.ids(SOURCES), io.ids(TARGETS));
        let per_task = rows_per_task(columns);
        chunked(
            dweights,
            per_task,
            sources.len() * columns,
            |task, block| {
                let first = task * per_task;
                let (sources, targets) = (&sources[first..], &targets[first..]);
                add_weight_gradients(
                    block,
                    first as u32,
                    sources,
                    targets,
                    x,
                    winners,
                    dy,
                    columns,
                );
            },
        );
    }
}

vectorised! {
    /// `dx += w_e dy` in the columns that the edge won, for edges out of one row.
    fn add_won(
        dx: &mut [f32],
        edges: &[u32],
        targets: &[u32],
        weights: &[f32],
        winners: &[u32],
        dy: &[f32],
    ) {
        let columns = dx.len();
        for (&e, &i) in edges.iter().zip(targets) {
            let (w, at) = (weights[e as usize], i as usize * columns);
            let winners = &winners[at..at + columns];
            for ((dx, &winner), &dy) in dx.iter_mut().zip(winners).zip(&dy[at..at + columns]) {
                *dx += if winner == e { w * dy } else { 0.0 };
            }
        }
    }
}

vectorised! {
    /// `dw_e += Σ x dy` over the columns that the edge won, for edges from number `first` on.
    fn add_weight_gradients(
        dweights: &mut [f32],
        first: u32,
        sources: &[u32],
        targets: &[u32],
        x: &[f32],
        winners: &[u32],
        dy: &[f32],
        columns: usize,
    ) {
        let ends = sources.iter().zip(targets);
        for ((e, dw), (&j, &i)) in (first..).zip(dweights).zip(ends) {
            let x = &x[j as usize * columns..][..columns];
            let winners = &winners[i as usize * columns..][..columns];
            let dy = &dy[i as usize * columns..][..columns];
            *dw += sum_of(((x, dy), winners), |((x, dy), winner)| {
                if winner == e { x * dy } else { 0.0 }
            });
        }
    }
}
