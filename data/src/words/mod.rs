//! Words as a sequence tagger reads them: a word's id, its letters, and its outward form.
//!
//! A sentence is its words joined by one space each. What is rare as a word is still known by its
//! letters, and a name by its capital, though the table of words has lower case alone.

mod shape;

use std::path::Path;

use limbeck_engine::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fingerprint;
use crate::saved::Kind;
use crate::tokenize::Vocabulary;

pub use shape::{WORD_SHAPES, WordShape};

/// How a table of words is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordOptions {
    /// Words seen less often than this in the training sentences are known by their letters alone.
    pub min_count: u64,
    /// Largest number of words kept.
    pub vocabulary_size: usize,
    /// Letters read of a word; of a longer one the first half and the last half of as many.
    pub max_letters: usize,
    /// Words read of a sentence.
    pub max_length: usize,
}

impl Default for WordOptions {
    fn default() -> Self {
        Self {
            min_count: 2,
            vocabulary_size: 50_000,
            max_letters: 20,
            max_length: 256,
        }
    }
}

/// Tables of words and letters, from training sentences only.
///
/// ```
/// use limbeck_data::words::{WordOptions, WordShape, WordTable};
/// let table = WordTable::train(&["in Kiel in 1998"], &WordOptions { min_count: 1, ..Default::default() });
/// let words = table.encode("In Kiel in 2024");
/// assert_eq!(words.ids[0], words.ids[2]); // lower case
/// assert_eq!(words.shapes[1], WordShape::Capitalised as u32);
/// assert_ne!(words.ids[3], 0); // every digit is a 0 to the table of words
/// ```
#[derive(Clone, Debug)]
pub struct WordTable {
    words: Vocabulary,
    letters: Vocabulary,
    options: WordOptions,
    fingerprint: Fingerprint,
}

/// A sentence as ids: one entry a word in every list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordIds {
    /// Rows of the table of words; 0 is unknown.
    pub ids: Vec<u32>,
    /// The letters of each word, at least one.
    pub spellings: Vec<Vec<u32>>,
    /// The outward form of each word, a [`WordShape`].
    pub shapes: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    options: WordOptions,
    words: Vec<String>,
    letters: Vec<String>,
}

const FILE: Kind = Kind {
    format: "limbeck table of words",
    version: 1,
};

impl WordTable {
    /// Counts words and letters. Letters are kept as they are, however rare.
    pub fn train<T: AsRef<str>>(sentences: &[T], options: &WordOptions) -> Self {
        let words: Vec<String> = sentences
            .iter()
            .flat_map(|sentence| words_of(sentence.as_ref()).map(plain))
            .collect();
        let counted = words.iter().map(String::as_str);
        let size = options.vocabulary_size.saturating_add(2);
        let words = Vocabulary::count(counted, options.min_count, size);
        let letters = sentences
            .iter()
            .flat_map(|sentence| words_of(sentence.as_ref()).flat_map(letters_of));
        let letters = Vocabulary::count(letters, 1, usize::MAX);
        Self::assemble(words, letters, *options)
    }

    fn assemble(words: Vocabulary, letters: Vocabulary, options: WordOptions) -> Self {
        let settings = format!("words {options:?}");
        let tables = words.tokens().iter().chain(letters.tokens());
        let parts = std::iter::once(settings.as_bytes()).chain(tables.map(|t| t.as_bytes()));
        WordTable {
            fingerprint: fingerprint::of_strings(parts),
            words,
            letters,
            options,
        }
    }

    /// A sentence as ids: its words up to the longest length read. An empty one is one unknown word.
    pub fn encode(&self, sentence: &str) -> WordIds {
        let mut encoded = WordIds::default();
        for word in words_of(sentence).take(self.options.max_length) {
            encoded.ids.push(self.words.id(&plain(word)));
            encoded.spellings.push(self.spell(word));
            encoded.shapes.push(WordShape::of(word) as u32);
        }
        if encoded.ids.is_empty() {
            encoded.ids.push(Vocabulary::UNKNOWN_ID);
            encoded.spellings.push(vec![Vocabulary::UNKNOWN_ID]);
            encoded.shapes.push(WordShape::Other as u32);
        }
        encoded
    }

