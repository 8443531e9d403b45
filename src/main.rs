//! The program `limbeck`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    limbeck::cli::main()
}
