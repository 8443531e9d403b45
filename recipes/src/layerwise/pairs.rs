//! The two sides of unlabelled pairs, encoded for one model.

use limbeck_data::pairs::{
    AugmentedPairs, Augmenter, DropoutPairs, FilePairs, PairReport, PairSource, TextPair, gather,
};
use limbeck_data::read::{Columns, Format, ReadOptions, read_records};
use limbeck_engine::{Result, Tape, Var};
use limbeck_kernels::gather_rows;
use limbeck_models::Encoded;

use crate::config::{self, LayerwiseRun, Model};
use crate::dataset::RunData;
use crate::text::Encoder;

/// Encoded pairs: `original[j]` and `other[j]` mean the same.
#[derive(Clone, Debug, Default)]
pub struct EncodedPairs {
    /// The texts.
    pub original: Vec<Encoded>,
    /// Their other wordings.
    pub other: Vec<Encoded>,
}

impl EncodedPairs {
    /// Encodes both sides of every pair.
    pub fn new(encoder: &Encoder, pairs: &[TextPair]) -> Self {
        EncodedPairs {
            original: pairs
                .iter()
                .map(|pair| encoder.encode(&pair.original))
                .collect(),
            other: pairs
                .iter()
                .map(|pair| encoder.encode(&pair.other))
                .collect(),
        }
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.original.is_empty()
    }

    /// All original sides, then all other sides.
    pub(super) fn all(&self) -> Vec<&Encoded> {
        self.original.iter().chain(&self.other).collect()
    }

    pub(super) fn lengths(&self) -> Vec<usize> {
        self.original.iter().map(Encoded::len).collect()
    }

    /// Tokens of both sides together.
    pub(super) fn lengths_of_both(&self) -> Vec<usize> {
        let sides = self.original.iter().zip(&self.other);
        sides.map(|(one, other)| one.len() + other.len()).collect()
    }

    /// The original sides of these pairs, then the other sides.
    pub(super) fn both_sides(&self, rows: &[usize]) -> Vec<&Encoded> {
        let original = rows.iter().map(|&row| &self.original[row]);
        original
            .chain(rows.iter().map(|&row| &self.other[row]))
            .collect()
    }

    pub(super) fn tokens(&self, rows: &[usize]) -> usize {
        rows.iter()
            .map(|&row| self.original[row].len() + self.other[row].len())
            .sum()
    }
}

/// Splits `[2 pairs, C]` into the rows of the original sides and of the other sides.
pub(super) fn both_sides(tape: &Tape, rows: &Var, pairs: usize) -> Result<(Var, Var)> {
    let range = |from: usize| -> Vec<u32> { (from as u32..(from + pairs) as u32).collect() };
    Ok((
        gather_rows(tape, rows, &range(0))?,
        gather_rows(tape, rows, &range(pairs))?,
    ))
}

/// The pairs of unlabelled texts of a run, and which source made them.
pub(super) fn unlabelled_pairs(
    run: &LayerwiseRun,
    data: &RunData,
) -> crate::error::Result<(Vec<TextPair>, PairReport)> {
    let pairs = &run.pairs;
    let source: Box<dyn PairSource> = match pairs.source {
        config::PairSource::File => {
            Box::new(FilePairs::read(&pairs.pair_paths(&run.data), &pairs.read_options())?.0)
        }
        config::PairSource::Corpus => {
            let unlabelled = data.unlabelled.len();
            let used = if pairs.unlabelled_from_train {
                data.corpus_pairs.len()
            } else {
                unlabelled
            };
            Box::new(FilePairs::new(data.corpus_pairs[..used].to_vec()))
        }
        config::PairSource::Dropout => Box::new(DropoutPairs::new(unlabelled_texts(run, data)?)),
        config::PairSource::Augment => {
            let texts = unlabelled_texts(run, data)?;
            let unit = Model::TextCnn(run.student.clone()).unit();
            let options = pairs.augment_options(unit);
            let augmenter = Augmenter::fit(&texts, options, run.seed)?;
            Box::new(AugmentedPairs::new(texts, augmenter))
        }
    };
    Ok(gather(&*source, pairs.wordings, pairs.drop_identical))
}

/// Texts whose labels are hidden, those of extra files, and (if asked for) the labelled ones.
fn unlabelled_texts(run: &LayerwiseRun, data: &RunData) -> crate::error::Result<Vec<String>> {
    let mut texts = data.unlabelled.clone();
    for path in run.pairs.unlabelled_paths(&run.data) {
        let columns = Columns::text_only(Format::of(&path));
        let (records, _) = read_records(&path, &ReadOptions::with_columns(columns))?;
        texts.extend(records.into_iter().map(|record| record.text));
    }
    if run.pairs.unlabelled_from_train {
        texts.extend(data.labelled.texts.iter().cloned());
    }
    Ok(texts)
}
