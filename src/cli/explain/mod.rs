//! `limbeck explain`: the tape of one training step of every stage of a run.

mod graph;
mod html;
mod stage;
mod text;

use std::path::PathBuf;

use clap::Args;
use limbeck_data::DataError;
use limbeck_recipes::config::{Override, Run};
use limbeck_training::files::write_atomic;

use super::args::RunFileArgs;
use super::output;
use crate::run::{Checked, DeviceChoice, Error, Result, check, time_stages};
use stage::Stage;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    run: RunFileArgs,
    /// cpu, gpu, gpu:NAME (a part of the adapter's name) or reference. A GPU is opened and counts
    /// what it is given: dispatches and submissions.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
    /// Make the first updates of every stage, and show the time of each operator.
    #[arg(long)]
    time: bool,
    /// Print the stages as JSON.
    #[arg(long)]
    json: bool,
    /// Write a page with tables and graphs.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the graphs as a picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(args: &ExplainArgs) -> Result<()> {
    let (run, checked, stand_in) = checked(args)?;
    let mut stages: Vec<Stage> = checked.rehearsal.stages.iter().map(Stage::new).collect();
    if args.time || matches!(args.device, DeviceChoice::Gpu(_)) {
        // In the order of the rehearsal: both are walks through the same run.
        let times = time_stages(&run, &args.device)?;
        for (stage, times) in stages.iter_mut().zip(times) {
            stage.times = Some(times);
        }
    }
    let title = format!(
        "{}: task {}{}",
        args.run.run_file().display(),
        run.task(),
        if stand_in {
            ", shapes of the built-in corpus"
        } else {
            ""
        }
    );
    if let Some(file) = &args.html {
        write_atomic(file, html::page(&title, &stages).as_bytes())?;
    }
    if let Some(file) = &args.svg {
        write_atomic(file, graph::picture(&stages).as_bytes())?;
    }
    if args.json {
        return output::print_json(&serde_json::json!({
            "file": args.run.run_file().display().to_string(),
            "task": run.task().to_string(),
            "device": args.device.to_string(),
            "data": if stand_in { "built-in corpus" } else { "run file" },
            "stages": stages.iter().map(Stage::as_json).collect::<Vec<_>>(),
        }));
    }
    output::print(&text::text(&title, &stages, args.time))
}

/// The run and its rehearsal. Where the texts of a classifier are not there the built-in corpus
/// stands in for them: the operators are the same, only lengths and numbers of classes differ.
fn checked(args: &ExplainArgs) -> Result<(Run, Checked, bool)> {
    let run = args.run.load()?;
    let missing = match check(&run, &args.device) {
        Ok(checked) => return Ok((run, checked, false)),
        Err(Error::Recipe(limbeck_recipes::Error::Data(missing @ DataError::Missing { .. }))) => {
            missing
        }
        Err(error) => return Err(error),
    };
    if run.data().is_none() || matches!(run, Run::Relay(_) | Run::UnitSelect(_)) {
        return Err(missing.into());
    }
    tracing::warn!("{missing}; the built-in corpus stands in for the texts of the run file");
    let corpus = Override::new("data.format", "corpus");
    let run = args.run.load_with(&[corpus])?;
    let checked = check(&run, &args.device)?;
    Ok((run, checked, true))
}

#[cfg(test)]
mod tests;
