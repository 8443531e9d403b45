//! `limbeck init`: a complete, commented run file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use limbeck_recipes::config::Task;

use super::output;
use crate::run::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// What the run file is for.
    task: TaskName,
    /// The file to write, `-` for stdout; without it, TASK.toml.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TaskName {
    /// One model, trained on labelled texts.
    Train,
    /// A Transformer distilled layer by layer into a TextCNN.
    Layerwise,
    /// A recurrent language model trained in parts with noise-contrastive estimation.
    #[value(name = "nce_lm", alias = "nce-lm")]
    NceLm,
    /// A graph network and a Transformer that teach each other.
    #[value(name = "gate_mixup", alias = "gate-mixup")]
    GateMixup,
    /// Two teachers in turn and a TextCNN; classes, tags or keywords.
    Relay,
    /// A student that follows its teacher where that is better: pixels, texts, tags, speech.
    #[value(name = "unit_select", alias = "unit-select")]
    UnitSelect,
}

pub(super) fn run(args: &InitArgs) -> Result<()> {
    let task = match args.task {
        TaskName::Train => Task::Train,
        TaskName::Layerwise => Task::Layerwise,
        TaskName::NceLm => Task::NceLm,
        TaskName::GateMixup => Task::GateMixup,
        TaskName::Relay => Task::Relay,
        TaskName::UnitSelect => Task::UnitSelect,
    };
    let path = args
        .file
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{task}.toml")));
    if path.as_os_str() == "-" {
        return output::print(task.template().trim_end());
    }
    write(&path, task.template(), args.force)?;
    tracing::info!(
        "wrote {0}; next: limbeck check {0} -s data.dir=DIR",
        path.display()
    );
    output::print(&path.display().to_string())
}

/// Creating the file and seeing that it is new is one step, so that no file is ever lost.
fn write(path: &PathBuf, text: &str, force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    match force {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => Error::Usage(format!(
            "{} exists already: choose another name, or replace it with --force",
            path.display()
        )),
        _ => Error::Io {
            action: "write",
            path: path.clone(),
            cause,
        },
    })
}
