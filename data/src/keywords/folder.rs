//! A folder with train, dev and test files of documents with keywords.

use std::fmt;
use std::path::Path;

use super::documents::KeywordDocument;
use super::read::{KeywordReadOptions, read_keywords};
use super::spans::{KeywordCounts, keyword_spans};
use crate::error::Result;
use crate::read::{FileSummary, Part, expect_folder, plain_or_compressed};
use crate::split::{absent_from_train, groups};

/// How a folder is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeywordFolderOptions {
    /// The training file; default `train.tsv`.
    pub train: String,
    /// The dev part; default `dev.tsv` if present.
    pub dev: Part,
    /// The test part; default `test.tsv` if present.
    pub test: Part,
    /// Format and gold of all of them.
    pub read: KeywordReadOptions,
}

impl Default for KeywordFolderOptions {
    fn default() -> Self {
        Self {
            train: "train.tsv".into(),
            dev: Part::IfPresent("dev.tsv".into()),
            test: Part::IfPresent("test.tsv".into()),
            read: KeywordReadOptions::default(),
        }
    }
}

/// Documents with keywords in memory.
#[derive(Clone, Debug)]
pub struct KeywordData {
    /// The training part.
    pub train: Vec<KeywordDocument>,
    /// The dev part, if a file was read for it.
    pub dev: Option<Vec<KeywordDocument>>,
    /// The test part, if a file was read for it.
    pub test: Option<Vec<KeywordDocument>>,
    /// The files read, in the order train, dev, test.
    pub files: Vec<FileSummary>,
    /// What a careful person should know about the data.
    pub report: KeywordReport,
}

/// Figures about one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeywordPartReport {
    /// `train`, `dev` or `test`.
    pub name: &'static str,
    /// Number of documents.
    pub documents: usize,
    /// Number of tokens.
    pub tokens: usize,
    /// What became of the keywords.
    pub counts: KeywordCounts,
    /// Documents without a keyword.
    pub without: usize,
    /// Texts that repeat an earlier one of the same part.
    pub repeated: usize,
    /// Texts that also stand in train (0 for train itself).
    pub in_train: usize,
    /// Tokens of the longest document.
    pub longest: usize,
}

/// Figures of documents with keywords; `Display` prints some lines for a person. Texts count as equal
/// after [`crate::normalise`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeywordReport {
    /// The parts that were read.
    pub parts: Vec<KeywordPartReport>,
}

/// Reads the train, dev and test files of a folder. A name that does not exist is also tried with `.gz`
/// appended.
///
/// # Errors
/// Whatever a file can be wrong about: see [`read_keywords`].
pub fn load_keyword_folder(folder: &Path, options: &KeywordFolderOptions) -> Result<KeywordData> {
    expect_folder(folder)?;
    let mut files = Vec::new();
    let mut read = |name: &str| -> Result<Vec<KeywordDocument>> {
        let path = plain_or_compressed(folder.join(name));
        let (documents, summary) = read_keywords(&path, &options.read)?;
        files.push(summary);
        Ok(documents)
    };
    let train = read(&options.train)?;
    let mut optional = |part: &Part| part.name_in(folder).map(&mut read).transpose();
    let dev = optional(&options.dev)?;
    let test = optional(&options.test)?;
    let texts = texts(&train);
    let mut parts = vec![part("train", &train, &[])];
    for (name, documents) in [("dev", &dev), ("test", &test)] {
        parts.extend(
            documents
                .iter()
                .map(|documents| part(name, documents, &texts)),
        );
    }
    Ok(KeywordData {
        train,
        dev,
        test,
        files,
        report: KeywordReport { parts },
    })
}

fn texts(documents: &[KeywordDocument]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document.text.as_str())
        .collect()
}

fn part(name: &'static str, documents: &[KeywordDocument], train: &[&str]) -> KeywordPartReport {
    let mut counts = KeywordCounts::default();
    for document in documents {
        counts.add(&keyword_spans(document).1);
    }
    let lengths = || documents.iter().map(|document| document.tokens.len());
    let texts = texts(documents);
    let absent = absent_from_train(train, &texts);
    KeywordPartReport {
        name,
        documents: documents.len(),
        tokens: lengths().sum(),
        counts,
        without: documents
            .iter()
            .filter(|document| document.keywords.is_empty())
            .count(),
        repeated: documents.len() - groups(&texts).len(),
        in_train: absent.iter().filter(|&&absent| !absent).count(),
        longest: lengths().max().unwrap_or(0),
    }
}

impl fmt::Display for KeywordReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            let counts = &part.counts;
            write!(
                f,
                "{:<5} {} documents, {} tokens, longest {}, {} keywords, {} of them in their text, \
                 {} hidden by longer ones",
                part.name,
                part.documents,
                part.tokens,
                part.longest,
                counts.keywords,
                counts.present,
                counts.hidden
            )?;
            for (count, what) in [
                (part.without, "documents without a keyword"),
                (part.repeated, "repeated"),
                (part.in_train, "also in train"),
            ] {
                if count > 0 {
                    write!(f, ", {count} {what}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
