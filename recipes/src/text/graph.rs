//! Encoders of graph networks: a tokeniser, and what makes a graph of its tokens.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use limbeck_data::graph::{
    CorpusGraph, CorpusGraphOptions, Documents, EdgeVocabulary, TextGraph, TextGraphOptions,
    text_graph,
};
use limbeck_data::tokenize::{TextTokenizer, Tokenizer, Vocabulary};
use limbeck_engine::{Fingerprint, TokenIds};
use limbeck_models::{CorpusAdjacency, EdgeValues, Encoded, GraphDocument, GraphText};
use limbeck_training::progress::{Display, Progress};

use crate::config::{CorpusGraphConfig, SgcConfig, TextGraphConfig};

/// A text becomes the graph of its tokens.
#[derive(Clone, Debug)]
pub struct GraphEncoder {
    tokenizer: TextTokenizer,
    kind: GraphKind,
}

#[derive(Clone, Debug)]
enum GraphKind {
    /// With weights that follow from the text.
    Weighted(TextGraphOptions),
    /// With weights that a model learns.
    Numbered(EdgeVocabulary),
}

const EDGES: &str = "edges.json";

impl GraphEncoder {
    /// For a gated graph network.
    pub(super) fn weighted(tokenizer: TextTokenizer, config: &TextGraphConfig) -> Self {
        let options = TextGraphOptions {
            window: config.window,
            weighting: config.edges,
            self_loops: false,
            normalise: true,
        };
        GraphEncoder {
            tokenizer,
            kind: GraphKind::Weighted(options),
        }
    }

    /// For a text-level network, with the pairs of the training texts.
    pub(super) fn numbered(
        tokenizer: TextTokenizer,
        texts: &[String],
        (reach, min_count): (usize, u64),
    ) -> limbeck_data::Result<Self> {
        let encoded: Vec<TokenIds> = texts.iter().map(|text| tokenizer.encode(text)).collect();
        let edges = EdgeVocabulary::learn(encoded.iter().map(TokenIds::ids), reach, min_count)?;
        Ok(GraphEncoder {
            tokenizer,
            kind: GraphKind::Numbered(edges),
        })
    }

    pub(super) fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// Number of weights of edges that a model learns; 0 where it learns none.
    pub(super) fn edges(&self) -> usize {
        match &self.kind {
            GraphKind::Weighted(_) => 0,
            GraphKind::Numbered(edges) => edges.len(),
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let tokens = self.tokenizer.fingerprint();
        match &self.kind {
            GraphKind::Weighted(_) => tokens,
            GraphKind::Numbered(edges) => both(tokens, edges.fingerprint()),
        }
    }

    pub(super) fn encode(&self, text: &str) -> Encoded {
        let ids = self.tokenizer.encode(text);
        let graph = |options: &TextGraphOptions| {
            text_graph(ids.ids(), Vocabulary::UNKNOWN_ID, options)
                .expect("the window was checked with the run file, and a text is cut to its length")
        };
        let (graph, edges): (TextGraph, _) = match &self.kind {
            GraphKind::Weighted(options) => {
                let mut graph = graph(options);
                let weights = std::mem::take(&mut graph.weights);
                (graph, EdgeValues::Weights(weights))
            }
            GraphKind::Numbered(edges) => {
                let graph = graph(&edges.graph_options());
                let ids = edges.edges_of(&graph);
                (graph, EdgeValues::Ids(ids))
            }
        };
        Encoded::Graph(GraphText {
            nodes: TokenIds::new(graph.nodes, self.fingerprint()),
            offsets: graph.offsets,
            sources: graph.sources,
            edges,
        })
    }

    pub(super) fn save(&self, path: &Path) -> limbeck_data::Result<()> {
        self.tokenizer.save(path)?;
        match &self.kind {
            GraphKind::Weighted(_) => Ok(()),
            GraphKind::Numbered(edges) => edges.save(&path.with_file_name(EDGES)),
        }
    }

    pub(super) fn load_numbered(path: &Path) -> limbeck_data::Result<Self> {
        Ok(GraphEncoder {
            tokenizer: TextTokenizer::load(path)?,
            kind: GraphKind::Numbered(EdgeVocabulary::load(&path.with_file_name(EDGES))?),
        })
    }
}

/// A text becomes the number of its document in a graph of all documents and words.
#[derive(Clone, Debug)]
pub struct CorpusEncoder {
    tokenizer: TextTokenizer,
    documents: Documents,
    adjacency: Arc<CorpusAdjacency>,
}

/// How a corpus becomes a graph.
pub(super) struct CorpusOptions<'a> {
    window: usize,
    cache: Option<&'a Path>,
}

