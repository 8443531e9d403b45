//! The fast version: sequences in parallel, a row of tags at once; what each task adds to the
//! gradient of the transitions is kept apart, and joined in order.

use std::ops::Range;

use limbeck_engine::{Backward, Forward, chunked};

use super::{EMISSIONS, OFFSETS, TAGS, TRANSITIONS};
use crate::shared::log_softmax::Shift;
use crate::shared::reduce::{add_rows, max, sum};
use crate::shared::sequences::{Sizes, split_rows};
use crate::shared::{math, vectorised};

/// Tasks of the backward pass.
pub(super) fn tasks(sizes: Sizes) -> usize {
    sizes.sequences.div_ceil(sizes.sequences_per_task())
}

/// Elements touched: every row meets every pair of tags.
fn work(sizes: Sizes) -> usize {
    sizes.rows * sizes.columns * sizes.columns
}

/// What a sequence writes.
struct Results<'a> {
    /// r of the formula, a row of largest terms and one of logarithms for each row.
    reached: &'a mut [f32],
    /// f of the formula.
    filtered: &'a mut [f32],
    loss: &'a mut f32,
}

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f32>) {
    let (emissions, transitions) = (io.real(EMISSIONS), io.real(TRANSITIONS));
    let (offsets, tags, k) = (io.ids(OFFSETS), io.ids(TAGS), sizes.columns);
    let reached = split_rows(io.save(0), offsets, 2 * k);
    let filtered = split_rows(io.save(1), offsets, k);
    let both = reached.into_iter().zip(filtered);
    let mut sequences: Vec<Results<'_>> = both
        .zip(io.output(0))
        .map(|((reached, filtered), loss)| Results {
            reached,
            filtered,
            loss,
        })
        .collect();
    let per_task = sizes.sequences_per_task();
    chunked(&mut sequences, per_task, work(sizes), |task, block| {
        for (s, results) in (task * per_task..).zip(block) {
            let rows = offsets[s] as usize..offsets[s + 1] as usize;
            let emissions = &emissions[rows.start * k..rows.end * k];
            filter(results, k, emissions, transitions);
            *results.loss = loss(results, &tags[rows], transitions);
        }
    });
}

/// r and f of every row.
fn filter(results: &mut Results<'_>, k: usize, emissions: &[f32], transitions: &[f32]) {
    for (t, emissions) in emissions.chunks_exact(k).enumerate() {
        let reached = &mut results.reached[t * 2 * k..(t + 1) * 2 * k];
        let (largest, ln_sums) = reached.split_at_mut(k);
        let (before, filtered) = results.filtered[..(t + 1) * k].split_at_mut(t * k);
        if t == 0 {
            largest.copy_from_slice(&transitions[k * k..(k + 1) * k]);
            ln_sums.fill(0.0);
        } else {
            arrive(largest, ln_sums, &before[(t - 1) * k..], transitions);
        }
        for (f, (r, e)) in filtered.iter_mut().zip(largest.iter().zip(emissions)) {
            *f = r + e;
        }
        let shift = max(filtered);
        for (f, ln_sum) in filtered.iter_mut().zip(ln_sums.iter()) {
            *f = (*f - shift) + ln_sum;
        }
    }
}

/// The surprise of the last tag, and of every other given the next.
fn loss(results: &Results<'_>, tags: &[u32], transitions: &[f32]) -> f32 {
    let k = results.filtered.len() / tags.len();
    let mut total = 0.0;
    for t in 1..tags.len() {
        let [a, b] = [tags[t - 1], tags[t]].map(|tag| tag as usize);
        let step = results.filtered[(t - 1) * k + a] + transitions[a * k + b];
        let (largest, ln_sums) = results.reached[t * 2 * k..].split_at(k);
        total += (largest[b] - step) + ln_sums[b];
    }
    let last = tags.len() - 1;
    let scores = ends(&results.filtered[last * k..], transitions);
    total - Shift::of(&scores, 1.0).ln_p(scores[tags[last] as usize], 1.0)
}

/// The scores of the tags of the last row.
fn ends(filtered: &[f32], transitions: &[f32]) -> Vec<f32> {
    let k = filtered.len();
    let end = &transitions[(k + 1) * k..];
    filtered.iter().zip(end).map(|(f, end)| f + end).collect()
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f32>) {
    let k = sizes.columns;
    let (offsets, partials) = (io.ids(OFFSETS), io.scratch(0));
    let shared = Shared {
        tags_count: k,
        transitions: io.real(TRANSITIONS),
        reached: io.saved(0),
        filtered: io.saved(1),
        tags: io.ids(TAGS),
    };
    let (g, per_task) = (io.upstream(), sizes.sequences_per_task());
    let mut sequences: Vec<Option<(&mut [f32], bool)>> = match io.gradient_slot(EMISSIONS) {
        None => (0..sizes.sequences).map(|_| None).collect(),
        Some((de, accumulate)) => {
            let split = split_rows(de, offsets, k).into_iter();
            split.map(|de| Some((de, accumulate))).collect()
        }
    };
    let blocks = sequences.chunks_mut(per_task);
    let mut tasks: Vec<_> = blocks.zip(partials.chunks_exact_mut((k + 2) * k)).collect();
    chunked(&mut tasks, 1, work(sizes), |task, parts| {
        let (sequences, partial) = &mut parts[0];
        partial.fill(0.0);
        for (s, de) in (task * per_task..).zip(sequences.iter_mut()) {
            let rows = offsets[s] as usize..offsets[s + 1] as usize;
            smooth(&shared, rows, g[s], de, partial);
        }
    });
    if let Some(dt) = io.gradient(TRANSITIONS) {
        add_rows(dt, partials);
    }
}

