//! From text files to ids, a line at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lines::Lines;
use super::source::MemoryTokens;
use super::vocabulary::{END, LanguageOptions, LanguageVocabulary};
use crate::error::{DataError, Result, excerpt};
use crate::read::FileSummary;
use crate::text::Unit;

/// What was found in one text file or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextReport {
    /// Sentences.
    pub lines: u64,
    /// Lines without a unit. Of words they are passed over; of characters each is a sentence, since
    /// a line end is a character.
    pub empty: u64,
    /// Tokens, ends of sentence included.
    pub tokens: u64,
    /// Tokens of the longest sentence, its end included.
    pub longest: u64,
    /// Tokens that became `<unk>`, those that stand so in the text included.
    pub unknown: u64,
    /// Sentences of a single unit before their end.
    pub one_token: u64,
    /// The files, with sentences as rows.
    pub files: Vec<FileSummary>,
}

impl TextReport {
    fn add_line(&mut self, ids: &[u32], unknown: Option<u32>) {
        let tokens = ids.len() as u64;
        self.lines += 1;
        self.tokens += tokens;
        self.longest = self.longest.max(tokens);
        self.one_token += u64::from(tokens == 2);
        if let Some(unknown) = unknown {
            self.unknown += ids.iter().filter(|&&id| id == unknown).count() as u64;
        }
    }

    /// Adds what was found in further files.
    pub(super) fn join(&mut self, other: Self) {
        self.lines += other.lines;
        self.empty += other.empty;
        self.tokens += other.tokens;
        self.longest = self.longest.max(other.longest);
        self.unknown += other.unknown;
        self.one_token += other.one_token;
        self.files.extend(other.files);
    }
}

/// The vocabulary of training texts, which are read once and not kept.
///
/// # Errors
/// An option without sense; no file; a file that is missing, unreadable, not UTF-8 or without a
/// token; the word `<eos>`, which would forge an end of sentence.
pub fn count(paths: &[PathBuf], options: &LanguageOptions) -> Result<LanguageVocabulary> {
    count_with(paths, options, &mut |_, _| {})
}

/// [`count`] that tells which file it is at and how many bytes of it were read.
pub(super) fn count_with(
    paths: &[PathBuf],
    options: &LanguageOptions,
    progress: &mut dyn FnMut(usize, u64),
) -> Result<LanguageVocabulary> {
    options.check()?;
    if paths.is_empty() {
        return Err(DataError::option("texts", "at least one file", "none"));
    }
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut sentences = 0;
    for (number, path) in paths.iter().enumerate() {
        let mut found = 0;
        let visit = &mut |line: usize, text: &str| {
            let mut empty = true;
            for unit in options.units(text) {
                refuse_end(path, line, unit, options)?;
                empty = false;
                match counts.get_mut(unit) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(unit.into(), 1)),
                }
            }
            found += u64::from(is_sentence(options, empty));
            Ok(())
        };
        each_line(path, options, visit, &mut |bytes| progress(number, bytes))?;
        sentences += at_least_one(path, found)?;
    }
    Ok(LanguageVocabulary::from_counts(counts, sentences, options))
}

/// Calls `sink` with the ids of every sentence, its end included, in the order of the file.
///
/// Words are what stands between white space; of characters, only line ends are no units of their
/// own. A line is held in memory, the file is not.
///
/// ```
/// use limbeck_data::language::{LanguageOptions, count, encode};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("train.txt");
/// # std::fs::write(&path, "a b a\n\nb\n").unwrap();
/// let vocabulary = count(std::slice::from_ref(&path), &LanguageOptions::default())?;
/// let mut sentences = Vec::new();
/// let report = encode(&path, &vocabulary, &mut |ids| {
///     sentences.push(ids.to_vec());
///     Ok(())
/// })?;
/// assert_eq!(sentences, [vec![1, 2, 1, 0], vec![2, 0]]);
/// assert_eq!((report.empty, report.one_token, report.longest), (1, 1, 4));
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
///
/// # Errors
/// The file is missing, unreadable, not UTF-8 or without a token; the word `<eos>`; a token outside
/// a vocabulary without `<unk>`; whatever `sink` returns.
pub fn encode(
    path: &Path,
    vocabulary: &LanguageVocabulary,
    sink: &mut dyn FnMut(&[u32]) -> Result<()>,
) -> Result<TextReport> {
    encode_with(path, vocabulary, sink, &mut |_| {})
}

