//! Encoded texts and batches of them.

use limbeck_engine::{Device, Error, Fingerprint, Packed, Result, Tensor, TokenIds};
use limbeck_kernels::{Bags, TokenRows};

use crate::speech::{FrameBatch, FrameInput};
use crate::tagging::{WordBatch, WordText};
use crate::text_graph::{DocumentBatch, GraphBatch, GraphDocument, GraphText};
use crate::unet::{PictureBatch, PictureInput};

/// A text as a list of weighted n-grams.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseText {
    /// Rows of the weight table, without repetition.
    pub indices: Vec<u32>,
    /// As many weights.
    pub weights: Vec<f32>,
    /// The n-gram vocabulary the indices belong to.
    pub vocabulary: Fingerprint,
}

/// A text as a model reads it, or what stands in its place: a picture, a clip of speech.
#[derive(Clone, Debug, PartialEq)]
pub enum Encoded {
    /// Token ids.
    Tokens(TokenIds),
    /// Weighted n-grams.
    Ngrams(SparseText),
    /// A graph of its tokens.
    Graph(GraphText),
    /// A document of a graph that holds a whole corpus.
    Document(GraphDocument),
    /// Words with their letters and forms.
    Words(WordText),
    /// A picture.
    Picture(PictureInput),
    /// A clip of speech, as frames.
    Frames(FrameInput),
}

