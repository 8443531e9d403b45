//! The shards of one job, put together.

use std::path::{Path, PathBuf};

use super::{ScoreFile, ScoreHead, Shard, list_key};
use crate::error::{Error, Result};

/// Puts the shards of one job together, in whatever order they are given: the file that the job
/// would have written in one piece.
///
/// # Errors
/// If a file is no shard, or of another job (other labels, another teacher, tokeniser or list of
/// texts, another number of shards), if one is missing or there twice, or if the texts are not
/// those of the job.
pub fn merge(paths: &[PathBuf]) -> Result<ScoreFile> {
    let mut shards: Vec<(&Path, Shard, ScoreFile)> = Vec::new();
    for path in paths {
        let file = ScoreFile::read(path)?;
        let Some(shard) = file.head.shard else {
            let message = "is no shard: expected a file that `limbeck score --shard i/n` wrote";
            return Err(Error::model(path, message.into()));
        };
        if let Some((first, _, other)) = shards.first()
            && let Some(difference) = difference(&file.head, &other.head)
        {
            let message = format!(
                "is of another job than {}: its {difference} differs",
                first.display()
            );
            return Err(Error::model(path, message));
        }
        if let Some((twin, ..)) = shards.iter().find(|(_, known, _)| *known == shard) {
            let message = format!("is shard {shard}, and so is {}", twin.display());
            return Err(Error::model(path, message));
        }
        shards.push((path, shard, file));
    }
    shards.sort_by_key(|(_, shard, _)| shard.number);
    let mut shards = shards.into_iter();
    let Some((first, shard, mut whole)) = shards.next() else {
        return Err(Error::model(Path::new("--merge"), "names no file".into()));
    };
    if shard.number != 1 {
        return Err(absent(first, 1, shard.of));
    }
    let mut next = 2;
    for (path, shard, file) in shards {
        if shard.number != next {
            return Err(absent(path, next, shard.of));
        }
        next += 1;
        whole.keys.extend(file.keys);
        whole.logits.extend(file.logits);
    }
    if next != shard.of + 1 {
        return Err(absent(first, next, shard.of));
    }
    if whole.head.list.as_ref() != Some(&list_key(&whole.keys)) {
        let message = "and its sisters do not hold the texts that their headers announce: score them \
                       again";
        return Err(Error::model(first, message.into()));
    }
    whole.head.shard = None;
    whole.lines = None;
    Ok(whole)
}

fn absent(beside: &Path, number: usize, of: usize) -> Error {
    let message = format!("shard {number}/{of} of its job is missing: give all {of}");
    Error::model(beside, message)
}

/// The first field in which two shards differ that those of one job share.
fn difference(one: &ScoreHead, other: &ScoreHead) -> Option<&'static str> {
    let parts = |head: &ScoreHead| head.shard.map(|shard| shard.of);
    let fields = [
        ("labels", one.labels == other.labels),
        ("teacher", one.teacher == other.teacher),
        ("tokeniser", one.tokeniser == other.tokeniser),
        (
            "list of texts",
            (&one.list, one.texts) == (&other.list, other.texts),
        ),
        ("number of shards", parts(one) == parts(other)),
    ];
    let different = fields.into_iter().find(|(_, equal)| !equal);
    different.map(|(name, _)| name)
}
