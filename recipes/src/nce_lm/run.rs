//! Training a language model, and judging it.

use std::time::Instant;

use limbeck_training::run_folder::{Evaluation, Metrics, Named};

use super::data::LanguageData;
use super::evaluate::{Perplexity, perplexity};
use super::model::TextGenerator;
use super::noise::NoiseLaw;
use super::objective::NceLm;
use super::text::TrainingText;
use crate::config::NceLmRun;
use crate::context::RunContext;
use crate::error::Result;
use crate::measured::Measured;
use crate::stages::stage_options;

/// Name of the stage, of the model's folder, and of its figures.
const NAME: &str = "model";

/// A finished model and how it did.
pub struct TrainedLanguageModel {
    /// The model, with its best weights.
    pub generator: TextGenerator,
    /// Its figures under the name "model".
    pub measured: Measured,
}

/// Trains the model of a run file, and judges it.
///
/// # Errors
/// Those of data, device and training.
pub fn train_language_model(
    run: &NceLmRun,
    data: &LanguageData,
    context: &mut RunContext<'_>,
) -> Result<TrainedLanguageModel> {
    let (seed, device) = (context.seed(), context.device());
    let law = NoiseLaw::of(&run.method, &data.vocabulary, &data.counts)?;
    let columns = run.training.batch_size;
    let text = TrainingText::new(data.train.clone(), &run.method, columns, seed)?;
    if text.dropped() > 0 {
        tracing::info!(
            "{} tokens at the end of the text fill no column",
            text.dropped()
        );
    }
    let options = stage_options(NAME, &run.training, text.steps_per_epoch());
    let folder = context.paths().map(|paths| paths.model().join(NAME));
    let finished = folder.clone().filter(|folder| folder.exists());
    let generator = match finished {
        Some(folder) => {
            context.skip(options.steps);
            TextGenerator::load(&folder, device)?
        }
        None => {
            let mut generator = TextGenerator::new(
                data.vocabulary.clone(),
                &run.model,
                &run.method,
                &law,
                run.is_row_sparse(),
                seed,
                device,
            )?;
            let model = generator.model_mut();
            let mut objective = NceLm::new(model, text, &law, &run.method, &*data.dev, seed);
            context.train(options, &mut objective)?;
            if let Some(folder) = folder {
                generator.save(&folder)?;
            }
            generator
        }
    };
    let measured = measure(&generator, data)?;
    Ok(TrainedLanguageModel {
        generator,
        measured,
    })
}

/// The figures of a finished model.
fn measure(generator: &TextGenerator, data: &LanguageData) -> Result<Measured> {
    let mut measured = Measured {
        evaluation: Evaluation::default(),
        ..Measured::default()
    };
    let judge = |text| -> Result<Metrics> {
        let start = Instant::now();
        let judged = perplexity(generator.model(), text)?;
        Ok(metrics(generator, &judged, start.elapsed().as_secs_f64()))
    };
    measured.dev.set(NAME, judge(&*data.dev)?);
    if let Some(test) = &data.test {
        let mut figures = Named::default();
        figures.set(NAME, judge(&**test)?);
        measured.test = Some(figures);
    }
    Ok(measured)
}

/// Judges the model of a finished run, whose test text was left unread, on dev and test.
///
/// # Errors
/// If the model cannot be read, or the device failed.
pub fn measure_test(
    folder: &std::path::Path,
    data: &LanguageData,
    device: &limbeck_engine::Device,
) -> Result<Measured> {
    let generator = TextGenerator::load(&folder.join(NAME), device)?;
    measure(&generator, data)
}

fn metrics(generator: &TextGenerator, judged: &Perplexity, seconds: f64) -> Metrics {
    let parameters = generator.model().parameters();
    let embeddings = parameters.records().iter().filter(|r| {
        ["embedding.weight", "output.weight", "output.bias"].contains(&r.name.as_str())
    });
    let embeddings: usize = embeddings.map(|r| r.shape.elements()).sum();
    Metrics::new()
        .rate("perplexity", judged.perplexity())
        .rate("unnormalised_perplexity", judged.unnormalised_perplexity())
        .rate("mean_log_z", judged.mean_log_z())
        .rate("sd_log_z", judged.sd_log_z())
        .rate("bits_per_token", judged.bits_per_token())
        .count("tokens", judged.tokens)
        .count("parameters", parameters.parameters() as u64)
        .count(
            "parameters_without_embeddings",
            (parameters.parameters() - embeddings) as u64,
        )
        .rate("us_per_token", 1e6 * seconds / judged.tokens.max(1) as f64)
}
