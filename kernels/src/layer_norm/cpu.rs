//! The fast version: each row is read from memory once per pass. Blocks of 32 rows also sum their
//! part of the parameters' gradients; the blocks are joined in order.

use limbeck_engine::{Backward, Forward, chunked};

use super::{BLOCK_ROWS, LayerNorm, Sizes};
use crate::shared::reduce::{self, add_column_sums};
use crate::shared::vectorised;

/// The rows of one task of the forward pass.
struct ForwardBlock<'a> {
    y: &'a mut [f32],
    sum: Option<&'a mut [f32]>,
    saved: &'a mut [f32],
}

pub(super) fn forward(operator: &LayerNorm, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let Sizes { rows, columns } = sizes;
    let (x, y, saved) = (io.real(0), io.output(0), io.save(0));
    let residual = operator
        .residual
        .then(|| (io.real(LayerNorm::RESIDUAL), io.output(1)));
    let (residual, sum) = residual.unzip();
    let gain = operator.gain_input().map(|input| io.real(input));
    let bias = operator.bias_input().map(|input| io.real(input));
    let block = BLOCK_ROWS * columns;
    let mut sums = sum.map(|sum| sum.chunks_mut(block));
    let mut blocks: Vec<_> = y
        .chunks_mut(block)
        .zip(saved.chunks_mut(2 * BLOCK_ROWS))
        .map(|(y, saved)| ForwardBlock {
            y,
            sum: sums.as_mut().and_then(Iterator::next),
            saved,
        })
        .collect();
    chunked(&mut blocks, 1, rows * columns, |i, task| {
        let ForwardBlock { y, sum, saved } = &mut task[0];
        let range = i * block..i * block + y.len();
        let mut s = &x[range.clone()];
        if let Some((sum, residual)) = sum.as_deref_mut().zip(residual) {
            add(sum, s, &residual[range]);
            s = sum;
        }
        let rows = y.chunks_exact_mut(columns).zip(s.chunks_exact(columns));
        for ((y, s), saved) in rows.zip(saved.chunks_exact_mut(2)) {
            (saved[0], saved[1]) = normalise(y, s, operator.epsilon);
            scale_and_shift(y, gain, bias);
        }
    });
}

/// The rows of one task of the backward pass: where their gradient goes and whether it is added,
/// and the sums over them for gain and bias.
struct BackwardBlock<'a> {
    targets: [Option<(&'a mut [f32], bool)>; 2],
    dgain: &'a mut [f32],
    dbias: &'a mut [f32],
}

pub(super) fn backward(operator: &LayerNorm, sizes: Sizes, io: &mut Backward<'_, f32>) {
    let Sizes { rows, columns } = sizes;
    let s = if operator.residual {
        io.output(1)
    } else {
        io.real(0)
    };
    let gain = operator.gain_input().map(|input| io.real(input));
    let (saved, dy, ds) = (io.saved(0), io.upstream_of(0), io.upstream_of(1));
    let (dgain, dbias) = (io.scratch(0), io.scratch(1));
    let residual = operator.residual.then_some(LayerNorm::RESIDUAL);
    let slots = [Some(0), residual].map(|input| input.and_then(|input| io.gradient_slot(input)));
    let block = BLOCK_ROWS * columns;
    let mut slots = slots.map(|slot| slot.map(|(into, add)| (into.chunks_mut(block), add)));
    let mut blocks: Vec<_> = dgain
        .chunks_mut(columns)
        .zip(dbias.chunks_mut(columns))
        .map(|(dgain, dbias)| BackwardBlock {
            targets: slots.each_mut().map(|slot| {
                let (chunks, accumulate) = slot.as_mut()?;
                Some((chunks.next()?, *accumulate))
            }),
            dgain,
            dbias,
        })
        .collect();
    chunked(&mut blocks, 1, rows * columns, |i, task| {
        let BackwardBlock {
            targets,
            dgain,
            dbias,
        } = &mut task[0];
        dgain.fill(0.0);
        dbias.fill(0.0);
        let mut row_gradient = vec![0.0; columns];
        for r in i * BLOCK_ROWS..((i + 1) * BLOCK_ROWS).min(rows) {
            let row = r * columns..(r + 1) * columns;
            let (mean, inverse) = (saved[2 * r], saved[2 * r + 1]);
            row_gradient.fill(0.0);
            if let Some(dy) = dy {
                let (s, dy) = (&s[row.clone()], &dy[row.clone()]);
                if operator.gain || operator.bias {
                    add_parameter_gradients(dgain, dbias, s, dy, mean, inverse);
                }
                input_gradient(&mut row_gradient, s, dy, gain, mean, inverse);
            }
            if let Some(ds) = ds {
                reduce::add_rows(&mut row_gradient, &ds[row]);
            }
            let at = (r - i * BLOCK_ROWS) * columns;
            for (into, accumulate) in targets.iter_mut().flatten() {
                let into = &mut into[at..at + columns];
                if *accumulate {
                    reduce::add_rows(into, &row_gradient);
                } else {
                    into.copy_from_slice(&row_gradient);
                }
            }
        }
    });
    for (input, partial) in [
        (operator.gain_input(), dgain),
        (operator.bias_input(), dbias),
    ] {
        if let Some(into) = input.and_then(|input| io.gradient(input)) {
            add_column_sums(into, partial);
        }
    }
}

vectorised! {
    fn add(sum: &mut [f32], a: &[f32], b: &[f32]) {
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum = a + b;
        }
    }
}

