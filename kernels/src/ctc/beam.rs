//! The most probable sequence of symbols, by a search that adds up paths (Graves 2012, section 7.5.3).
//!
//! Every prefix p that is kept has two probabilities after t frames: of the paths that spell it and
//! end in a blank, and of those that end in its last symbol.
//!
//! ```text
//! b_t(p)    = y_t(0) (b_{t-1}(p) + s_{t-1}(p))
//! s_t(p)    = y_t(last of p) s_{t-1}(p)                          the symbol goes on
//! s_t(p c) += y_t(c) (b_{t-1}(p) + [c ≠ last of p] s_{t-1}(p))   a new one begins
//! ```

use std::collections::BTreeMap;

use limbeck_engine::{Error, Result};

use super::decode::frames;
use super::targets::BLANK;

/// A width that is enough where few symbols are in doubt at a time.
pub const CTC_BEAM_WIDTH: usize = 8;

/// A symbol less probable than this begins nowhere: ln 0.00001.
const LEAST: f64 = -11.5;

/// ln of the two probabilities of a prefix.
#[derive(Clone, Copy)]
struct Ends {
    blank: f64,
    symbol: f64,
}

impl Ends {
    const NONE: Self = Ends {
        blank: f64::NEG_INFINITY,
        symbol: f64::NEG_INFINITY,
    };

    fn either(self) -> f64 {
        ln_sum(self.blank, self.symbol)
    }
}

/// The most probable of the sequences that the frames may spell, all paths of each counted, where at
/// every frame no more than the `width` best prefixes are followed, and none is begun by a symbol that
/// the frame gives less than one in 100,000. Logits are `[frames, classes]` of one sequence, row-major; class 0 is the blank.
///
/// ```
/// use limbeck_kernels::{ctc_beam_search, ctc_best_path};
/// // Blank is a little likelier than 1 in both frames; yet of four paths three spell "1".
/// let logits = [0.2, 0.0, 0.2, 0.0];
/// assert_eq!(ctc_beam_search(&logits, 2, 8)?, [1]);
/// assert!(ctc_best_path(&logits, 2)?.is_empty());
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the logits are no frames of `classes` numbers, or the width is 0.
pub fn ctc_beam_search(logits: &[f32], classes: usize, width: usize) -> Result<Vec<u32>> {
    if width == 0 {
        return Err(Error::Shape {
            operator: "ctc",
            message: "expected a beam of at least one prefix, found a width of 0".into(),
        });
    }
    let start = Ends {
        blank: 0.0,
        ..Ends::NONE
    };
    let mut beam = vec![(Vec::new(), start)];
    for frame in frames(logits, classes)? {
        beam = followed(&beam, &ln_softmax(frame), width);
    }
    Ok(beam.swap_remove(0).0)
}

/// The best prefixes one frame later, the best first; of equal ones the first in the order of symbols.
fn followed(beam: &[(Vec<u32>, Ends)], ln_y: &[f64], width: usize) -> Vec<(Vec<u32>, Ends)> {
    let mut next: BTreeMap<Vec<u32>, Ends> = BTreeMap::new();
    for (prefix, ends) in beam {
        let last = prefix.last().copied();
        let same = next.entry(prefix.clone()).or_insert(Ends::NONE);
        same.blank = ln_sum(same.blank, ends.either() + ln_y[BLANK as usize]);
        if let Some(last) = last {
            same.symbol = ln_sum(same.symbol, ends.symbol + ln_y[last as usize]);
        }
        let likely = |&symbol: &u32| ln_y[symbol as usize] >= LEAST;
        for symbol in (BLANK + 1..ln_y.len() as u32).filter(likely) {
            let from = match last == Some(symbol) {
                true => ends.blank,
                false => ends.either(),
            };
            let longer = [prefix.as_slice(), &[symbol]].concat();
            let longer = next.entry(longer).or_insert(Ends::NONE);
            longer.symbol = ln_sum(longer.symbol, from + ln_y[symbol as usize]);
        }
    }
    let mut best: Vec<(Vec<u32>, Ends)> = next.into_iter().collect();
    best.sort_by(|(_, a), (_, b)| b.either().total_cmp(&a.either()));
    best.truncate(width);
    best
}

fn ln_softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&z| f64::from(z - largest).exp()).sum();
    let ln_sum = f64::from(largest) + sum.ln();
    logits.iter().map(|&z| f64::from(z) - ln_sum).collect()
}

/// ln(exp(a) + exp(b)).
fn ln_sum(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    match low == f64::NEG_INFINITY {
        true => high,
        false => high + (low - high).exp().ln_1p(),
    }
}
