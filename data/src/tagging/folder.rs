//! A tagged data set: a folder with train, dev and test files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::TaggedSet;
use super::options::TaggedOptions;
use super::records::{TaggedFile, TaggedSentence, read_tagged};
use super::report::{Oddities, TaggedPartReport, TaggedReport};
use super::scheme::{Prefix, Scheme, Tag, detect, violations};
use super::spans::{Span, spans, tags_of};
use crate::error::{DataError, Result};
use crate::read::{FileSummary, Part, expect_folder, list, plain_or_compressed};

/// A tagged data set in memory.
#[derive(Clone, Debug)]
pub struct TaggedData {
    /// The training part.
    pub train: TaggedSet,
    /// The dev part, if a file was read for it.
    pub dev: Option<TaggedSet>,
    /// The test part, if a file was read for it.
    pub test: Option<TaggedSet>,
    /// The scheme of the tags of all parts: `iob1`, `iob2`, `bioes`, `io`, or none if they are plain.
    pub scheme: Scheme,
    /// The files read, in the order train, dev, test.
    pub files: Vec<FileSummary>,
    /// What a careful person should know about the data.
    pub report: TaggedReport,
}

/// Reads the train, dev and test files of a folder. A name that does not exist is also tried with `.gz`
/// appended. The tags are converted to one scheme; their types, or the tags themselves if they are
/// plain, are those of the training file.
///
/// # Errors
/// Whatever a file can be wrong about ([`read_tagged`]); a tag that the scheme does not have;
/// with `strict`, a tag that breaks it; a training file with one tag only ([`DataError::OneTag`]); a type
/// or plain tag that train does not have ([`DataError::UnknownTag`]); a `scheme_out` that the tags cannot
/// be written in.
pub fn load_tagged_folder(folder: &Path, options: &TaggedOptions) -> Result<TaggedData> {
    expect_folder(folder)?;
    let read = |name: &str| read_tagged(&plain_or_compressed(folder.join(name)), &options.read);
    let train = read(&options.train)?;
    let found = scheme_of(&train, options.scheme)?;
    let scheme = options.target(found)?;
    let names = Names::of_train(&train, found, scheme)?;
    let label = |name, file: &TaggedFile| label(name, file, found, &names, options.strict);
    let mut files = vec![train.summary.clone()];
    let (train, train_report) = label("train", &train)?;
    let mut parts = vec![train_report];
    let mut optional = |name: &'static str, part: &Part| -> Result<Option<TaggedSet>> {
        let Some(file) = part.name_in(folder) else {
            return Ok(None);
        };
        let file = read(file)?;
        let (set, report) = label(name, &file)?;
        files.push(file.summary);
        parts.push(report.against(&train, &set));
        Ok(Some(set))
    };
    let dev = optional("dev", &options.dev)?;
    let test = optional("test", &options.test)?;
    Ok(TaggedData {
        train,
        dev,
        test,
        scheme,
        files,
        report: TaggedReport {
            found,
            scheme,
            parts,
        },
    })
}

/// Reads one tagged file against known tags, such as those of a trained model: `tag_names` as a
/// [`TaggedSet`] has them, written in `scheme`. What the file itself is written in is `options.scheme`, or
/// what it shows; `options.scheme_out` plays no part.
///
/// # Errors
/// Whatever the file can be wrong about; [`DataError::UnknownTag`]; plain tags in the place of spans.
pub fn load_tagged(
    path: &Path,
    options: &TaggedOptions,
    tag_names: &[String],
    scheme: Scheme,
) -> Result<(TaggedSet, FileSummary, TaggedPartReport)> {
    let file = read_tagged(path, &options.read)?;
    let found = match (options.scheme, scheme) {
        (Scheme::Auto, Scheme::None) => Scheme::None,
        (asked, _) => scheme_of(&file, asked)?,
    };
    let wanted = TaggedOptions {
        scheme_out: scheme,
        ..options.clone()
    };
    let names = Names::known(tag_names, wanted.target(found)?);
    let (set, report) = label("test", &file, found, &names, options.strict)?;
    Ok((set, file.summary, report))
}

/// The scheme that the file is written in.
fn scheme_of(file: &TaggedFile, asked: Scheme) -> Result<Scheme> {
    if asked != Scheme::Auto {
        return Ok(asked);
    }
    let tags: Vec<&[String]> = file.sentences.iter().map(|s| s.tags.as_slice()).collect();
    detect(&tags).map_err(|(row, at)| no_tag_of(file, row, at, "the other tags"))
}

/// The error for a tag that does not fit `what`.
fn no_tag_of(file: &TaggedFile, row: usize, at: usize, what: &str) -> DataError {
    let sentence = &file.sentences[row];
    DataError::Line {
        path: file.summary.path.clone(),
        line: sentence.lines[at],
        expected: format!("O, or a prefix and a type such as B-PER, as {what} would have it"),
        found: format!("the tag {:?}", sentence.tags[at]),
        advice: "Correct the tag, or set scheme = \"none\" if the tags are plain".into(),
    }
}

/// The tags of the sets.
struct Names {
    scheme: Scheme,
    /// The types of spans, or the tags if they are plain.
    kinds: Vec<String>,
    tags: Vec<String>,
    number: HashMap<String, u32>,
}

