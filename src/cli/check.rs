//! `limbeck check`: is the run file right, and what will it do?

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::Args;
use limbeck_data::read::{DatasetReport, PartReport};
use limbeck_recipes::config::{LayerwiseRun, Model, Run, TrainRun};
use serde_json::{Value, json};

use super::args::RunFileArgs;
use super::output;
use crate::run::{Result, check_data};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    run: RunFileArgs,
    /// Print the complete run as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<()> {
    let run = args.run.load()?;
    let file = args.run.run_file().display().to_string();
    let data = check_data(&run)?;
    if args.json {
        let parts = data.as_ref().map(|data| parts_as_json(&data.report));
        let checked = json!({ "file": file, "run": run_as_json(&run), "data": parts });
        return output::print_json(&checked);
    }
    let summary = match &run {
        Run::Train(run) => train_summary(run),
        Run::Layerwise(run) => layerwise_summary(run),
    };
    output::print(&format!(
        "{file}: ok, task {}\n{}",
        run.task(),
        summary.trim_end()
    ))?;
    match data {
        Some(data) => output::print(data.report.to_string().trim_end()),
        None => output::print("data: the built-in corpus"),
    }
}

/// One object per part of the data.
fn parts_as_json(report: &DatasetReport) -> Value {
    let part = |part: &PartReport| {
        let figures = json!({
            "texts": part.texts,
            "classes": part.per_class.iter().cloned().collect::<BTreeMap<String, usize>>(),
            "repeated": part.repeated,
            "empty": part.empty,
            "also_in_train": part.in_train,
            "longest": part.longest,
        });
        (part.name.to_owned(), figures)
    };
    Value::Object(report.parts.iter().map(part).collect())
}

fn run_as_json(run: &Run) -> Value {
    serde_json::to_value(run).expect("every value of a run can be written as JSON")
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
    text + &level_table(run)
}

/// Which layer each block learns from, one line per block.
fn level_table(run: &LayerwiseRun) -> String {
    let Model::Transformer(teacher) = &run.teacher else {
        return String::new();
    };
    let sizes = &run.student.kernel_sizes;
    let map = &run.distillation.layer_map;
    let layers = map
        .layers(sizes.len(), teacher.layers)
        .expect("checked when the run was read");
    let mut text = String::from("block  kernel  layer  width\n");
    if run.distillation.embedding_level {
        let widths = format!("{} -> {}", teacher.hidden_size, run.student.embedding_size);
        let _ = writeln!(text, "{:>5}  {:>6}  {:>5}  {widths}", 0, "-", 0);
    }
    for (block, (kernel, layer)) in sizes.iter().zip(layers).enumerate() {
        let widths = format!("{} -> {}", teacher.hidden_size, run.student.channels);
        let _ = writeln!(text, "{:>5}  {kernel:>6}  {layer:>5}  {widths}", block + 1);
    }
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
