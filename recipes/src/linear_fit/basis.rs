//! Fewer and better-scaled features for the same linear model.
//!
//! A penalised linear model with one row U_f of weights per n-gram f,
//!
//! ```text
//! z_i = Σ_f x_if U_f + b          minimise ½ ‖U‖² + ½ ‖b‖² + C Σ_i l_i(z_i)
//! ```
//!
//! is fitted in other variables V_r, whose optimum is the same:
//!
//! - N-grams of no labelled text have U_f = 0 and are left out.
//! - The n-grams of one text i alone, most of all, have U_f = x_if / h_i · u_i with a common row
//!   u_i, where h_i² = Σ x_if² over them: their gradients are multiples of x_if. One row with the
//!   feature h_i stands for them all, and ‖u_i‖² is the sum of their ‖U_f‖². So no step walks over
//!   n-grams that cannot tell two texts apart.
//! - Each row is scaled, u_r = s_r V_r, so that the curvature is about the same along all of them
//!   (Jacobi's preconditioner): s_r² = D_b / D_r with D_r = 1/(C n) + κ/n Σ_i x_ir², the diagonal of
//!   the mean loss's second derivative where κ bounds that of l. For the bias, the constant feature
//!   1, s_b = 1. The penalty of a row is then ½ s_r² ‖V_r‖².

use limbeck_engine::Fingerprint;
use limbeck_models::SparseText;

/// Where an n-gram that only one text has, or none, stands.
const ABSENT: u32 = u32::MAX;

/// The rows V_r and how n-grams map to them.
pub(super) struct Basis {
    /// Per n-gram: its row, and what its weight is multiplied by; `ABSENT` for those left out.
    places: Vec<(u32, f32)>,
    /// s_r² of every row, the bias last.
    penalties: Vec<f32>,
    vocabulary: Fingerprint,
}

/// What is counted of an n-gram.
#[derive(Clone, Copy, Default)]
struct Seen {
    texts: u32,
    /// The last text it was in.
    text: u32,
    /// Its weight there.
    weight: f64,
    squares: f64,
}

impl Basis {
    /// For a model of these texts with `size` n-grams, with C about `c` and second derivatives of
    /// the loss of at most `curvature`.
    pub(super) fn new(texts: &[&SparseText], size: usize, c: f64, curvature: f64) -> Self {
        let mut seen = vec![Seen::default(); size];
        for (number, text) in (0..).zip(texts) {
            for (&ngram, &weight) in text.indices.iter().zip(&text.weights) {
                let (seen, weight) = (&mut seen[ngram as usize], f64::from(weight));
                seen.texts += 1;
                (seen.text, seen.weight) = (number, weight);
                seen.squares += weight * weight;
            }
        }
        let mut own = vec![0.0; texts.len()];
        for seen in seen.iter().filter(|seen| seen.texts == 1) {
            own[seen.text as usize] += seen.squares;
        }
        let shared = seen.iter().filter(|seen| seen.texts > 1);
        let squares: Vec<f64> = shared.map(|seen| seen.squares).collect();
        let of_texts = own.iter().copied().filter(|&squares| squares > 0.0);
        let n = texts.len().max(1) as f64;
        let diagonal = |squares: f64| 1.0 / (c * n) + curvature * squares / n;
        let penalty = |squares: f64| diagonal(n) / diagonal(squares);
        let all = squares.iter().copied().chain(of_texts).chain([n]);
        let penalties: Vec<f64> = all.map(penalty).collect();
        Basis {
            places: places(&seen, &own, squares.len() as u32, &penalties),
            penalties: penalties.iter().map(|&penalty| penalty as f32).collect(),
            vocabulary: texts.first().map_or(Fingerprint(0), |text| {
                // A text of the whole vocabulary is never taken for one of these rows.
                Fingerprint(!text.vocabulary.0)
            }),
        }
    }

    /// Number of rows, without the bias.
    pub(super) fn size(&self) -> usize {
        self.penalties.len() - 1
    }

    /// What the rows are numbered by.
    pub(super) fn vocabulary(&self) -> Fingerprint {
        self.vocabulary
    }

    /// s_r² of every row, the bias last.
    pub(super) fn penalties(&self) -> &[f32] {
        &self.penalties
    }