impl Encoded {
    /// Tokens, n-grams, nodes, words, pixels or frames: what batches are bucketed by. Documents of a
    /// corpus are all alike.
    pub fn len(&self) -> usize {
        match self {
            Encoded::Tokens(ids) => ids.len(),
            Encoded::Ngrams(text) => text.indices.len(),
            Encoded::Graph(text) => text.nodes.len(),
            Encoded::Document(_) => 1,
            Encoded::Words(text) => text.ids.len(),
            Encoded::Picture(picture) => picture.height.saturating_mul(picture.width),
            Encoded::Frames(clip) => clip.frames(),
        }
    }

    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Encoded::Tokens(_) => "tokens",
            Encoded::Ngrams(_) => "n-grams",
            Encoded::Graph(_) => "a graph of its tokens",
            Encoded::Document(_) => "a document of a corpus",
            Encoded::Words(_) => "words",
            Encoded::Picture(_) => "a picture",
            Encoded::Frames(_) => "frames of speech",
        }
    }

    pub(crate) fn unlike(&self, wanted: &str) -> Error {
        Error::Mismatch(format!(
            "the model reads {wanted}, but a text was encoded as {}",
            self.kind()
        ))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Token sequences, packed.
#[derive(Clone, Debug)]
pub struct TokenBatch {
    /// Where each sequence lies.
    pub packed: Packed,
    /// The ids and their order.
    pub rows: TokenRows,
}

/// Bags of n-grams.
#[derive(Clone, Debug)]
pub struct NgramBatch {
    /// The weighted indices; the last row of the table, the bias, is in every bag.
    pub bags: Bags,
    /// (sample, 0) of each text, `[texts, 2]`: the counter of its random numbers.
    pub samples: Tensor,
}

/// A batch on a device.
#[derive(Clone, Debug)]
pub enum Batch {
    /// For models that read tokens.
    Tokens(TokenBatch),
    /// For models that read n-grams.
    Ngrams(NgramBatch),
    /// For models that read the graph of each text.
    Graphs(Box<GraphBatch>),
    /// For models that read documents of a corpus.
    Documents(DocumentBatch),
    /// For models that read words with their letters.
    Words(Box<WordBatch>),
    /// For models that read pictures.
    Pictures(PictureBatch),
    /// For models that read frames of speech.
    Frames(Box<FrameBatch>),
}

impl Batch {
    /// The token sequences.
    ///
    /// # Errors
    /// If the batch holds something else.
    pub fn tokens(&self) -> Result<&TokenBatch> {
        match self {
            Batch::Tokens(tokens) => Ok(tokens),
            other => Err(other.unlike("tokens")),
        }
    }

    /// The bags of n-grams.
    ///
    /// # Errors
    /// If the batch holds something else.
    pub fn ngrams(&self) -> Result<&NgramBatch> {
        match self {
            Batch::Ngrams(ngrams) => Ok(ngrams),
            other => Err(other.unlike("n-grams")),
        }
    }

    /// The graphs.
    ///
    /// # Errors
    /// If the batch holds something else.
    pub fn graphs(&self) -> Result<&GraphBatch> {
        match self {
            Batch::Graphs(graphs) => Ok(graphs),
            other => Err(other.unlike("graphs")),
        }
    }

    /// The documents.
    ///
    /// # Errors
    /// If the batch holds something else.
    pub fn documents(&self) -> Result<&DocumentBatch> {
        match self {
            Batch::Documents(documents) => Ok(documents),
            other => Err(other.unlike("documents of a corpus")),
        }
    }

    /// The sentences of words.
    ///
    /// # Errors
    /// If the batch holds something else.
    pub fn words(&self) -> Result<&WordBatch> {
        match self {
            Batch::Words(words) => Ok(words),
            other => Err(other.unlike("words")),
        }
    }

    /// The pictures.
    ///
    /// # Errors
    /// If the batch holds something else.
    pub fn pictures(&self) -> Result<&PictureBatch> {
        match self {
            Batch::Pictures(pictures) => Ok(pictures),
            other => Err(other.unlike("pictures")),
        }
    }

    /// The clips of speech.
    ///
    /// # Errors
    /// If the batch holds something else.
    pub fn frames(&self) -> Result<&FrameBatch> {
        match self {
            Batch::Frames(frames) => Ok(frames),
            other => Err(other.unlike("frames of speech")),
        }
    }

    fn unlike(&self, wanted: &str) -> Error {
        let found = match self {
            Batch::Tokens(_) => "tokens",
            Batch::Ngrams(_) => "n-grams",
            Batch::Graphs(_) => "graphs",
            Batch::Documents(_) => "documents of a corpus",
            Batch::Words(_) => "words",
            Batch::Pictures(_) => "pictures",
            Batch::Frames(_) => "frames of speech",
        };
        Error::Mismatch(format!(
            "the model reads {wanted}, but the batch holds {found}"
        ))
    }

    /// Packs token ids after checking their vocabulary; sequences longer than `max_length` are cut.
    pub(crate) fn of_tokens(
        device: &Device,
        texts: &[&Encoded],
        vocabulary: (Fingerprint, usize),
        max_length: usize,
        first_sample: u32,
    ) -> Result<Batch> {
        let mut ids = Vec::new();
        let mut lengths = Vec::with_capacity(texts.len());
        for text in texts {
            let Encoded::Tokens(tokens) = text else {
                return Err(text.unlike("tokens"));
            };
            let tokens = tokens.expect(vocabulary.0)?;
            let tokens = &tokens[..tokens.len().min(max_length)];
            ids.extend_from_slice(tokens);
            lengths.push(tokens.len());
        }
        let packed = Packed::new(device, &lengths, first_sample)?;
        Ok(Batch::Tokens(TokenBatch {
            packed,
            rows: TokenRows::new(device, &ids, vocabulary.1)?,
        }))
    }

    /// Joins weighted n-grams after checking their vocabulary, and adds the bias row, whose index
    /// is the size of the vocabulary, to each with weight 1.
    pub(crate) fn of_ngrams(
        device: &Device,
        texts: &[&Encoded],
        vocabulary: (Fingerprint, usize),
        first_sample: u32,
    ) -> Result<Batch> {
        let (mut offsets, mut indices, mut weights) = (vec![0], Vec::new(), Vec::new());
        for text in texts {
            let Encoded::Ngrams(text) = text else {
                return Err(text.unlike("n-grams"));
            };
            if text.vocabulary != vocabulary.0 {
                let (expected, found) = (vocabulary.0, text.vocabulary);
                return Err(Error::Vocabulary { expected, found });
            }
            indices.extend_from_slice(&text.indices);
            weights.extend_from_slice(&text.weights);
            indices.push(vocabulary.1 as u32);
            weights.push(1.0);
            offsets.push(indices.len() as u32);
        }
        let samples: Vec<u32> = (first_sample..)
            .take(texts.len())
            .flat_map(|sample| [sample, 0])
            .collect();
        Ok(Batch::Ngrams(NgramBatch {
            bags: Bags::new(device, &offsets, &indices, &weights, vocabulary.1 + 1)?,
            samples: device.ids(&samples, [texts.len(), 2])?,
        }))
    }
}
