//! The table from pairs of tokens to edges that have weights of their own.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use limbeck_engine::Fingerprint;
use serde::{Deserialize, Serialize};

use super::reach::Places;
use super::text::{EdgeWeighting, TextGraph, TextGraphOptions};
use crate::error::{DataError, Result};
use crate::fingerprint;
use crate::saved::Kind;

/// The edges of a text-level graph network, numbered, from training texts only (Huang et al. 2019,
/// "Text Level Graph Neural Network for Text Classification").
///
/// There an edge weight belongs to an ordered pair of tokens and is shared by all texts. The
/// neighbours of a node are the tokens at a distance of at most `reach`, and itself. How often a
/// pair `(s, t)` is seen is the number of pairs of positions at most `reach` apart, `s` at one and
/// `t` at the other; a position is also paired with itself. Pairs seen often enough are numbered
/// from 1 by falling count, equally frequent ones by the ids of source and target; all others share
/// edge 0, the public edge.
///
/// ```
/// use limbeck_data::graph::{EdgeVocabulary, text_graph};
/// let train: [&[u32]; 2] = [&[5, 8, 6], &[5, 8]];
/// let edges = EdgeVocabulary::learn(train, 1, 2)?;
/// // (5, 5), (5, 8), (8, 5) and (8, 8) are seen twice; whatever 6 has part in, once.
/// assert_eq!(edges.len(), 5);
/// assert_eq!((edges.edge(5, 5), edges.edge(8, 5), edges.edge(8, 6)), (1, 3, 0));
///
/// let graph = text_graph(&[8, 6], 0, &edges.graph_options())?;
/// assert_eq!(edges.edges_of(&graph), [4, 0, 0, 0]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct EdgeVocabulary {
    reach: usize,
    /// Source and target of edge 1 and those after it.
    pairs: Vec<(u32, u32)>,
    edges: HashMap<(u32, u32), u32>,
    fingerprint: Fingerprint,
}

impl EdgeVocabulary {
    /// The edge of every pair that has none of its own.
    pub const PUBLIC: u32 = 0;

