//! Bag-of-n-grams features with TF-IDF weights: the honest baseline of text classification.
//!
//! The weight of n-gram `g` in a text is `tf · idf`, with `tf = 1 + ln(count)` (or the plain count),
//! `idf = ln((1 + N) / (1 + df)) + 1` over the `N` texts fitted to, `df` of which hold `g`; each text
//! is then scaled to Euclidean length 1.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use limbeck_engine::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};
use crate::fingerprint;
use crate::saved::Kind;
use crate::text::{Unit, fold_white_space};

/// Which n-grams, and how they are weighed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NgramOptions {
    /// N-grams of words, or of characters. Among characters a run of white space counts as one
    /// space, so that n-grams see where words end.
    pub unit: Unit,
    /// Shortest n-gram. Default: 1.
    pub shortest: usize,
    /// Longest n-gram. Default: 2.
    pub longest: usize,
    /// Whether texts are lower-cased first. Default: yes.
    pub lowercase: bool,
    /// N-grams that occur in fewer training texts are left out (not if hashed). Default: 1.
    pub min_texts: u32,
    /// `Some(k)`: no table, n-grams are hashed into `2^k` buckets, `k` from 1 to 28.
    pub hash_bits: Option<u32>,
    /// `1 + ln(count)` instead of the count. Default: yes.
    pub sublinear: bool,
}

impl Default for NgramOptions {
    fn default() -> Self {
        Self {
            unit: Unit::Word,
            shortest: 1,
            longest: 2,
            lowercase: true,
            min_texts: 1,
            hash_bits: None,
            sublinear: true,
        }
    }
}

/// Sparse rows, one a text: the entries of row `i` are `offsets[i]..offsets[i + 1]`, indices rising.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseRows {
    /// Number of rows + 1 offsets, from 0.
    pub offsets: Vec<u32>,
    /// Feature of each entry, below [`NgramFeatures::dimensions`].
    pub indices: Vec<u32>,
    /// Weight of each entry.
    pub weights: Vec<f32>,
}

/// Fitted features.
///
/// ```
/// use limbeck_data::ngrams::{NgramFeatures, NgramOptions};
/// let train = ["matt white", "matt black"].map(String::from);
/// let features = NgramFeatures::fit(&train, &NgramOptions::default())?;
/// assert_eq!(features.dimensions(), 5); // matt, black, white, matt black, matt white
/// let row = features.row("white chalk");
/// assert_eq!(row.len(), 1);
/// assert_eq!(row[0].1, 1.0); // the only known n-gram, scaled to length 1
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NgramFeatures {
    saved: Saved,
    index: HashMap<String, u32>,
    idf: Vec<f64>,
}

/// What is written to disk: counts and not weights, since those survive JSON to the last bit.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Saved {
    options: NgramOptions,
    #[serde(with = "fingerprint")]
    fingerprint: Fingerprint,
    /// Texts fitted to.
    texts: u32,
    /// The n-grams by index; empty if hashed.
    table: Vec<String>,
    /// In how many texts each feature occurs.
    document_counts: Vec<u32>,
}

const FILE: Kind = Kind {
    format: "limbeck n-gram table",
    version: 1,
};

impl NgramFeatures {
    /// Counts the n-grams of `texts`, which should be the training texts and no others. Index 0 is
    /// the n-gram of most texts; equally common ones stand in byte order.
    ///
    /// # Errors
    /// An option without sense.
    pub fn fit<T: AsRef<str>>(texts: &[T], options: &NgramOptions) -> Result<Self> {
        check(options)?;
        let (table, document_counts) = match options.hash_bits {
            Some(bits) => (Vec::new(), bucket_counts(texts, options, bits)),
            None => table_counts(texts, options),
        };
        let texts = u32::try_from(texts.len())
            .map_err(|_| DataError::option("texts", "fewer than 2^32", texts.len()))?;
        let fingerprint = fingerprint_of(options, &table);
        let saved = Saved {
            options: options.clone(),
            fingerprint,
            texts,
            table,
            document_counts,
        };
        Ok(Self::from_saved(saved))
    }

    fn from_saved(saved: Saved) -> Self {
        let texts = f64::from(saved.texts);
        let idf = |&df: &u32| ((1.0 + texts) / (1.0 + f64::from(df))).ln() + 1.0;
        Self {
            index: saved.table.iter().cloned().zip(0..).collect(),
            idf: saved.document_counts.iter().map(idf).collect(),
            saved,
        }
    }

    /// Number of features: the size of the table, or `2^k`.
    pub fn dimensions(&self) -> usize {
        self.idf.len()
    }

    /// The options they were fitted with.
    pub fn options(&self) -> &NgramOptions {
        &self.saved.options
    }

    /// The fingerprint of the table, or of the way of hashing.
    pub fn fingerprint(&self) -> Fingerprint {
        self.saved.fingerprint
    }

    /// The n-gram of an index; `None` beyond the table, and if hashed.
    pub fn ngram(&self, index: u32) -> Option<&str> {
        self.saved.table.get(index as usize).map(String::as_str)
    }

    /// One text's features and weights, indices rising. Empty if nothing in the text is known.
    pub fn row(&self, text: &str) -> Vec<(u32, f32)> {
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        each_ngram(text, &self.saved.options, |ngram| {
            let index = match self.saved.options.hash_bits {
                Some(bits) => Some(bucket(ngram, bits)),
                None => self.index.get(ngram).copied(),
            };
            if let Some(index) = index {
                *counts.entry(index).or_default() += 1;
            }
        });
        let weight = |(&index, &count): (&u32, &u32)| {
            let count = f64::from(count);
            let tf = if self.saved.options.sublinear {
                1.0 + count.ln()
            } else {
                count
            };
            (index, tf * self.idf[index as usize])
        };
        let row: Vec<(u32, f64)> = counts.iter().map(weight).collect();
        let length = row
            .iter()
            .map(|(_, weight)| weight * weight)
            .sum::<f64>()
            .sqrt();
        row.into_iter()
            .map(|(index, weight)| (index, (weight / length) as f32))
            .collect()
    }

