//! Where the two wordings of an unlabelled text come from.

use std::path::PathBuf;

use super::augment::Augmenter;
use super::{PairKind, PairSource, TextPair};
use crate::error::{DataError, Result};
use crate::read::{Columns, FileSummary, Format, ReadOptions, read_records};

/// Pairs that stand ready in files: back-translations, or sentences known to mean the same.
#[derive(Clone, Debug)]
pub struct FilePairs {
    pairs: Vec<TextPair>,
}

impl FilePairs {
    /// Reads the pairs of all files. Without columns in `options`: `text<TAB>text_bt`.
    ///
    /// # Errors
    /// Whatever a file can be wrong about, with its line.
    pub fn read(paths: &[PathBuf], options: &ReadOptions) -> Result<(Self, Vec<FileSummary>)> {
        let mut pairs = Vec::new();
        let mut files = Vec::new();
        for path in paths {
            let mut options = options.clone();
            let format = options.format.unwrap_or_else(|| Format::of(path));
            options
                .columns
                .get_or_insert_with(|| Columns::text_pair(format));
            let (records, summary) = read_records(path, &options)?;
            pairs.extend(records.into_iter().map(|record| TextPair {
                other: record.pair.unwrap_or_else(|| record.text.clone()),
                original: record.text,
            }));
            files.push(summary);
        }
        Ok((Self { pairs }, files))
    }

    /// Pairs made elsewhere, such as those of the built-in corpus.
    pub fn new(pairs: Vec<TextPair>) -> Self {
        Self { pairs }
    }
}

impl PairSource for FilePairs {
    fn kind(&self) -> PairKind {
        PairKind::Files
    }

    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn pair(&self, index: usize, _round: u64) -> TextPair {
        self.pairs[index].clone()
    }
}

/// Pairs of a text and what the [`Augmenter`] makes of it, anew in every round.
#[derive(Clone, Debug)]
pub struct AugmentedPairs {
    texts: Vec<String>,
    augmenter: Augmenter,
}

impl AugmentedPairs {
    /// One pair for each text.
    pub fn new(texts: Vec<String>, augmenter: Augmenter) -> Self {
        Self { texts, augmenter }
    }
}

impl PairSource for AugmentedPairs {
    fn kind(&self) -> PairKind {
        PairKind::Augmentation
    }

    fn len(&self) -> usize {
        self.texts.len()
    }

    fn pair(&self, index: usize, round: u64) -> TextPair {
        let original = self.texts[index].clone();
        let other = self.augmenter.rewrite(&original, round, index);
        TextPair { original, other }
    }
}

/// The same text twice: the two sides differ by the model's dropout alone.
#[derive(Clone, Debug)]
pub struct DropoutPairs {
    texts: Vec<String>,
}

impl DropoutPairs {
    /// One pair for each text.
    pub fn new(texts: Vec<String>) -> Self {
        Self { texts }
    }
}

impl PairSource for DropoutPairs {
    fn kind(&self) -> PairKind {
        PairKind::Dropout
    }

    fn len(&self) -> usize {
        self.texts.len()
    }

    fn pair(&self, index: usize, _round: u64) -> TextPair {
        let original = self.texts[index].clone();
        TextPair {
            other: original.clone(),
            original,
        }
    }
}

/// Translates into another language and back. Implement it to plug in a translator.
pub trait Translator: Send + Sync {
    /// The name the log shows.
    fn name(&self) -> &str;

    /// The texts after the way there and back, as many and in their order.
    ///
    /// # Errors
    /// [`crate::DataError::Translator`] in the translator's own words.
    fn there_and_back(&self, texts: &[String]) -> Result<Vec<String>>;
}

/// The translator's answers, as many as there are texts.
pub(super) fn ask(translator: &dyn Translator, texts: &[String]) -> Result<Vec<String>> {
    let answers = translator.there_and_back(texts)?;
    if answers.len() == texts.len() {
        return Ok(answers);
    }
    Err(DataError::Translator {
        name: translator.name().into(),
        message: format!("expected {} texts, found {}", texts.len(), answers.len()),
    })
}

/// Pairs of a text and its translation back, made once.
#[derive(Clone, Debug)]
pub struct TranslatedPairs {
    translator: String,
    pairs: Vec<TextPair>,
}

impl TranslatedPairs {
    /// Translates all texts.
    ///
    /// # Errors
    /// The translator's, and if it gives fewer or more texts than it was given.
    pub fn new(texts: Vec<String>, translator: &dyn Translator) -> Result<Self> {
        let others = ask(translator, &texts)?;
        let pair = |(original, other)| TextPair { original, other };
        Ok(Self {
            translator: translator.name().into(),
            pairs: texts.into_iter().zip(others).map(pair).collect(),
        })
    }
}

impl PairSource for TranslatedPairs {
    fn kind(&self) -> PairKind {
        PairKind::Translator(self.translator.clone())
    }

    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn pair(&self, index: usize, _round: u64) -> TextPair {
        self.pairs[index].clone()
    }
}
