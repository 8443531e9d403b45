//! The two sides of unlabelled pairs, encoded for one model.

use std::path::PathBuf;

use limbeck_data::pairs::{
    AugmentedPairs, Augmenter, CommandTranslator, DropoutPairs, FilePairs, KeptTranslations,
    PairReport, PairSource, TextPair, TranslatedPairs, gather,
};
use limbeck_data::read::{Columns, Format, ReadOptions, file_sha256, read_records};
use limbeck_engine::{Result, Tape, Var};
use limbeck_kernels::gather_rows;
use limbeck_models::Encoded;
use limbeck_training::run_folder::{DataFile, RunPaths};

use crate::config::{self, LayerwiseRun, Model, PairsConfig};
use crate::context::RunContext;
use crate::dataset::RunData;
use crate::error::Error;
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
    context: &RunContext<'_>,
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
        // A rehearsal starts no program: the texts themselves stand in for their translations.
        config::PairSource::Command if context.is_rehearsal() => {
            Box::new(DropoutPairs::new(unlabelled_texts(run, data)?))
        }
        config::PairSource::Command => {
            let texts = unlabelled_texts(run, data)?;
            Box::new(translated(pairs, context, texts)?)
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

/// Pairs made by the program of the run file, or found among what it has said before.
fn translated(
    pairs: &PairsConfig,
    context: &RunContext<'_>,
    texts: Vec<String>,
) -> crate::error::Result<TranslatedPairs> {
    let command = &pairs.translator;
    let program = CommandTranslator::new(command)?;
    let file = match pairs.translations.as_os_str().is_empty() {
        true => context.paths().map(RunPaths::translations),
        false => Some(pairs.translations.clone()),
    };
    Ok(match file {
        None => TranslatedPairs::new(texts, &program)?,
        Some(file) => {
            let kept = KeptTranslations::new(&program, command, &file);
            TranslatedPairs::new(texts, &kept)?
        }
    })
}

/// The files of pairs or of unlabelled texts that the run reads, to be recorded with it.
///
/// # Errors
/// If one is missing or cannot be read.
pub fn pair_files(run: &LayerwiseRun) -> crate::error::Result<Vec<DataFile>> {
    let (role, paths) = match run.pairs.source {
        config::PairSource::File => ("pairs", run.pairs.pair_paths(&run.data)),
        config::PairSource::Corpus => return Ok(Vec::new()),
        _ => ("unlabelled", run.pairs.unlabelled_paths(&run.data)),
    };
    let measure = |path: &PathBuf| {
        let sha256 = file_sha256(path)?;
        let bytes = std::fs::metadata(path).map_err(|cause| Error::io("read", path, cause))?;
        Ok(DataFile {
            role: role.into(),
            path: path.display().to_string(),
            bytes: bytes.len(),
            sha256,
        })
    };
    paths.iter().map(measure).collect()
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
