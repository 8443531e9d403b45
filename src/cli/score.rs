//! `limbeck score`: what a model says of texts, in a file that `distill` takes as a teacher.

use std::path::{Path, PathBuf};

use clap::Args;
use limbeck_recipes::config::Override;
use limbeck_recipes::scores::{ScoreFile, Shard, merge};
use serde_json::json;

use super::output;
use crate::run::{DeviceChoice, Error, Result, ScoreJob, texts_to_score};

#[derive(Debug, Args)]
pub(super) struct ScoreArgs {
    /// A run folder, or the folder of one model; with --texts a run file or a run folder.
    #[arg(value_name = "RUN", required_unless_present = "merge")]
    run: Option<PathBuf>,
    /// The texts: `label<TAB>text` lines, CSV or JSONL. Without it, all texts of the run: those its
    /// student learns from in every wording, dev and test.
    #[arg(value_name = "DATA")]
    data: Option<PathBuf>,
    /// DATA has texts without labels, one a line (JSONL: the key "text").
    #[arg(long, requires = "data")]
    unlabelled: bool,
    /// Override one value of the run file, such as -s data.dir=DIR; may be repeated.
    #[arg(
        short = 's',
        long = "set",
        value_name = "KEY=VALUE",
        conflicts_with = "data"
    )]
    overrides: Vec<Override>,
    /// Which model of the run: teacher, student, student_alone ...; without it the teacher, or the
    /// only one.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Score one of several parts, such as 1/4.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Put the shards of one job together.
    #[arg(long, value_name = "FILES", num_args = 1.., conflicts_with_all = ["run", "data", "model", "shard", "texts"])]
    merge: Vec<PathBuf>,
    /// Write no scores but the texts, a JSON object a line, for another program to score.
    #[arg(long, conflicts_with_all = ["data", "model", "shard"])]
    texts: bool,
    /// A file that ends with .safetensors or .jsonl; without it, JSONL is printed.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// cpu, gpu, gpu:NAME (a part of the adapter's name) or reference.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
}

pub(super) fn run(args: &ScoreArgs) -> Result<()> {
    if !args.merge.is_empty() {
        return write(args, &merge(&args.merge)?);
    }
    let Some(run) = args.run.as_deref() else {
        return Err(Error::Usage(
            "score: name a run, or files to --merge".into(),
        ));
    };
    if args.texts {
        return list(run, args);
    }
    let device = args.device.open()?;
    let job = ScoreJob {
        run,
        model: args.model.as_deref(),
        data: args.data.as_deref(),
        unlabelled: args.unlabelled,
        shard: args.shard,
        overrides: &args.overrides,
    };
    write(args, &job.score(&device)?)
}

fn write(args: &ScoreArgs, file: &ScoreFile) -> Result<()> {
    let Some(out) = &args.out else {
        return output::print(file.to_jsonl().trim_end());
    };
    file.write(out)?;
    let (texts, classes) = (file.keys.len(), file.head.labels.len());
    tracing::info!("{}: {texts} texts, {classes} classes", out.display());
    Ok(())
}

/// Writes all texts that a teacher of the run may be asked about.
fn list(run: &Path, args: &ScoreArgs) -> Result<()> {
    let texts = texts_to_score(run, &args.overrides)?;
    let lines: Vec<String> = texts
        .iter()
        .map(|t| json!({ "text": t }).to_string())
        .collect();
    let Some(out) = &args.out else {
        return output::print(&lines.join("\n"));
    };
    let text = lines.join("\n") + "\n";
    limbeck_training::files::write_atomic(out, text.as_bytes())?;
    tracing::info!("{}: {} texts", out.display(), texts.len());
    Ok(())
}
