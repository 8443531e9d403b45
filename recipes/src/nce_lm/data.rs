//! The text of a run: training, dev and test as tokens of one vocabulary.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use limbeck_data::language::{
    LanguageVocabulary, Share, TextReport, TokenFile, TokenSource, TokenStream, count, load,
    vocabulary_path,
};
use limbeck_training::run_folder::DataFile;

use crate::config::LanguageDataConfig;
use crate::error::Result;

/// The text of a run.
pub struct LanguageData {
    /// Its tokens' table, from the training text.
    pub vocabulary: LanguageVocabulary,
    /// Occurrences of every token in the training text.
    pub counts: Vec<u64>,
    /// Training text.
    pub train: Arc<dyn TokenSource>,
    /// Text that choices are made on.
    pub dev: Arc<dyn TokenSource>,
    /// Text that is read once, at the end; none if it was not to be read.
    pub test: Option<Arc<dyn TokenSource>>,
    /// What was read.
    pub files: Vec<DataFile>,
    /// What a careful person should know about the text.
    pub report: String,
}

/// A part of the data while it is read.
struct Part {
    tokens: Arc<dyn TokenSource>,
    line: String,
}

impl LanguageData {
    /// Reads the text that the section `[data]` names; without test if it is not to be read.
    ///
    /// # Errors
    /// If a file is missing or malformed, with its line; if dev or test has a token that the training
    /// text has not, and there is no unknown word.
    pub fn read(config: &LanguageDataConfig, with_test: bool) -> Result<Self> {
        let train_path = config.dir.join(&config.train);
        let vocabulary = match is_token_file(&train_path) {
            true => LanguageVocabulary::load(&vocabulary_path(&train_path))?,
            false => count(std::slice::from_ref(&train_path), &config.options())?,
        };
        let train = read_part("train", &train_path, &vocabulary)?;
        match config.is_one_file() {
            true => Self::shares(config, vocabulary, (train_path, train), with_test),
            false => Self::files(config, vocabulary, (train_path, train), with_test),
        }
    }

    /// Dev and test from the end of the training text.
    fn shares(
        config: &LanguageDataConfig,
        vocabulary: LanguageVocabulary,
        (path, whole): (PathBuf, Part),
        with_test: bool,
    ) -> Result<Self> {
        let text = TokenStream::new(whole.tokens);
        let test_from = 1.0 - config.test_fraction;
        let dev_from = test_from - config.dev_fraction;
        let share = |from: f64, to: f64| -> Result<Arc<dyn TokenSource>> {
            Ok(Arc::new(text.share(Share { from, to })?))
        };
        let (train, dev) = (share(0.0, dev_from)?, share(dev_from, test_from)?);
        let test = share(test_from, 1.0)?;
        let shares = format!(
            "train, dev and test are its first {} tokens, the next {}, and the last {}",
            train.len(),
            dev.len(),
            test.len()
        );
        Ok(LanguageData {
            counts: occurrences(&*train, vocabulary.len())?,
            files: vec![DataFile::measure("train", &path)?],
            report: report(&vocabulary, &[whole.line, shares]),
            test: with_test.then_some(test),
            vocabulary,
            train,
            dev,
        })
    }

    /// Dev and test from files of their own.
    fn files(
        config: &LanguageDataConfig,
        vocabulary: LanguageVocabulary,
        (path, train): (PathBuf, Part),
        with_test: bool,
    ) -> Result<Self> {
        let mut files = vec![DataFile::measure("train", &path)?];
        let mut lines = vec![train.line];
        let mut read = |role: &'static str, name: &str| -> Result<Arc<dyn TokenSource>> {
            let path = config.dir.join(name);
            let part = read_part(role, &path, &vocabulary)?;
            files.push(DataFile::measure(role, &path)?);
            lines.push(part.line);
            Ok(part.tokens)
        };
        let dev = read("dev", &config.dev)?;
        let test = with_test.then(|| read("test", &config.test)).transpose()?;
        Ok(LanguageData {
            counts: vocabulary.counts().to_vec(),
            report: report(&vocabulary, &lines),
            train: train.tokens,
            vocabulary,
            files,
            dev,
            test,
        })
    }
}

fn report(vocabulary: &LanguageVocabulary, lines: &[String]) -> String {
    format!(
        "vocabulary: {} tokens\n{}",
        vocabulary.len(),
        lines.join("\n")
    )
}

/// Whether `limbeck prepare` has written a file, by its name.
fn is_token_file(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "tokens")
}

fn read_part(role: &str, path: &Path, vocabulary: &LanguageVocabulary) -> Result<Part> {
    if is_token_file(path) {
        let expected = Some(vocabulary.fingerprint());
        let tokens = TokenFile::open(path, expected, vocabulary.len())?;
        let line = format!(
            "{role}: {} tokens, read from the file as needed",
            tokens.len()
        );
        return Ok(Part {
            tokens: Arc::new(tokens),
            line,
        });
    }
    let (tokens, report) = load(path, vocabulary)?;
    let TextReport {
        lines,
        empty,
        longest,
        unknown,
        one_token,
        ..
    } = report;
    Ok(Part {
        line: format!(
            "{role}: {} tokens in {lines} lines, the longest of {longest}; {unknown} tokens \
             unknown, {one_token} lines of one token, {empty} empty lines",
            report.tokens
        ),
        tokens: Arc::new(tokens),
    })
}

/// How often every token occurs.
fn occurrences(text: &dyn TokenSource, vocabulary_size: usize) -> Result<Vec<u64>> {
    const AT_ONCE: u64 = 1 << 16;
    let mut counts = vec![0; vocabulary_size];
    let mut buffer = Vec::new();
    let mut start = 0;
    while start < text.len() {
        buffer.resize(AT_ONCE.min(text.len() - start) as usize, 0);
        text.read(start, &mut buffer)?;
        for &token in &buffer {
            counts[token as usize] += 1;
        }
        start += buffer.len() as u64;
    }
    Ok(counts)
}
