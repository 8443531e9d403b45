//! The data of a run, read and split.

use limbeck_data::corpus::{self, Corpus, CorpusOptions, Language};
use limbeck_data::pairs::TextPair;
use limbeck_data::read::{FolderOptions, LabelledSet, Part, PartReport, load_folder};
use limbeck_data::split::{absent_from_train, dev_split, labelled_split};
use limbeck_training::run_folder::DataFile;

use crate::config::{CorpusConfig, CorpusLanguage, DataConfig, Model, NgramVocabulary};
use crate::error::Result;
use crate::relay::flip_classes;

/// The texts of a run, split as the specification says.
pub struct RunData {
    /// Texts whose labels are used.
    pub labelled: LabelledSet,
    /// Training texts whose labels are hidden.
    pub unlabelled: Vec<String>,
    /// Ready pairs of the unlabelled texts, then of the labelled ones: the built-in corpus has them.
    pub corpus_pairs: Vec<TextPair>,
    /// Development set.
    pub dev: LabelledSet,
    /// Test set; none if it was not to be read.
    pub test: Option<TestSet>,
    /// The texts of a test set that is not to be judged on: a transductive model takes them in.
    pub test_texts: Vec<String>,
    /// What was read.
    pub files: Vec<DataFile>,
    /// What a careful person should know about the data.
    pub report: String,
    /// The parts that were read; none for the built-in corpus.
    pub parts: Vec<PartReport>,
}

/// The texts a run is judged on at its end.
pub struct TestSet {
    /// The labelled texts.
    pub set: LabelledSet,
    /// For each of them, whether it is absent from train.
    pub unseen: Vec<bool>,
}

impl TestSet {
    fn new(set: LabelledSet, train: &LabelledSet) -> Self {
        let unseen = absent_from_train(&train.texts, &set.texts);
        TestSet { set, unseen }
    }
}

impl RunData {
    /// Reads and splits the data. The dev split depends on `split_seed` alone, the labelled part
    /// on the run's seed.
    ///
    /// # Errors
    /// Whatever a file can be wrong about, with its line.
    pub fn read(config: &DataConfig, seed: u64) -> Result<Self> {
        match config.folder_options() {
            None => Self::built_in(&config.corpus.unwrap_or_default(), config, seed),
            Some(options) => Self::folder(&options, config, seed),
        }
    }

    /// As [`RunData::read`], but the test file is not opened, and need not exist.
    ///
    /// # Errors
    /// As [`RunData::read`].
    pub fn read_without_test(config: &DataConfig, seed: u64) -> Result<Self> {
        match config.folder_options() {
            None => Ok(RunData {
                test: None,
                ..Self::read(config, seed)?
            }),
            Some(options) => {
                let test = Part::Nothing;
                Self::folder(&FolderOptions { test, ..options }, config, seed)
            }
        }
    }

    /// As [`RunData::read`], but of test the texts alone are kept: what a transductive model takes
    /// in, though it is not to be judged on them.
    ///
    /// # Errors
    /// As [`RunData::read`].
    pub fn read_without_test_labels(config: &DataConfig, seed: u64) -> Result<Self> {
        let mut data = Self::read(config, seed)?;
        let test = data.test.take();
        data.test_texts = test.map_or_else(Vec::new, |test| test.set.texts);
        Ok(data)
    }

    fn folder(options: &FolderOptions, config: &DataConfig, seed: u64) -> Result<Self> {
        let data = load_folder(&config.dir, options)?;
        let roles = [
            ("train", true),
            ("dev", data.dev.is_some()),
            ("test", data.test.is_some()),
        ];
        let roles = roles.into_iter().filter(|(_, read)| *read);
        let files = data
            .files
            .iter()
            .zip(roles)
            .map(|(file, (role, _))| DataFile::measure(role, &file.path))
            .collect::<limbeck_training::Result<_>>()?;
        let report = data.report.to_string();
        let split = Split::new(&data.train, data.dev, config, seed)?;
        Ok(RunData {
            parts: data.report.parts,
            ..Self::assemble(&data.train, split, data.test, files, report)
        })
    }

