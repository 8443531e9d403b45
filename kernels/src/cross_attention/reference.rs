//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{COORDINATES, CrossAttention, KEYS_VALUES, QUERIES};
use crate::shared::attention::Sizes;

/// One head of one pair of sequences.
#[derive(Clone, Copy)]
struct Head {
    sizes: Sizes,
    /// First row of the target sequence.
    target: usize,
    /// Number of its rows.
    queries: usize,
    /// First row of the source sequence.
    source: usize,
    /// Number of its rows.
    keys: usize,
    /// Number of the target sequence's sample.
    sample: u32,
    head: usize,
}

impl Head {
    /// Where column `c` of query `i` stands, and that of its result.
    fn q(self, i: usize, c: usize) -> usize {
        (self.target + i) * self.sizes.width + self.head * self.sizes.head_size + c
    }

    /// Where column `c` of key `j` stands.
    fn k(self, j: usize, c: usize) -> usize {
        (self.source + j) * 2 * self.sizes.width + self.head * self.sizes.head_size + c
    }

    /// Where column `c` of value `j` stands.
    fn v(self, j: usize, c: usize) -> usize {
        self.k(j, c) + self.sizes.width
    }

    /// Where the number of query `i` stands among those per row and head.
    fn per_row(self, i: usize) -> usize {
        (self.target + i) * self.sizes.heads + self.head
    }

    fn score(self, q: &[f64], kv: &[f64], i: usize, j: usize) -> f64 {
        let columns = 0..self.sizes.head_size;
        let product: f64 = columns.map(|c| q[self.q(i, c)] * kv[self.k(j, c)]).sum();
        product * self.sizes.scale()
    }

    /// M_ij.
    fn mask(self, operator: &CrossAttention, i: usize, j: usize) -> f64 {
        let Some(mask) = operator.mask() else {
            return 1.0;
        };
        let channel = (self.head as u32) << 20 | j as u32;
        if mask.stream.word(self.sample, i as u32, channel) < mask.threshold {
            0.0
        } else {
            f64::from(mask.keep_scale)
        }
    }
}

fn for_every_head(
    operator: &CrossAttention,
    sizes: Sizes,
    coordinates: &[u32],
    mut body: impl FnMut(Head),
) {
    let (mut target, mut source) = (0, 0);
    for (&queries, &keys) in operator.target.iter().zip(operator.source.iter()) {
        for head in 0..sizes.heads {
            body(Head {
                sizes,
                target,
                queries,
                source,
                keys,
                sample: coordinates[2 * target],
                head,
            });
        }
        target += queries;
        source += keys;
    }
}

pub(super) fn forward(operator: &CrossAttention, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let (q, kv, coordinates) = (io.real(QUERIES), io.real(KEYS_VALUES), io.ids(COORDINATES));
    let (o, lse) = (io.output(0), io.save(0));
    o.fill(0.0);
    for_every_head(operator, sizes, coordinates, |head| {
        for i in 0..head.queries {
            let scores: Vec<f64> = (0..head.keys).map(|j| head.score(q, kv, i, j)).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
            lse[head.per_row(i)] = largest + sum.ln();
            for (j, s) in scores.iter().enumerate() {
                let p = (s - largest).exp() / sum * head.mask(operator, i, j);
                for c in 0..sizes.head_size {
                    o[head.q(i, c)] += p * kv[head.v(j, c)];
                }
            }
        }
    });
}

pub(super) fn backward(operator: &CrossAttention, sizes: Sizes, io: &mut Backward<'_, f64>) {
    let (q, kv, coordinates) = (io.real(QUERIES), io.real(KEYS_VALUES), io.ids(COORDINATES));
    let (lse, d_o) = (io.saved(0), io.upstream());
    let (mut grad_q, mut grad_kv) = (io.gradient(QUERIES), io.gradient(KEYS_VALUES));
    for_every_head(operator, sizes, coordinates, |head| {
        for i in 0..head.queries {
            let score = |j| (head.score(q, kv, i, j) - lse[head.per_row(i)]).exp();
            let p: Vec<f64> = (0..head.keys).map(score).collect();
            let m: Vec<f64> = (0..head.keys).map(|j| head.mask(operator, i, j)).collect();
            let dp = |j: usize| -> f64 {
                let columns = 0..sizes.head_size;
                let product = columns.map(|c| d_o[head.q(i, c)] * kv[head.v(j, c)]);
                m[j] * product.sum::<f64>()
            };
            let dp: Vec<f64> = (0..head.keys).map(dp).collect();
            let d: f64 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
            for j in 0..head.keys {
                let ds = p[j] * (dp[j] - d) * sizes.scale();
                for c in 0..sizes.head_size {
                    if let Some(grad) = &mut grad_q {
                        grad[head.q(i, c)] += ds * kv[head.k(j, c)];
                    }
                    if let Some(grad) = &mut grad_kv {
                        grad[head.k(j, c)] += ds * q[head.q(i, c)];
                        grad[head.v(j, c)] += m[j] * p[j] * d_o[head.q(i, c)];
                    }
                }
            }
        }
    });
}
