//! The fast version: a task per chunk of pixels; what the chunks found is joined in order.

use limbeck_engine::{Backward, Forward, chunked, chunked_pair};

use super::{CHUNK, CHUNK_SUMS, GroupNorm, MEANS, PICTURE_SUMS, STATISTICS, Sizes};
use crate::shared::reduce::{add_column_sums, add_rows};
use crate::shared::vectorised;

/// The rows of each chunk: those of a picture are cut by themselves.
fn chunks(sizes: Sizes, numbers: &mut [f32]) -> Vec<&mut [f32]> {
    let picture = sizes.pictures.pixels() * sizes.channels;
    numbers
        .chunks_mut(picture)
        .flat_map(|numbers| numbers.chunks_mut(CHUNK * sizes.channels))
        .collect()
}

/// Picture of a chunk, its first element and the one behind its last.
fn bounds(sizes: Sizes, chunk: usize) -> (usize, std::ops::Range<usize>) {
    let picture = chunk / sizes.chunks();
    let first = chunk % sizes.chunks() * CHUNK;
    let end = (first + CHUNK).min(sizes.pictures.pixels());
    let row = picture * sizes.pictures.pixels();
    let rows = row + first..row + end;
    (
        picture,
        rows.start * sizes.channels..rows.end * sizes.channels,
    )
}

pub(super) fn forward(operator: &GroupNorm, sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (x, gain, bias) = (io.real(0), io.real(1), io.real(2));
    let (y, saved, statistics) = (io.output(0), io.save(0), io.scratch(STATISTICS));
    chunked(statistics, 2 * sizes.groups, x.len(), |chunk, found| {
        let (_, range) = bounds(sizes, chunk);
        measure(&x[range], sizes.channels, found);
    });
    for (i, saved) in saved.chunks_exact_mut(2).enumerate() {
        let (mean, squares) = join(sizes, statistics, i / sizes.groups, i % sizes.groups);
        saved[0] = mean;
        saved[1] = 1.0 / (squares / sizes.numbers() as f32 + operator.epsilon).sqrt();
    }
    chunked(&mut chunks(sizes, y), 1, x.len(), |chunk, y| {
        let (picture, range) = bounds(sizes, chunk);
        let saved = of_picture(saved, 2 * sizes.groups, picture);
        let [mean, inverse] = by_channel(saved, sizes.width());
        let scale: Vec<f32> = inverse.iter().zip(gain).map(|(i, g)| i * g).collect();
        normalise(y[0], &x[range], &mean, &scale, bias);
    });
}

fn of_picture(numbers: &[f32], each: usize, picture: usize) -> &[f32] {
    &numbers[picture * each..(picture + 1) * each]
}

/// Pairs of groups as two numbers for every channel.
fn by_channel(pairs: &[f32], width: usize) -> [Vec<f32>; 2] {
    [0, 1].map(|which| {
        let groups = pairs.chunks_exact(2);
        groups
            .flat_map(|pair| std::iter::repeat_n(pair[which], width))
            .collect()
    })
}

/// Mean and sum of squared distances of a group in one picture, its chunks joined in order.
fn join(sizes: Sizes, statistics: &[f32], picture: usize, group: usize) -> (f32, f32) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for chunk in picture * sizes.chunks()..(picture + 1) * sizes.chunks() {
        let (_, range) = bounds(sizes, chunk);
        let found = &statistics[2 * (chunk * sizes.groups + group)..][..2];
        let more = (range.len() / sizes.groups) as f32;
        let share = more / (count + more);
        let apart = found[0] - mean;
        mean += apart * share;
        squares += found[1] + apart * apart * (count * share);
        count += more;
    }
    (mean, squares)
}

vectorised! {
    /// Mean and sum of squared distances of each group of a chunk.
    fn measure(x: &[f32], channels: usize, found: &mut [f32]) {
        let groups = found.len() / 2;
        let width = channels / groups;
        let count = (x.len() / groups) as f32;
        // Distances from a number of the group, which are small where the numbers are far from zero.
        let firsts = (0..channels).map(|c| x[c / width * width]);
        let mut means: Vec<f32> = firsts.collect();
        let mut sums = vec![0.0f32; channels];
        for row in x.chunks_exact(channels) {
            for ((sum, x), first) in sums.iter_mut().zip(row).zip(&means) {
                *sum += x - first;
            }
        }
        let groups = means.chunks_exact_mut(width).zip(sums.chunks_exact(width));
        for (found, (means, sums)) in found.chunks_exact_mut(2).zip(groups) {
            found[0] = means[0] + sums.iter().sum::<f32>() / count;
            means.fill(found[0]);
        }
        sums.fill(0.0);
        for row in x.chunks_exact(channels) {
            for ((sum, x), mean) in sums.iter_mut().zip(row).zip(&means) {
                *sum += (x - mean) * (x - mean);
            }
        }
        for (found, sums) in found.chunks_exact_mut(2).zip(sums.chunks_exact(width)) {
            found[1] = sums.iter().sum();
        }
    }
}

