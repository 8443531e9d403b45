//! The definition, in f64: sums over all paths by the forward and the backward recursion.

use limbeck_engine::{Backward, Forward};

use super::{EMISSIONS, OFFSETS, TAGS, TRANSITIONS};
use crate::shared::sequences::Sizes;

fn ln_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
}

/// One sequence: emissions `[n, tags]`, transitions `[tags + 2, tags]`.
pub(super) struct Chain<'a> {
    pub(super) emissions: &'a [f64],
    pub(super) transitions: &'a [f64],
    pub(super) tags: usize,
}

impl Chain<'_> {
    fn length(&self) -> usize {
        self.emissions.len() / self.tags
    }

    pub(super) fn emission(&self, t: usize, tag: usize) -> f64 {
        self.emissions[t * self.tags + tag]
    }

    pub(super) fn step(&self, from: usize, to: usize) -> f64 {
        self.transitions[from * self.tags + to]
    }

    pub(super) fn begin(&self, tag: usize) -> f64 {
        self.step(self.tags, tag)
    }

    pub(super) fn end(&self, tag: usize) -> f64 {
        self.step(self.tags + 1, tag)
    }

    /// ln of the sum over all paths up to (t, tag), its emission included.
    fn alpha(&self) -> Vec<f64> {
        let (k, mut alpha) = (self.tags, vec![0.0; self.emissions.len()]);
        for t in 0..self.length() {
            for b in 0..k {
                let paths = match t {
                    0 => self.begin(b),
                    _ => ln_sum_exp((0..k).map(|a| alpha[(t - 1) * k + a] + self.step(a, b))),
                };
                alpha[t * k + b] = paths + self.emission(t, b);
            }
        }
        alpha
    }

    /// ln of the sum over all paths behind (t, tag), its emission left out.
    fn beta(&self) -> Vec<f64> {
        let (k, mut beta) = (self.tags, vec![0.0; self.emissions.len()]);
        for t in (0..self.length()).rev() {
            for a in 0..k {
                beta[t * k + a] = if t + 1 == self.length() {
                    self.end(a)
                } else {
                    let next = |b| self.step(a, b) + self.emission(t + 1, b);
                    ln_sum_exp((0..k).map(|b| next(b) + beta[(t + 1) * k + b]))
                };
            }
        }
        beta
    }

    fn ln_z(&self, beta: &[f64]) -> f64 {
        ln_sum_exp((0..self.tags).map(|b| self.begin(b) + self.emission(0, b) + beta[b]))
    }

    fn score(&self, path: &[u32]) -> f64 {
        let path: Vec<usize> = path.iter().map(|&tag| tag as usize).collect();
        let emissions = path
            .iter()
            .enumerate()
            .map(|(t, &tag)| self.emission(t, tag));
        let steps = path.windows(2).map(|pair| self.step(pair[0], pair[1]));
        let ends = self.begin(path[0]) + self.end(path[path.len() - 1]);
        emissions.sum::<f64>() + steps.sum::<f64>() + ends
    }

    /// The probability of each tag in each place, `[n, tags]`.
    pub(super) fn marginals(&self) -> Vec<f64> {
        let (alpha, beta) = (self.alpha(), self.beta());
        let both = || alpha.iter().zip(&beta).map(|(alpha, beta)| alpha + beta);
        // Every place has the same sum but for rounding; its own makes the row sum to one.
        let sums =
            (0..self.length()).map(|t| ln_sum_exp(both().skip(t * self.tags).take(self.tags)));
        let sums = sums.flat_map(|sum| std::iter::repeat_n(sum, self.tags));
        both()
            .zip(sums)
            .map(|(ln_p, sum)| (ln_p - sum).exp())
            .collect()
    }
}

/// Calls `body` with the number, the first row and the chain of every sequence.
fn for_each_chain(
    sizes: Sizes,
    (emissions, transitions): (&[f64], &[f64]),
    offsets: &[u32],
    mut body: impl FnMut(usize, usize, &Chain<'_>),
) {
    let tags = sizes.columns;
    for (s, rows) in offsets.windows(2).enumerate() {
        let (first, end) = (rows[0] as usize, rows[1] as usize);
        let chain = Chain {
            emissions: &emissions[first * tags..end * tags],
            transitions,
            tags,
        };
        body(s, first, &chain);
    }
}

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f64>) {
    let scores = (io.real(EMISSIONS), io.real(TRANSITIONS));
    let (tags, loss) = (io.ids(TAGS), io.output(0));
    for_each_chain(sizes, scores, io.ids(OFFSETS), |s, first, chain| {
        let path = &tags[first..first + chain.length()];
        loss[s] = chain.ln_z(&chain.beta()) - chain.score(path);
    });
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f64>) {
    let scores = (io.real(EMISSIONS), io.real(TRANSITIONS));
    let (k, tags, g) = (sizes.columns, io.ids(TAGS), io.upstream());
    let is = |row: usize, tag: usize| if tags[row] as usize == tag { 1.0 } else { 0.0 };
    let offsets = io.ids(OFFSETS);
    if let Some(de) = io.gradient(EMISSIONS) {
        for_each_chain(sizes, scores, offsets, |s, first, chain| {
            for (i, p) in chain.marginals().into_iter().enumerate() {
                de[first * k + i] += g[s] * (p - is(first + i / k, i % k));
            }
        });
    }
    if let Some(dt) = io.gradient(TRANSITIONS) {
        for_each_chain(sizes, scores, offsets, |s, first, chain| {
            let (n, p) = (chain.length(), chain.marginals());
            let (alpha, beta) = (chain.alpha(), chain.beta());
            let ln_z = chain.ln_z(&beta);
            for a in 0..k {
                dt[k * k + a] += g[s] * (p[a] - is(first, a));
                dt[(k + 1) * k + a] += g[s] * (p[(n - 1) * k + a] - is(first + n - 1, a));
                for (t, b) in (1..n).flat_map(|t| (0..k).map(move |b| (t, b))) {
                    let behind = chain.emission(t, b) + beta[t * k + b];
                    let pair = alpha[(t - 1) * k + a] + chain.step(a, b) + behind - ln_z;
                    let truth = is(first + t - 1, a) * is(first + t, b);
                    dt[a * k + b] += g[s] * (pair.exp() - truth);
                }
            }
        });
    }
}
