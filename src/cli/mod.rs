//! The command line: it parses, calls, and prints. Results go to stdout, everything else to
//! stderr.

mod args;
mod audit;
mod bench;
#[cfg(test)]
mod book;
mod check;
mod explain;
mod export;
mod import;
mod info;
mod init;
mod language;
mod media;
mod output;
mod report;
mod score;
mod serve;
mod table;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use limbeck_recipes::config::Task;

pub use args::{MachineArgs, RunFileArgs};

/// Train small text models and distil them, on any CPU or GPU.
#[derive(Debug, Parser)]
#[command(name = "limbeck", version, after_help = AFTER_HELP)]
struct Cli {
    /// Without a command: the demonstration.
    #[command(subcommand)]
    command: Option<Command>,
    /// Say more about what is going on (twice for everything).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say nothing but warnings and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 ok, 1 run time, 2 usage, 3 bad configuration or data, 4 a verification failed, \
5 diverged, 130 interrupted after a checkpoint.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a complete, commented run file.
    Init(init::InitArgs),
    /// Check a run file and print what it will do.
    Check(check::CheckArgs),
    /// Take over a pretrained encoder of the BERT family.
    Import(import::ImportArgs),
    /// Write a finished model for other runtimes (ONNX), or with weights of 8 bits.
    Export(export::ExportArgs),
    /// Show the tape of one training step of a run: operators, formulas, shapes, operations.
    Explain(explain::ExplainArgs),
    /// Train one model.
    Train(train::TrainArgs),
    /// Train a teacher and distil it.
    Distill(train::TrainArgs),
    /// Judge a finished model: a classifier on labelled texts, a language model on a text.
    Eval(serve::EvalArgs),
    /// Write text with a language model.
    Generate(language::GenerateArgs),
    /// Make a token file of text that is larger than memory.
    Prepare(language::PrepareArgs),
    /// Classify texts, one a line.
    Predict(serve::PredictArgs),
    /// Write a model's scores of texts, for `distill` to learn from.
    Score(score::ScoreArgs),
    /// Compare finished runs: mean and spread over seeds, gains paired by seed.
    Report(report::ReportArgs),
    /// Time training steps or predictions of a canonical workload.
    Bench(bench::BenchArgs),
    /// Hold every operator to its definition, on this machine's CPU and GPUs.
    Audit(audit::AuditArgs),
    /// Print version, features, CPU and GPUs; of finished models their sizes and speeds.
    Info(info::InfoArgs),
}

/// Runs the program on the arguments of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    output::start_log(cli.verbose, cli.quiet);
    let outcome = match &cli.command {
        None => train::demonstrate(),
        Some(Command::Init(args)) => init::run(args),
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Import(args)) => import::run(args),
        Some(Command::Explain(args)) => explain::run(args),
        Some(Command::Export(args)) => export::run(args),
        Some(Command::Train(args)) => train::run(args, Task::Train),
        Some(Command::Distill(args)) => train::run(args, Task::Layerwise),
        Some(Command::Eval(args)) => serve::eval(args),
        Some(Command::Generate(args)) => language::generate(args),
        Some(Command::Prepare(args)) => language::make_token_file(args),
        Some(Command::Predict(args)) => serve::predict(args),
        Some(Command::Score(args)) => score::run(args),
        Some(Command::Report(args)) => report::run(args),
        Some(Command::Bench(args)) => bench::run(args),
        Some(Command::Audit(args)) => audit::run(args),
        Some(Command::Info(args)) => info::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
