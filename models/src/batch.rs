//! Encoded texts and batches of them.

use limbeck_engine::{Device, Error, Fingerprint, Packed, Result, Tensor, TokenIds};
use limbeck_kernels::{Bags, TokenRows};

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

/// A text as a model reads it.
#[derive(Clone, Debug, PartialEq)]
pub enum Encoded {
    /// Token ids.
    Tokens(TokenIds),
    /// Weighted n-grams.
    Ngrams(SparseText),
}

impl Encoded {
    /// Tokens, or n-grams: what batches are bucketed by.
    pub fn len(&self) -> usize {
        match self {
            Encoded::Tokens(ids) => ids.len(),
            Encoded::Ngrams(text) => text.indices.len(),
        }
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
}

impl Batch {
    /// The token sequences.
    ///
    /// # Errors
    /// If the batch holds n-grams.
    pub fn tokens(&self) -> Result<&TokenBatch> {
        match self {
            Batch::Tokens(tokens) => Ok(tokens),
            Batch::Ngrams(_) => Err(Error::Mismatch(
                "the model reads tokens, but the batch holds n-grams".into(),
            )),
        }
    }

    /// The bags of n-grams.
    ///
    /// # Errors
    /// If the batch holds tokens.
    pub fn ngrams(&self) -> Result<&NgramBatch> {
        match self {
            Batch::Ngrams(ngrams) => Ok(ngrams),
            Batch::Tokens(_) => Err(Error::Mismatch(
                "the model reads n-grams, but the batch holds tokens".into(),
            )),
        }
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
                return Err(Error::Mismatch(
                    "the model reads tokens, but a text was encoded as n-grams".into(),
                ));
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
                return Err(Error::Mismatch(
                    "the model reads n-grams, but a text was encoded as tokens".into(),
                ));
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
