//! What finished models cost: parameters, bytes, microseconds.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use limbeck_data::corpus::{self, CorpusOptions};
use limbeck_data::tokenize::{TextTokenizer, Tokenizer};
use limbeck_engine::Device;
use limbeck_recipes::nce_lm::TextGenerator;
use limbeck_recipes::text::{Encoder, TextClassifier};
use limbeck_training::run_folder::RunPaths;
use serde_json::{Map, Value, json};

use super::{Error, Result, in_threads};

/// Texts of a batch.
const BATCH: usize = 64;
/// Words of a text, where none were given.
const WORDS: usize = 30;
/// A measurement takes about so long, and no less than three answers.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// What one model costs. Microseconds are medians, of one thread of the CPU.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCost {
    /// Its name in the run; `folded` behind it with the tables of `--folded`.
    pub name: String,
    /// Single weights and biases.
    pub parameters: usize,
    /// Of these outside of tables of words and positions.
    pub parameters_without_embeddings: Option<usize>,
    /// Bytes of its folder: weights, configuration and tokeniser.
    pub bytes: u64,
    /// Bytes of the tables that folding adds in memory.
    pub folded_bytes: Option<usize>,
    /// Microseconds from string to answer, one text at a time; none for models that read no texts.
    pub us_batch_1: Option<f64>,
    /// Microseconds a text from string to answer, 64 at a time.
    pub us_batch_64: Option<f64>,
}

impl ModelCost {
    /// The figures by name, absent ones left out.
    pub fn to_json(&self) -> Value {
        let figures = [
            ("parameters", Some(json!(self.parameters))),
            (
                "parameters_without_embeddings",
                self.parameters_without_embeddings.map(|n| json!(n)),
            ),
            ("bytes", Some(json!(self.bytes))),
            ("folded_bytes", self.folded_bytes.map(|n| json!(n))),
            ("us_batch_1", self.us_batch_1.map(|us| json!(us))),
            ("us_batch_64", self.us_batch_64.map(|us| json!(us))),
        ];
        let there = figures
            .into_iter()
            .filter_map(|(name, figure)| Some((name.to_string(), figure?)));
        Value::Object(there.collect::<Map<_, _>>())
    }
}

/// Measures the models of a run folder, teachers first, or that of a model's own folder, on these texts;
/// without any on texts of 30 words that a model of the run knows.
///
/// # Errors
/// If there is no model, or its files are damaged.
pub fn model_costs(folder: &Path, texts: &[String]) -> Result<Vec<ModelCost>> {
    let mut models = Vec::new();
    for (name, path) in model_folders(folder)? {
        let bytes = bytes_in(&path)?;
        if TextGenerator::is_in(&path) {
            let generator = TextGenerator::load(&path, &Device::cpu())?;
            let store = generator.model().parameters();
            models.push((cost(name, store.parameters(), bytes), None));
            continue;
        }
        let classifier = TextClassifier::load(&path, &Device::cpu())?;
        let model = classifier.model();
        let mut cost = cost(name, model.parameter_count(), bytes);
        cost.parameters_without_embeddings = Some(model.parameter_count_without_embeddings());
        models.push((cost, Some(classifier)));
    }
    let made;
    let texts = match texts.is_empty() {
        false => texts,
        true => {
            made = made_up(
                models
                    .iter()
                    .filter_map(|(_, classifier)| classifier.as_ref()),
            )?;
            &made
        }
    };
    let mut costs = Vec::new();
    for (mut cost, classifier) in models {
        let reads_texts = |c: &TextClassifier| !c.reads_pictures() && !c.reads_speech();
        let Some(mut classifier) = classifier.filter(reads_texts) else {
            costs.push(cost);
            continue;
        };
        time(&mut cost, &classifier, texts)?;
        let mut folded = cost.clone();
        costs.push(cost);
        if let Some(bytes) = classifier.fold()? {
            folded.name.push_str(" folded");
            folded.folded_bytes = Some(bytes);
            time(&mut folded, &classifier, texts)?;
            costs.push(folded);
        }
    }
    Ok(costs)
}

fn cost(name: String, parameters: usize, bytes: u64) -> ModelCost {
    ModelCost {
        name,
        parameters,
        parameters_without_embeddings: None,
        bytes,
        folded_bytes: None,
        us_batch_1: None,
        us_batch_64: None,
    }
}