    /// The rows of many texts.
    ///
    /// # Errors
    /// 2^32 entries or more.
    pub fn rows<T: AsRef<str>>(&self, texts: &[T]) -> Result<SparseRows> {
        let mut rows = SparseRows {
            offsets: vec![0],
            ..SparseRows::default()
        };
        for text in texts {
            let (indices, weights): (Vec<u32>, Vec<f32>) =
                self.row(text.as_ref()).into_iter().unzip();
            rows.indices.extend(indices);
            rows.weights.extend(weights);
            let end = u32::try_from(rows.indices.len()).map_err(|_| {
                DataError::option("texts", "fewer than 2^32 n-grams together", "more")
            })?;
            rows.offsets.push(end);
        }
        Ok(rows)
    }

    /// Writes the table as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        FILE.save(path, &self.saved)
    }

    /// Reads a table written by [`NgramFeatures::save`].
    ///
    /// # Errors
    /// No such file, another format or version, or contents that do not belong together.
    pub fn load(path: &Path) -> Result<Self> {
        let saved: Saved = FILE.load(path)?;
        check(&saved.options)?;
        let size = saved
            .options
            .hash_bits
            .map_or(saved.table.len(), |bits| 1 << bits);
        if saved.document_counts.len() != size {
            let found = saved.document_counts.len();
            let message = format!("expected {size} document counts, found {found}");
            return Err(FILE.refuse(path, message));
        }
        let found = fingerprint_of(&saved.options, &saved.table);
        if found != saved.fingerprint {
            let message = format!(
                "expected n-grams with the fingerprint {:016x}, found {:016x}: the file was \
                 changed; restore it from the model it belongs to",
                saved.fingerprint.0, found.0
            );
            return Err(FILE.refuse(path, message));
        }
        Ok(Self::from_saved(saved))
    }
}

fn check(options: &NgramOptions) -> Result<()> {
    if options.shortest == 0 || options.longest < options.shortest {
        let found = format!("{} to {}", options.shortest, options.longest);
        return Err(DataError::option(
            "ngrams.shortest and longest",
            "1 or more, rising",
            found,
        ));
    }
    match options.hash_bits {
        Some(bits) if !(1..=28).contains(&bits) => {
            Err(DataError::option("ngrams.hash_bits", "from 1 to 28", bits))
        }
        _ => Ok(()),
    }
}

/// Calls `found` with every n-gram of the text, as often as it occurs.
fn each_ngram(text: &str, options: &NgramOptions, mut found: impl FnMut(&str)) {
    let folded = fold_white_space(text);
    let folded = if options.lowercase {
        folded.to_lowercase()
    } else {
        folded
    };
    // Where each unit begins and ends: an n-gram is a slice of the text.
    let spans: Vec<(usize, usize)> = match options.unit {
        Unit::Character => folded
            .char_indices()
            .map(|(at, c)| (at, at + c.len_utf8()))
            .collect(),
        Unit::Word => folded
            .split_whitespace()
            .map(|word| {
                let start = word.as_ptr() as usize - folded.as_ptr() as usize;
                (start, start + word.len())
            })
            .collect(),
    };
    for n in options.shortest..=options.longest.min(spans.len()) {
        for window in spans.windows(n) {
            found(&folded[window[0].0..window[n - 1].1]);
        }
    }
}

fn table_counts<T: AsRef<str>>(texts: &[T], options: &NgramOptions) -> (Vec<String>, Vec<u32>) {
    let mut counts: HashMap<String, u32> = HashMap::new();
    for text in texts {
        let mut seen = BTreeSet::new();
        each_ngram(text.as_ref(), options, |ngram| {
            if !seen.contains(ngram) {
                seen.insert(ngram.to_string());
            }
        });
        for ngram in seen {
            *counts.entry(ngram).or_default() += 1;
        }
    }
    counts.retain(|_, count| *count >= options.min_texts);
    let mut counted: Vec<(String, u32)> = counts.into_iter().collect();
    counted.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counted.into_iter().unzip()
}

fn bucket_counts<T: AsRef<str>>(texts: &[T], options: &NgramOptions, bits: u32) -> Vec<u32> {
    let mut counts = vec![0; 1 << bits];
    for text in texts {
        let mut seen = BTreeSet::new();
        each_ngram(text.as_ref(), options, |ngram| {
            seen.insert(bucket(ngram, bits));
        });
        for bucket in seen {
            counts[bucket as usize] += 1;
        }
    }
    counts
}

/// FNV-1a over the bytes, the top `bits` bits of a final multiplication as bucket.
fn bucket(ngram: &str, bits: u32) -> u32 {
    let hash = ngram.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (64 - bits)) as u32
}

/// Two tables of n-grams that look alike but are cut differently give other ids to the same text.
fn fingerprint_of(options: &NgramOptions, table: &[String]) -> Fingerprint {
    let how = format!(
        "n-grams of {:?} {}-{} lower {} hashed {:?}",
        options.unit, options.shortest, options.longest, options.lowercase, options.hash_bits
    );
    let strings = std::iter::once(how.as_bytes()).chain(table.iter().map(|ngram| ngram.as_bytes()));
    fingerprint::of_strings(strings)
}