/// [`encode`] that tells how many bytes of the file were read.
pub(super) fn encode_with(
    path: &Path,
    vocabulary: &LanguageVocabulary,
    sink: &mut dyn FnMut(&[u32]) -> Result<()>,
    progress: &mut dyn FnMut(u64),
) -> Result<TextReport> {
    let options = vocabulary.options();
    let mut report = TextReport::default();
    let mut ids = Vec::new();
    let visit = &mut |line: usize, text: &str| {
        ids.clear();
        for unit in options.units(text) {
            refuse_end(path, line, unit, options)?;
            let id = vocabulary.id(unit);
            ids.push(id.ok_or_else(|| outside(path, line, unit))?);
        }
        report.empty += u64::from(ids.is_empty());
        if !is_sentence(options, ids.is_empty()) {
            return Ok(());
        }
        ids.push(END);
        report.add_line(&ids, vocabulary.unknown());
        sink(&ids)
    };
    let mut summary = each_line(path, options, visit, progress)?;
    at_least_one(path, report.lines)?;
    summary.rows = usize::try_from(report.lines).unwrap_or(usize::MAX);
    report.files.push(summary);
    Ok(report)
}

/// The ids of a file, in memory.
///
/// # Errors
/// As [`encode`].
pub fn load(path: &Path, vocabulary: &LanguageVocabulary) -> Result<(MemoryTokens, TextReport)> {
    let mut tokens = Vec::new();
    let report = encode(path, vocabulary, &mut |ids| {
        tokens.extend_from_slice(ids);
        Ok(())
    })?;
    Ok((MemoryTokens::new(tokens), report))
}

/// Calls `visit` with number and folded text of every line, and `progress` after each piece that
/// was taken from the disk.
fn each_line(
    path: &Path,
    options: &LanguageOptions,
    visit: &mut dyn FnMut(usize, &str) -> Result<()>,
    progress: &mut dyn FnMut(u64),
) -> Result<FileSummary> {
    let mut lines = Lines::open(path)?;
    let mut told = 0;
    loop {
        let number = lines.number() + 1;
        let Some(line) = lines.next_line()? else {
            return lines.finish();
        };
        visit(number, &options.fold(line))?;
        let bytes = lines.bytes_read();
        if bytes != told {
            progress(bytes);
            told = bytes;
        }
    }
}

fn is_sentence(options: &LanguageOptions, empty: bool) -> bool {
    !empty || options.unit == Unit::Character
}

fn at_least_one(path: &Path, sentences: u64) -> Result<u64> {
    if sentences == 0 {
        return Err(DataError::Empty {
            path: path.into(),
            expected: "text, a sentence per line".into(),
        });
    }
    Ok(sentences)
}

fn refuse_end(path: &Path, line: usize, unit: &str, options: &LanguageOptions) -> Result<()> {
    if !options.forges_end(unit) {
        return Ok(());
    }
    Err(DataError::Line {
        path: path.into(),
        line,
        expected: "words".into(),
        found: format!("{unit:?}, which would forge an end of sentence"),
        advice: "Every line end ends a sentence: remove the word, or rewrite it".into(),
    })
}

fn outside(path: &Path, line: usize, unit: &str) -> DataError {
    DataError::Line {
        path: path.into(),
        line,
        expected: "tokens of the vocabulary, which has no <unk>".into(),
        found: excerpt(unit),
        advice: "Build the vocabulary with unknown = true, or rewrite the token".into(),
    }
}