vectorised! {
    /// `y = (s - μ) / √(σ² + ε)`; returns μ and 1/√(σ² + ε).
    fn normalise(y: &mut [f32], s: &[f32], epsilon: f32) -> (f32, f32) {
        let columns = s.len() as f32;
        let mean = reduce::sum(s) / columns;
        let variance = reduce::sum_of(s, |s| (s - mean) * (s - mean)) / columns;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for (y, s) in y.iter_mut().zip(s) {
            *y = (s - mean) * inverse;
        }
        (mean, inverse)
    }
}

vectorised! {
    fn scale_and_shift(y: &mut [f32], gain: Option<&[f32]>, bias: Option<&[f32]>) {
        if let Some(gain) = gain {
            for (y, gain) in y.iter_mut().zip(gain) {
                *y *= gain;
            }
        }
        if let Some(bias) = bias {
            for (y, bias) in y.iter_mut().zip(bias) {
                *y += bias;
            }
        }
    }
}

vectorised! {
    /// `dgain += dy n`, `dbias += dy`, for one row.
    fn add_parameter_gradients(
        dgain: &mut [f32],
        dbias: &mut [f32],
        s: &[f32],
        dy: &[f32],
        mean: f32,
        inverse: f32,
    ) {
        for ((dgain, s), dy) in dgain.iter_mut().zip(s).zip(dy) {
            *dgain += dy * ((s - mean) * inverse);
        }
        for (dbias, dy) in dbias.iter_mut().zip(dy) {
            *dbias += dy;
        }
    }
}

vectorised! {
    /// `ds = (g - mean(g) - n mean(g n)) / √(σ² + ε)` with g = gain dy, for one row.
    fn input_gradient(
        ds: &mut [f32],
        s: &[f32],
        dy: &[f32],
        gain: Option<&[f32]>,
        mean: f32,
        inverse: f32,
    ) {
        ds.copy_from_slice(dy);
        if let Some(gain) = gain {
            for (g, gain) in ds.iter_mut().zip(gain) {
                *g *= gain;
            }
        }
        let columns = s.len() as f32;
        let g = &*ds;
        let mean_g = reduce::sum(g) / columns;
        let n = |s: f32| (s - mean) * inverse;
        let mean_gn = reduce::sum_of((g, s), |(g, s)| g * n(s)) / columns;
        for (g, &s) in ds.iter_mut().zip(s) {
            *g = inverse * (*g - mean_g - n(s) * mean_gn);
        }
    }
}
