//! One graph of all documents and words of a corpus.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::windows::{Index, Together};
use super::{check_window, normalise};
use crate::error::{DataError, Result};

/// How a corpus becomes a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorpusGraphOptions {
    /// Tokens of the sliding window in which words occur together; a document that is shorter is
    /// one window. 1 joins no words. Default: 20.
    pub window: usize,
    /// Whether the weights are those of `D^-1/2 A D^-1/2`. Default: yes.
    pub normalise: bool,
}

impl Default for CorpusGraphOptions {
    fn default() -> Self {
        Self {
            window: 20,
            normalise: true,
        }
    }
}

/// The graph of a corpus, in CSR. Nodes are first the documents, then the words: word `w` is node
/// `documents + w`. It is symmetric, to the last bit.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusGraph {
    /// Number of documents.
    pub documents: usize,
    /// Number of words.
    pub words: usize,
    /// Number of nodes + 1 offsets, from 0: the edges of node `i` are the entries
    /// `offsets[i]..offsets[i + 1]`.
    pub offsets: Vec<u32>,
    /// The other node of each edge, rising within a node.
    pub sources: Vec<u32>,
    /// The weight of each edge.
    pub weights: Vec<f32>,
}

/// The graph of TextGCN (Yao, Mao and Luo 2019, "Graph Convolutional Networks for Text
/// Classification").
///
/// | edge | weight |
/// |---|---|
/// | word `i` and word `j` | `PMI(i, j) = ln(W_ij · W / (W_i · W_j))`, where that is above 0 |
/// | document `d` and word `i` | `tf · ln(D / df)`, where that is above 0 |
/// | a node and itself | 1 |
///
/// Of `W` sliding windows in all, `W_i` hold the word `i` and `W_ij` both words, however often they
/// stand in them; every document has a window at least, even an empty one. `tf` is the number of
/// times that the document has the word, `df` the number of documents that have it, `D` that of
/// all. With [`normalise`](CorpusGraphOptions::normalise) the weight `a` of an edge becomes
/// `a / sqrt(d_i · d_j)`, `d` being the sum of a node's weights.
///
/// This makes a method **transductive**: the documents of dev and test are nodes, and have their
/// part in PMI and `df`, without their labels. A text that was not among them has no place in the
/// graph.
///
/// The ids in `documents` are below `words`. `progress` learns how much is done of how much, in
/// parts of the work; it is called by several threads, though never by two at once, and the first
/// number rises. The graph is the same for any number of threads. Memory is that of the tokens and
/// the edges.
///
/// ```
/// use limbeck_data::graph::{CorpusGraphOptions, corpus_graph};
/// let documents: [&[u32]; 3] = [&[0, 1], &[0, 1], &[2, 3, 3]];
/// let options = CorpusGraphOptions { window: 2, normalise: false };
/// let graph = corpus_graph(&documents, 4, &options, &|_, _| ())?;
/// let row = |node: usize| graph.offsets[node] as usize..graph.offsets[node + 1] as usize;
/// // The first document holds words 0 and 1, each of which stands in two documents of three.
/// assert_eq!(graph.sources[row(0)], [0, 3, 4]);
/// assert_eq!(graph.weights[row(0)], [1.0, 1.5f32.ln(), 1.5f32.ln()]);
/// // Word 3 stands twice in the third document. It shares one window of four with word 2; one
/// // window holds that, two hold word 3: ln(1 · 4 / (1 · 2)).
/// assert_eq!(graph.sources[row(6)], [2, 5, 6]);
/// assert_eq!(graph.weights[row(6)], [2.0 * 3f32.ln(), 2f32.ln(), 1.0]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
///
/// # Errors
/// A window of 0 tokens; an id that is no word; documents and words, tokens, or edges that do not
/// fit into 32 bits.
pub fn corpus_graph<T: AsRef<[u32]>>(
    documents: &[T],
    words: usize,
    options: &CorpusGraphOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<CorpusGraph> {
    check_window(options.window)?;
    let documents = documents.iter().map(AsRef::as_ref).collect();
    let index = Index::new(documents, words, options.window)?;
    let (blocks, total) = blocks(&index);
    let work = Work::new(total, progress);
    let corpus = Corpus::new(index);
    let parts: Vec<Rows> = blocks
        .into_par_iter()
        .map_init(
            || Together::new(words),
            |together, block| corpus.rows(block, together, &work),
        )
        .collect::<Result<_>>()?;
    let mut graph = CorpusGraph::join(corpus.index.documents.len(), words, parts);
    if options.normalise {
        normalise(&graph.offsets, &graph.sources, &mut graph.weights);
    }
    Ok(graph)
}

impl CorpusGraph {
    fn join(documents: usize, words: usize, parts: Vec<Rows>) -> Self {
        let edges = parts.iter().map(|rows| rows.sources.len()).sum();
        let mut graph = Self {
            documents,
            words,
            offsets: Vec::with_capacity(documents + words + 1),
            sources: Vec::with_capacity(edges),
            weights: Vec::with_capacity(edges),
        };
        graph.offsets.push(0);
        for rows in parts {
            let before = graph.sources.len() as u32;
            graph
                .offsets
                .extend(rows.ends.iter().map(|end| before + end));
            graph.sources.extend(rows.sources);
            graph.weights.extend(rows.weights);
        }
        graph
    }
}

/// Neighbouring rows of the graph.
#[derive(Default)]
struct Rows {
    /// Where each row ends, the first beginning at 0.
    ends: Vec<u32>,
    sources: Vec<u32>,
    weights: Vec<f32>,
}

impl Rows {
    /// Edges that weigh nothing are none.
    fn push(&mut self, source: usize, weight: f32) {
        if weight > 0.0 {
            self.sources.push(source as u32);
            self.weights.push(weight);
        }
    }
}

/// What every row is computed from.
struct Corpus<'a> {
    index: Index<'a>,
    /// Windows that hold each word.
    windows: Vec<u32>,
    /// `ln(D / df)` of each word; whatever it is for a word that occurs nowhere.
    idf: Vec<f64>,
}

