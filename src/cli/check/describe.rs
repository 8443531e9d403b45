//! A run in words.

use std::fmt::Write;

use limbeck_recipes::config::{LayerwiseRun, Model, Run, TrainRun};
use serde_json::Value;

/// What the run file asks for, a line per model.
pub(super) fn summary(run: &Run) -> String {
    match run {
        Run::Train(run) => train_summary(run),
        Run::Layerwise(run) => layerwise_summary(run),
    }
}

fn train_summary(run: &TrainRun) -> String {
    format!(
        "model: {}\ntraining: {}",
        model_line(&run.model),
        run.training.length
    )
}

fn layerwise_summary(run: &LayerwiseRun) -> String {
    let mut text = format!(
        "preset: {}\nteacher: {}\n",
        name_of(&run.preset),
        model_line(&run.teacher)
    );
    if let Some(beside) = &run.beside_teacher {
        let _ = writeln!(
            text,
            "beside it: {}, weight {}",
            model_line(&beside.model),
            beside.weight
        );
    }
    let student = Model::TextCnn(run.student.clone());
    let _ = writeln!(text, "student: {}", model_line(&student));
    text
}

fn model_line(model: &Model) -> String {
    match model {
        Model::Transformer(config) => format!(
            "Transformer, {} layers of {}, {} heads, tokens by {}",
            config.layers,
            config.hidden_size,
            config.heads,
            name_of(&config.tokenizer.kind)
        ),
        Model::TextCnn(config) => format!(
            "TextCNN, {}, kernels {:?}, {} channels, tokens by {}",
            name_of(&config.topology),
            config.kernel_sizes,
            config.channels,
            name_of(&config.tokenizer.kind)
        ),
        Model::BagOfNgrams(config) => format!(
            "bag of {} n-grams from {} to {}",
            name_of(&config.unit),
            config.ngrams[0],
            config.ngrams[1]
        ),
    }
}

/// A choice as it is written in a run file.
fn name_of(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(Value::String(name)) => name,
        other => unreachable!("a choice is written as a text, found {other:?}"),
    }
}
