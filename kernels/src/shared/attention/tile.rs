//! The elementwise work on a tile of scores: softmax, mask, and their derivatives.

use super::Mask;
use crate::shared::philox::{CHANNELS, words};
use crate::shared::{math, reduce, vectorised};

/// Queries and keys of a tile: as many as random words are drawn at once.
pub(super) const TILE: usize = CHANNELS;

/// One row of the online softmax.
#[derive(Clone, Copy)]
pub(super) struct Running {
    /// The largest score so far.
    pub(super) largest: f32,
    /// Sum of exp(score - largest).
    pub(super) sum: f32,
    /// What sums relative to the former largest score must be multiplied by.
    pub(super) factor: f32,
}

impl Running {
    pub(super) const EMPTY: Running = Running {
        largest: f32::NEG_INFINITY,
        sum: 0.0,
        factor: 0.0,
    };
}

/// Where a tile of one head lies: what its masks are drawn at.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) mask: Option<Mask>,
    pub(super) sample: u32,
    pub(super) head: usize,
    /// Position of the first query; rows of the tile are queries.
    pub(super) first_query: usize,
    /// Position of the first key, a multiple of [`TILE`].
    pub(super) first_key: usize,
}

impl Place {
    /// The row of M for query `row` of the tile.
    #[inline(always)]
    fn mask_row(&self, row: usize, into: &mut [f32; TILE]) {
        let Some(mask) = self.mask else {
            return into.fill(1.0);
        };
        let position = (self.first_query + row) as u32;
        let block = (self.head << 20 | self.first_key) / TILE;
        let words = words(mask.stream, self.sample, position, block);
        for (m, word) in into.iter_mut().zip(words) {
            *m = if word < mask.threshold {
                0.0
            } else {
                mask.keep_scale
            };
        }
    }
}

/// In a tile of one block's queries and its own keys: no query sees a later key.
pub(super) fn hide_later(scores: &mut [f32], columns: usize) {
    for (row, scores) in scores.chunks_exact_mut(columns).enumerate() {
        // The exponential of minus infinity is 0.
        scores[row + 1..].fill(f32::NEG_INFINITY);
    }
}

vectorised! {
    /// Scores become exp(score - largest so far); `rows` is brought up to date.
    pub(super) fn online_softmax(scores: &mut [f32], columns: usize, rows: &mut [Running]) {
        for (scores, row) in scores.chunks_exact_mut(columns).zip(rows) {
            let found = reduce::max(scores);
            // Once NaN, for ever NaN.
            let keep = row.largest > found || row.largest.is_nan();
            let largest = if keep { row.largest } else { found };
            for s in scores.iter_mut() {
                *s = math::exp(*s - largest);
            }
            row.factor = math::exp(row.largest - largest);
            row.sum = row.sum * row.factor + reduce::sum(scores);
            row.largest = largest;
        }
    }
}

vectorised! {
    /// P becomes M ∘ P.
    pub(super) fn apply_mask(p: &mut [f32], columns: usize, place: &Place) {
        let mut mask = [0.0; TILE];
        for (row, p) in p.chunks_exact_mut(columns).enumerate() {
            place.mask_row(row, &mut mask);
            p.iter_mut().zip(&mask).for_each(|(p, m)| *p *= m);
        }
    }
}

vectorised! {
    /// Each row of a block of head columns, multiplied by its factor.
    pub(super) fn rescale(o: &mut [f32], stride: usize, columns: usize, rows: &[Running]) {
        for (o, row) in o.chunks_mut(stride).zip(rows) {
            o[..columns].iter_mut().for_each(|o| *o *= row.factor);
        }
    }
}

/// lse and D of the queries of a tile.
#[derive(Clone, Copy)]
pub(super) struct PerQuery<'a> {
    /// From the first query and head on.
    pub(super) lse: &'a [f32],
    /// As `lse`.
    pub(super) d: &'a [f32],
    /// Number of heads: what lies between two queries.
    pub(super) stride: usize,
}

vectorised! {
    /// `scores` (S) becomes M ∘ P, and `dp` (do vᵀ) becomes dS / √s.
    pub(super) fn differentiate(
        scores: &mut [f32],
        dp: &mut [f32],
        columns: usize,
        scale: f32,
        per_query: PerQuery<'_>,
        place: &Place,
    ) {
        let mut mask = [0.0; TILE];
        let rows = scores.chunks_exact_mut(columns).zip(dp.chunks_exact_mut(columns));
        for (row, (scores, dp)) in rows.enumerate() {
            place.mask_row(row, &mut mask);
            let lse = per_query.lse[row * per_query.stride];
            let d = per_query.d[row * per_query.stride];
            for ((s, dp), m) in scores.iter_mut().zip(dp).zip(&mask) {
                let p = math::exp(*s - lse);
                *s = p * m;
                *dp = p * (*dp * m - d) * scale;
            }
        }
    }
}

vectorised! {
    /// D of some rows: per head the inner product of the gradient and the result.
    pub(super) fn row_products(dy: &[f32], y: &[f32], head_size: usize, into: &mut [f32]) {
        let heads = dy.chunks_exact(head_size).zip(y.chunks_exact(head_size));
        for (d, (dy, y)) in into.iter_mut().zip(heads) {
            *d = reduce::dot(dy, y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limbeck_engine::Stream;

    #[test]
    fn masks_are_drawn_at_their_coordinates() {
        let stream = Stream::new(1, "attention", 2);
        let place = Place {
            mask: Some(Mask {
                stream,
                threshold: 1 << 31,
                keep_scale: 2.0,
            }),
            sample: 9,
            head: 3,
            first_query: 5,
            first_key: 128,
        };
        let mut row = [0.0; TILE];
        place.mask_row(2, &mut row);
        for (key, m) in (128..).zip(row) {
            let word = stream.word(9, 7, 3 << 20 | key);
            assert_eq!(m, if word < 1 << 31 { 0.0 } else { 2.0 });
        }
    }
}