impl<'a> Corpus<'a> {
    fn new(index: Index<'a>) -> Self {
        let words = 0..index.words();
        let all = index.documents.len() as f64;
        let idf = |word| (all / index.documents_with(word).count() as f64).ln();
        Self {
            windows: words
                .clone()
                .into_par_iter()
                .map(|word| index.windows_with(word))
                .collect(),
            idf: words.into_par_iter().map(idf).collect(),
            index,
        }
    }

    /// The rows of the nodes of a block.
    fn rows(&self, block: Range<usize>, together: &mut Together, work: &Work) -> Result<Rows> {
        let mut rows = Rows::default();
        let documents = self.index.documents.len();
        let mut steps = 0;
        for node in block {
            let before = rows.sources.len();
            match node.checked_sub(documents) {
                None => self.document(node, &mut rows),
                Some(word) => self.word(word, together, &mut rows),
            }
            work.claim(rows.sources.len() - before)?;
            rows.ends.push(rows.sources.len() as u32);
            steps += cost(&self.index, node);
        }
        work.tell(steps);
        Ok(rows)
    }

    fn document(&self, document: usize, rows: &mut Rows) {
        rows.push(document, 1.0);
        let mut tokens = self.index.documents[document].to_vec();
        tokens.sort_unstable();
        for same in tokens.chunk_by(|a, b| a == b) {
            let word = same[0] as usize;
            rows.push(self.node(word), self.tf_idf(same.len(), word));
        }
    }

    fn word(&self, word: usize, together: &mut Together, rows: &mut Rows) {
        for places in self.index.documents_with(word) {
            let weight = self.tf_idf(places.len(), word);
            rows.push(places[0].document as usize, weight);
        }
        self.index.count_together(word, together);
        let mut near: Vec<(usize, f32)> = together
            .drain()
            .map(|(other, both)| (other as usize, both))
            .filter(|&(other, _)| other != word)
            .map(|(other, both)| (other, self.pmi(word, other, both)))
            .filter(|&(_, pmi)| pmi > 0.0)
            .collect();
        near.push((word, 1.0));
        near.sort_unstable_by_key(|&(other, _)| other);
        for (other, weight) in near {
            rows.push(self.node(other), weight);
        }
    }

    fn node(&self, word: usize) -> usize {
        self.index.documents.len() + word
    }

    fn tf_idf(&self, tf: usize, word: usize) -> f32 {
        (tf as f64 * self.idf[word]) as f32
    }

    /// Of the two words and the windows that hold both. It is the same in either order.
    fn pmi(&self, word: usize, other: usize, both: u32) -> f32 {
        let product = |a: u32, b: u32| f64::from(a) * f64::from(b);
        let expected = product(self.windows[word], self.windows[other]);
        (product(both, self.index.windows()) / expected).ln() as f32
    }
}

/// How much work a row is, about.
fn cost(index: &Index, node: usize) -> u64 {
    let tokens = match node.checked_sub(index.documents.len()) {
        None => index.documents[node].len() as u64,
        Some(word) => u64::from(index.count(word)),
    };
    tokens + 1
}

/// Neighbouring rows in blocks of about the same cost, and the cost of all. A common word is as
/// much work as thousands of rare ones: by numbers of rows, one thread would work on for the rest.
fn blocks(index: &Index) -> (Vec<Range<usize>>, u64) {
    const BLOCKS: u64 = 512;
    let nodes = index.documents.len() + index.words();
    let total: u64 = (0..nodes).map(|node| cost(index, node)).sum();
    let (mut blocks, mut start, mut sum) = (Vec::new(), 0, 0);
    for node in 0..nodes {
        sum += cost(index, node);
        if sum >= total.div_ceil(BLOCKS) || node + 1 == nodes {
            blocks.push(start..node + 1);
            (start, sum) = (node + 1, 0);
        }
    }
    (blocks, total)
}

/// What the threads share: how far they are, and how many edges they found.
struct Work<'a> {
    done: Mutex<u64>,
    total: u64,
    progress: &'a (dyn Fn(u64, u64) + Sync),
    edges: AtomicU64,
}

impl<'a> Work<'a> {
    fn new(total: u64, progress: &'a (dyn Fn(u64, u64) + Sync)) -> Self {
        Self {
            done: Mutex::new(0),
            total,
            progress,
            edges: AtomicU64::new(0),
        }
    }

    /// The caller is told under the lock, so that the numbers reach it in order.
    fn tell(&self, steps: u64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += steps;
        (self.progress)(*done, self.total);
    }

    /// Refuses as soon as all threads together have too many edges, not when memory is full.
    fn claim(&self, edges: usize) -> Result<()> {
        let edges = edges as u64;
        let found = self.edges.fetch_add(edges, Ordering::Relaxed) + edges;
        if found > u64::from(u32::MAX) {
            let expected = "documents whose graph has fewer than 2^32 edges";
            return Err(DataError::option("documents", expected, "more"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Work;

    #[test]
    fn edges_beyond_32_bits_are_refused() {
        let work = Work::new(0, &|_, _| ());
        assert!(work.claim(u32::MAX as usize - 1).is_ok());
        assert!(work.claim(1).is_ok());
        let error = work.claim(1).expect_err("2^32 edges").to_string();
        assert!(error.starts_with("documents: expected"), "{error}");
    }
}
