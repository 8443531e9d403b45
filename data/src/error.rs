//! What can be wrong with data.

use std::path::{Path, PathBuf};

/// The error of this crate. Every message names the file (and the line, where there is one), what
/// was expected, what was found, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file that should be there is not.
    #[error("{}: no such file. {advice}", path.display())]
    Missing {
        /// The path that was tried.
        path: PathBuf,
        /// What to do.
        advice: String,
    },
    /// The operating system, or the decompressor, refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file without a single example.
    #[error("{}: the file is empty; expected {expected}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What a line of it should look like.
        expected: String,
    },
    /// A line that cannot be read.
    #[error("{}:{line}: expected {expected}, found {found}. {advice}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
        /// What to do.
        advice: String,
    },
    /// A picture, a recording or a folder of them that is not what it should be; it has no lines.
    #[error("{}: expected {expected}, found {found}. {advice}", path.display())]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
        /// What to do.
        advice: String,
    },
    /// Bytes that are not UTF-8.
    #[error(
        "{}:{line}: byte {column} of the line (0x{value:02X}) is not UTF-8. \
         Convert the file to UTF-8, for example with iconv", path.display()
    )]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Position of the byte in its line, from 1.
        column: usize,
        /// The byte.
        value: u8,
    },
    /// A label of dev or test that train does not have.
    #[error(
        "{}:{line}: the label {label:?} does not occur in the training data, whose labels are \
         {known}. Correct the label, or add training texts of that class", path.display()
    )]
    UnknownLabel {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// The label found.
        label: String,
        /// The labels of train, shortened if they are many.
        known: String,
    },
    /// A tag of dev or test that train does not have.
    #[error(
        "{}:{line}: the tag {tag:?} is of none of the kinds in the training data, which are {known}. \
         Correct the tag, or add training sentences that have it", path.display()
    )]
    UnknownTag {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// The tag as the file has it.
        tag: String,
        /// The types of train's spans, or its tags if they are plain; shortened if they are many.
        known: String,
    },
    /// A tagger needs two tags at least.
    #[error(
        "{}: every token has the tag {tag:?}; expected at least two tags. \
         Check that the tags stand in the column that is read", path.display()
    )]
    OneTag {
        /// The training file.
        path: PathBuf,
        /// The only tag.
        tag: String,
    },
    /// A classifier needs two classes at least.
    #[error(
        "{}: every text has the label {class:?}; expected at least two classes. \
         Check that the label stands in the column that is read", path.display()
    )]
    OneClass {
        /// The training file.
        path: PathBuf,
        /// The only label.
        class: String,
    },
    /// An option whose value makes no sense.
    #[error("{name}: expected {expected}, found {found}")]
    Option {
        /// Name of the option as it stands in a run file.
        name: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A saved tokenizer, vocabulary, feature table or token file that cannot be used.
    #[error("{}: {message}", path.display())]
    Saved {
        /// The file.
        path: PathBuf,
        /// Expected and found.
        message: String,
    },
    /// The crate `tokenizers` refused.
    #[error("sub-word tokenizer: {0}")]
    Subword(String),
    /// A translator failed; nothing is known about why but its own words.
    #[error("translator {name}: {message}")]
    Translator {
        /// The translator's name.
        name: String,
        /// Its message.
        message: String,
    },
}

/// The result of this crate.
pub type Result<T> = std::result::Result<T, DataError>;

impl DataError {
    /// The file the error is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path, .. }
            | Self::Io { path, .. }
            | Self::Empty { path, .. }
            | Self::Line { path, .. }
            | Self::Content { path, .. }
            | Self::Encoding { path, .. }
            | Self::UnknownLabel { path, .. }
            | Self::UnknownTag { path, .. }
            | Self::OneTag { path, .. }
            | Self::OneClass { path, .. }
            | Self::Saved { path, .. } => Some(path),
            Self::Option { .. } | Self::Subword(_) | Self::Translator { .. } => None,
        }
    }

    /// The line of that file, from 1, if the error is about one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Line { line, .. }
            | Self::Encoding { line, .. }
            | Self::UnknownLabel { line, .. }
            | Self::UnknownTag { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// An option of this name whose value makes no sense.
    pub fn option(name: &str, expected: impl Into<String>, found: impl std::fmt::Display) -> Self {
        Self::Option {
            name: name.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    pub(crate) fn content(
        path: &Path,
        expected: impl Into<String>,
        found: impl std::fmt::Display,
        advice: &str,
    ) -> Self {
        Self::Content {
            path: path.into(),
            expected: expected.into(),
            found: found.to_string(),
            advice: advice.into(),
        }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }
}

/// A piece of user text short enough for a message, quoted and with control characters escaped.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        format!("{text:?}")
    } else {
        let head: String = text.chars().take(LONGEST).collect();
        format!("{head:?}...")
    }
}
