//! The data of a run: classes of texts, tags of words, or keywords, in one form.

use std::path::Path;

use limbeck_data::DataError;
use limbeck_data::keywords::{
    Gold, KEYWORD_KIND, KeywordDocument, KeywordFolderOptions, KeywordFormat, KeywordReadOptions,
    keyword_spans, load_keyword_folder, phrases_at, read_keywords,
};
use limbeck_data::read::{FileSummary, LabelledSet, Part as FilePart};
use limbeck_data::split::{absent_from_train, dev_split, labelled_split};
use limbeck_data::tagging::{
    Scheme, Span, TagColumns, TagFormat, TagReadOptions, TaggedOptions, TaggedSet, load_tagged,
    load_tagged_folder,
};
use limbeck_training::run_folder::DataFile;

use super::noise::disturb;
use super::options::Loss;
use super::samples::Samples;
use crate::config::{DataConfig, Format, RelayRun};
use crate::dataset::RunData;
use crate::error::Result;
use crate::text::{COPY_LABELS, Form, LabelSpace};

/// The data of a run, split as the run file says.
pub struct RelayData {
    /// The labels.
    pub space: LabelSpace,
    /// What models learn from.
    pub train: Samples,
    /// What choices are made on.
    pub dev: Part,
    /// What models are judged on at the end; none if it was not to be read.
    pub test: Option<Part>,
    /// What was read.
    pub files: Vec<DataFile>,
    /// What a careful person should know about the data.
    pub report: String,
}

/// Samples to be judged on.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Texts and labels.
    pub samples: Samples,
    /// Their keywords; empty in other tasks.
    pub documents: Vec<KeywordDocument>,
    /// For each whether its text is absent from train; empty where that is not asked.
    pub unseen: Vec<bool>,
}

impl RelayData {
    /// Reads and splits the data, without test if it is not to be read.
    ///
    /// # Errors
    /// Whatever a file can be wrong about, with its line.
    pub fn read(run: &RelayRun, with_test: bool) -> Result<Self> {
        let config = &run.data;
        if !config.format.is_keywords() {
            return Self::read_texts(config, run.seed, with_test);
        }
        let copied = run.distillation.loss == Loss::Ctc;
        Whole::keywords(config, with_test, copied)?.divide(config, run.seed)
    }

    /// Texts with classes, or tagged words.
    pub(crate) fn read_texts(config: &DataConfig, seed: u64, with_test: bool) -> Result<Self> {
        if config.format.is_tagged() {
            return Whole::tagged(config, with_test)?.divide(config, seed);
        }
        let data = match with_test {
            true => RunData::read(config, seed)?,
            false => RunData::read_without_test(config, seed)?,
        };
        Ok(Self::of_classes(data))
    }

    /// Classified texts, which are split and disturbed already.
    fn of_classes(data: RunData) -> Self {
        let samples = |set: &LabelledSet| Samples {
            texts: set.texts.clone(),
            labels: set.labels.iter().map(|&label| vec![label]).collect(),
        };
        let part = |set: &LabelledSet, unseen: Vec<bool>| Part {
            samples: samples(set),
            documents: Vec::new(),
            unseen,
        };
        RelayData {
            space: LabelSpace::new(data.labelled.classes.clone(), Form::Classify),
            train: samples(&data.labelled),
            dev: part(&data.dev, Vec::new()),
            test: data.test.map(|test| part(&test.set, test.unseen)),
            files: data.files,
            report: data.report,
        }
    }
}

/// Tagged data as the files have it.
struct Whole {
    space: LabelSpace,
    train: Part,
    dev: Option<Part>,
    test: Option<Part>,
    files: Vec<DataFile>,
    report: String,
}

