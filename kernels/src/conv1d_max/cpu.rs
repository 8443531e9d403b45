//! The fast version. Forward: the convolution of a few sequences at a time, of which the largest
//! values are taken while it is in cache. Backward: a scaled row per sequence and channel.

use std::ops::Range;

use limbeck_engine::{Backward, Forward, chunked};

use super::{BIAS, Conv1dMax, OFFSETS};
use crate::activation::{apply_in_place, multiply_by_derivative};
use crate::conv1d::{Conv1d, Layout, Sizes};
use crate::linear::add_bias;
use crate::max_over_time::largest;
use crate::shared::gemm::{Matrix, Operand, Prepared, gemm_blocks};
use crate::shared::reduce::{add_column_sums, add_rows};
use crate::shared::sequences::split_rows;
use crate::shared::vectorised;

/// About as many rows are convolved at a time: eight tiles of the matrix product.
const ROWS: usize = 112;

/// The sequences of one task, and where their results go.
struct Task<'a> {
    sequences: Range<usize>,
    y: &'a mut [f32],
    rows: &'a mut [u32],
    /// z in those rows, if there is an activation.
    at_largest: Option<&'a mut [f32]>,
}

pub(super) fn forward(operator: &Conv1dMax, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    let (x, w, bias, offsets) = (io.real(0), io.real(1), io.real(BIAS), io.ids(OFFSETS));
    let (padded, y, rows) = (io.scratch(0), io.output(0), io.save_ids(0));
    if outputs == 0 {
        return;
    }
    let convolution = &operator.convolution;
    let layout = Layout::new(convolution);
    layout.pad(x, inputs, convolution.left(), padded, |_, _| ());
    let count = convolution.lengths.len();
    let per_task = (ROWS * count).div_ceil(sizes.rows).max(1);
    let at_largest = convolution.activation.map(|_| io.save(1));
    let mut tasks = tasks(per_task, outputs, (y, rows), at_largest);
    let windows = |task: &Task<'_>| {
        let Range { start, end } = task.sequences;
        layout.windows_of(start).start..layout.windows_of(end - 1).end
    };
    let shape = (convolution.kernel_size * inputs, outputs);
    let prepared = match sizes.rows <= Prepared::ROWS {
        true => io.derived(1, |w| Prepared::new(shape, Matrix::rows(w, outputs))),
        false => None,
    };
    gemm_blocks(
        shape,
        Matrix::strided(padded, inputs, 1),
        Operand::new(Matrix::rows(w, outputs), prepared.and_then(Option::as_ref)),
        &mut tasks,
        windows,
        |task, z| {
            let first = windows(task).start;
            for (i, s) in task.sequences.clone().enumerate() {
                let Range { start, end } = layout.windows_of(s);
                let z = &mut z[(start - first) * outputs..(end - first) * outputs];
                let x = &x[offsets[s] as usize * inputs..offsets[s + 1] as usize * inputs];
                task.take_largest(operator, i, (z, x), (bias, offsets[s]));
            }
        },
    );
}

/// The results of all sequences, some for each task.
fn tasks<'a>(
    per_task: usize,
    outputs: usize,
    (y, rows): (&'a mut [f32], &'a mut [u32]),
    at_largest: Option<&'a mut [f32]>,
) -> Vec<Task<'a>> {
    let count = y.len() / outputs;
    let mut saved = at_largest.map(|saved| saved.chunks_mut(per_task * outputs));
    let pieces = y.chunks_mut(per_task * outputs);
    let pieces = pieces.zip(rows.chunks_mut(per_task * outputs));
    let task = |(task, (y, rows)): (usize, (&'a mut [f32], &'a mut [u32]))| Task {
        sequences: task * per_task..(task * per_task + per_task).min(count),
        y,
        rows,
        at_largest: saved.as_mut().and_then(Iterator::next),
    };
    pieces.enumerate().map(task).collect()
}

impl Task<'_> {
    /// The largest values of the task's sequence `i`, whose product is `z` and whose input is `x`;
    /// rows count from `first`.
    fn take_largest(
        &mut self,
        operator: &Conv1dMax,
        i: usize,
        (z, x): (&mut [f32], &[f32]),
        (bias, first): (&[f32], u32),
    ) {
        let (outputs, activation) = (bias.len(), operator.convolution.activation);
        let place = i * outputs..(i + 1) * outputs;
        let (y, rows) = (&mut self.y[place.clone()], &mut self.rows[place.clone()]);
        if !operator.residual {
            largest(z, first, y, rows);
            add_bias(y, Some(bias));
            if let (Some(activation), Some(saved)) = (activation, &mut self.at_largest) {
                saved[place].copy_from_slice(y);
                apply_in_place(activation, y);
            }
            return;
        }
        add_bias(z, Some(bias));
        let mut values = z.to_vec();
        if let Some(activation) = activation {
            apply_in_place(activation, &mut values);
        }
        add_rows(&mut values, x);
        largest(&values, first, y, rows);
        if let Some(saved) = &mut self.at_largest {
            for (o, (saved, row)) in saved[place].iter_mut().zip(rows).enumerate() {
                *saved = z[(*row - first) as usize * outputs + o];
            }
        }
    }
}