    /// Counts the pairs of `texts`, which should be the training texts and no others, and keeps
    /// those seen at least `min_count` times.
    ///
    /// # Errors
    /// A text of 2^32 tokens or more; 2^32 - 1 pairs or more.
    pub fn learn<'a>(
        texts: impl IntoIterator<Item = &'a [u32]>,
        reach: usize,
        min_count: u64,
    ) -> Result<Self> {
        // Both orders of a pair are equally frequent: only the one with the smaller id first is
        // counted.
        let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
        for text in texts {
            let places = Places::of(text)?;
            places.each_row(reach, |node, row| {
                let target = places.nodes[node];
                for &(source, pairs) in row {
                    let source = places.nodes[source as usize];
                    if source <= target {
                        *counts.entry((source, target)).or_default() += pairs;
                    }
                }
                Ok(())
            })?;
        }
        let kept = counts.into_iter().filter(|&(_, count)| count >= min_count);
        let mut kept: Vec<((u32, u32), u64)> = kept.collect();
        let turned = |&((source, target), count): &_| ((target, source), count);
        let unequal = kept.iter().filter(|((source, target), _)| source != target);
        let turned: Vec<_> = unequal.map(turned).collect();
        kept.extend(turned);
        kept.sort_unstable_by_key(|&(pair, count)| (Reverse(count), pair));
        if kept.len() >= u32::MAX as usize {
            let expected = "one that leaves fewer than 2^32 - 1 pairs";
            return Err(DataError::option("min_count", expected, min_count));
        }
        Ok(Self::index(
            reach,
            kept.into_iter().map(|(pair, _)| pair).collect(),
        ))
    }

    fn index(reach: usize, pairs: Vec<(u32, u32)>) -> Self {
        let bytes = |pick: fn(&(u32, u32)) -> u32| -> Vec<u8> {
            let ids = pairs.iter().map(pick);
            ids.flat_map(u32::to_le_bytes).collect()
        };
        let (sources, targets) = (bytes(|pair| pair.0), bytes(|pair| pair.1));
        let how = format!("edges of reach {reach}");
        Self {
            reach,
            edges: pairs.iter().copied().zip(1..).collect(),
            fingerprint: fingerprint::of_strings([how.as_bytes(), &sources, &targets]),
            pairs,
        }
    }

    /// The edge from `source` to `target`; 0 for a pair that is not in the table.
    pub fn edge(&self, source: u32, target: u32) -> u32 {
        let edge = self.edges.get(&(source, target));
        edge.copied().unwrap_or(Self::PUBLIC)
    }

    /// The source and the target of an edge; `None` for the public one, and beyond the table.
    pub fn pair(&self, edge: u32) -> Option<(u32, u32)> {
        let number = (edge as usize).checked_sub(1)?;
        self.pairs.get(number).copied()
    }

    /// Number of edges, the public one included.
    pub fn len(&self) -> usize {
        self.pairs.len() + 1
    }

    /// Never true: the public edge is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The largest distance of two tokens that are joined.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// The first 8 bytes of the SHA-256 of reach and pairs.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The options of [`text_graph`](super::text_graph) whose graph has these edges: the tokens in
    /// reach and the node itself, weights of 1.
    pub fn graph_options(&self) -> TextGraphOptions {
        TextGraphOptions {
            window: self.reach.saturating_add(1),
            weighting: EdgeWeighting::Binary,
            self_loops: true,
            normalise: false,
        }
    }

    /// The edge of every entry of a graph, in the order of its `sources`. The graph is one that
    /// was made with [`graph_options`](Self::graph_options).
    pub fn edges_of(&self, graph: &TextGraph) -> Vec<u32> {
        let mut edges = Vec::with_capacity(graph.sources.len());
        for (&target, ends) in graph.nodes.iter().zip(graph.offsets.windows(2)) {
            let sources = &graph.sources[ends[0] as usize..ends[1] as usize];
            let edge = |&source: &u32| self.edge(graph.nodes[source as usize], target);
            edges.extend(sources.iter().map(edge));
        }
        edges
    }

    /// Writes the table as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        FILE.save(path, self)
    }

    /// Reads a table written by [`EdgeVocabulary::save`].
    ///
    /// # Errors
    /// No such file, another format or version, or a table that does not have the fingerprint that
    /// stands beside it.
    pub fn load(path: &Path) -> Result<Self> {
        let saved: Saved = FILE.load(path)?;
        Self::try_from(saved).map_err(|message| FILE.refuse(path, message))
    }
}

const FILE: Kind = Kind {
    format: "limbeck edge vocabulary",
    version: 1,
};

#[derive(Serialize, Deserialize)]
struct Saved {
    reach: usize,
    #[serde(with = "fingerprint")]
    fingerprint: Fingerprint,
    /// Of edge 1 and those after it.
    sources: Vec<u32>,
    targets: Vec<u32>,
}

impl From<EdgeVocabulary> for Saved {
    fn from(table: EdgeVocabulary) -> Self {
        let (sources, targets) = table.pairs.into_iter().unzip();
        Self {
            reach: table.reach,
            fingerprint: table.fingerprint,
            sources,
            targets,
        }
    }
}

impl TryFrom<Saved> for EdgeVocabulary {
    type Error = String;

    fn try_from(saved: Saved) -> std::result::Result<Self, String> {
        let (sources, targets) = (saved.sources.len(), saved.targets.len());
        if sources != targets {
            return Err(format!(
                "expected a target per source, found {targets} for {sources}"
            ));
        }
        let pairs = saved.sources.into_iter().zip(saved.targets).collect();
        let table = Self::index(saved.reach, pairs);
        if table.edges.len() != table.pairs.len() {
            return Err("the table of pairs has repeated entries".into());
        }
        if table.fingerprint != saved.fingerprint {
            let (expected, found) = (saved.fingerprint.0, table.fingerprint.0);
            return Err(format!(
                "expected pairs with the fingerprint {expected:016x}, found {found:016x}: the \
                 file was changed; restore it from the model it belongs to"
            ));
        }
        Ok(table)
    }
}