/// Models by name, teachers first: those that others are compared with.
fn model_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    if folder.join("config.json").exists() {
        return Ok(vec![("model".into(), folder.into())]);
    }
    let models = RunPaths::new(folder).model();
    let entries = std::fs::read_dir(&models).map(|entries| {
        let folders = entries.filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.to_string();
            path.join("config.json").exists().then_some((name, path))
        });
        folders.collect::<Vec<_>>()
    });
    let mut found = entries.unwrap_or_default();
    if found.is_empty() {
        return Err(Error::Usage(format!(
            "{} is neither a run folder with a finished model nor a model's folder",
            folder.display()
        )));
    }
    found.sort_by_key(|(name, _)| (!name.starts_with("teacher"), name.clone()));
    Ok(found)
}

/// Bytes of the files in a folder.
fn bytes_in(folder: &Path) -> Result<u64> {
    let failed = |cause| Error::Io {
        action: "read",
        path: folder.into(),
        cause,
    };
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        bytes += entry
            .and_then(|entry| entry.metadata())
            .map_err(failed)?
            .len();
    }
    Ok(bytes)
}

/// Texts of words that one of the models knows, or of the built-in corpus.
fn made_up<'a>(classifiers: impl Iterator<Item = &'a TextClassifier>) -> Result<Vec<String>> {
    let known = |classifier: &'a TextClassifier| match classifier.encoder() {
        Encoder::Tokens(tokenizer) => Some(words_of(tokenizer)),
        _ => None,
    };
    let words = match classifiers
        .filter_map(known)
        .find(|words| !words.is_empty())
    {
        Some(words) => words,
        None => {
            let texts = corpus::generate(&CorpusOptions::default())?.train.set.texts;
            let words = texts.iter().flat_map(|text| text.split_whitespace());
            words.map(String::from).collect()
        }
    };
    // Steps that share no factor with the number of words lead to all of them.
    let word = |n: usize| words[n.wrapping_mul(7919) % words.len()].as_str();
    let text = |t: usize| (0..WORDS).map(|n| word(t * WORDS + n)).collect::<Vec<_>>();
    Ok((0..2 * BATCH).map(|t| text(t).join(" ")).collect())
}

/// Units of a table that are words and no marks of our own.
fn words_of(tokenizer: &TextTokenizer) -> Vec<String> {
    let tokens = tokenizer.vocabulary().tokens().iter();
    tokens
        .filter(|token| !token.starts_with('<'))
        .cloned()
        .collect()
}

fn time(cost: &mut ModelCost, classifier: &TextClassifier, texts: &[String]) -> Result<()> {
    let answer = |texts: &[String]| match classifier.is_tagger() {
        true => classifier.tag(texts).map(|found| found.len()),
        false => classifier.predict(texts).map(|found| found.len()),
    };
    in_threads(Some(1), || {
        let many: Vec<String> = texts.iter().cycle().take(BATCH).cloned().collect();
        cost.us_batch_1 = Some(median(texts, 1, &answer)?);
        cost.us_batch_64 = Some(median(&many, BATCH, &answer)?);
        Ok(())
    })
}

/// Median microseconds a text, so many at a time.
fn median(
    texts: &[String],
    together: usize,
    answer: &impl Fn(&[String]) -> limbeck_recipes::Result<usize>,
) -> Result<f64> {
    let mut times = Vec::new();
    // The first answer finds nothing in the caches and pools.
    answer(&texts[..together.min(texts.len())])?;
    let begin = Instant::now();
    for part in texts.chunks(together).cycle() {
        let start = Instant::now();
        std::hint::black_box(answer(part)?);
        times.push(start.elapsed().as_secs_f64() * 1e6 / part.len() as f64);
        if times.len() >= 3 && begin.elapsed() > LONG_ENOUGH {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_texts_have_30_words_and_differ() {
        let texts = made_up(std::iter::empty()).expect("the built-in corpus");
        assert_eq!(texts.len(), 128);
        for text in &texts {
            assert_eq!(text.split_whitespace().count(), WORDS, "{text}");
        }
        assert_ne!(texts[0], texts[1]);
    }

    #[test]
    fn a_folder_without_models_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = model_costs(folder.path(), &[]).expect_err("no model");
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("neither a run folder"),
            "{error}"
        );
    }
}