pub(super) fn backward(operator: &Conv1dMax, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let Sizes {
        inputs, outputs, ..
    } = sizes;
    let (x, w, offsets, rows) = (io.real(0), io.real(1), io.ids(OFFSETS), io.saved_ids(0));
    let convolution = &operator.convolution;
    let (dz, dy, width) = (
        io.scratch(0),
        io.upstream(),
        convolution.kernel_size * inputs,
    );
    dz.copy_from_slice(dy);
    if let Some(activation) = convolution.activation {
        multiply_by_derivative(activation, dz, io.saved(1));
    }
    let windows = Windows {
        operator: convolution,
        inputs,
        outputs,
        offsets,
        rows,
        dz,
    };
    let work = rows.len() * width;
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let by_output = io.scratch(1);
        transpose(w, outputs, by_output, false);
        let mut sequences = split_rows(dx, offsets, inputs);
        chunked(&mut sequences, 1, work, |s, dx| {
            if !accumulate {
                dx[0].fill(0.0);
            }
            windows.add_to_inputs(s, by_output, dx[0]);
            if operator.residual {
                windows.add_residual(s, dy, dx[0]);
            }
        });
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        let by_output = io.scratch(2);
        chunked(by_output, width, work, |o, dw| {
            dw.fill(0.0);
            windows.add_to_weights(o, x, dw);
        });
        transpose(by_output, width, dw, accumulate);
    }
    if let Some(db) = io.gradient(BIAS) {
        add_column_sums(db, dz);
    }
}

/// The windows that the maxima were found in.
struct Windows<'a> {
    operator: &'a Conv1d,
    inputs: usize,
    outputs: usize,
    offsets: &'a [u32],
    rows: &'a [u32],
    dz: &'a [f32],
}

impl Windows<'_> {
    /// dz of a sequence and channel, its window in the rows of x, and the part of the kernel that
    /// meets it, both in elements.
    fn of(&self, s: usize, o: usize) -> (f32, Range<usize>, Range<usize>) {
        let at = s * self.outputs + o;
        let (row, left) = (self.rows[at] as usize, self.operator.left());
        let (start, end) = (self.offsets[s] as usize, self.offsets[s + 1] as usize);
        let first = row.max(start + left) - left;
        let tap = first + left - row;
        let last = (row + self.operator.right() + 1).min(end);
        let taps = tap * self.inputs..(tap + last - first) * self.inputs;
        (self.dz[at], first * self.inputs..last * self.inputs, taps)
    }

    /// `dx_{a+j-left} += d W_j` for every channel of a sequence.
    fn add_to_inputs(&self, s: usize, by_output: &[f32], dx: &mut [f32]) {
        let width = self.operator.kernel_size * self.inputs;
        let start = self.offsets[s] as usize * self.inputs;
        for (o, weight) in by_output.chunks_exact(width).enumerate() {
            let (dz, window, taps) = self.of(s, o);
            if dz != 0.0 {
                add_scaled(
                    &mut dx[window.start - start..window.end - start],
                    dz,
                    &weight[taps],
                );
            }
        }
    }

    /// `dx_a += dy` for every channel of a sequence.
    fn add_residual(&self, s: usize, dy: &[f32], dx: &mut [f32]) {
        let place = s * self.outputs..(s + 1) * self.outputs;
        for (o, (dy, row)) in dy[place.clone()].iter().zip(&self.rows[place]).enumerate() {
            dx[(row - self.offsets[s]) as usize * self.outputs + o] += dy;
        }
    }

    /// `dW_j += d x_{a+j-left}` of one channel for every sequence.
    fn add_to_weights(&self, o: usize, x: &[f32], dw: &mut [f32]) {
        for s in 0..self.offsets.len() - 1 {
            let (dz, window, taps) = self.of(s, o);
            if dz != 0.0 {
                add_scaled(&mut dw[taps], dz, &x[window]);
            }
        }
    }
}

vectorised! {
    fn add_scaled(into: &mut [f32], factor: f32, from: &[f32]) {
        for (into, from) in into.iter_mut().zip(from) {
            *into += factor * from;
        }
    }
}

/// `into = matrixᵀ` (or `+=`), the matrix `columns` wide.
fn transpose(matrix: &[f32], columns: usize, into: &mut [f32], accumulate: bool) {
    let rows = matrix.len() / columns.max(1);
    chunked(into, rows, matrix.len(), |column, into| {
        for (r, into) in into.iter_mut().enumerate() {
            let value = matrix[r * columns + column];
            *into = if accumulate { *into + value } else { value };
        }
    });
}
