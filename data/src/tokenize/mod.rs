//! From text to ids: words, characters, byte-pair encoding, WordPiece.
//!
//! Every tokenizer learns its table from training texts only. Ids leave this module as
//! [`TokenIds`], which carry the fingerprint of the table; a model refuses those of another.

mod pretrained;
mod subword;
mod vocabulary;

use std::borrow::Cow;
use std::path::Path;

use limbeck_engine::{Fingerprint, TokenIds};
use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};
use crate::fingerprint;
use crate::saved::Kind;
use crate::text::Unit;
pub use pretrained::PretrainedTokenizer;
use subword::{Family, Merges, Subword};
pub use vocabulary::{FIRST, UNKNOWN, Vocabulary};

/// Turns texts into ids of one vocabulary.
pub trait Tokenizer: Send + Sync {
    /// The ids of a text, cut after the tokenizer's maximum length. A text without any token is one
    /// `<unk>`, so that no sequence is empty.
    fn encode(&self, text: &str) -> TokenIds;

    /// The table behind the ids.
    fn vocabulary(&self) -> &Vocabulary;

    /// The table's fingerprint.
    fn fingerprint(&self) -> Fingerprint {
        self.vocabulary().fingerprint()
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenizerKind {
    /// What stands between white space.
    Word,
    /// Every character but white space: for Chinese, Japanese and the like.
    Character,
    /// Byte-pair encoding.
    Bpe,
    /// WordPiece.
    WordPiece,
}

impl TokenizerKind {
    fn family(self) -> Option<Family> {
        match self {
            Self::Word | Self::Character => None,
            Self::Bpe => Some(Family::Bpe),
            Self::WordPiece => Some(Family::WordPiece),
        }
    }
}

/// How a tokenizer is built and used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenizerOptions {
    /// What a token is. Default: words.
    pub kind: TokenizerKind,
    /// Whether texts are lower-cased first. Default: yes.
    pub lowercase: bool,
    /// Tokens seen less often in train are unknown. Default: 1.
    pub min_count: u64,
    /// Most ids, the two special ones included. Default: 30,000. (Sub-word tables are never smaller
    /// than their characters.)
    pub max_size: usize,
    /// Most ids of one text, `<cls>` included; the end of a longer text is cut off. Default: 512.
    pub max_length: usize,
    /// Whether every text begins with `<cls>`. Default: no.
    pub first_token: bool,
}

impl Default for TokenizerOptions {
    fn default() -> Self {
        Self {
            kind: TokenizerKind::Word,
            lowercase: true,
            min_count: 1,
            max_size: 30_000,
            max_length: 512,
            first_token: false,
        }
    }
}

/// Many texts as ids, and what was lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// The ids of each text.
    pub ids: Vec<TokenIds>,
    /// How many texts were cut at the maximum length.
    pub truncated: usize,
    /// Share of ids that are `<unk>`, from 0 to 1.
    pub unknown: f64,
}

/// A tokenizer of any kind, as it is trained, saved with a model, and loaded.
///
/// ```
/// use limbeck_data::tokenize::{TextTokenizer, Tokenizer, TokenizerOptions};
/// let train = ["dries fast".to_string(), "Dries slowly".to_string()];
/// let tokenizer = TextTokenizer::train(&train, &TokenizerOptions::default())?;
/// assert_eq!(tokenizer.encode("dries twice").ids(), [2, 0]);
/// assert_eq!(tokenizer.vocabulary().token(2), Some("dries"));
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TextTokenizer {
    options: TokenizerOptions,
    vocabulary: Vocabulary,
    merges: Merges,
    subword: Option<Subword>,
}

impl TextTokenizer {
    /// Learns the table from `texts`, which should be the training texts and no others.
    ///
    /// # Errors
    /// An option without sense; the crate `tokenizers` refuses.
    pub fn train(texts: &[String], options: &TokenizerOptions) -> Result<Self> {
        check(options)?;
        let texts: Vec<String> = texts
            .iter()
            .map(|text| fold(text, options.lowercase).into_owned())
            .collect();
        let (min_count, max_size) = (options.min_count, options.max_size);
        let (vocabulary, merges) = match options.kind.family() {
            Some(family) => subword::train(family, &texts, min_count, max_size)?,
            None => {
                let unit = unit(options.kind);
                let tokens = texts.iter().flat_map(|text| unit.split(text));
                (
                    Vocabulary::count(tokens, min_count, max_size),
                    Merges::new(),
                )
            }
        };
        Self::assemble(options.clone(), vocabulary, merges)
    }

    fn assemble(options: TokenizerOptions, vocabulary: Vocabulary, merges: Merges) -> Result<Self> {
        let subword = match options.kind.family() {
            Some(family) => Some(Subword::new(family, &vocabulary, &merges)?),
            None => None,
        };
        Ok(Self {
            options,
            vocabulary,
            merges,
            subword,
        })
    }

