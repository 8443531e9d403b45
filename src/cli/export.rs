//! `limbeck export`: a finished model in the form of others.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use limbeck_engine::Device;
use limbeck_recipes::export::{
    ExportOptions, Exported, Target, export_classifier, export_language_model, rounded,
};
use limbeck_recipes::text::TextClassifier;
use limbeck_training::run_folder::Metrics;
use serde_json::json;

use super::output;
use super::table::grouped;
use crate::run::{Error, Result, evaluate, load_classifier, load_generator};

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// A run folder, or the folder of one model.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// onnx: a graph for other runtimes, the tokeniser beside it. safetensors: a folder that this
    /// program reads.
    #[arg(long, value_name = "FORMAT")]
    to: Form,
    /// Which model of the run: teacher, student, student_alone ...
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// A new folder; with onnx also a new file, NAME.onnx.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Weights of 8 bits.
    #[arg(long)]
    int8: bool,
    /// Labelled texts, such as the test data: what the model is worth on them with weights of 32 and of 8
    /// bits.
    #[arg(long, value_name = "DATA", requires = "int8")]
    check: Option<PathBuf>,
    /// Print what was written as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// A graph for other runtimes.
    Onnx,
    /// A folder of ours.
    Safetensors,
}

/// What a model is worth before and after rounding.
struct Loss {
    before: Metrics,
    after: Metrics,
}

pub(super) fn run(args: &ExportArgs) -> Result<()> {
    let options = ExportOptions {
        target: match args.to {
            Form::Onnx => Target::Onnx,
            Form::Safetensors => Target::Safetensors,
        },
        int8: args.int8,
    };
    let device = Device::cpu();
    if let Some(generator) = load_generator(&args.run, &device)? {
        if args.check.is_some() {
            let message =
                "--check is for models with labels: judge both language models with limbeck eval";
            return Err(Error::Usage(message.into()));
        }
        let exported = export_language_model(&generator, &args.out, options)?;
        return print(args, &exported, None);
    }
    let classifier = load_classifier(&args.run, args.model.as_deref(), &device)?;
    let data = args.check.as_deref();
    let loss = data.map(|data| loss(&classifier, data)).transpose()?;
    let exported = export_classifier(&classifier, &args.out, options)?;
    print(args, &exported, loss.as_ref())
}

fn loss(classifier: &TextClassifier, data: &Path) -> Result<Loss> {
    Ok(Loss {
        before: evaluate(classifier, data)?,
        after: evaluate(&rounded(classifier)?, data)?,
    })
}

/// The figures that say how good a model is, those that are there: name, before, after.
fn figures(loss: &Loss) -> Vec<(&'static str, f64, f64)> {
    const FIGURES: [&str; 4] = ["accuracy", "macro_f1", "span_f1", "keyword_f1"];
    let both = |name| Some((name, loss.before.get(name)?, loss.after.get(name)?));
    FIGURES.into_iter().filter_map(both).collect()
}

fn print(args: &ExportArgs, exported: &Exported, loss: Option<&Loss>) -> Result<()> {
    if args.json {
        let mut value = json!(exported);
        for (name, before, after) in loss.map(figures).into_iter().flatten() {
            value["check"][name] = json!({ "f32": before, "int8": after, "loss": before - after });
        }
        return output::print_json(&value);
    }
    let files: Vec<String> = exported
        .files
        .iter()
        .map(|f| f.display().to_string())
        .collect();
    let mut text = format!(
        "parameters  {}\nweights     {} bytes",
        grouped(exported.parameters as u64),
        grouped(exported.bytes),
    );
    if args.int8 {
        let share = exported.bytes_f32 as f64 / exported.bytes.max(1) as f64;
        let before = grouped(exported.bytes_f32);
        let _ = write!(text, ", {before} before: {share:.2} times smaller");
    }
    for (name, before, after) in loss.map(figures).into_iter().flatten() {
        let _ = write!(
            text,
            "\n{name:<12}{before:.4} before, {after:.4} after: {:+.4}",
            after - before
        );
    }
    let _ = write!(text, "\nwritten     {}", files.join(", "));
    output::print(&text)
}
