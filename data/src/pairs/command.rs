//! A translator that is a program of its own.

use std::ffi::OsStr;
use std::io::{self, BufWriter, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use super::Translator;
use crate::error::{DataError, Result};

/// A program that reads a text per line on its standard input, and writes the other wording of
/// each, a line per line, to its standard output. What it writes to standard error is shown.
///
/// Line breaks within a text become spaces, since a line is a text. Texts without any character but
/// white space are not asked about, and keep their (empty) wording.
///
/// ```no_run
/// use limbeck_data::pairs::{CommandTranslator, Translator};
/// let command = ["python3".to_owned(), "back_translate.py".to_owned()];
/// let translator = CommandTranslator::new(&command)?;
/// let other = translator.there_and_back(&["a clear varnish".into()])?;
/// assert_eq!(other.len(), 1);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CommandTranslator {
    command: Vec<String>,
    name: String,
}

impl CommandTranslator {
    /// The program, and its arguments.
    ///
    /// # Errors
    /// If the list is empty.
    pub fn new(command: &[String]) -> Result<Self> {
        let Some(program) = command.first() else {
            let expected = "a program and its arguments, such as [\"python3\", \"translate.py\"]";
            return Err(DataError::option(
                "pairs.translator",
                expected,
                "an empty list",
            ));
        };
        Ok(Self {
            name: program.clone(),
            command: command.to_vec(),
        })
    }

    fn start(&self) -> Result<Child> {
        let [program, arguments @ ..] = self.command.as_slice() else {
            unreachable!("a translator is made of at least a program");
        };
        Command::new(OsStr::new(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let expected = "a program that can be started";
                DataError::option(
                    "pairs.translator",
                    expected,
                    format!("{program:?}: {error}"),
                )
            })
    }

    fn failed(&self, message: String) -> DataError {
        let name = self.name.clone();
        DataError::Translator { name, message }
    }

    /// Feeds the program and collects what it says. It is fed from a thread of its own, since a
    /// program that answers before it has read everything would otherwise wait for its reader
    /// while its reader waits for it.
    fn run(&self, lines: &[String]) -> Result<Vec<u8>> {
        let mut child = self.start()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (fed, read) = thread::scope(|scope| {
            let feeder = scope.spawn(move || stdin.map_or(Ok(()), |pipe| feed(pipe, lines)));
            let mut answer = Vec::new();
            let read = stdout.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut answer));
            let fed = feeder
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a thread failed")));
            (fed, read.map(|_| answer))
        });
        let ended = child.wait();
        let status = ended.map_err(|error| self.failed(error.to_string()))?;
        if !status.success() {
            return Err(self.failed(format!("it ended with {}", described(status))));
        }
        match fed {
            // A program that stops reading is judged by its answers.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(self.failed(format!("cannot write to it: {error}")))
            }
            _ => read.map_err(|error| self.failed(format!("cannot read from it: {error}"))),
        }
    }

    /// The answers to these lines, one for each.
    fn answers(&self, lines: &[String]) -> Result<Vec<String>> {
        let answer = self.run(lines)?;
        let answers: Vec<&[u8]> = split(&answer).collect();
        if answers.len() != lines.len() {
            return Err(self.failed(format!(
                "expected {} lines, one for each text, found {}. For every line of its standard \
                 input it must write one to its standard output, and nothing else",
                lines.len(),
                answers.len()
            )));
        }
        let text = |(number, line): (usize, &[u8])| {
            String::from_utf8(line.to_vec()).map_err(|_| {
                let number = number + 1;
                self.failed(format!("line {number} of its standard output is not UTF-8"))
            })
        };
        answers.into_iter().enumerate().map(text).collect()
    }
}

impl Translator for CommandTranslator {
    fn name(&self) -> &str {
        &self.name
    }

    fn there_and_back(&self, texts: &[String]) -> Result<Vec<String>> {
        let lines: Vec<String> = texts.iter().map(|text| one_line(text)).collect();
        let asked = lines.iter().filter(|line| !line.is_empty());
        let asked: Vec<String> = asked.cloned().collect();
        if asked.is_empty() {
            return Ok(lines);
        }
        let mut answers = self.answers(&asked)?.into_iter();
        let answer = |line: String| match line.is_empty() {
            true => line,
            false => answers.next().unwrap_or_default(),
        };
        Ok(lines.into_iter().map(answer).collect())
    }
}

fn feed(pipe: impl Write, lines: &[String]) -> io::Result<()> {
    let mut pipe = BufWriter::new(pipe);
    for line in lines {
        writeln!(pipe, "{line}")?;
    }
    pipe.flush()
}

/// The text without line breaks and white space at its ends.
fn one_line(text: &str) -> String {
    let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.replace(is_break, " ").trim().to_owned()
}

/// The lines of an answer; a line break at the end ends the last one and begins none.
fn split(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = answer.strip_suffix(b"\n").unwrap_or(answer);
    let lines = (!answer.is_empty()).then(|| whole.split(|&byte| byte == b'\n'));
    let lines = lines.into_iter().flatten();
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn described(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}; its own message, if it has one, stands above"),
        None => "a signal".into(),
    }
}
