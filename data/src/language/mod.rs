//! Text for language models: from files to the token ids that a model reads one after another.
//!
//! | step | what does it |
//! |---|---|
//! | a table of tokens from training text | [`count`], [`LanguageVocabulary`] |
//! | ids in memory | [`load`], [`MemoryTokens`] |
//! | ids on disk, for text larger than memory | [`prepare`], [`TokenFile`] |
//! | a part of either | [`Share`], [`TokenStream`] |
//! | running text in columns, a window at a time | [`StreamWindows`], [`Prefetch`] |
//! | sentences on their own, in batches | [`Sentences`], [`SentencePlan`] |
//! | a sentence in parts | [`divide`], [`divide_by_length`] |
//!
//! Every line of a text is a sentence: its units, then one end of sentence, which is id 0. Files are
//! read a line at a time, plain or compressed with gzip, so that their size does not matter.
//!
//! ```
//! use limbeck_data::language::{LanguageOptions, StreamWindows, WindowTokens, count, load};
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("train.txt");
//! # std::fs::write(&path, "the cat sat\nthe dog ran\n").unwrap();
//! let vocabulary = count(std::slice::from_ref(&path), &LanguageOptions::default())?;
//! let (tokens, report) = load(&path, &vocabulary)?;
//! assert_eq!((report.lines, report.tokens), (2, 8));
//!
//! let windows = StreamWindows::new(report.tokens, 2, 3)?;
//! let mut buffer = WindowTokens::default();
//! windows.read(&tokens, 0, &mut buffer)?;
//! // Two columns, three positions: the first words of both columns stand side by side.
//! let the = vocabulary.id("the").unwrap();
//! assert_eq!(buffer.targets[..2], [the, the]);
//! assert_eq!(buffer.inputs[..2], [vocabulary.end(), vocabulary.end()]);
//! # Ok::<(), limbeck_data::DataError>(())
//! ```

mod lines;
mod parts;
mod plan;
mod prefetch;
mod prepare;
mod sentences;
mod source;
mod stream;
mod text;
mod token_file;
mod vocabulary;

pub use parts::{divide, divide_by_length};
pub use plan::{SentenceBatch, SentenceBatches, SentencePlan};
pub use prefetch::Prefetch;
pub use prepare::{prepare, vocabulary_path};
pub use sentences::Sentences;
pub use source::{MemoryTokens, Share, TokenSource, TokenStream};
pub use stream::{StreamWindows, WindowTokens};
pub use text::{TextReport, count, encode, load};
pub use token_file::{TokenFile, TokenFileWriter};
pub use vocabulary::{END, END_OF_SENTENCE, LanguageOptions, LanguageVocabulary};
