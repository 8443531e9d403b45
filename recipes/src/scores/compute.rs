//! What a trained model says of texts, and which texts a run asks its teacher about.

use std::collections::HashSet;

use limbeck_engine::Error as EngineError;

use super::{ScoreFile, ScoreHead, Shard, TextKey, list_key, text_key};
use crate::config::Run;
use crate::dataset::RunData;
use crate::error::{Error, Result};
use crate::layerwise::wordings_of;
use crate::text::{TextClassifier, logits_of};

/// The logits of each text, in the order in which they first stand in the list; with a shard those
/// of its part alone. `teacher` is the checksum of the classifier's weights.
///
/// # Errors
/// If the model does not give a text one row of scores, or the device failed.
pub fn score(
    classifier: &TextClassifier,
    texts: &[String],
    shard: Option<Shard>,
    teacher: String,
) -> Result<ScoreFile> {
    if classifier.is_tagger() || classifier.reads_pictures() || classifier.reads_speech() {
        let message = "scores are for models that give a text one class: this one labels words, \
                       pixels or speech";
        return Err(EngineError::Mismatch(message.into()).into());
    }
    let texts = distinct(texts);
    let keys: Vec<TextKey> = texts.iter().map(|text| text_key(text)).collect();
    let range = shard.unwrap_or(Shard::WHOLE).range(texts.len());
    let encoded = classifier.encoder().encode_all(&texts[range.clone()]);
    let logits = logits_of(classifier.model(), &encoded.iter().collect::<Vec<_>>())?;
    Ok(ScoreFile {
        head: ScoreHead {
            labels: classifier.labels().to_vec(),
            teacher: Some(teacher),
            tokeniser: Some(format!("{:016x}", classifier.encoder().fingerprint().0)),
            texts: Some(keys.len()),
            list: Some(list_key(&keys)),
            shard,
        },
        keys: keys[range].to_vec(),
        logits: logits.concat(),
        lines: None,
    })
}

/// Each text once, where it first stands.
fn distinct(texts: &[String]) -> Vec<&String> {
    let mut seen = HashSet::new();
    texts.iter().filter(|text| seen.insert(*text)).collect()
}

/// All texts of a run that a teacher may be asked about, each once: those it learns from, in every
/// wording, then dev and test.
///
/// # Errors
/// If the run is of a task without labelled texts, or its other wordings cannot be made.
pub fn texts_of(run: &Run, data: &RunData) -> Result<Vec<String>> {
    let mut texts = data.training_texts();
    match run {
        Run::Train(_) | Run::GateMixup(_) => {}
        Run::Layerwise(run) => texts.extend(wordings_of(run, data)?),
        Run::Relay(_) | Run::UnitSelect(_) | Run::NceLm(_) => {
            let message = format!(
                "the texts of a run of task \"{}\" cannot be listed: give the file of the texts",
                run.task()
            );
            return Err(Error::Engine(EngineError::Mismatch(message)));
        }
    }
    let test = data.test.iter().flat_map(|test| &test.set.texts);
    texts.extend(data.dev.texts.iter().chain(test).cloned());
    Ok(distinct(&texts).into_iter().cloned().collect())
}
