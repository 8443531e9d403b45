//! Running cargo and rustc.

use std::ffi::OsString;
use std::process::{Command, Stdio};

/// A command line that is shown before it runs.
pub(crate) struct Invocation {
    command: Command,
    shown: String,
}

/// The cargo that runs this program.
pub(crate) fn cargo(arguments: &[&str]) -> Invocation {
    tool("CARGO", "cargo").and(arguments)
}

/// The compiler that this cargo uses.
pub(crate) fn rustc(arguments: &[&str]) -> Invocation {
    tool("RUSTC", "rustc").and(arguments)
}

fn tool(variable: &str, name: &str) -> Invocation {
    let program = std::env::var_os(variable).unwrap_or_else(|| OsString::from(name));
    Invocation {
        command: Command::new(program),
        shown: name.to_string(),
    }
}

impl Invocation {
    /// Adds arguments.
    pub(crate) fn and(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(argument);
        }
        self
    }

    /// Restricts cargo to these packages.
    pub(crate) fn packages(self, names: &[&str]) -> Self {
        names
            .iter()
            .fold(self, |line, name| line.and(&["--package", name]))
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown = format!("{name}=\"{value}\" {}", self.shown);
        self
    }

    /// Runs with the output shown; fails if the command does.
    pub(crate) fn run(mut self) -> Result<(), String> {
        println!("$ {}", self.shown);
        let status = self.command.status();
        let status =
            status.map_err(|error| format!("could not start `{}`: {error}", self.shown))?;
        if status.success() {
            return Ok(());
        }
        Err(format!("`{}` failed ({status})", self.shown))
    }

    /// Runs and returns what it wrote to standard output.
    pub(crate) fn output(mut self) -> Result<String, String> {
        let output = self.command.stderr(Stdio::inherit()).output();
        let output =
            output.map_err(|error| format!("could not start `{}`: {error}", self.shown))?;
        if !output.status.success() {
            return Err(format!("`{}` failed ({})", self.shown, output.status));
        }
        String::from_utf8(output.stdout)
            .map_err(|_| format!("`{}` wrote something that is not UTF-8", self.shown))
    }
}
