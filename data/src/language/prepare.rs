//! Text turned into a token file, once and for all.

use std::path::{Path, PathBuf};

use super::text::{TextReport, count_with, encode_with};
use super::token_file::TokenFileWriter;
use super::vocabulary::{LanguageOptions, LanguageVocabulary};
use crate::error::{DataError, Result};

/// Where [`prepare`] puts the vocabulary of a token file: `OUT.vocabulary.json`.
pub fn vocabulary_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".vocabulary.json");
    name.into()
}

/// Writes the tokens of `texts`, one text after another, to the token file `out`, and the
/// vocabulary beside it. Without a vocabulary, the texts are counted first; one that is given must
/// have been built with the same unit and case. `progress` learns how many bytes of how many were
/// read; texts that are counted are read twice.
///
/// # Errors
/// As [`count`](super::count) and [`encode`](super::encode); a vocabulary of other units; `out` is
/// one of the texts, or cannot be written. After an error no token file is left that was not there
/// before.
pub fn prepare(
    texts: &[PathBuf],
    options: &LanguageOptions,
    vocabulary: Option<LanguageVocabulary>,
    out: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(LanguageVocabulary, TextReport)> {
    check(texts, options, vocabulary.as_ref(), out)?;
    let sizes: Vec<u64> = texts.iter().map(|path| size(path)).collect();
    let once: u64 = sizes.iter().sum();
    let before = |number: usize| sizes[..number].iter().sum::<u64>();
    let (vocabulary, counted) = match vocabulary {
        Some(vocabulary) => (vocabulary, 0),
        None => {
            let mut tell = |number, bytes| progress(before(number) + bytes, 2 * once);
            (count_with(texts, options, &mut tell)?, once)
        }
    };
    let mut writer = TokenFileWriter::create(out, vocabulary.fingerprint())?;
    let mut report = TextReport::default();
    for (number, path) in texts.iter().enumerate() {
        let done = counted + before(number);
        let mut tell = |bytes| progress(done + bytes, counted + once);
        let mut push = |ids: &[u32]| writer.push(ids);
        report.join(encode_with(path, &vocabulary, &mut push, &mut tell)?);
    }
    // First the vocabulary: tokens whose vocabulary is missing would be worth nothing.
    vocabulary.save(&vocabulary_path(out))?;
    writer.finish()?;
    Ok((vocabulary, report))
}

fn check(
    texts: &[PathBuf],
    options: &LanguageOptions,
    vocabulary: Option<&LanguageVocabulary>,
    out: &Path,
) -> Result<()> {
    options.check()?;
    if texts.is_empty() {
        return Err(DataError::option("texts", "at least one file", "none"));
    }
    if let Some(vocabulary) = vocabulary {
        let of = |options: &LanguageOptions| (options.unit, options.lowercase);
        let (expected, found) = (of(vocabulary.options()), of(options));
        if expected != found {
            let words = |(unit, lowercase)| format!("unit {unit:?} and lowercase {lowercase}");
            let expected = format!("those of the vocabulary, {}", words(expected));
            return Err(DataError::option("options", expected, words(found)));
        }
    }
    // A file that does not exist yet has no canonical path, and is none of the texts.
    let place = out.canonicalize().ok();
    let same = |path: &&PathBuf| place.is_some() && path.canonicalize().ok() == place;
    if let Some(text) = texts.iter().find(same) {
        let expected = "a file other than the texts, which it would overwrite";
        return Err(DataError::option("out", expected, text.display()));
    }
    Ok(())
}

/// 0 for a file that cannot be asked: opening it will say why.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
