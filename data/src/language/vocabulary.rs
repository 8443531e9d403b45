//! The tokens that a language model reads and predicts, and their ids.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use limbeck_engine::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result, excerpt};
use crate::fingerprint;
use crate::saved::Kind;
use crate::text::Unit;
use crate::tokenize::UNKNOWN;

/// The end of a sentence, as the table of words writes it.
pub const END_OF_SENTENCE: &str = "<eos>";
/// The id of the end of a sentence in every vocabulary.
pub const END: u32 = 0;

/// How text is cut into tokens, and which of them are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanguageOptions {
    /// Words, which stand between white space, or characters, white space among them. Default:
    /// words.
    pub unit: Unit,
    /// Whether text is lower-cased first. Default: no.
    pub lowercase: bool,
    /// Tokens seen less often are `<unk>`. Default: 1.
    pub min_count: u64,
    /// Most ids, `<eos>` and `<unk>` included. Default: 1,000,000.
    pub max_size: usize,
    /// Whether the table has `<unk>` even if the training text does not need it. Default: no.
    pub unknown: bool,
}

impl Default for LanguageOptions {
    fn default() -> Self {
        Self {
            unit: Unit::Word,
            lowercase: false,
            min_count: 1,
            max_size: 1_000_000,
            unknown: false,
        }
    }
}

impl LanguageOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.max_size < 2 || u32::try_from(self.max_size).is_err() {
            let expected = "at least 2 (the end of sentence and one more) and below 2^32";
            return Err(DataError::option("max_size", expected, self.max_size));
        }
        Ok(())
    }

    /// The line as its units are taken from it.
    pub(super) fn fold<'a>(&self, line: &'a str) -> Cow<'a, str> {
        if self.lowercase {
            Cow::Owned(line.to_lowercase())
        } else {
            Cow::Borrowed(line)
        }
    }

    /// The units of a folded line. Unlike [`Unit::split`] it keeps blanks as characters: a model
    /// that writes text has to write them.
    pub(super) fn units<'a>(&self, line: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self.unit {
            Unit::Word => Box::new(line.split_whitespace()),
            Unit::Character => Box::new(line.split_inclusive(|_: char| true)),
        }
    }

    /// Whether a unit would pass for the end of a sentence.
    pub(super) fn forges_end(&self, unit: &str) -> bool {
        unit == self.end()
    }

    /// A line never holds its own end, so that no character can be taken for this one.
    fn end(&self) -> &'static str {
        match self.unit {
            Unit::Word => END_OF_SENTENCE,
            Unit::Character => "\n",
        }
    }
}

/// Tokens by id, from training text only.
///
/// Id 0 is the end of a sentence: `<eos>` for words, the line end for characters. The others stand
/// by falling count, equally frequent ones in byte order. `<unk>` is one of them if the training
/// text has it as a word, if something was cut, or if
/// [`unknown`](LanguageOptions::unknown) asks for it; its count is that of everything it stands for.
///
/// ```
/// use limbeck_data::language::{LanguageOptions, count};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("train.txt");
/// # std::fs::write(&path, "b a b\nc b\n").unwrap();
/// let options = LanguageOptions { max_size: 3, ..LanguageOptions::default() };
/// let vocabulary = count(&[path], &options)?;
/// assert_eq!(vocabulary.tokens(), ["<eos>", "b", "<unk>"]);
/// assert_eq!(vocabulary.counts(), [2, 3, 2]);
/// assert_eq!(vocabulary.id("c"), vocabulary.unknown());
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageVocabulary {
    options: LanguageOptions,
    tokens: Vec<String>,
    counts: Vec<u64>,
    ids: HashMap<String, u32>,
    unknown: Option<u32>,
    fingerprint: Fingerprint,
}

impl LanguageVocabulary {
    /// The table of a text with these counts of units and `ends` sentences. The options are checked.
    pub(super) fn from_counts(
        mut counts: HashMap<String, u64>,
        ends: u64,
        options: &LanguageOptions,
    ) -> Self {
        let own = counts.remove(UNKNOWN);
        let (mut kept, mut cut): (Vec<_>, Vec<_>) = counts
            .into_iter()
            .partition(|&(_, count)| count >= options.min_count);
        kept.sort_unstable_by(by_falling_count);
        let mut unknown = own.is_some() || !cut.is_empty() || options.unknown;
        if kept.len() + 1 + usize::from(unknown) > options.max_size {
            unknown = true;
            cut.extend(kept.split_off(options.max_size - 2));
        }
        if unknown {
            let rest: u64 = cut.iter().map(|(_, count)| count).sum();
            kept.push((UNKNOWN.into(), own.unwrap_or(0) + rest));
            kept.sort_unstable_by(by_falling_count);
        }
        let end = (options.end().to_string(), ends);
        let (tokens, counts) = std::iter::once(end).chain(kept).unzip();
        Self::index(options.clone(), tokens, counts)
    }

