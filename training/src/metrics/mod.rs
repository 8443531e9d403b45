//! Metrics and their summary over seeds. All rates are fractions from 0 to 1; a quotient 0/0 counts as
//! 0, but where two empty lists are compared ([`sample_f1`]) they agree.
//!
//! | what is judged | by |
//! |---|---|
//! | one class for each text | [`ConfusionMatrix`] |
//! | spans in tagged sentences | [`SpanCounts`], as `conlleval` counts |
//! | keywords of documents | [`KeywordScores`] as they are written, [`PresentKeyphrases`] stemmed and ranked |
//! | one class for each pixel | [`PixelScores`]; [`rand_scores`] of the cells that they make |
//! | strings of words in speech | [`WordErrors`], whose rate may be above 1 |
//! | one sample of any of them | [`sample_f1`] |
//! | how sure a model may be | [`Calibration`] |
//! | how sure one may be of a figure | [`Interval`] of its bootstrap; of a difference [`PairedBootstrap`] and [`SignTest`] |

mod bootstrap;
mod calibration;
mod confusion;
mod keyphrases;
mod keywords;
mod pixels;
mod rand_index;
mod sign_test;
mod spans;
mod summary;
mod word_errors;

pub use bootstrap::{DRAWS, Interval, PairedBootstrap, resample};
pub use calibration::{Bin, Calibration};
pub use confusion::{ClassScores, ConfusionMatrix};
pub use keyphrases::{MacroScores, PresentKeyphrases, PresentScores, stemmed};
pub use keywords::{KeywordScores, sample_f1};
pub use pixels::PixelScores;
pub use rand_index::{RandScores, rand_scores};
pub use sign_test::SignTest;
pub use spans::{SpanCounts, SpanHits};
pub use summary::MeanSd;
pub use word_errors::WordErrors;

/// `hits / all`, where 0/0 is 0.
fn ratio(hits: u64, all: u64) -> f64 {
    if all == 0 {
        0.0
    } else {
        hits as f64 / all as f64
    }
}