impl Whole {
    fn tagged(config: &DataConfig, with_test: bool) -> Result<Self> {
        let tagging = config.tagging.unwrap_or_default();
        let options = TaggedOptions {
            train: config.train.clone(),
            dev: dev_part(config),
            test: test_part(config, with_test),
            read: read_options(config),
            scheme: tagging.scheme,
            scheme_out: Scheme::Auto,
            strict: tagging.strict,
        };
        let data = load_tagged_folder(&config.dir, &options)?;
        let roles = (data.dev.is_some(), data.test.is_some());
        Ok(Whole {
            space: LabelSpace::new(data.train.tag_names.clone(), Form::Tag(data.scheme)),
            train: part(&data.train),
            dev: data.dev.map(|set| part(&set)),
            test: data.test.map(|set| part(&set)),
            files: measured(&data.files, roles)?,
            report: data.report.to_string(),
        })
    }

    /// Keywords by tags, or by what is copied.
    fn keywords(config: &DataConfig, with_test: bool, copied: bool) -> Result<Self> {
        let options = KeywordFolderOptions {
            train: config.train.clone(),
            dev: dev_part(config),
            test: test_part(config, with_test),
            read: KeywordReadOptions {
                format: Some(match config.format {
                    Format::KeywordsJsonl => KeywordFormat::Jsonl,
                    _ => KeywordFormat::Inspec,
                }),
                gold: Gold::default(),
            },
        };
        let data = load_keyword_folder(&config.dir, &options)?;
        let roles = (data.dev.is_some(), data.test.is_some());
        let space = match copied {
            true => LabelSpace::new(COPY_LABELS.map(String::from).to_vec(), Form::Copied),
            false => {
                let scheme = Scheme::Bioes;
                LabelSpace::new(scheme.tag_names(&[KEYWORD_KIND]), Form::Keywords(scheme))
            }
        };
        let mut report = data.report.to_string();
        let mut train = documented(&space, data.train)?;
        if copied {
            report += &leave_out(&space, &mut train)?;
        }
        let others = |documents: Option<Vec<KeywordDocument>>| {
            let part = documents.map(|documents| documented(&space, documents));
            part.transpose()
        };
        Ok(Whole {
            train,
            dev: others(data.dev)?,
            test: others(data.test)?,
            files: measured(&data.files, roles)?,
            space,
            report,
        })
    }

    /// Takes dev from train where there is no file of it, draws the labelled share, and adds noise.
    fn divide(mut self, config: &DataConfig, seed: u64) -> Result<RelayData> {
        let (noise, space) = (config.label_noise, self.space);
        let everything = self.train.samples.labelled(&space);
        let (rest, mut dev) = match self.dev.take() {
            Some(dev) => ((0..everything.len()).collect(), dev),
            None => {
                let split = dev_split(&everything, config.dev_fraction, config.split_seed)?;
                (split.rest, self.train.select(&split.taken))
            }
        };
        let kept = labelled_split(&everything, &rest, config.labelled_fraction, seed)?;
        let mut train = self.train.samples.select(&kept.taken);
        disturb(&mut train, &space, noise, seed, "train")?;
        disturb(&mut dev.samples, &space, noise, seed, "dev")?;
        if noise > 0.0 {
            // The keywords that choices are made by are those that noise has left.
            let labels = dev.samples.labels.iter();
            for (document, labels) in dev.documents.iter_mut().zip(labels) {
                document.keywords = phrases_at(document, &space.spans(labels));
            }
        }
        if let Some(test) = &mut self.test {
            test.unseen = absent_from_train(&everything.texts, &test.samples.texts);
        }
        Ok(RelayData {
            space,
            train,
            dev,
            test: self.test,
            files: self.files,
            report: self.report,
        })
    }
}

impl Part {
    /// Reads one file for a finished tagger: tagged words in any of the formats, by the ending of its
    /// name, with the columns of the training files if it has their format; or documents with keywords.
    ///
    /// # Errors
    /// Whatever the file can be wrong about; a tag that the model does not know.
    pub fn read(path: &Path, space: &LabelSpace, trained_on: &TagReadOptions) -> Result<Self> {
        if space.finds_keywords() {
            let (documents, _) = read_keywords(path, &KeywordReadOptions::default())?;
            return documented(space, documents);
        }
        let scheme = space.scheme().unwrap_or(Scheme::None);
        let mut options = TaggedOptions::default();
        if trained_on.format == Some(TagFormat::of(path)) {
            options.read = trained_on.clone();
        }
        let (set, ..) = load_tagged(path, &options, &space.names, scheme)?;
        Ok(part(&set))
    }

