//! What the program writes: results to stdout, logs and errors to stderr.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::run::{Error, Result, RunLog};

/// Prints a result. A reader that has gone away (`limbeck info | head -1`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(Error::Io {
            action: "write to",
            path: PathBuf::from("stdout"),
            cause,
        }),
        _ => Ok(()),
    }
}

/// Prints a result for a program to read.
pub(super) fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value:#}"))
}

/// Prints every line of an error. Nothing is left to do if stderr is closed.
pub(super) fn print_error(error: &Error) {
    let label = if colour() {
        "\u{1b}[1;31merror:\u{1b}[0m"
    } else {
        "error:"
    };
    let mut stderr = io::stderr().lock();
    for line in error.to_string().lines() {
        if writeln!(stderr, "{label} {line}").is_err() {
            return;
        }
    }
}

/// Sends the log to stderr, in colour on a terminal only, and to the `log.txt` of the run that is
/// on, which `--quiet` does not shorten.
pub(super) fn start_log(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::WARN,
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let stderr = fmt::layer().with_writer(io::stderr).with_ansi(colour());
    let file = fmt::layer().with_writer(RunLog::default).with_ansi(false);
    tracing_subscriber::registry()
        .with(stderr.with_target(false).without_time().with_filter(level))
        .with(
            file.with_target(false)
                .with_filter(level.max(LevelFilter::INFO)),
        )
        .init();
}

/// See <https://no-color.org>: any value but the empty one switches colour off.
fn colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !refused
}
