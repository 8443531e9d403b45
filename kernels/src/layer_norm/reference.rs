//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{LayerNorm, Sizes};

pub(super) fn forward(operator: &LayerNorm, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes { rows, columns } = sizes;
    let (x, y, saved) = (io.real(0), io.output(0), io.save(0));
    let mut s = x.to_vec();
    if operator.residual {
        let residual = io.real(LayerNorm::RESIDUAL);
        for (s, residual) in s.iter_mut().zip(residual) {
            *s += residual;
        }
        io.output(1).copy_from_slice(&s);
    }
    let gain = operator.gain_input().map(|input| io.real(input));
    let bias = operator.bias_input().map(|input| io.real(input));
    for r in 0..rows {
        let s = &s[r * columns..(r + 1) * columns];
        let mean = s.iter().sum::<f64>() / columns as f64;
        let variance = s.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / columns as f64;
        let inverse = 1.0 / (variance + f64::from(operator.epsilon)).sqrt();
        saved[2 * r] = mean;
        saved[2 * r + 1] = inverse;
        for c in 0..columns {
            let n = (s[c] - mean) * inverse;
            y[r * columns + c] = gain.map_or(1.0, |g| g[c]) * n + bias.map_or(0.0, |b| b[c]);
        }
    }
}

pub(super) fn backward(operator: &LayerNorm, sizes: Sizes, io: &mut Backward<'_, f64>) {
    let Sizes { rows, columns } = sizes;
    let s = if operator.residual {
        io.output(1)
    } else {
        io.real(0)
    };
    let gain = operator.gain_input().map(|input| io.real(input));
    let saved = io.saved(0);
    let zeros = vec![0.0; rows * columns];
    let dy = io.upstream_of(0).unwrap_or(&zeros);
    let ds_out = io.upstream_of(1).unwrap_or(&zeros);

    let mut ds = vec![0.0; rows * columns];
    let mut dgain = vec![0.0; columns];
    let mut dbias = vec![0.0; columns];
    for r in 0..rows {
        let (mean, inverse) = (saved[2 * r], saved[2 * r + 1]);
        let at = r * columns;
        let n: Vec<f64> = (0..columns).map(|c| (s[at + c] - mean) * inverse).collect();
        let g: Vec<f64> = (0..columns)
            .map(|c| gain.map_or(1.0, |gain| gain[c]) * dy[at + c])
            .collect();
        let mean_g = g.iter().sum::<f64>() / columns as f64;
        let mean_gn = g.iter().zip(&n).map(|(g, n)| g * n).sum::<f64>() / columns as f64;
        for c in 0..columns {
            ds[at + c] = inverse * (g[c] - mean_g - n[c] * mean_gn) + ds_out[at + c];
            dgain[c] += dy[at + c] * n[c];
            dbias[c] += dy[at + c];
        }
    }
    let residual = operator.residual.then_some(LayerNorm::RESIDUAL);
    for (input, gradient) in [
        (Some(0), &ds),
        (residual, &ds),
        (operator.gain_input(), &dgain),
        (operator.bias_input(), &dbias),
    ] {
        if let Some(into) = input.and_then(|input| io.gradient(input)) {
            for (into, gradient) in into.iter_mut().zip(gradient) {
                *into += gradient;
            }
        }
    }
}
