//! `limbeck train`, `limbeck distill`, and the demonstration.

use clap::Args;
use limbeck_recipes::config::{ConfigError, Run, Task};
use limbeck_training::run_folder::Results;

use super::args::{MachineArgs, RunFileArgs};
use super::{output, table};
use crate::run::{self, Result, RunOptions};

#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    run: RunFileArgs,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs a run file of the task that the command is for.
pub(super) fn run(args: &TrainArgs, task: Task) -> Result<()> {
    let options = RunOptions::from(&args.machine);
    let results = match (args.run.load()?, task) {
        (Run::Train(run), Task::Train) => run::train(&run, &options)?,
        (Run::NceLm(run), Task::Train) => run::train_language(&run, &options)?,
        (Run::Layerwise(run), Task::Layerwise) => run::distill(&run, &options)?,
        (Run::GateMixup(run), Task::Layerwise) => run::teach(&run, &options)?,
        (Run::Relay(run), Task::Layerwise) => run::relay(&run, &options)?,
        (Run::UnitSelect(run), Task::Layerwise) => run::unit_select(&run, &options)?,
        (run, _) => return Err(wrong_command(args, &run).into()),
    };
    print(&results, args.json)
}

fn wrong_command(args: &TrainArgs, run: &Run) -> ConfigError {
    let command = match run.task() {
        Task::Train | Task::NceLm => "train",
        Task::Layerwise | Task::GateMixup | Task::Relay | Task::UnitSelect => "distill",
    };
    let file = args.run.run_file().display().to_string();
    ConfigError::new(
        &file,
        format!(
            "its task is \"{}\": run it with limbeck {command} {file}",
            run.task()
        ),
    )
}

fn print(results: &Results, json: bool) -> Result<()> {
    if json {
        let value = serde_json::to_value(results).expect("results hold numbers and names alone");
        return output::print_json(&value);
    }
    output::print(&table::results(results))
}

/// The program without a command.
pub(super) fn demonstrate() -> Result<()> {
    output::print(
        "Limbeck trains a Transformer on 10 % of the labels of its built-in corpus (descriptions\n\
         of chemical products), and distils it, layer by layer, into a TextCNN.\n",
    )?;
    let done = run::demonstrate(&RunOptions::default())?;
    output::print(&table::results(&done.results))?;
    output::print(&format!(
        "\nreport: {}\nnext:   limbeck predict {} (a text per line), limbeck --help",
        done.folder.join("report.html").display(),
        done.folder.display()
    ))
}