impl Names {
    fn of_train(train: &TaggedFile, found: Scheme, scheme: Scheme) -> Result<Self> {
        let tags = train.sentences.iter().flat_map(|sentence| &sentence.tags);
        let tags: BTreeSet<&str> = tags.map(String::as_str).collect();
        if let (Some(tag), 1) = (tags.first(), tags.len()) {
            return Err(DataError::OneTag {
                path: train.summary.path.clone(),
                tag: tag.to_string(),
            });
        }
        let kind = |tag: &&'_ str| match found {
            Scheme::None => Some(tag.to_string()),
            _ => kind_of(tag).map(str::to_string),
        };
        // A set again: several tags have one type.
        let kinds: BTreeSet<String> = tags.iter().filter_map(kind).collect();
        let kinds: Vec<String> = kinds.into_iter().collect();
        let tags = match scheme {
            Scheme::None => kinds.clone(),
            scheme => scheme.tag_names(&kinds),
        };
        Ok(Self::new(scheme, kinds, tags))
    }

    fn known(tags: &[String], scheme: Scheme) -> Self {
        let kinds = match scheme {
            Scheme::None => tags.to_vec(),
            _ => {
                let kinds: BTreeSet<&str> = tags.iter().filter_map(|tag| kind_of(tag)).collect();
                kinds.into_iter().map(str::to_string).collect()
            }
        };
        Self::new(scheme, kinds, tags.to_vec())
    }

    fn new(scheme: Scheme, kinds: Vec<String>, tags: Vec<String>) -> Self {
        let number = tags.iter().cloned().zip(0..).collect();
        Self {
            scheme,
            kinds,
            tags,
            number,
        }
    }
}

/// The type of a tag inside a span.
fn kind_of(tag: &str) -> Option<&str> {
    let tag = Tag::parse(tag)?;
    (tag.prefix != Prefix::Outside).then_some(tag.kind)
}

/// The set of a file, and what is to be said of it.
fn label(
    part: &'static str,
    file: &TaggedFile,
    found: Scheme,
    names: &Names,
    strict: bool,
) -> Result<(TaggedSet, TaggedPartReport)> {
    let mut set = TaggedSet {
        tag_names: names.tags.clone(),
        ..TaggedSet::default()
    };
    let mut oddities = Oddities {
        counts: file.counts,
        ..Oddities::default()
    };
    let mut per_kind: BTreeMap<&str, usize> =
        names.kinds.iter().map(|kind| (kind.as_str(), 0)).collect();
    for (row, sentence) in file.sentences.iter().enumerate() {
        let broken = broken(file, row, found, strict)?;
        if let Some(line) = broken {
            oddities.broken += 1;
            oddities.first_broken.get_or_insert(line);
        }
        let spans = spans(&sentence.tags, found);
        for (kind, at) in kinds_of(sentence, &spans, found) {
            match per_kind.get_mut(kind) {
                Some(count) => *count += 1,
                None => return Err(unknown(file, sentence, at, names)),
            }
        }
        let tags = match found {
            Scheme::None => sentence.tags.clone(),
            _ => tags_of(&spans, sentence.tags.len(), names.scheme)?,
        };
        let number = |(at, tag): (usize, &String)| {
            let number = names.number.get(tag).copied();
            number.ok_or_else(|| unknown(file, sentence, at, names))
        };
        set.tags
            .push(tags.iter().enumerate().map(number).collect::<Result<_>>()?);
        set.sentences.push(sentence.tokens.clone());
    }
    let per_kind = per_kind
        .into_iter()
        .map(|(kind, n)| (kind.to_string(), n))
        .collect();
    let report = TaggedPartReport::new(part, &set, per_kind, oddities);
    Ok((set, report))
}

/// The type and first token of each span, or every plain tag with its token.
fn kinds_of<'a>(
    sentence: &'a TaggedSentence,
    spans: &'a [Span],
    found: Scheme,
) -> Vec<(&'a str, usize)> {
    match found {
        Scheme::None => sentence.tags.iter().map(String::as_str).zip(0..).collect(),
        _ => spans
            .iter()
            .map(|span| (span.kind.as_str(), span.start))
            .collect(),
    }
}

/// The line of the first tag of a sentence that breaks the scheme, if one does.
fn broken(file: &TaggedFile, row: usize, found: Scheme, strict: bool) -> Result<Option<usize>> {
    let sentence = &file.sentences[row];
    if found != Scheme::None
        && let Some(at) = sentence
            .tags
            .iter()
            .position(|tag| Tag::parse(tag).is_none())
    {
        return Err(no_tag_of(
            file,
            row,
            at,
            &format!("the scheme {}", found.name()),
        ));
    }
    let Some(&at) = violations(&sentence.tags, found).first() else {
        return Ok(None);
    };
    let line = sentence.lines[at];
    if !strict {
        return Ok(Some(line));
    }
    let before = match at.checked_sub(1) {
        Some(before) => format!("behind {:?}", sentence.tags[before]),
        None => "at the beginning".into(),
    };
    let end = if at + 1 == sentence.tags.len() {
        ", at the end"
    } else {
        ""
    };
    Err(DataError::Line {
        path: file.summary.path.clone(),
        line,
        expected: format!("a tag that the scheme {} allows here", found.name()),
        found: format!("{:?} {before}{end} of the sentence", sentence.tags[at]),
        advice: "Correct the tag, name the scheme of the file, or let `strict` be off".into(),
    })
}

fn unknown(file: &TaggedFile, sentence: &TaggedSentence, at: usize, names: &Names) -> DataError {
    DataError::UnknownTag {
        path: file.summary.path.clone(),
        line: sentence.lines[at],
        tag: sentence.tags[at].clone(),
        known: list(&names.kinds),
    }
}