    fn spell(&self, word: &str) -> Vec<u32> {
        let mut buffer = [0; 4];
        let ids: Vec<u32> = word
            .chars()
            .map(|letter| self.letters.id(letter.encode_utf8(&mut buffer)))
            .collect();
        let most = self.options.max_letters.max(1);
        if ids.len() <= most {
            return ids;
        }
        // Prefix and suffix say most about a word.
        let (first, last) = (most.div_ceil(2), most / 2);
        [&ids[..first], &ids[ids.len() - last..]].concat()
    }

    /// Number of word ids, the unknown word's included.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// Number of letter ids, the unknown letter's included.
    pub fn letters(&self) -> usize {
        self.letters.len()
    }

    /// How it was made.
    pub fn options(&self) -> &WordOptions {
        &self.options
    }

    /// What the ids belong to.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Writes the tables as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let saved = Saved {
            options: self.options,
            words: self.words.tokens().to_vec(),
            letters: self.letters.tokens().to_vec(),
        };
        FILE.save(path, &saved)
    }

    /// Reads what [`WordTable::save`] wrote.
    ///
    /// # Errors
    /// No such file, or not what was written.
    pub fn load(path: &Path) -> Result<Self> {
        let saved: Saved = FILE.load(path)?;
        let table = |name: &str, tokens: Vec<String>| {
            let message =
                format!("its {name} are no table: one stands twice, or the first is missing");
            Vocabulary::from_tokens(tokens).ok_or_else(|| FILE.refuse(path, message))
        };
        let words = table("words", saved.words)?;
        let letters = table("letters", saved.letters)?;
        Ok(Self::assemble(words, letters, saved.options))
    }
}

/// The words of a sentence.
pub fn words_of(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split(' ').filter(|word| !word.is_empty())
}

/// The letters of a word, each as a text.
fn letters_of(word: &str) -> impl Iterator<Item = &str> {
    let starts = word.char_indices();
    starts.map(|(start, letter)| &word[start..start + letter.len_utf8()])
}

/// What the table of words tells apart: lower case, and every digit a 0.
fn plain(word: &str) -> String {
    let lower = word.to_lowercase();
    lower
        .chars()
        .map(|letter| if letter.is_numeric() { '0' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(options: WordOptions) -> WordTable {
        WordTable::train(&["The cat sat", "the CAT", "Chlorophyll"], &options)
    }

    #[test]
    fn rare_words_are_known_by_their_letters() {
        let table = table(WordOptions::default());
        assert_eq!(table.words(), 4); // <unk> <cls> cat the
        let encoded = table.encode("The sat xyz cat");
        assert_eq!(encoded.ids[1], 0);
        assert_eq!(encoded.ids[0], table.encode("the").ids[0]);
        assert!(encoded.spellings[1].iter().all(|&letter| letter > 1));
        assert_eq!(
            encoded.spellings[2],
            [0, table.encode("y").spellings[0][0], 0]
        );
    }

    #[test]
    fn long_words_keep_both_ends_and_long_sentences_their_beginning() {
        let options = WordOptions {
            max_letters: 5,
            max_length: 2,
            min_count: 1,
            ..WordOptions::default()
        };
        let table = table(options);
        let spell = |text: &str| table.encode(text).spellings[0].clone();
        assert_eq!(spell("Chlorophyll"), [spell("Chl"), spell("ll")].concat());
        assert_eq!(table.encode("the cat sat").ids.len(), 2);
        for empty in ["", "  "] {
            let encoded = table.encode(empty);
            assert_eq!((encoded.ids, encoded.spellings), (vec![0], vec![vec![0]]));
        }
    }

    #[test]
    fn a_table_that_was_written_reads_the_same_ids() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("words.json");
        let table = table(WordOptions::default());
        table.save(&path).expect("can be written");
        let loaded = WordTable::load(&path).expect("what was written");
        assert_eq!(loaded.fingerprint(), table.fingerprint());
        assert_eq!(
            loaded.encode("the cat Sat 7"),
            table.encode("the cat Sat 7")
        );
        let other = WordOptions {
            max_letters: 3,
            ..WordOptions::default()
        };
        let other = WordTable::train(&["The cat sat", "the CAT", "Chlorophyll"], &other);
        assert_ne!(other.fingerprint(), table.fingerprint());
    }
}