vectorised! {
    /// `y = (x - mean) scale + bias`, all by channel.
    fn normalise(y: &mut [f32], x: &[f32], mean: &[f32], scale: &[f32], bias: &[f32]) {
        let channels = mean.len();
        let (scale, bias) = (&scale[..channels], &bias[..channels]);
        for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            for c in 0..channels {
                y[c] = (x[c] - mean[c]) * scale[c] + bias[c];
            }
        }
    }
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f32>) {
    let (x, gain, saved, dy) = (io.real(0), io.real(1), io.saved(0), io.upstream());
    let (channels, groups) = (sizes.channels, sizes.groups);
    let [dy_chunks, dyn_chunks] = CHUNK_SUMS.map(|i| io.scratch(i));
    let [dy_sums, dyn_sums] = PICTURE_SUMS.map(|i| io.scratch(i));
    let means = io.scratch(MEANS);
    let sums = (&mut *dy_chunks, &mut *dyn_chunks);
    chunked_pair(sums, channels, x.len(), |chunk, dy_sums, dyn_sums| {
        let (picture, range) = bounds(sizes, chunk);
        let saved = of_picture(saved, 2 * groups, picture);
        let [mean, inverse] = by_channel(saved, sizes.width());
        sum_up(
            dy_sums,
            dyn_sums,
            &x[range.clone()],
            &dy[range],
            &mean,
            &inverse,
        );
    });
    for (chunks, sums) in [(&*dy_chunks, &mut *dy_sums), (&*dyn_chunks, &mut *dyn_sums)] {
        let pictures = chunks.chunks_exact(sizes.chunks() * channels);
        for (chunks, sums) in pictures.zip(sums.chunks_exact_mut(channels)) {
            sums.fill(0.0);
            add_rows(sums, chunks);
        }
    }
    for (i, means) in means.chunks_exact_mut(2).enumerate() {
        let (picture, first) = (i / groups, i % groups * sizes.width());
        for (mean, sums) in means.iter_mut().zip([&*dy_sums, &*dyn_sums]) {
            let sums = &of_picture(sums, channels, picture)[first..first + sizes.width()];
            let g = sums
                .iter()
                .zip(&gain[first..])
                .map(|(sum, gain)| sum * gain);
            *mean = g.sum::<f32>() / sizes.numbers() as f32;
        }
    }
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        chunked(&mut chunks(sizes, dx), 1, x.len(), |chunk, dx| {
            let (picture, range) = bounds(sizes, chunk);
            let [of_groups, means] =
                [saved, &*means].map(|pairs| of_picture(pairs, 2 * groups, picture));
            let [mean, inverse] = by_channel(of_groups, sizes.width());
            let [mean_g, mean_gn] = by_channel(means, sizes.width());
            if !accumulate {
                dx[0].fill(0.0);
            }
            let (x, dy) = (&x[range.clone()], &dy[range]);
            add_gradient(dx[0], x, dy, gain, &mean, &inverse, &mean_g, &mean_gn);
        });
    }
    for (input, sums) in [(1, &*dyn_sums), (2, &*dy_sums)] {
        if let Some(into) = io.gradient(input) {
            add_column_sums(into, sums);
        }
    }
}

vectorised! {
    /// Σ dy and Σ dy n by channel over the pixels of a chunk.
    fn sum_up(
        dy_sums: &mut [f32], dyn_sums: &mut [f32], x: &[f32], dy: &[f32], mean: &[f32],
        inverse: &[f32],
    ) {
        let channels = mean.len();
        let (dy_sums, dyn_sums) = (&mut dy_sums[..channels], &mut dyn_sums[..channels]);
        let inverse = &inverse[..channels];
        dy_sums.fill(0.0);
        dyn_sums.fill(0.0);
        for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
            for c in 0..channels {
                dy_sums[c] += dy[c];
                dyn_sums[c] += dy[c] * ((x[c] - mean[c]) * inverse[c]);
            }
        }
    }
}

vectorised! {
    /// `dx += (g - mean(g) - n mean(g n)) / √(σ² + ε)` over the pixels of a chunk.
    fn add_gradient(
        dx: &mut [f32], x: &[f32], dy: &[f32], gain: &[f32], mean: &[f32], inverse: &[f32],
        mean_g: &[f32], mean_gn: &[f32],
    ) {
        let channels = mean.len();
        let (gain, inverse) = (&gain[..channels], &inverse[..channels]);
        let (mean_g, mean_gn) = (&mean_g[..channels], &mean_gn[..channels]);
        let rows = x.chunks_exact(channels).zip(dy.chunks_exact(channels));
        for (dx, (x, dy)) in dx.chunks_exact_mut(channels).zip(rows) {
            for c in 0..channels {
                let n = (x[c] - mean[c]) * inverse[c];
                dx[c] += inverse[c] * (gain[c] * dy[c] - mean_g[c] - n * mean_gn[c]);
            }
        }
    }
}
