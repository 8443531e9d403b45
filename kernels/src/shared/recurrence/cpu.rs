//! The fast version: products over all rows at once where there is no step to wait for, the rest
//! step by step.

use limbeck_engine::{Backward, Forward, chunked};

use super::{
    BIAS, BackwardRow, Beside, Cell, EXTRA, ForwardRow, INITIAL, INPUT_WEIGHT, PREVIOUS,
    RECURRENT_WEIGHT, Sizes, X,
};
use crate::linear::add_bias;
use crate::shared::gemm::{Matrix, Reused, gemm, gemm_then};
use crate::shared::reduce::{add_column_sums, add_rows};

/// Elements touched per element of a gate: what its functions are worth.
const WORK: usize = 8;

/// Rows `first..first + count` of a matrix.
fn rows_of(matrix: &[f32], first: usize, count: usize, width: usize) -> &[f32] {
    &matrix[first * width..(first + count) * width]
}

/// Row `r` of a matrix; nothing of one that is empty.
fn row_or_nothing(matrix: &[f32], r: usize, width: usize) -> &[f32] {
    match matrix {
        [] => &[],
        _ => rows_of(matrix, r, 1, width),
    }
}

/// What the cell has besides its gates, as it enters a step.
fn extra_before<'a, C: Cell>(
    (extra, done): (&'a [f32], &'a [f32]),
    (step, before): (usize, usize),
    s: usize,
    hidden: usize,
) -> &'a [f32] {
    match C::BESIDE {
        Beside::State if step > 0 => rows_of(done, before + s, 1, hidden),
        Beside::State => rows_of(extra, s, 1, hidden),
        _ => extra,
    }
}

pub(super) fn forward<C: Cell>(batch_sizes: &[usize], sizes: Sizes, io: &mut Forward<'_, f32>) {
    let Sizes {
        rows,
        inputs,
        hidden,
        ..
    } = sizes;
    let columns = C::GATES * hidden;
    let (x, w_ih, w_hh) = (io.real(X), io.real(INPUT_WEIGHT), io.real(RECURRENT_WEIGHT));
    let (bias, initial) = (io.real(BIAS), io.real(INITIAL));
    let extra: &[f32] = match C::BESIDE {
        Beside::Nothing => &[],
        _ => io.real(EXTRA),
    };
    let (y, h_n) = (io.output(0), io.output(1));
    let (beside, recurrent) = (io.save(1), io.scratch(0));
    let gates = match C::BESIDE {
        Beside::Nothing => io.scratch(1),
        _ => io.save(0),
    };
    let (x, w_ih) = (Matrix::rows(x, inputs), Matrix::rows(w_ih, columns));
    gemm_then(
        (rows, inputs, columns),
        x,
        w_ih,
        false,
        gates,
        |_, block| {
            add_bias(block, Some(bias));
        },
    );
    let w_hh = Reused::new(
        batch_sizes[0],
        (hidden, columns),
        Matrix::rows(w_hh, columns),
    );
    let (mut first, mut before) = (0, 0);
    for (step, &size) in batch_sizes.iter().enumerate() {
        let (done, y) = y.split_at_mut(first * hidden);
        let (beside_done, beside) = beside.split_at_mut(match C::BESIDE {
            Beside::Nothing => 0,
            _ => first * hidden,
        });
        let h_before = match step {
            0 => initial,
            _ => rows_of(done, before, size, hidden),
        };
        let recurrent = &mut recurrent[..size * columns];
        w_hh.times(size, Matrix::rows(h_before, hidden), false, recurrent);
        let mut beside = beside.chunks_mut(hidden);
        let gates = &mut gates[first * columns..(first + size) * columns];
        let row = |((gates, h), s): ((_, _), usize)| ForwardRow {
            gates,
            recurrent: rows_of(recurrent, s, 1, columns),
            h_before: rows_of(h_before, s, 1, hidden),
            extra: extra_before::<C>((extra, beside_done), (step, before), s, hidden),
            beside: beside.next().unwrap_or_default(),
            h,
        };
        let cells = gates.chunks_mut(columns).zip(y.chunks_mut(hidden)).zip(0..);
        let cells: Vec<_> = cells.map(row).map(Some).collect();
        for_each_row(cells, columns, C::forward_cpu);
        (before, first) = (first, first + size);
    }
    copy_last(batch_sizes, y, h_n, hidden);
    if C::BESIDE == Beside::State {
        copy_last(batch_sizes, beside, io.output(2), hidden);
    }
}

/// Calls `body` on each row of a step.
fn for_each_row<R: Send>(mut rows: Vec<Option<R>>, columns: usize, body: fn(R)) {
    let work = WORK * rows.len() * columns;
    chunked(&mut rows, 1, work, |_, row| {
        if let Some(row) = row[0].take() {
            body(row);
        }
    });
}

/// The last row of every sequence: a later step overwrites what an earlier one left.
fn copy_last(batch_sizes: &[usize], from: &[f32], into: &mut [f32], width: usize) {
    let mut first = 0;
    for &size in batch_sizes {
        into[..size * width].copy_from_slice(rows_of(from, first, size, width));
        first += size;
    }
}

