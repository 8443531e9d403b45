//! Graphs of texts, for the methods that pass messages between words.
//!
//! | method | its graph | what makes it |
//! |---|---|---|
//! | TextING (Zhang et al. 2020) | of each text: words that share a sliding window | [`text_graph`] |
//! | text-level GNN (Huang et al. 2019) | the same, and a learned weight per pair of words | [`EdgeVocabulary`] |
//! | TextGCN (Yao et al. 2019) | one of all words and documents: PMI and TF-IDF | [`corpus_graph`] |
//!
//! Every graph is in CSR by target: what flows into node `i` are the entries
//! `offsets[i]..offsets[i + 1]` of `sources` and `weights`, sources rising. Both kinds of graph are
//! symmetric, so that the rows are the columns as well.
//!
//! ```
//! use limbeck_data::graph::{TextGraphOptions, text_graph};
//! let options = TextGraphOptions { window: 2, normalise: false, ..TextGraphOptions::default() };
//! // Three neighbours in a row, and the first of them again.
//! let graph = text_graph(&[7, 4, 9, 7], 0, &options)?;
//! assert_eq!(graph.nodes, [7, 4, 9]);
//! assert_eq!(graph.offsets, [0, 2, 4, 6]);
//! assert_eq!(graph.sources, [1, 2, 0, 2, 0, 1]);
//! # Ok::<(), limbeck_data::DataError>(())
//! ```

mod cache;
mod corpus;
mod documents;
mod pairs;
mod reach;
mod text;
mod windows;

pub use corpus::{CorpusGraph, CorpusGraphOptions, corpus_graph};
pub use documents::Documents;
pub use pairs::EdgeVocabulary;
pub use text::{EdgeWeighting, TextGraph, TextGraphOptions, text_graph};

use crate::error::{DataError, Result};

/// A window of no tokens holds nothing and cannot slide.
fn check_window(window: usize) -> Result<()> {
    if window == 0 {
        return Err(DataError::option("window", "at least 1 token", window));
    }
    Ok(())
}

/// `D^-1/2 A D^-1/2` in place, `D` being the sums of the rows of the symmetric `A`. A row without
/// entries stays one.
fn normalise(offsets: &[u32], sources: &[u32], weights: &mut [f32]) {
    let row = |ends: &[u32]| ends[0] as usize..ends[1] as usize;
    let sum = |row: &[f32]| row.iter().map(|&weight| f64::from(weight)).sum();
    let degrees: Vec<f64> = offsets
        .windows(2)
        .map(|ends| sum(&weights[row(ends)]))
        .collect();
    for (target, ends) in offsets.windows(2).enumerate() {
        let row = row(ends);
        for (weight, &source) in weights[row.clone()].iter_mut().zip(&sources[row]) {
            // The product does not depend on the order of its factors: symmetric to the last bit.
            let scale = (degrees[target] * degrees[source as usize]).sqrt();
            *weight = (f64::from(*weight) / scale) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn a_path_of_three_nodes_and_one_alone() {
        let (offsets, sources) = ([0, 1, 3, 4, 4], [1, 0, 2, 1]);
        let mut weights = [1.0, 1.0, 3.0, 3.0];
        normalise(&offsets, &sources, &mut weights);
        // Degrees 1, 4, 3 and 0.
        let last = 0.75f64.sqrt() as f32;
        let expected = [0.5, 0.5, last, last];
        assert_eq!(weights, expected);
    }
}
