//! Sentences as a tagger reads them, and batches of them.

use std::collections::HashMap;

use limbeck_engine::{Device, Error, Fingerprint, Packed, Result};
use limbeck_kernels::TokenRows;

use super::WordInputConfig;
use crate::batch::Encoded;

/// A sentence: for each of its words a row of the table of words, its letters, its outward form.
#[derive(Clone, Debug, PartialEq)]
pub struct WordText {
    /// Rows of the table of words.
    pub ids: Vec<u32>,
    /// The letters of each word, at least one.
    pub spellings: Vec<Vec<u32>>,
    /// The outward form of each word.
    pub shapes: Vec<u32>,
    /// The tables that the ids belong to.
    pub vocabulary: Fingerprint,
}

/// Packed sentences of words.
#[derive(Clone, Debug)]
pub struct WordBatch {
    /// Where each sentence lies.
    pub packed: Packed,
    /// The words.
    pub words: TokenRows,
    /// Their outward forms.
    pub shapes: TokenRows,
    /// The different spellings, each a sequence of letters.
    pub spellings: Packed,
    /// The letters.
    pub letters: TokenRows,
    /// The number of the spelling of each word.
    pub spelling_of: Vec<u32>,
    /// The number of the sentence of each word.
    pub sentence_of: Vec<u32>,
}

impl WordBatch {
    /// Packs sentences after checking their tables. A word that stands several times in a batch is
    /// spelt once.
    pub(super) fn new(
        device: &Device,
        texts: &[&Encoded],
        config: &WordInputConfig,
        first_sample: u32,
    ) -> Result<Self> {
        let (mut words, mut shapes, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        let (mut spelling_of, mut sentence_of) = (Vec::new(), Vec::new());
        let mut known: HashMap<&[u32], u32> = HashMap::new();
        let (mut letters, mut letter_counts) = (Vec::new(), Vec::new());
        for (sentence, text) in (0..).zip(texts) {
            let Encoded::Words(text) = text else {
                return Err(text.unlike("words"));
            };
            fits(text, config)?;
            words.extend_from_slice(&text.ids);
            shapes.extend_from_slice(&text.shapes);
            lengths.push(text.ids.len());
            for spelling in &text.spellings {
                let next = known.len() as u32;
                let number = *known.entry(spelling).or_insert_with(|| {
                    letters.extend_from_slice(spelling);
                    letter_counts.push(spelling.len());
                    next
                });
                spelling_of.push(number);
                sentence_of.push(sentence);
            }
        }
        Ok(WordBatch {
            packed: Packed::new(device, &lengths, first_sample)?,
            words: TokenRows::new(device, &words, config.words)?,
            shapes: TokenRows::new(device, &shapes, config.shapes)?,
            spellings: Packed::new(device, &letter_counts, 0)?,
            letters: TokenRows::new(device, &letters, config.letters)?,
            spelling_of,
            sentence_of,
        })
    }
}

fn fits(text: &WordText, config: &WordInputConfig) -> Result<()> {
    let (expected, found) = (config.vocabulary, text.vocabulary);
    if expected != found {
        return Err(Error::Vocabulary { expected, found });
    }
    let words = text.ids.len();
    if text.spellings.len() != words || text.shapes.len() != words {
        return Err(Error::Mismatch(format!(
            "a sentence has {words} words, {} spellings and {} forms: expected as many of each",
            text.spellings.len(),
            text.shapes.len()
        )));
    }
    Ok(())
}
