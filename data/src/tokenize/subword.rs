//! Byte-pair encoding (Sennrich et al. 2016) and WordPiece (Schuster and Nakajima 2012), trained
//! and applied by the crate `tokenizers`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::{AddedToken, Model, Trainer};
use unicode_normalization::char::is_combining_mark;

use super::vocabulary::{FIRST, UNKNOWN, Vocabulary};
use crate::error::{DataError, Result};

/// Marks the last symbol of a word in byte-pair encoding.
const END_OF_WORD: &str = "</w>";
/// Marks every symbol of a word but the first in WordPiece.
const CONTINUATION: &str = "##";
/// WordPiece takes time quadratic in the length of a word; longer words are unknown.
const LONGEST_WORD: usize = 100;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Bpe,
    WordPiece,
}

/// The pairs of symbols that byte-pair encoding joins, in order. WordPiece has none.
pub(super) type Merges = Vec<(String, String)>;

/// A trained sub-word model, able to cut a word.
#[derive(Clone, Debug)]
pub(super) enum Subword {
    Bpe(BPE),
    WordPiece(WordPiece),
}

impl Subword {
    /// The model of a table and its merges, built through the crate's own file format.
    pub(super) fn new(family: Family, vocabulary: &Vocabulary, merges: &Merges) -> Result<Self> {
        let ids: BTreeMap<&str, u32> = vocabulary
            .tokens()
            .iter()
            .map(String::as_str)
            .zip(0..)
            .collect();
        let model = match family {
            Family::Bpe => json!({
                "type": "BPE",
                "vocab": ids,
                "merges": merges,
                "unk_token": UNKNOWN,
                "fuse_unk": true,
                "end_of_word_suffix": END_OF_WORD,
            }),
            Family::WordPiece => json!({
                "type": "WordPiece",
                "vocab": ids,
                "unk_token": UNKNOWN,
                "continuing_subword_prefix": CONTINUATION,
                "max_input_chars_per_word": LONGEST_WORD,
            }),
        };
        // The crate's reader borrows its strings, so it wants the text and not the value.
        let model = model.to_string();
        match family {
            Family::Bpe => serde_json::from_str(&model).map(Self::Bpe),
            Family::WordPiece => serde_json::from_str(&model).map(Self::WordPiece),
        }
        .map_err(|error| DataError::Subword(error.to_string()))
    }

    /// Appends the ids of one word.
    pub(super) fn extend(&self, word: &str, ids: &mut Vec<u32>) {
        let tokens = match self {
            Self::Bpe(model) => model.tokenize(word),
            Self::WordPiece(model) => model.tokenize(word),
        };
        match tokens {
            Ok(tokens) => ids.extend(tokens.into_iter().map(|token| token.id)),
            Err(_) => ids.push(Vocabulary::UNKNOWN_ID),
        }
    }
}

/// Words at white space, every punctuation mark or symbol a word of its own.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let inside = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    text.split_whitespace().flat_map(move |chunk| {
        let mut rest = chunk;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let end = if inside(first) {
                rest.find(|c| !inside(c)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            let (word, after) = rest.split_at(end);
            rest = after;
            Some(word)
        })
    })
}

/// Learns a table of at most `max_size` tokens (never fewer than its characters) and the merges.
///
/// The crate numbers marked characters in the order of a hash table, which differs from run to
/// run. So they are given to it beforehand, sorted, as if they were special tokens.
pub(super) fn train(
    family: Family,
    texts: &[String],
    min_count: u64,
    max_size: usize,
) -> Result<(Vocabulary, Merges)> {
    let alphabet = alphabet(texts, min_count, max_size);
    let known = |text: &str| -> Vec<String> {
        words(text)
            .map(|word| {
                word.chars()
                    .filter(|c| alphabet.contains(c))
                    .collect::<String>()
            })
            .filter(|word| !word.is_empty())
            .collect()
    };
    let mut marked = BTreeSet::new();
    for word in texts.iter().flat_map(|text| known(text)) {
        match family {
            Family::Bpe => marked.extend(word.chars().last().map(|c| format!("{c}{END_OF_WORD}"))),
            Family::WordPiece => {
                marked.extend(word.chars().skip(1).map(|c| format!("{CONTINUATION}{c}")));
            }
        }
    }
    let first = [UNKNOWN, FIRST].map(String::from).into_iter().chain(marked);
    let first: Vec<AddedToken> = first.map(|token| AddedToken::from(token, true)).collect();
    let process = |text: &str| Ok(known(text));
    let (ids, merges) = match family {
        Family::Bpe => {
            let mut trainer = BpeTrainer::builder()
                .show_progress(false)
                .min_frequency(min_count)
                .vocab_size(max_size)
                .special_tokens(first)
                .end_of_word_suffix(END_OF_WORD.into())
                .build();
            let mut model = BPE::default();
            trainer.feed(texts.iter(), process).map_err(refused)?;
            trainer.train(&mut model).map_err(refused)?;
            (model.get_vocab(), merges_of(&model)?)
        }
        Family::WordPiece => {
            let mut trainer = WordPieceTrainer::builder()
                .show_progress(false)
                .min_frequency(min_count)
                .vocab_size(max_size)
                .special_tokens(first)
                .continuing_subword_prefix(CONTINUATION.into())
                .build();
            let mut model = WordPiece::default();
            trainer.feed(texts.iter(), process).map_err(refused)?;
            trainer.train(&mut model).map_err(refused)?;
            (model.get_vocab(), Merges::new())
        }
    };
    let mut tokens: Vec<(String, u32)> = ids.into_iter().collect();
    tokens.sort_unstable_by_key(|(_, id)| *id);
    Vocabulary::from_tokens(tokens.into_iter().map(|(token, _)| token).collect())
        .map(|vocabulary| (vocabulary, merges))
        .ok_or_else(|| DataError::Subword("the trained table misses its special tokens".into()))
}

/// The most frequent characters, at most a third of the table: each may need two entries, alone and
/// marked. The others become `<unk>`.
fn alphabet(texts: &[String], min_count: u64, max_size: usize) -> BTreeSet<char> {
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    for c in texts
        .iter()
        .flat_map(|text| text.chars())
        .filter(|c| !c.is_whitespace())
    {
        *counts.entry(c).or_default() += 1;
    }
    let mut counted: Vec<(char, u64)> = counts
        .into_iter()
        .filter(|(_, count)| *count >= min_count)
        .collect();
    counted.sort_by_key(|(c, count)| (std::cmp::Reverse(*count), *c));
    counted
        .into_iter()
        .take(max_size / 3)
        .map(|(c, _)| c)
        .collect()
}

/// The crate shows its merges only in what it serialises.
fn merges_of(model: &BPE) -> Result<Merges> {
    let refused = |error: serde_json::Error| DataError::Subword(error.to_string());
    let mut value = serde_json::to_value(model).map_err(refused)?;
    serde_json::from_value(value["merges"].take()).map_err(refused)
}

fn refused(error: tokenizers::Error) -> DataError {
    DataError::Subword(error.to_string())
}