pub(super) fn backward<C: Cell>(batch_sizes: &[usize], sizes: Sizes, io: &mut Backward<'_, f32>) {
    let Sizes { rows, hidden, .. } = sizes;
    let columns = C::GATES * hidden;
    let (initial, y) = (io.real(INITIAL), io.output(0));
    let (d_gates, d_recurrent) = (io.scratch(0), io.scratch(1));
    let (previous, dh, dc) = (io.scratch(2), io.scratch(3), io.scratch(4));
    gather_previous(previous, (y, initial), io.ids(PREVIOUS), hidden);
    for (into, output) in [(&mut *dh, 1), (&mut *dc, 2)] {
        match io.upstream_of(output) {
            Some(given) => into.copy_from_slice(given),
            None => into.fill(0.0),
        }
    }
    let scratch = Steps {
        d_gates: &mut *d_gates,
        d_recurrent: &mut *d_recurrent,
        previous,
        dh: &mut *dh,
        dc: &mut *dc,
    };
    through_steps::<C>(batch_sizes, (rows, hidden), io, scratch);
    let d_recurrent = match C::BESIDE {
        Beside::Candidate => &*d_recurrent,
        _ => &*d_gates,
    };
    weight_gradients(sizes, columns, io, (d_gates, d_recurrent), previous);
    if let Some(into) = io.gradient(INITIAL) {
        add_rows(into, dh);
    }
    let Some(into) = io.gradient(EXTRA) else {
        return;
    };
    if C::BESIDE == Beside::State {
        add_rows(into, dc);
    } else {
        // The bias stands in the last gate.
        let mut sums = vec![0.0; columns];
        add_column_sums(&mut sums, d_recurrent);
        add_rows(into, &sums[columns - hidden..]);
    }
}

/// The output of the step before, for every row.
fn gather_previous(
    into: &mut [f32],
    (y, initial): (&[f32], &[f32]),
    previous: &[u32],
    hidden: usize,
) {
    let rows = previous.len();
    for (into, &before) in into.chunks_exact_mut(hidden).zip(previous) {
        let before = before as usize;
        into.copy_from_slice(match before < rows {
            true => rows_of(y, before, 1, hidden),
            false => rows_of(initial, before - rows, 1, hidden),
        });
    }
}

/// What the steps write on the way back.
struct Steps<'a> {
    d_gates: &'a mut [f32],
    d_recurrent: &'a mut [f32],
    previous: &'a [f32],
    dh: &'a mut [f32],
    dc: &'a mut [f32],
}

fn through_steps<C: Cell>(
    batch_sizes: &[usize],
    (rows, hidden): (usize, usize),
    io: &Backward<'_, f32>,
    scratch: Steps<'_>,
) {
    let columns = C::GATES * hidden;
    let (w_hh, y, dy) = (io.real(RECURRENT_WEIGHT), io.output(0), io.upstream_of(0));
    let (gates, beside) = (io.saved(0), io.saved(1));
    let extra: &[f32] = match C::BESIDE {
        Beside::State => io.real(EXTRA),
        _ => &[],
    };
    let turned = Matrix::transposed(w_hh, columns);
    let turned = Reused::new(batch_sizes[0], (columns, hidden), turned);
    let mut first = rows;
    for (step, &size) in batch_sizes.iter().enumerate().rev() {
        first -= size;
        let before = first - step.checked_sub(1).map_or(0, |before| batch_sizes[before]);
        if let Some(dy) = dy {
            add_rows(
                &mut scratch.dh[..size * hidden],
                rows_of(dy, first, size, hidden),
            );
        }
        let of_step = first * columns..(first + size) * columns;
        let mut own = match C::BESIDE {
            Beside::Candidate => scratch.d_recurrent[of_step.clone()].chunks_mut(columns),
            _ => [].chunks_mut(columns),
        };
        let row = |(((d_gates, dh), dc), s): (((_, _), _), usize)| {
            let r = first + s;
            BackwardRow {
                gates: row_or_nothing(gates, r, columns),
                beside: row_or_nothing(beside, r, hidden),
                h_before: rows_of(scratch.previous, r, 1, hidden),
                extra: extra_before::<C>((extra, beside), (step, before), s, hidden),
                h: rows_of(y, r, 1, hidden),
                dh,
                dc,
                d_gates,
                d_recurrent: own.next().unwrap_or_default(),
            }
        };
        let cells = scratch.d_gates[of_step.clone()].chunks_mut(columns);
        let cells = cells.zip(scratch.dh.chunks_mut(hidden));
        let cells = cells.zip(scratch.dc.chunks_mut(hidden)).zip(0..);
        let cells: Vec<_> = cells.map(row).map(Some).collect();
        for_each_row(cells, columns, C::backward_cpu);
        let d_recurrent = match C::BESIDE {
            Beside::Candidate => &scratch.d_recurrent[of_step],
            _ => &scratch.d_gates[of_step],
        };
        let dh = &mut scratch.dh[..size * hidden];
        turned.times(size, Matrix::rows(d_recurrent, columns), true, dh);
    }
}

fn weight_gradients(
    sizes: Sizes,
    columns: usize,
    io: &mut Backward<'_, f32>,
    (d_gates, d_recurrent): (&[f32], &[f32]),
    previous: &[f32],
) {
    let Sizes {
        rows,
        inputs,
        hidden,
        ..
    } = sizes;
    let (x, w_ih) = (io.real(X), io.real(INPUT_WEIGHT));
    let da = Matrix::rows(d_gates, columns);
    if let Some((dx, accumulate)) = io.gradient_slot(X) {
        let w_ih = Matrix::transposed(w_ih, columns);
        gemm((rows, columns, inputs), da, w_ih, accumulate, dx);
    }
    if let Some((dw, accumulate)) = io.gradient_slot(INPUT_WEIGHT) {
        let x = Matrix::transposed(x, inputs);
        gemm((inputs, rows, columns), x, da, accumulate, dw);
    }
    if let Some((dw, accumulate)) = io.gradient_slot(RECURRENT_WEIGHT) {
        let (previous, dr) = (
            Matrix::transposed(previous, hidden),
            Matrix::rows(d_recurrent, columns),
        );
        gemm((hidden, rows, columns), previous, dr, accumulate, dw);
    }
    if let Some(db) = io.gradient(BIAS) {
        add_column_sums(db, d_gates);
    }
}