    fn built_in(corpus: &CorpusConfig, config: &DataConfig, seed: u64) -> Result<Self> {
        let generated = corpus::generate(&CorpusOptions {
            seed: corpus.seed,
            train: corpus.train_size,
            dev: 0,
            test: corpus.test_size,
            language: match corpus.language {
                CorpusLanguage::English => Language::English,
                CorpusLanguage::Chinese => Language::Chinese,
            },
            ..CorpusOptions::default()
        })?;
        let Corpus { train, test, .. } = generated;
        let split = Split::new(&train.set, None, config, seed)?;
        let rows: Vec<usize> = split
            .unlabelled
            .iter()
            .chain(&split.rows)
            .copied()
            .collect();
        let pairs = train.pairs(&rows);
        let report = format!(
            "the built-in corpus, seed {}: {} texts to train on, {} to test on",
            corpus.seed,
            train.set.len(),
            test.set.len()
        );
        let mut data = Self::assemble(&train.set, split, Some(test.set), Vec::new(), report);
        data.corpus_pairs = pairs;
        Ok(data)
    }

    fn assemble(
        train: &LabelledSet,
        split: Split,
        test: Option<LabelledSet>,
        files: Vec<DataFile>,
        report: String,
    ) -> Self {
        RunData {
            labelled: split.labelled,
            unlabelled: split
                .unlabelled
                .iter()
                .map(|&row| train.texts[row].clone())
                .collect(),
            test_texts: Vec::new(),
            corpus_pairs: Vec::new(),
            dev: split.dev,
            test: test.map(|set| TestSet::new(set, train)),
            files,
            report,
            parts: Vec::new(),
        }
    }

    /// The texts a model trained on labels alone learns its vocabulary from: those with labels, or
    /// all training texts where it counts n-grams in all. A transductive model takes in all texts
    /// there are.
    pub(crate) fn vocabulary_texts(&self, model: &Model) -> Vec<String> {
        if model.is_transductive() {
            let test = self.test.iter().flat_map(|test| &test.set.texts);
            let test = test.chain(&self.test_texts);
            let held_out = self.dev.texts.iter().chain(test).cloned();
            return self.training_texts().into_iter().chain(held_out).collect();
        }
        match model.ngram_vocabulary() {
            Some(NgramVocabulary::All) => self.training_texts(),
            _ => self.labelled.texts.clone(),
        }
    }

    /// The texts that vocabularies are learned from: labelled and unlabelled, never dev or test.
    pub fn training_texts(&self) -> Vec<String> {
        self.labelled
            .texts
            .iter()
            .chain(&self.unlabelled)
            .cloned()
            .collect()
    }
}

struct Split {
    /// The rows of the labelled texts.
    rows: Vec<usize>,
    labelled: LabelledSet,
    unlabelled: Vec<usize>,
    dev: LabelledSet,
}

impl Split {
    fn new(
        train: &LabelledSet,
        dev: Option<LabelledSet>,
        config: &DataConfig,
        seed: u64,
    ) -> Result<Self> {
        let (mut dev, rest) = match dev {
            Some(dev) => (dev, (0..train.len()).collect()),
            None => {
                let split = dev_split(train, config.dev_fraction, config.split_seed)?;
                (train.select(&split.taken), split.rest)
            }
        };
        let kept = labelled_split(train, &rest, config.labelled_fraction, seed)?;
        // After the splits, which look at labels: the same texts are drawn with noise and without.
        let mut labelled = train.select(&kept.taken);
        flip_classes(&mut labelled, config.label_noise, seed, "train");
        flip_classes(&mut dev, config.label_noise, seed, "dev");
        Ok(Split {
            rows: kept.taken,
            labelled,
            unlabelled: kept.rest,
            dev,
        })
    }
}
