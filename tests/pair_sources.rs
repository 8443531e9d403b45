//! Files and programs that pairs come from, as the program's users meet them.
#![cfg(feature = "cli")]

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;

const RUN_FILE: &str = r#"
task = "layerwise"
student_alone = false
[data]
labelled_fraction = 0.5
[teacher]
hidden_size = 8
layers = 2
heads = 2
feed_forward_size = 8
[student]
channels = 4
embedding_size = 4
kernel_sizes = [2, 3]
[training]
unlabelled_batch_size = 4
[training.teacher]
length = "2 steps"
batch_size = 8
[training.student]
length = "2 steps"
batch_size = 8
[pairs]
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with data and a run file that ends in these lines of `[pairs]`.
    fn new(pairs: &str) -> Self {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        let lines = (0..40).fold(String::new(), |mut lines, row| {
            let label = ["pigment", "solvent"][row % 2];
            writeln!(lines, "{label}\tno {row} of the {label}s").expect("memory");
            lines
        });
        folder.write("train.tsv", &lines);
        folder.write("test.tsv", &lines);
        folder.write("run.toml", &format!("{RUN_FILE}{pairs}\n"));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("a file");
    }

    /// `limbeck distill run.toml --out OUT` with more arguments: exit code and stderr.
    fn distill(&self, out: &str, more: &[&str]) -> (Option<i32>, String) {
        let mut limbeck = Command::new(cargo_bin!("limbeck"));
        limbeck
            .args(["distill", "run.toml", "--out", out])
            .args(more);
        let output = limbeck.current_dir(self.0.path()).output();
        let output = output.expect("the program starts");
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        (output.status.code(), errors)
    }

    fn succeeds(&self, out: &str, more: &[&str]) -> String {
        let (code, errors) = self.distill(out, more);
        assert_eq!(code, Some(0), "{errors}");
        errors
    }

    fn fails(&self, out: &str, more: &[&str], expected: i32, parts: &[&str]) {
        let (code, errors) = self.distill(out, more);
        assert_eq!(code, Some(expected), "{errors}");
        for part in parts {
            assert!(errors.contains(part), "{part:?} is missing in\n{errors}");
        }
    }
}

/// The program notes every start.
#[cfg(unix)]
const TRANSLATOR: &str = r#"
source = "command"
translator = ["sh", "-c", "echo started >> starts; sed 's/^no/number/'"]
"#;

#[cfg(unix)]
#[test]
fn a_translator_is_asked_once_however_often_the_run_is_resumed() {
    let folder = Folder::new(TRANSLATOR);
    let starts = || fs::read_to_string(folder.path("starts")).map_or(0, |s| s.lines().count());
    let log = folder.succeeds("run", &[]);
    assert!(log.contains("back-translated by sh"), "{log}");
    assert_eq!(starts(), 1);
    let kept = fs::read_to_string(folder.path("run/translations.json")).expect("translations");
    assert!(kept.contains("number 7 of the solvents"), "{kept}");
    // As if it had been killed before its end.
    fs::remove_file(folder.path("run/results.json")).expect("results");
    fs::remove_dir_all(folder.path("run/model")).expect("models");
    folder.succeeds("run", &["--resume"]);
    assert_eq!(starts(), 1);
    // A check starts no program.
    let mut check = Command::new(cargo_bin!("limbeck"));
    check
        .args(["check", "run.toml"])
        .current_dir(folder.0.path());
    assert!(check.output().expect("the program starts").status.success());
    assert_eq!(starts(), 1);
}

#[cfg(unix)]
#[test]
fn runs_share_translations_in_a_file_of_that_name() {
    let folder = Folder::new(&format!("{TRANSLATOR}translations = \"shared.json\"\n"));
    folder.succeeds("run", &[]);
    folder.succeeds("another", &["--seed", "2"]);
    let starts = fs::read_to_string(folder.path("starts")).expect("starts");
    // Another seed hides other labels, but train is used with and without its labels.
    assert_eq!(starts.lines().count(), 1);
    let cat = ["-s", "pairs.translator=[\"cat\"]"];
    folder.fails(
        "third",
        &cat,
        3,
        &["shared.json", "[\"cat\"]", "pairs.translations"],
    );
}

#[cfg(unix)]
#[test]
fn a_translator_that_fails_says_so_before_anything_is_trained() {
    let folder = Folder::new("source = \"command\"");
    folder.fails(
        "run",
        &[],
        3,
        &["pairs.translator", "a program and its arguments"],
    );
    for (number, (translator, code, part)) in [
        ("[\"no-such-program\"]", 3, "no-such-program"),
        ("[\"head\", \"-n\", \"3\"]", 1, "one for each text, found 3"),
        ("[\"sh\", \"-c\", \"exit 7\"]", 1, "exit code 7"),
    ]
    .into_iter()
    .enumerate()
    {
        let (setting, out) = (
            format!("pairs.translator={translator}"),
            format!("run-{number}"),
        );
        folder.fails(&out, &["-s", &setting], code, &[part]);
        assert!(!folder.path(&out).join("model").exists());
    }
}

#[test]
fn a_changed_file_of_pairs_or_unlabelled_texts_is_noticed() {
    let folder = Folder::new("source = \"file\"\npair_files = [\"one.tsv\", \"two.tsv\"]");
    folder.write("one.tsv", "clear liquid\ttransparent liquid\n");
    folder.write("two.tsv", "blue powder\tazure powder\n");
    folder.succeeds("run", &[]);
    let info = fs::read_to_string(folder.path("run/run.json")).expect("run.json");
    assert_eq!(info.matches("\"role\": \"pairs\"").count(), 2, "{info}");
    folder.succeeds("run", &["--resume"]);
    folder.write("two.tsv", "blue powder\tnavy powder\n");
    folder.fails(
        "run",
        &["--resume"],
        3,
        &["two.tsv: the pairs data are not those"],
    );

    let folder = Folder::new("unlabelled_files = [\"more.txt\"]");
    folder.fails("run", &[], 3, &["more.txt: no such file"]);
    folder.write("more.txt", "a green powder\na thick liquid\n");
    folder.succeeds("run", &[]);
    folder.write("more.txt", "a green powder\n");
    folder.fails(
        "run",
        &["--resume"],
        3,
        &["more.txt: the unlabelled data are not those"],
    );
}