    /// The options it was built with.
    pub fn options(&self) -> &TokenizerOptions {
        &self.options
    }

    /// Encodes many texts and counts what was cut and what was unknown.
    pub fn encode_all<T: AsRef<str>>(&self, texts: &[T]) -> Encoded {
        let (mut truncated, mut unknown, mut total) = (0, 0, 0);
        let mut encode = |text: &T| {
            let (ids, cut) = self.ids(text.as_ref());
            truncated += usize::from(cut);
            unknown += ids
                .iter()
                .filter(|&&id| id == Vocabulary::UNKNOWN_ID)
                .count();
            total += ids.len();
            TokenIds::new(ids, self.vocabulary.fingerprint())
        };
        let ids = texts.iter().map(&mut encode).collect();
        Encoded {
            ids,
            truncated,
            unknown: unknown as f64 / total.max(1) as f64,
        }
    }

    /// The ids of a text and whether its end was cut off.
    fn ids(&self, text: &str) -> (Vec<u32>, bool) {
        let text = fold(text, self.options.lowercase);
        let longest = self.options.max_length;
        let mut ids = Vec::new();
        ids.extend(self.options.first_token.then_some(Vocabulary::FIRST_ID));
        let special = ids.len();
        match &self.subword {
            // What lies beyond the maximum length is not looked at.
            Some(subword) => {
                for word in subword::words(&text) {
                    subword.extend(word, &mut ids);
                    if ids.len() > longest {
                        break;
                    }
                }
            }
            None => {
                let units = unit(self.options.kind).split(&text);
                ids.extend(
                    units
                        .iter()
                        .take(longest + 1)
                        .map(|unit| self.vocabulary.id(unit)),
                );
            }
        }
        if ids.len() == special {
            ids.push(Vocabulary::UNKNOWN_ID);
        }
        let cut = ids.len() > longest;
        ids.truncate(longest);
        (ids, cut)
    }

    /// Writes the tokenizer as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        FILE.save(
            path,
            &Saved {
                options: self.options.clone(),
                fingerprint: self.vocabulary.fingerprint(),
                tokens: self.vocabulary.tokens().to_vec(),
                merges: self.merges.clone(),
            },
        )
    }

    /// Reads a tokenizer written by [`TextTokenizer::save`].
    ///
    /// # Errors
    /// No such file, another format or version, or a table that does not have the fingerprint that
    /// stands beside it.
    pub fn load(path: &Path) -> Result<Self> {
        let saved: Saved = FILE.load(path)?;
        check(&saved.options)?;
        let vocabulary = Vocabulary::from_tokens(saved.tokens).ok_or_else(|| {
            FILE.refuse(
                path,
                "the table of tokens has repeated or misplaced entries".into(),
            )
        })?;
        if vocabulary.fingerprint() != saved.fingerprint {
            let (expected, found) = (saved.fingerprint.0, vocabulary.fingerprint().0);
            return Err(FILE.refuse(
                path,
                format!(
                    "expected tokens with the fingerprint {expected:016x}, found {found:016x}: \
                     the file was changed; restore it from the model it belongs to"
                ),
            ));
        }
        Self::assemble(saved.options, vocabulary, saved.merges)
            .map_err(|error| FILE.refuse(path, error.to_string()))
    }
}

impl Tokenizer for TextTokenizer {
    fn encode(&self, text: &str) -> TokenIds {
        TokenIds::new(self.ids(text).0, self.vocabulary.fingerprint())
    }

    fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
}

const FILE: Kind = Kind {
    format: "limbeck tokenizer",
    version: 1,
};

#[derive(Serialize, Deserialize)]
struct Saved {
    options: TokenizerOptions,
    #[serde(with = "fingerprint")]
    fingerprint: Fingerprint,
    tokens: Vec<String>,
    merges: Merges,
}

fn check(options: &TokenizerOptions) -> Result<()> {
    let shortest = 1 + usize::from(options.first_token);
    if options.max_length < shortest {
        let expected = format!("at least {shortest}");
        return Err(DataError::option(
            "tokenizer.max_length",
            expected,
            options.max_length,
        ));
    }
    if options.max_size < 3 || u32::try_from(options.max_size).is_err() {
        let expected = "at least 3 (two ids are special) and below 2^32";
        return Err(DataError::option(
            "tokenizer.max_size",
            expected,
            options.max_size,
        ));
    }
    Ok(())
}

fn unit(kind: TokenizerKind) -> Unit {
    if kind == TokenizerKind::Character {
        Unit::Character
    } else {
        Unit::Word
    }
}

fn fold(text: &str, lowercase: bool) -> Cow<'_, str> {
    if lowercase {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}
