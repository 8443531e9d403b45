//! Where texts come from: sections `[data]` and `[pairs]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::layerwise::Preset;
use limbeck_data::read::Column;

/// Labelled texts, their split and their cleaning: section `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Form of the files, or the corpus that is built in.
    pub format: Format,
    /// Folder of the files, seen from the working directory.
    pub dir: PathBuf,
    /// Training file.
    pub train: String,
    /// Development file; empty takes `dev_fraction` of the training texts.
    pub dev: String,
    /// Test file, read once at the end.
    pub test: String,
    /// Column of the label.
    pub label_column: Column,
    /// Column of the text.
    pub text_column: Column,
    /// Share of the training texts that becomes the development set, stratified.
    pub dev_fraction: f64,
    /// Share of the remaining training texts that keep their label, stratified, at least one a
    /// class. `layerwise` uses the others as unlabelled text.
    pub labelled_fraction: f64,
    /// Seed of the draw of dev. It does not depend on the run's seed; the draw of the labels does.
    pub split_seed: u64,
    /// Turn the text into lower case.
    pub lower_case: bool,
    /// Longest text in tokens; what is beyond is cut off.
    pub max_length: usize,
    /// The built-in corpus, when `format = "corpus"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corpus: Option<CorpusConfig>,
}

impl DataConfig {
    /// The defaults of a format.
    pub fn of_format(format: Format) -> Self {
        let by_name = format == Format::Jsonl || format == Format::Csv;
        let column = |index, name: &str| match by_name {
            true => Column::Name(name.into()),
            false => Column::Index(index),
        };
        let file = |stem: &str| match format {
            Format::Tsv => format!("{stem}.tsv"),
            Format::Csv => format!("{stem}.csv"),
            Format::Jsonl => format!("{stem}.jsonl"),
            Format::Corpus => String::new(),
        };
        Self {
            format,
            dir: PathBuf::from("."),
            train: file("train"),
            dev: String::new(),
            test: file("test"),
            label_column: column(0, "label"),
            text_column: column(1, "text"),
            dev_fraction: 0.1,
            labelled_fraction: 1.0,
            split_seed: 13,
            lower_case: true,
            max_length: 256,
            corpus: (format == Format::Corpus).then(CorpusConfig::default),
        }
    }

    /// The development file, if one is named.
    pub fn dev_file(&self) -> Option<&str> {
        (!self.dev.is_empty()).then_some(self.dev.as_str())
    }
}

/// Form of the data files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One `label<TAB>text` a line; no header, no quoting.
    Tsv,
    /// Comma-separated with a header line, quoted as in RFC 4180.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// The corpus that is built in.
    Corpus,
}

/// The corpus that is built in: section `[data.corpus]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusConfig {
    /// Language of the product descriptions.
    pub language: CorpusLanguage,
    /// Number of training texts.
    pub train_size: usize,
    /// Number of test texts.
    pub test_size: usize,
    /// Seed of the generator.
    pub seed: u64,
}

impl Default for CorpusConfig {
    fn default() -> Self {
        Self {
            language: CorpusLanguage::English,
            train_size: 3000,
            test_size: 1000,
            seed: 7,
        }
    }
}

/// Language of the built-in corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorpusLanguage {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

/// Unlabelled texts and their second wordings: section `[pairs]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairsConfig {
    /// Where the second wording comes from.
    pub source: PairSource,
    /// For `source = "file"`: tab-separated files of ready pairs, the only unlabelled texts then.
    pub pair_files: Vec<String>,
    /// The two columns of `pair_files`, counted from 0: the text, and its second wording.
    pub pair_columns: [usize; 2],
    /// Take only the rows of `pair_files` whose column `pair_label_column` holds this label, such
    /// as the positive pairs of a paraphrase corpus; empty takes all.
    pub pair_label: String,
    /// The column of `pair_label`, counted from 0.
    pub pair_label_column: usize,
    /// `command`: a program and its arguments. It reads a text per line, and writes the other
    /// wording of each per line.
    pub translator: Vec<String>,
    /// `command`: where its answers are kept, so that no text is asked about twice; empty keeps
    /// them in the run folder.
    pub translations: PathBuf,
    /// Files of more unlabelled texts, one a line.
    pub unlabelled_files: Vec<String>,
    /// Use the labelled training texts without their labels as well.
    pub unlabelled_from_train: bool,
    /// Leave out pairs whose two sides are equal after normalisation (never with `dropout`).
    pub drop_identical: bool,
    /// `augment`: how many other wordings every text has; each makes a pair of its own.
    pub wordings: u64,
    /// `augment`: share of the units deleted.
    pub delete: f64,
    /// `augment`: share of the units swapped with a neighbour.
    pub swap: f64,
    /// `augment`: share of the units replaced, the least telling first (by TF-IDF).
    pub replace: f64,
    /// `augment`: never touch question words with what follows them, negations and numbers, in
    /// English where the teacher reads words and in Chinese where it reads characters.
    pub protect_defaults: bool,
    /// `augment`: more units that are never touched.
    pub protect: Vec<String>,
}

impl PairsConfig {
    /// The values of a preset.
    pub fn preset(preset: Preset) -> Self {
        Self {
            source: PairSource::Augment,
            pair_files: Vec::new(),
            pair_columns: [0, 1],
            pair_label: String::new(),
            pair_label_column: 0,
            translator: Vec::new(),
            translations: PathBuf::new(),
            unlabelled_files: Vec::new(),
            unlabelled_from_train: true,
            drop_identical: preset == Preset::Tuned,
            wordings: 1,
            delete: 0.1,
            swap: 0.1,
            replace: 0.1,
            protect_defaults: true,
            protect: Vec::new(),
        }
    }
}

/// Where the second wording of an unlabelled text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairSource {
    /// Words are deleted, swapped and replaced.
    Augment,
    /// A file of ready pairs, such as back-translations.
    File,
    /// A program that writes texts anew, such as a back-translator.
    Command,
    /// The same text, read twice under different dropout masks.
    Dropout,
    /// The built-in corpus's own second wording.
    Corpus,
}