/// What all sequences read.
struct Shared<'a> {
    tags_count: usize,
    transitions: &'a [f32],
    reached: &'a [f32],
    filtered: &'a [f32],
    tags: &'a [u32],
}

/// The gradients of one sequence, from its last row to its first.
fn smooth(
    shared: &Shared<'_>,
    rows: Range<usize>,
    g: f32,
    de: &mut Option<(&mut [f32], bool)>,
    partial: &mut [f32],
) {
    let (k, tags) = (shared.tags_count, &shared.tags[rows.clone()]);
    let filtered = &shared.filtered[rows.start * k..rows.end * k];
    let reached = &shared.reached[rows.start * 2 * k..rows.end * 2 * k];
    let mut p = ends(&filtered[(tags.len() - 1) * k..], shared.transitions);
    let shift = Shift::of(&p, 1.0);
    p.iter_mut()
        .for_each(|p| *p = math::exp(shift.ln_p(*p, 1.0)));
    add_expectation(&mut partial[(k + 1) * k..], &p, tags[tags.len() - 1], g);
    let (mut previous, mut pairs) = (vec![0.0; k], vec![0.0; k]);
    for t in (0..tags.len()).rev() {
        if let Some((de, accumulate)) = de {
            let de = &mut de[t * k..(t + 1) * k];
            if !*accumulate {
                de.fill(0.0);
            }
            add_expectation(de, &p, tags[t], g);
        }
        if t == 0 {
            break;
        }
        let (f, r) = (
            &filtered[(t - 1) * k..t * k],
            &reached[t * 2 * k..(t + 1) * 2 * k],
        );
        retreat(
            &mut previous,
            &p,
            f,
            r,
            shared.transitions,
            &mut pairs,
            g,
            partial,
        );
        partial[tags[t - 1] as usize * k + tags[t] as usize] -= g;
        std::mem::swap(&mut p, &mut previous);
    }
    add_expectation(&mut partial[k * k..(k + 1) * k], &p, tags[0], g);
}

/// `into += g (p - 1[tag])`.
fn add_expectation(into: &mut [f32], p: &[f32], tag: u32, g: f32) {
    for (into, p) in into.iter_mut().zip(p) {
        *into += g * p;
    }
    into[tag as usize] -= g;
}

vectorised! {
    /// The largest of `from[a] + T[a][b]` over a, and the logarithm of the sum of all exponentials
    /// less it.
    fn arrive(largest: &mut [f32], ln_sums: &mut [f32], from: &[f32], transitions: &[f32]) {
        let k = largest.len();
        let sums = &mut ln_sums[..k];
        largest.fill(f32::NEG_INFINITY);
        for (&from, steps) in from.iter().zip(transitions.chunks_exact(k)) {
            for (largest, step) in largest.iter_mut().zip(steps) {
                let score = from + step;
                *largest = if score > *largest { score } else { *largest };
            }
        }
        sums.fill(0.0);
        for (&from, steps) in from.iter().zip(transitions.chunks_exact(k)) {
            for ((sum, &largest), step) in sums.iter_mut().zip(largest.iter()).zip(steps) {
                *sum += math::exp(from + step - largest);
            }
        }
        for sum in sums {
            *sum = math::ln(*sum);
        }
    }
}

vectorised! {
    /// The marginals of a row from those `p` of the next one; `partial += g ξ`.
    fn retreat(
        previous: &mut [f32], p: &[f32], from: &[f32], reached: &[f32], transitions: &[f32],
        pairs: &mut [f32], g: f32, partial: &mut [f32],
    ) {
        let k = p.len();
        let (largest, ln_sums) = reached.split_at(k);
        let (ln_sums, pairs) = (&ln_sums[..k], &mut pairs[..k]);
        let rows = transitions.chunks_exact(k).zip(partial.chunks_exact_mut(k));
        for ((previous, &from), (steps, partial)) in previous.iter_mut().zip(from).zip(rows) {
            for b in 0..k {
                pairs[b] = p[b] * math::exp(from + steps[b] - largest[b] - ln_sums[b]);
                partial[b] += g * pairs[b];
            }
            *previous = sum(pairs);
        }
    }
}