    /// A text in this basis.
    pub(super) fn text(&self, text: &SparseText) -> SparseText {
        let place = |(&ngram, &weight): (&u32, &f32)| {
            let (row, factor) = self.places[ngram as usize];
            (row != ABSENT).then_some((row, factor * weight))
        };
        let mut entries: Vec<(u32, f32)> = text
            .indices
            .iter()
            .zip(&text.weights)
            .filter_map(place)
            .collect();
        // Stable, so that the entries of one row are added in the order of the n-grams.
        entries.sort_by_key(|&(row, _)| row);
        let rows = entries.chunk_by(|a, b| a.0 == b.0);
        let (indices, weights) = rows
            .map(|row| (row[0].0, row.iter().map(|&(_, weight)| weight).sum::<f32>()))
            .unzip();
        SparseText {
            indices,
            weights,
            vocabulary: self.vocabulary,
        }
    }

    /// The table U, the bias last, of a table V with this many classes.
    pub(super) fn expand(&self, table: &[f32], classes: usize) -> Vec<f32> {
        let mut expanded = vec![0.0; (self.places.len() + 1) * classes];
        let (ngrams, bias) = expanded.split_at_mut(self.places.len() * classes);
        for (into, &(row, factor)) in ngrams.chunks_exact_mut(classes).zip(&self.places) {
            if row != ABSENT {
                let from = &table[row as usize * classes..][..classes];
                into.iter_mut().zip(from).for_each(|(a, b)| *a = factor * b);
            }
        }
        bias.copy_from_slice(&table[self.size() * classes..]);
        expanded
    }
}

/// The place of every n-gram: those of several texts have rows of their own, by rising number; the
/// others share the row of their text.
fn places(seen: &[Seen], own: &[f64], shared: u32, penalties: &[f64]) -> Vec<(u32, f32)> {
    let mut next = shared;
    let row_of_text: Vec<u32> = own
        .iter()
        .map(|&squares| {
            next += u32::from(squares > 0.0);
            next - 1
        })
        .collect();
    let mut next = 0;
    let place = |seen: &Seen| {
        let (row, factor) = match seen.texts {
            0 => return (ABSENT, 0.0),
            1 => {
                let text = seen.text as usize;
                (row_of_text[text], seen.weight / own[text].sqrt())
            }
            _ => {
                next += 1;
                (next - 1, 1.0)
            }
        };
        (row, (factor * penalties[row as usize].sqrt()) as f32)
    };
    seen.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entries: &[(u32, f32)]) -> SparseText {
        SparseText {
            indices: entries.iter().map(|entry| entry.0).collect(),
            weights: entries.iter().map(|entry| entry.1).collect(),
            vocabulary: Fingerprint(5),
        }
    }

    /// N-gram 1 is in both texts, 3 in none, 0 and 2 in the first alone, 4 in the second alone.
    fn basis() -> (Basis, [SparseText; 2]) {
        let texts = [
            text(&[(0, 0.6), (1, 0.5), (2, 0.8)]),
            text(&[(1, 0.25), (4, 2.0)]),
        ];
        (Basis::new(&[&texts[0], &texts[1]], 5, 1.0, 2.0), texts)
    }

    #[test]
    fn ngrams_of_one_text_share_a_row_and_unknown_ones_have_none() {
        let (basis, [first, second]) = basis();
        assert_eq!(basis.size(), 3);
        assert_eq!(basis.text(&first).indices, [0, 1]);
        assert_eq!(basis.text(&second).indices, [0, 2]);
        assert!(basis.text(&text(&[(3, 1.0)])).indices.is_empty());
        assert_ne!(basis.vocabulary(), Fingerprint(5));
    }

    #[test]
    fn scores_and_penalty_are_those_of_the_whole_table() {
        let (basis, texts) = basis();
        let table: Vec<f32> = (0..8).map(|i| 0.5 * i as f32 - 1.0).collect();
        let expanded = basis.expand(&table, 2);
        assert_eq!(expanded.len(), 12);
        assert_eq!(expanded[6..8], [0.0; 2], "n-gram 3 is in no text");
        assert_eq!(expanded[10..], table[6..], "the bias");
        let score = |text: &SparseText, table: &[f32], class: usize| -> f32 {
            let entries = text.indices.iter().zip(&text.weights);
            entries
                .map(|(&row, &weight)| weight * table[2 * row as usize + class])
                .sum()
        };
        let seen = text(&[(0, 0.3), (1, 0.1), (3, 0.9), (4, 0.2)]);
        for text in texts.iter().chain([&seen]) {
            for class in 0..2 {
                let difference =
                    score(text, &expanded, class) - score(&basis.text(text), &table, class);
                assert!(difference.abs() < 1e-6, "{difference}");
            }
        }
        let norm: f32 = expanded.iter().map(|u| u * u).sum();
        let rows = table.chunks(2).zip(basis.penalties());
        let scaled: f32 = rows.map(|(v, s)| s * (v[0] * v[0] + v[1] * v[1])).sum();
        assert!((norm - scaled).abs() < 1e-5 * norm, "{norm} {scaled}");
    }
}
