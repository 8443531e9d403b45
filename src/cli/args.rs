//! Arguments that several commands share.

use std::path::{Path, PathBuf};

use clap::Args;
use limbeck_recipes::config::{self, ConfigError, Override, Run};

use crate::run::{DeviceChoice, RunOptions};

/// A run file and what overrides it.
#[derive(Clone, Debug, Args)]
pub struct RunFileArgs {
    /// The run file (TOML).
    #[arg(value_name = "RUN.toml")]
    run_file: PathBuf,
    /// Override one value, such as -s data.dir=DIR; may be repeated.
    #[arg(short = 's', long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// Seed of everything random but the data split.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    seed: Option<i64>,
}

impl RunFileArgs {
    /// The path of the run file.
    pub fn run_file(&self) -> &Path {
        &self.run_file
    }

    /// Reads and checks the run file; overrides win over it, `--seed` over both.
    ///
    /// # Errors
    /// All problems of the run file, with their places.
    pub fn load(&self) -> Result<Run, ConfigError> {
        self.load_with(&[])
    }

    /// [`RunFileArgs::load`] with more overrides, which win over all others.
    ///
    /// # Errors
    /// As [`RunFileArgs::load`].
    pub fn load_with(&self, more: &[Override]) -> Result<Run, ConfigError> {
        let mut overrides = self.overrides.clone();
        overrides.extend(self.seed.map(|seed| Override::new("seed", seed)));
        overrides.extend_from_slice(more);
        config::load(&self.run_file, &overrides)
    }
}

/// Where a run writes, what it reads, and what it runs on.
#[derive(Clone, Debug, Args)]
pub struct MachineArgs {
    /// Run folder; without it, a new folder named after the run file.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Continue the run in the run folder.
    #[arg(long, requires = "out")]
    resume: bool,
    /// Leave the test data unread and judge on dev alone; --resume without this option reads them.
    #[arg(long)]
    no_test: bool,
    /// cpu, gpu, gpu:NAME (a part of the adapter's name) or reference.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
    /// Number of CPU threads; without it, all cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

impl From<&MachineArgs> for RunOptions {
    fn from(args: &MachineArgs) -> Self {
        Self {
            out: args.out.clone(),
            resume: args.resume,
            no_test: args.no_test,
            device: args.device.clone(),
            threads: args.threads.map(usize::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        machine: MachineArgs,
    }

    fn options(arguments: &[&str]) -> Result<RunOptions, clap::Error> {
        let arguments = ["limbeck"].iter().chain(arguments);
        Command::try_parse_from(arguments).map(|command| RunOptions::from(&command.machine))
    }

    #[test]
    fn machine_arguments_become_run_options() {
        assert_eq!(options(&[]).expect("defaults"), RunOptions::default());
        let arguments = [
            "--out",
            "runs/a",
            "--resume",
            "--no-test",
            "--device",
            "gpu:llvmpipe",
            "--threads",
            "2",
        ];
        let expected = RunOptions {
            out: Some("runs/a".into()),
            resume: true,
            no_test: true,
            device: DeviceChoice::Gpu(Some("llvmpipe".into())),
            threads: Some(2),
        };
        assert_eq!(options(&arguments).expect("complete"), expected);
    }

    #[test]
    fn wrong_machine_arguments_are_refused() {
        for wrong in [&["--resume"][..], &["--device", "tpu"], &["--threads", "0"]] {
            let error = options(wrong).expect_err("a mistake of usage");
            assert_eq!(error.exit_code(), 2, "{wrong:?}");
        }
    }
}
