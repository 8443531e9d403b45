//! The data of Limbeck: everything between a file and the numbers a model is fed.
//!
//! | module | what it holds |
//! |---|---|
//! | [`read`] | TSV, CSV, JSONL and folders of them; errors with file and line; a report of oddities |
//! | [`tagging`] | sentences with a tag for each token; schemes of tags, and the spans they stand for |
//! | [`keywords`] | documents with the keywords that somebody gave them, as spans of their tokens |
//! | [`split`] | dev, labelled and cross-fit splits over groups of identical text |
//! | [`tokenize`] | words, characters, BPE, WordPiece; ids that know their vocabulary |
//! | [`words`] | words with their letters and forms, for sequence taggers |
//! | [`vectors`] | word vectors that were trained elsewhere: GloVe, word2vec |
//! | [`ngrams`] | bag-of-n-grams features with TF-IDF weights |
//! | [`graph`] | graphs of words: of one text, and of a whole corpus with its documents |
//! | [`batch`] | which rows go into which batch, resumable |
//! | [`language`] | running text and sentences for language models, in memory or on disk |
//! | [`pairs`] | unlabelled text in two wordings: files, translators, augmentation, dropout |
//! | [`pictures`] | pictures and what their pixels show; the symmetries of the square |
//! | [`speech`] | recordings, what a network hears of them, and strings of them |
//! | [`corpus`] | a generated corpus of product descriptions, so that a demonstration needs no files |
//! | [`rng`] | the keyed random numbers behind all of them |
//!
//! Everything here runs on the host and repeats: the same files, options and seed give the same
//! splits, vocabularies, pairs and batches, whatever the number of threads and the order of calls.
//! Nothing looks at dev or test to build a table, save [`graph::corpus_graph`], which is transductive
//! and says so. No input makes this crate panic; a wrong one is a [`DataError`] that says where it is
//! wrong and what to do.
//!
//! From a labelled file to batches of ids:
//!
//! ```
//! use limbeck_data::batch::{BatchPlan, Cursor};
//! use limbeck_data::read::{FolderOptions, load_folder};
//! use limbeck_data::split::{DEV_FRACTION, SPLIT_SEED, dev_split};
//! use limbeck_data::tokenize::{TextTokenizer, TokenizerOptions};
//! # let folder = tempfile::tempdir().unwrap();
//! # let lines: String = (0..40).map(|n| format!("{}\ttext number {n}\n", n % 2)).collect();
//! # std::fs::write(folder.path().join("train.tsv"), lines).unwrap();
//! # let folder = folder.path();
//! let data = load_folder(folder, &FolderOptions::default())?;
//! eprintln!("{}", data.report);
//! let split = dev_split(&data.train, DEV_FRACTION, SPLIT_SEED)?;
//! let train = data.train.select(&split.rest);
//!
//! let tokenizer = TextTokenizer::train(&train.texts, &TokenizerOptions::default())?;
//! let encoded = tokenizer.encode_all(&train.texts);
//! let lengths = encoded.ids.iter().map(|ids| ids.len()).collect();
//! let mut batches = BatchPlan::new(lengths, 8, 1, "labelled")?.batches(Cursor::default());
//! let rows = batches.next_batch();
//! assert!(rows.len() <= 8);
//! # Ok::<(), limbeck_data::DataError>(())
//! ```
#![forbid(unsafe_code)]

pub mod batch;
pub mod corpus;
mod error;
mod fingerprint;
pub mod graph;
pub mod keywords;
pub mod language;
pub mod ngrams;
pub mod pairs;
pub mod pictures;
pub mod read;
pub mod rng;
pub mod saved;
pub mod speech;
pub mod split;
pub mod tagging;
mod text;
pub mod tokenize;
pub mod vectors;
pub mod words;

pub use error::{DataError, Result};
pub use text::{Unit, normalise};
