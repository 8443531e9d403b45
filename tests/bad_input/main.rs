//! Bad input, bad files and bad luck, as the program's users meet them: each ends with a message
//! that says what is wrong and where, and the right exit code, or goes on correctly.
#![cfg(feature = "cli")]

mod checkpoints;
mod data;
mod disk;
mod machine;
mod serving;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;

const RUN_FILE: &str = r#"
task = "train"
[model]
kind = "text_cnn"
channels = 16
embedding_size = 32
kernel_sizes = [2, 3]
[training]
batch_size = 8
learning_rate = 0.01
length = "20 steps"
evaluate_every = "10 steps"
checkpoint_every = "5 steps"
"#;

/// A folder with a run file and a small data set in which nothing is wrong.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        folder.write("run.toml", RUN_FILE);
        folder.write("train.tsv", texts(40));
        folder.write("test.tsv", texts(6));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    fn append(&self, name: &str, content: &[u8]) {
        let mut whole = fs::read(self.path(name)).expect("a file");
        whole.extend_from_slice(content);
        self.write(name, whole);
    }

    /// `limbeck ARGUMENTS`, in this folder.
    fn limbeck(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(cargo_bin!("limbeck"));
        Outcome::of(command.current_dir(self.0.path()).args(arguments))
    }

    /// `limbeck train run.toml --out run`, with more arguments.
    fn train(&self, more: &[&str]) -> Outcome {
        let arguments = ["train", "run.toml", "--out", "run", "--threads", "1"];
        self.limbeck(&[&arguments, more].concat())
    }
}

/// Lines `label<TAB>text` of two classes.
fn texts(count: usize) -> String {
    let words = [
        ["pigment", "blue", "red", "powder"],
        ["solvent", "clear", "thin", "liquid"],
    ];
    (0..count).fold(String::new(), |mut lines, row| {
        let [label, one, other, noun] = words[row % 2];
        let adjective = if row % 3 == 0 { one } else { other };
        writeln!(lines, "{label}\t{adjective} {noun} no {row}").expect("memory");
        lines
    })
}

/// How the program ended.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Outcome {
            code: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }

    /// It ended well; stderr says all of these.
    fn succeeds(&self, parts: &[&str]) {
        self.ends(0, parts);
    }

    /// It ended with this code; stderr says all of these.
    fn ends(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{part:?} is missing in\n{}",
                self.stderr
            );
        }
    }

    /// As [`Outcome::ends`], with nothing on stdout.
    fn fails(&self, code: i32, parts: &[&str]) {
        self.ends(code, parts);
        assert_eq!(self.stdout, "", "{}", self.stderr);
        assert!(self.stderr.contains("error: "), "{}", self.stderr);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}