    fn index(options: LanguageOptions, tokens: Vec<String>, counts: Vec<u64>) -> Self {
        let ids: HashMap<String, u32> = tokens
            .iter()
            .zip(0..)
            .map(|(token, id)| (token.clone(), id))
            .collect();
        Self {
            unknown: ids.get(UNKNOWN).copied(),
            fingerprint: fingerprint::of_strings(tokens.iter().map(|token| token.as_bytes())),
            options,
            tokens,
            counts,
            ids,
        }
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Never true: the end of a sentence is always there.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The id of a token, or that of `<unk>`; `None` if the table has neither. The token is looked
    /// up as it stands: lower-casing is up to the caller.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied().or(self.unknown)
    }

    /// The token of an id, if the table is that long.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }

    /// All tokens, in the order of their ids.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The id of the end of a sentence: 0.
    pub fn end(&self) -> u32 {
        END
    }

    /// The id of `<unk>`, if the table has it.
    pub fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// How often each id occurs in the training text.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The first 8 bytes of the SHA-256 of the table.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What a token is.
    pub fn unit(&self) -> Unit {
        self.options.unit
    }

    /// The options it was built with.
    pub fn options(&self) -> &LanguageOptions {
        &self.options
    }

    /// The text of some ids, for showing: words with single spaces between them, characters as they
    /// are, ends of sentence as line ends. An id beyond the table is shown as U+FFFD.
    pub fn detokenise(&self, ids: &[u32]) -> String {
        let mut text = String::new();
        let mut inside = false;
        for &id in ids {
            if id == END {
                text.push('\n');
            } else {
                if inside {
                    text.push_str(self.options.unit.separator());
                }
                text.push_str(self.token(id).unwrap_or("\u{fffd}"));
            }
            inside = id != END;
        }
        text
    }

    /// The ids of a beginning that a model shall go on from. Line ends are ends of sentence; none
    /// is added at the end. Blank lines of words are passed over, as in files.
    ///
    /// # Errors
    /// A word that forges the end of a sentence; one outside a table without `<unk>`.
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        let refuse = |unit: &str| {
            let expected = "text of tokens that the vocabulary has, without <eos>";
            DataError::option("prompt", expected, excerpt(unit))
        };
        let mut ids = Vec::new();
        for (number, line) in text.split('\n').enumerate() {
            let blank = matches!(ids.last(), None | Some(&END));
            if number > 0 && !(blank && self.options.unit == Unit::Word) {
                ids.push(END);
            }
            let line = self.options.fold(line.strip_suffix('\r').unwrap_or(line));
            for unit in self.options.units(&line) {
                let known = self.id(unit).filter(|_| !self.options.forges_end(unit));
                ids.push(known.ok_or_else(|| refuse(unit))?);
            }
        }
        Ok(ids)
    }

    /// Writes the table as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let saved = Saved {
            options: self.options.clone(),
            fingerprint: self.fingerprint,
            tokens: self.tokens.clone(),
            counts: self.counts.clone(),
        };
        FILE.save(path, &saved)
    }

    /// Reads a table written by [`LanguageVocabulary::save`].
    ///
    /// # Errors
    /// No such file, another format or version, or a table that does not have the fingerprint that
    /// stands beside it.
    pub fn load(path: &Path) -> Result<Self> {
        let saved: Saved = FILE.load(path)?;
        let refuse = |message: String| FILE.refuse(path, message);
        saved
            .options
            .check()
            .map_err(|error| refuse(error.to_string()))?;
        if let Some(fault) = saved.fault() {
            return Err(refuse(format!(
                "{fault}: the file was changed; restore it from the model it belongs to"
            )));
        }
        let vocabulary = Self::index(saved.options, saved.tokens, saved.counts);
        if vocabulary.ids.len() != vocabulary.tokens.len() {
            return Err(refuse("the table of tokens has repeated entries".into()));
        }
        if vocabulary.fingerprint != saved.fingerprint {
            let (expected, found) = (saved.fingerprint.0, vocabulary.fingerprint.0);
            return Err(refuse(format!(
                "expected tokens with the fingerprint {expected:016x}, found {found:016x}: \
                 the file was changed; restore it from the model it belongs to"
            )));
        }
        Ok(vocabulary)
    }
}

const FILE: Kind = Kind {
    format: "limbeck language vocabulary",
    version: 1,
};

#[derive(Serialize, Deserialize)]
struct Saved {
    options: LanguageOptions,
    #[serde(with = "fingerprint")]
    fingerprint: Fingerprint,
    tokens: Vec<String>,
    counts: Vec<u64>,
}

impl Saved {
    /// What no table of this module looks like, though its fingerprint may be right.
    fn fault(&self) -> Option<String> {
        let (tokens, counts) = (self.tokens.len(), self.counts.len());
        let end = self.options.end();
        if tokens != counts {
            Some(format!(
                "expected a count per token, found {counts} for {tokens}"
            ))
        } else if self.tokens.first().is_none_or(|first| first != end) {
            Some(format!("expected {end:?} as the first token"))
        } else if !self.counts[1..].is_sorted_by(|a, b| a >= b) {
            Some("expected tokens by falling count".into())
        } else {
            None
        }
    }
}

fn by_falling_count(a: &(String, u64), b: &(String, u64)) -> std::cmp::Ordering {
    (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0))
}
