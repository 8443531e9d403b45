//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{GroupNorm, Sizes};

/// The elements of a group in one picture.
fn members(sizes: Sizes, picture: usize, group: usize) -> Vec<usize> {
    let width = sizes.channels / sizes.groups;
    let pixels = sizes.pictures.height * sizes.pictures.width;
    let rows = picture * pixels..(picture + 1) * pixels;
    let channels = group * width..(group + 1) * width;
    rows.flat_map(|row| channels.clone().map(move |c| row * sizes.channels + c))
        .collect()
}

pub(super) fn forward(operator: &GroupNorm, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let (x, gain, bias) = (io.real(0), io.real(1), io.real(2));
    let (y, saved) = (io.output(0), io.save(0));
    for picture in 0..sizes.pictures.count {
        for group in 0..sizes.groups {
            let members = members(sizes, picture, group);
            let count = members.len() as f64;
            let mean = members.iter().map(|&i| x[i]).sum::<f64>() / count;
            let squares = members.iter().map(|&i| (x[i] - mean).powi(2));
            let variance = squares.sum::<f64>() / count;
            let inverse = 1.0 / (variance + f64::from(operator.epsilon)).sqrt();
            for i in members {
                let c = i % sizes.channels;
                y[i] = gain[c] * (x[i] - mean) * inverse + bias[c];
            }
            let at = 2 * (picture * sizes.groups + group);
            saved[at] = mean;
            saved[at + 1] = inverse;
        }
    }
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f64>) {
    let (x, gain, saved, dy) = (io.real(0), io.real(1), io.saved(0), io.upstream());
    let channels = sizes.channels;
    let mut dx = vec![0.0; x.len()];
    let (mut dgain, mut dbias) = (vec![0.0; channels], vec![0.0; channels]);
    for picture in 0..sizes.pictures.count {
        for group in 0..sizes.groups {
            let members = members(sizes, picture, group);
            let count = members.len() as f64;
            let at = 2 * (picture * sizes.groups + group);
            let (mean, inverse) = (saved[at], saved[at + 1]);
            let n = |i: usize| (x[i] - mean) * inverse;
            let g = |i: usize| gain[i % channels] * dy[i];
            let mean_g = members.iter().map(|&i| g(i)).sum::<f64>() / count;
            let mean_gn = members.iter().map(|&i| g(i) * n(i)).sum::<f64>() / count;
            for &i in &members {
                dx[i] = inverse * (g(i) - mean_g - n(i) * mean_gn);
                dgain[i % channels] += dy[i] * n(i);
                dbias[i % channels] += dy[i];
            }
        }
    }
    for (input, gradient) in [dx, dgain, dbias].into_iter().enumerate() {
        if let Some(into) = io.gradient(input) {
            for (into, gradient) in into.iter_mut().zip(gradient) {
                *into += gradient;
            }
        }
    }
}
