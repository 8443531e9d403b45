//! From the sections of a run file to the options of the crates that do the work.

use std::path::{Path, PathBuf};

use limbeck_data::Unit;
use limbeck_data::pairs::{AugmentOptions, Protect};
use limbeck_data::read::{self, Column, Columns, FolderOptions, Part, ReadOptions};
use limbeck_data::tokenize::{TokenizerKind, TokenizerOptions};

use super::{
    DataConfig, Format, LayerwiseRun, Model, NgramVocabulary, PairsConfig, TokenizerConfig,
    TransformerPooling,
};
use crate::layerwise::Feature;

impl DataConfig {
    /// How the folder `dir` is read; `None` for the built-in corpus, which has no files.
    pub fn folder_options(&self) -> Option<FolderOptions> {
        let format = match self.format {
            Format::Tsv => read::Format::Tsv,
            Format::Csv => read::Format::Csv,
            Format::Jsonl => read::Format::Jsonl,
            Format::Corpus => return None,
            // Words with tags and keywords have readers of their own.
            Format::Conll
            | Format::Conllu
            | Format::TaggedJsonl
            | Format::Keywords
            | Format::KeywordsJsonl
            | Format::Pictures
            | Format::Speech => return None,
        };
        Some(FolderOptions {
            train: self.train.clone(),
            dev: self
                .dev_file()
                .map_or(Part::Nothing, |name| Part::Named(name.into())),
            test: Part::Named(self.test.clone()),
            read: ReadOptions {
                format: Some(format),
                columns: Some(Columns {
                    label: Some(self.label_column.clone()),
                    text: self.text_column.clone(),
                    pair: None,
                    only_label: None,
                }),
                header: None,
            },
        })
    }
}

impl PairsConfig {
    /// The files of ready pairs, within the folder of the data.
    pub fn pair_paths(&self, data: &DataConfig) -> Vec<PathBuf> {
        self.pair_files
            .iter()
            .map(|name| data.dir.join(name))
            .collect()
    }

    /// The files of more unlabelled texts, within the folder of the data.
    pub fn unlabelled_paths(&self, data: &DataConfig) -> Vec<PathBuf> {
        self.unlabelled_files
            .iter()
            .map(|name| data.dir.join(name))
            .collect()
    }

    /// How `pair_files` are read.
    pub fn read_options(&self) -> ReadOptions {
        let [text, pair] = self.pair_columns;
        let wanted = (!self.pair_label.is_empty()).then(|| self.pair_label.clone());
        let columns = Columns {
            label: wanted
                .is_some()
                .then_some(Column::Index(self.pair_label_column)),
            text: Column::Index(text),
            pair: Some(Column::Index(pair)),
            only_label: wanted,
        };
        ReadOptions {
            format: Some(read::Format::Tsv),
            ..ReadOptions::with_columns(columns)
        }
    }

    /// How texts are written anew with `source = "augment"`.
    pub fn augment_options(&self, unit: Unit) -> AugmentOptions {
        let protect = match self.protect_defaults {
            true => Protect::of_unit(unit),
            false => Protect::nothing(),
        };
        AugmentOptions {
            unit,
            delete: self.delete,
            swap: self.swap,
            replace: self.replace,
            protect: protect.and(&self.protect),
        }
    }
}

impl TokenizerConfig {
    /// The tokeniser's options; `first_token` puts `<cls>` before every text.
    pub fn options(&self, data: &DataConfig, first_token: bool) -> TokenizerOptions {
        TokenizerOptions {
            kind: self.kind,
            lowercase: data.lower_case,
            min_count: self.min_count,
            max_size: self.vocabulary_size,
            max_length: data.max_length,
            first_token,
        }
    }
}

impl Model {
    /// What the model reads: characters, or words and their parts.
    pub fn unit(&self) -> Unit {
        let tokenizer = match self {
            Self::BagOfNgrams(config) => return config.unit,
            Self::Transformer(config) => &config.tokenizer,
            Self::TextCnn(config) => &config.tokenizer,
            Self::TextGraph(config) => &config.tokenizer,
            Self::TextLevel(config) => &config.tokenizer,
            Self::Corpus(config) => &config.tokenizer,
            Self::Sgc(config) => &config.tokenizer,
            Self::Seq2seq(config) => &config.tokenizer,
            // Those that read no text have no unit of it.
            Self::Tagger(_)
            | Self::Unet(_)
            | Self::Speech(_)
            | Self::Pretrained(_)
            | Self::File(_) => {
                return Unit::Word;
            }
        };
        match tokenizer.kind {
            TokenizerKind::Character => Unit::Character,
            TokenizerKind::Word | TokenizerKind::Bpe | TokenizerKind::WordPiece => Unit::Word,
        }
    }

    /// The texts its n-grams are counted in; `None` for models that read tokens.
    pub fn ngram_vocabulary(&self) -> Option<NgramVocabulary> {
        match self {
            Self::BagOfNgrams(config) => Some(config.vocabulary),
            _ => None,
        }
    }

    /// Whether its classifier reads the state of a first token that stands for the whole text.
    pub fn reads_first_token(&self) -> bool {
        let pooling = match self {
            Self::Transformer(config) => config.pooling,
            Self::Pretrained(config) => config.pooling,
            _ => return false,
        };
        pooling == TransformerPooling::First
    }
}

impl LayerwiseRun {
    /// The run folder of a teacher that is there already, if one is named.
    pub fn teacher_folder(&self) -> Option<&Path> {
        let named = !self.teacher_run.as_os_str().is_empty();
        named.then_some(self.teacher_run.as_path())
    }

    /// Whether the teacher's texts begin with `<cls>`: its classifier or the layer terms read it.
    pub fn teacher_needs_first_token(&self) -> bool {
        let transformer = matches!(self.teacher, Model::Transformer(_));
        self.teacher.reads_first_token()
            || (transformer && self.distillation.feature == Feature::First)
    }
}