impl<'a> From<&'a CorpusGraphConfig> for CorpusOptions<'a> {
    fn from(config: &'a CorpusGraphConfig) -> Self {
        CorpusOptions {
            window: config.window,
            cache: Some(&config.cache),
        }
    }
}

impl<'a> From<&'a SgcConfig> for CorpusOptions<'a> {
    fn from(config: &'a SgcConfig) -> Self {
        CorpusOptions {
            window: config.window,
            cache: Some(&config.cache),
        }
    }
}

const DOCUMENTS: &str = "documents.json";

impl CorpusEncoder {
    /// The graph of these texts: all that the model will ever read.
    pub(super) fn new(
        tokenizer: TextTokenizer,
        texts: &[String],
        options: CorpusOptions<'_>,
    ) -> limbeck_data::Result<Self> {
        let ids = texts
            .iter()
            .map(|text| tokenizer.encode(text).ids().to_vec());
        let documents = Documents::new(ids);
        Self::of_documents(tokenizer, documents, options, Display::detect())
    }

    fn of_documents(
        tokenizer: TextTokenizer,
        documents: Documents,
        options: CorpusOptions<'_>,
        display: Display,
    ) -> limbeck_data::Result<Self> {
        let progress: Mutex<Option<Progress>> = Mutex::new(None);
        let show = |done: u64, total: u64| {
            let mut bar = progress.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Progress::new("corpus graph", total, display);
            bar.get_or_insert_with(new).step(done, 0, &[]);
        };
        let folder = options.cache.filter(|cache| !cache.as_os_str().is_empty());
        let words = tokenizer.vocabulary().len();
        let options = CorpusGraphOptions {
            window: options.window,
            normalise: true,
        };
        let graph = CorpusGraph::load_or_build(folder, documents.lists(), words, &options, &show)?;
        drop(progress);
        tracing::info!(
            "corpus graph: {} documents, {words} words, {} edges; transductive: whatever is to be \
             read is in it",
            documents.len(),
            graph.sources.len()
        );
        let adjacency = CorpusAdjacency {
            offsets: graph.offsets,
            sources: graph.sources,
            weights: graph.weights,
        };
        Ok(CorpusEncoder {
            tokenizer,
            documents,
            adjacency: Arc::new(adjacency),
        })
    }

    /// Number of documents.
    pub(super) fn documents(&self) -> usize {
        self.documents.len()
    }

    pub(super) fn adjacency(&self) -> &Arc<CorpusAdjacency> {
        &self.adjacency
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        both(self.tokenizer.fingerprint(), self.documents.fingerprint())
    }

    pub(super) fn encode(&self, text: &str) -> Encoded {
        Encoded::Document(GraphDocument {
            number: self.documents.number(self.tokenizer.encode(text).ids()),
            corpus: self.fingerprint(),
        })
    }

    pub(super) fn save(&self, path: &Path) -> limbeck_data::Result<()> {
        self.tokenizer.save(path)?;
        self.documents.save(&path.with_file_name(DOCUMENTS))
    }

    /// The graph is made again: it is quickly made, and large. What was kept for the training run may
    /// be out of reach where a model is only read.
    pub(super) fn load(path: &Path, options: CorpusOptions<'_>) -> limbeck_data::Result<Self> {
        let documents = Documents::load(&path.with_file_name(DOCUMENTS))?;
        let options = CorpusOptions {
            cache: None,
            ..options
        };
        Self::of_documents(
            TextTokenizer::load(path)?,
            documents,
            options,
            Display::Silent,
        )
    }
}

/// One fingerprint of two.
fn both(a: Fingerprint, b: Fingerprint) -> Fingerprint {
    Fingerprint(a.0.rotate_left(1) ^ b.0)
}
