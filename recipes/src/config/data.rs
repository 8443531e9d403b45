//! Where texts come from: sections `[data]` and `[pairs]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units::{PicturesConfig, SpeechDataConfig};
use crate::layerwise::Preset;
use limbeck_data::read::Column;
use limbeck_data::tagging::Scheme;

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
    /// Share of the labels of train and dev that are replaced by wrong ones, drawn by the run's seed:
    /// to see what noise does. Test is never changed.
    pub label_noise: f64,
    /// How tags are written, where every word has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tagging: Option<TaggingConfig>,
    /// Pictures, when `format = "pictures"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pictures: Option<PicturesConfig>,
    /// Recordings, when `format = "speech"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speech: Option<SpeechDataConfig>,
    /// The built-in corpus, when `format = "corpus"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corpus: Option<CorpusConfig>,
}

impl DataConfig {
    /// The defaults of a format.
    pub fn of_format(format: Format) -> Self {
        let column = |index, name: &str| match format {
            Format::Jsonl | Format::Csv => Column::Name(name.into()),
            _ => Column::Index(index),
        };
        let file = |stem: &str| match format.ending() {
            Some(ending) => format!("{stem}.{ending}"),
            None => String::new(),
        };
        let (label, text) = format.tagging_columns();
        Self {
            format,
            dir: PathBuf::from("."),
            train: file("train"),
            dev: match format.is_tagged() {
                true => file("dev"),
                false => String::new(),
            },
            test: file("test"),
            label_column: label.unwrap_or_else(|| column(0, "label")),
            text_column: text.unwrap_or_else(|| column(1, "text")),
            dev_fraction: 0.1,
            labelled_fraction: 1.0,
            split_seed: 13,
            lower_case: true,
            max_length: 256,
            label_noise: 0.0,
            tagging: (format.is_tagged() && !format.is_keywords()).then(TaggingConfig::default),
            pictures: (format == Format::Pictures).then(PicturesConfig::default),
            speech: (format == Format::Speech).then(SpeechDataConfig::default),
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
    /// A token and its tag a line, a blank line behind every sentence.
    Conll,
    /// CoNLL-U, the ten columns of Universal Dependencies.
    Conllu,
    /// One JSON object a line, with lists of tokens and of tags.
    TaggedJsonl,
    /// `id<TAB>title<TAB>abstract<TAB>keywords`, these divided by `|`: the layout of Inspec.
    Keywords,
    /// One JSON object a line, with a text and a list of its keywords.
    KeywordsJsonl,
    /// PNG pictures, and label pictures of their size and name.
    Pictures,
    /// `label<TAB>path of a WAV file<TAB>speaker`.
    Speech,
}

impl Format {
    /// Whether every word has a label, and not the text.
    pub fn is_tagged(self) -> bool {
        !self.is_classified() && !self.is_media()
    }

    /// Whether every text has a class.
    pub fn is_classified(self) -> bool {
        matches!(self, Self::Tsv | Self::Csv | Self::Jsonl | Self::Corpus)
    }

    /// Whether the samples are no texts: pictures, speech.
    pub fn is_media(self) -> bool {
        matches!(self, Self::Pictures | Self::Speech)
    }

    /// Whether the labels are keywords that stand in the text.
    pub fn is_keywords(self) -> bool {
        matches!(self, Self::Keywords | Self::KeywordsJsonl)
    }

    fn ending(self) -> Option<&'static str> {
        Some(match self {
            Self::Tsv | Self::Keywords | Self::Speech => "tsv",
            Self::Csv => "csv",
            Self::Jsonl | Self::TaggedJsonl | Self::KeywordsJsonl => "jsonl",
            Self::Conll => "conll",
            Self::Conllu => "conllu",
            // Of pictures, a part is a selection of names.
            Self::Corpus | Self::Pictures => return None,
        })
    }

    /// Columns of tags and tokens.
    fn tagging_columns(self) -> (Option<Column>, Option<Column>) {
        let name = |name: &str| Some(Column::Name(name.into()));
        match self {
            Self::Conll => (Some(Column::Index(1)), Some(Column::Index(0))),
            Self::Conllu => (name("upos"), name("form")),
            Self::TaggedJsonl => (name("tags"), name("tokens")),
            Self::KeywordsJsonl => (name("keywords"), name("text")),
            Self::Keywords => (Some(Column::Index(3)), Some(Column::Index(1))),
            _ => (None, None),
        }
    }
}

/// How tags are written: section `[data.tagging]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaggingConfig {
    /// What the prefixes in the files mean; `auto` looks at them.
    pub scheme: Scheme,
    /// Whether tags that break the scheme are an error; else they are counted and read as the
    /// evaluation of the shared task reads them.
    pub strict: bool,
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
