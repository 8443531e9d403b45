//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::Attention;
use crate::shared::attention::Sizes;

/// One head of one sequence.
#[derive(Clone, Copy)]
struct Head {
    sizes: Sizes,
    /// First row of the sequence.
    start: usize,
    length: usize,
    /// Number of the sequence's sample.
    sample: u32,
    head: usize,
}

/// Which third of the input.
const Q: usize = 0;
const K: usize = 1;
const V: usize = 2;

impl Head {
    /// Where column `c` of row `i` of q, k or v stands in the input.
    fn at(self, part: usize, i: usize, c: usize) -> usize {
        let Sizes {
            width, head_size, ..
        } = self.sizes;
        (self.start + i) * 3 * width + part * width + self.head * head_size + c
    }

    /// Where column `c` of row `i` stands in the output.
    fn out(self, i: usize, c: usize) -> usize {
        (self.start + i) * self.sizes.width + self.head * self.sizes.head_size + c
    }

    /// Where the number of row `i` stands among those per row and head.
    fn per_row(self, i: usize) -> usize {
        (self.start + i) * self.sizes.heads + self.head
    }

    fn score(self, qkv: &[f64], i: usize, j: usize) -> f64 {
        let columns = 0..self.sizes.head_size;
        let product: f64 = columns
            .map(|c| qkv[self.at(Q, i, c)] * qkv[self.at(K, j, c)])
            .sum();
        product * self.sizes.scale()
    }

    /// How many keys row `i` sees.
    fn seen(self, operator: &Attention, i: usize) -> usize {
        if operator.causal { i + 1 } else { self.length }
    }

    /// M_ij.
    fn mask(self, operator: &Attention, i: usize, j: usize) -> f64 {
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
    operator: &Attention,
    sizes: Sizes,
    coordinates: &[u32],
    mut body: impl FnMut(Head),
) {
    let mut start = 0;
    for &length in operator.lengths.iter() {
        for head in 0..sizes.heads {
            body(Head {
                sizes,
                start,
                length,
                sample: coordinates[2 * start],
                head,
            });
        }
        start += length;
    }
}

pub(super) fn forward(operator: &Attention, sizes: Sizes, io: &mut Forward<'_, f64>) {
    let (qkv, coordinates, o, lse) = (io.real(0), io.ids(2), io.output(0), io.save(0));
    o.fill(0.0);
    for_every_head(operator, sizes, coordinates, |head| {
        for i in 0..head.length {
            let seen = 0..head.seen(operator, i);
            let scores: Vec<f64> = seen.map(|j| head.score(qkv, i, j)).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
            lse[head.per_row(i)] = largest + sum.ln();
            for (j, s) in scores.iter().enumerate() {
                let p = (s - largest).exp() / sum * head.mask(operator, i, j);
                for c in 0..sizes.head_size {
                    o[head.out(i, c)] += p * qkv[head.at(V, j, c)];
                }
            }
        }
    });
}

pub(super) fn backward(operator: &Attention, sizes: Sizes, io: &mut Backward<'_, f64>) {
    let (qkv, coordinates, lse, d_o) = (io.real(0), io.ids(2), io.saved(0), io.upstream());
    let Some(grad) = io.gradient(0) else {
        return;
    };
    for_every_head(operator, sizes, coordinates, |head| {
        for i in 0..head.length {
            let seen = head.seen(operator, i);
            let mut p = vec![0.0; seen];
            let mut dp = vec![0.0; seen];
            for j in 0..seen {
                let m = head.mask(operator, i, j);
                p[j] = (head.score(qkv, i, j) - lse[head.per_row(i)]).exp();
                for c in 0..sizes.head_size {
                    dp[j] += m * d_o[head.out(i, c)] * qkv[head.at(V, j, c)];
                    grad[head.at(V, j, c)] += m * p[j] * d_o[head.out(i, c)];
                }
            }
            let d: f64 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
            for j in 0..seen {
                let ds = p[j] * (dp[j] - d) * sizes.scale();
                for c in 0..sizes.head_size {
                    grad[head.at(Q, i, c)] += ds * qkv[head.at(K, j, c)];
                    grad[head.at(K, j, c)] += ds * qkv[head.at(Q, i, c)];
                }
            }
        }
    });
}