    fn select(&self, rows: &[usize]) -> Self {
        let documents = match self.documents.is_empty() {
            true => Vec::new(),
            false => rows
                .iter()
                .map(|&row| self.documents[row].clone())
                .collect(),
        };
        Part {
            samples: self.samples.select(rows),
            documents,
            unseen: Vec::new(),
        }
    }
}

fn part(set: &TaggedSet) -> Part {
    Part {
        samples: Samples {
            texts: set.sentences.iter().map(|words| words.join(" ")).collect(),
            labels: set.tags.clone(),
        },
        ..Part::default()
    }
}

/// Documents as sentences with labels.
fn documented(space: &LabelSpace, documents: Vec<KeywordDocument>) -> Result<Part> {
    let mut samples = Samples::default();
    for document in &documents {
        let words: Vec<&str> = document.tokens.iter().map(|t| t.text.as_str()).collect();
        let (spans, _) = keyword_spans(document);
        samples.labels.push(space.labels_of(&spans, words.len())?);
        samples.texts.push(words.join(" "));
    }
    Ok(Part {
        samples,
        documents,
        unseen: Vec::new(),
    })
}

/// Leaves out the training documents whose keywords cannot be written by copying: where two keywords
/// touch, or one repeats a word. Says how many there are.
fn leave_out(space: &LabelSpace, train: &mut Part) -> Result<String> {
    let can = |row: &usize| {
        let (document, labels) = (&train.documents[*row], &train.samples.labels[*row]);
        let (spans, _) = keyword_spans(document);
        let repeats = |span: &Span| {
            let words = document.tokens[span.start..span.end].windows(2);
            words.clone().any(|pair| pair[0].text == pair[1].text)
        };
        space.spans(labels) == spans && !spans.iter().any(repeats)
    };
    let all = train.samples.len();
    let kept: Vec<usize> = (0..all).filter(can).collect();
    let left_out = all - kept.len();
    // One document is no reason to stop, however few there are.
    if left_out > 1 && left_out * 100 > all {
        let found =
            format!("{left_out} of {all} training documents whose keywords touch or repeat a word");
        let wanted = "another loss than \"ctc\", or at most 1 % of documents that it cannot spell";
        return Err(DataError::option("distillation.loss", wanted, found).into());
    }
    *train = train.select(&kept);
    Ok(format!(
        "ctc: {left_out} of {all} training documents have keywords that touch or repeat a word, and are left out\n"
    ))
}

/// How tagged files are read; of keywords, nothing of it is used.
pub(crate) fn read_options(config: &DataConfig) -> TagReadOptions {
    TagReadOptions {
        format: Some(match config.format {
            Format::Conllu => TagFormat::Conllu,
            Format::TaggedJsonl => TagFormat::Jsonl,
            _ => TagFormat::Conll,
        }),
        columns: TagColumns {
            token: Some(config.text_column.clone()),
            tag: Some(config.label_column.clone()),
        },
    }
}

fn dev_part(config: &DataConfig) -> FilePart {
    match config.dev_file() {
        Some(name) => FilePart::Named(name.into()),
        None => FilePart::Nothing,
    }
}

fn test_part(config: &DataConfig, with_test: bool) -> FilePart {
    match with_test {
        true => FilePart::Named(config.test.clone()),
        false => FilePart::Nothing,
    }
}

fn measured(files: &[FileSummary], (dev, test): (bool, bool)) -> Result<Vec<DataFile>> {
    let roles = [("train", true), ("dev", dev), ("test", test)];
    let roles = roles.into_iter().filter(|(_, read)| *read);
    let files = files.iter().zip(roles);
    let files = files.map(|(file, (role, _))| DataFile::measure(role, &file.path));
    Ok(files.collect::<limbeck_training::Result<_>>()?)
}
