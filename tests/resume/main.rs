//! A run that is killed and resumed ends with the bits of a run that was not.
#![cfg(feature = "cli")]

mod parts;
mod relay;
mod units;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUN_FILE: &str = r#"
task = "layerwise"
preset = "tuned"
[data]
format = "corpus"
labelled_fraction = 0.3
[data.corpus]
train_size = 240
test_size = 40
[pairs]
source = "corpus"
[teacher]
kind = "transformer"
hidden_size = 16
layers = 2
heads = 2
feed_forward_size = 32
[student]
channels = 8
embedding_size = 16
kernel_sizes = [2, 3]
[training]
unlabelled_batch_size = 8
[training.teacher]
length = "60 steps"
evaluate_every = "7 steps"
checkpoint_every = "5 steps"
[training.student]
length = "80 steps"
evaluate_every = "9 steps"
checkpoint_every = "5 steps"
"#;

fn distill(folder: &Path, out: &Path, resume: bool, threads: &str) -> Command {
    limbeck("distill", folder, out, resume, threads)
}

fn limbeck(task: &str, folder: &Path, out: &Path, resume: bool, threads: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_limbeck"));
    command
        .arg(task)
        .arg(folder.join("run.toml"))
        .arg("--out")
        .arg(out)
        .arg("--quiet");
    command.args(["--threads", threads]);
    if resume {
        command.arg("--resume");
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn finish(mut command: Command) {
    let output = command.output().expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn checkpoints(out: &Path) -> usize {
    std::fs::read_dir(out.join("checkpoints")).map_or(0, |entries| {
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_prefix("step-")?.parse::<usize>().ok())
            .max()
            .unwrap_or(0)
    })
}

fn weights(out: &Path, models: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    models
        .iter()
        .map(|model| PathBuf::from("model").join(model).join("model.safetensors"))
        .map(|path| {
            (
                path.clone(),
                std::fs::read(out.join(&path)).expect("finished weights"),
            )
        })
        .collect()
}

/// Starts a run, and kills it once it has written this checkpoint or a later one.
fn killed(mut command: Command, out: &Path, after: usize) {
    let mut child = command.spawn().expect("a child");
    let patience = Instant::now();
    while checkpoints(out) < after && patience.elapsed() < Duration::from_secs(120) {
        if child.try_wait().expect("a status").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
}

fn metrics(out: &Path) -> String {
    std::fs::read_to_string(out.join("metrics.jsonl")).expect("metrics")
}

#[test]
fn killed_at_several_moments_and_resumed_with_other_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("run.toml"), RUN_FILE).expect("the run file");
    let whole = folder.path().join("whole");
    finish(distill(folder.path(), &whole, false, "1"));
    let models = ["teacher", "student", "student_alone"];
    let expected = weights(&whole, &models);
    // In the teacher's stage, in the student's, and in the student's alone.
    for (number, after) in [3, 40, 75, 150].into_iter().enumerate() {
        let out = folder.path().join(format!("killed-{number}"));
        killed(distill(folder.path(), &out, false, "2"), &out, after);
        finish(distill(folder.path(), &out, true, "2"));
        let what = format!("killed after checkpoint {after}");
        assert_eq!(weights(&out, &models), expected, "{what}");
        assert_eq!(metrics(&out), metrics(&whole), "{what}");
    }
}

const GRID_FILE: &str = r#"
task = "train"
[data]
format = "corpus"
[data.corpus]
train_size = 400
test_size = 40
[model]
kind = "bag_of_ngrams"
tolerance = 1e-5
[training]
length = "60 steps"
checkpoint_every = "1 step"
"#;

#[test]
fn killed_within_a_grid_and_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("run.toml"), GRID_FILE).expect("the run file");
    let whole = folder.path().join("whole");
    finish(limbeck("train", folder.path(), &whole, false, "1"));
    let expected = weights(&whole, &["model"]);
    // Each value of C has 60 steps: within the first, the second and the last of them.
    for (number, after) in [9, 75, 130].into_iter().enumerate() {
        let out = folder.path().join(format!("killed-{number}"));
        killed(
            limbeck("train", folder.path(), &out, false, "2"),
            &out,
            after,
        );
        finish(limbeck("train", folder.path(), &out, true, "2"));
        let what = format!("killed after checkpoint {after}");
        assert_eq!(weights(&out, &["model"]), expected, "{what}");
        assert_eq!(metrics(&out), metrics(&whole), "{what}");
    }
}

const LANGUAGE_FILE: &str = r#"
task = "nce_lm"
[data]
dev = ""
test = ""
unit = "character"
[model]
hidden_size = 12
embedding_size = 8
[method]
window = 24
carry = "overlap"
overlap = 2
noise_size = 16
[training]
length = "80 steps"
batch_size = 3
learning_rate = 5.0
plateau = 0.9
averaging = "asgd"
average_from = "40 steps"
evaluate_every = "7 steps"
checkpoint_every = "1 step"
"#;

#[test]
fn killed_inside_a_sentence_and_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let run_file = format!("{LANGUAGE_FILE}\n").replace(
        "[data]",
        &format!("[data]\ndir = {:?}", folder.path().display().to_string()),
    );
    std::fs::write(folder.path().join("run.toml"), run_file).expect("the run file");
    let line = |n: usize| format!("line {} of {} and {}", n, n * n % 17, n * 7 % 11);
    let text: Vec<String> = (0..60).map(line).collect();
    std::fs::write(folder.path().join("train.txt"), text.join("\n")).expect("the text");
    let whole = folder.path().join("whole");
    finish(limbeck("train", folder.path(), &whole, false, "1"));
    let expected = weights(&whole, &["model"]);
    // As if it had been killed after its last step: the best weights are an average, which no
    // checkpoint holds as such.
    std::fs::remove_file(whole.join("results.json")).expect("results");
    std::fs::remove_dir_all(whole.join("model")).expect("the model");
    finish(limbeck("train", folder.path(), &whole, true, "1"));
    assert_eq!(weights(&whole, &["model"]), expected, "an average");
    // Windows have four parts: within one, and on both sides of where averaging begins.
    for (number, after) in [2, 37, 55].into_iter().enumerate() {
        let out = folder.path().join(format!("killed-{number}"));
        let command = |resume| limbeck("train", folder.path(), &out, resume, "2");
        killed(command(false), &out, after);
        finish(command(true));
        let what = format!("killed after checkpoint {after}");
        assert_eq!(weights(&out, &["model"]), expected, "{what}");
        assert_eq!(metrics(&out), metrics(&whole), "{what}");
    }
}

const TURNS_FILE: &str = r#"
task = "gate_mixup"
[data]
format = "corpus"
[data.corpus]
train_size = 120
test_size = 30
[teacher]
embedding_size = 8
hidden_size = 8
[student]
hidden_size = 12
layers = 1
heads = 2
feed_forward_size = 16
[distillation]
closed_share = 0.4
folds = 2
[training.teacher]
length = "2 epochs"
[training.student]
length = "2 epochs"
[training.mutual]
length = "4 epochs"
batch_size = 16
checkpoint_every = "1 step"
"#;

#[test]
fn killed_within_turns_and_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("run.toml"), TURNS_FILE).expect("the run file");
    let whole = folder.path().join("whole");
    finish(distill(folder.path(), &whole, false, "1"));
    let models = [
        "teacher",
        "student_alone",
        "mutual",
        "taught_teacher",
        "student",
    ];
    let expected = weights(&whole, &models);
    let results = |out: &Path| {
        let text = std::fs::read_to_string(out.join("results.json")).expect("results");
        let results: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        results["test"]["student"]["closed_share"].clone()
    };
    // Models alone take 16 steps, the student alone 28, plain turns 56, four folds 12, the turns 56:
    // while the student teaches, in plain turns, and in either phase of the others.
    for (number, after) in [54, 117, 140].into_iter().enumerate() {
        let out = folder.path().join(format!("killed-{number}"));
        killed(distill(folder.path(), &out, false, "2"), &out, after);
        finish(distill(folder.path(), &out, true, "2"));
        let what = format!("killed after checkpoint {after}");
        assert_eq!(weights(&out, &models), expected, "{what}");
        assert_eq!(metrics(&out), metrics(&whole), "{what}");
        assert_eq!(results(&out), results(&whole), "{what}");
    }
    // With all models finished the figures of the turns are read, not lost.
    std::fs::remove_file(whole.join("results.json")).expect("results");
    let expected = results(&folder.path().join("killed-0"));
    finish(distill(folder.path(), &whole, true, "1"));
    assert_eq!(results(&whole), expected);
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_a_checkpoint_and_ends_with_130() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("run.toml"), RUN_FILE).expect("the run file");
    let out = folder.path().join("run");
    let mut child = distill(folder.path(), &out, false, "1")
        .spawn()
        .expect("a child");
    let patience = Instant::now();
    while checkpoints(&out) < 5 && patience.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = child.id().to_string();
    let sent = Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .expect("kill");
    assert!(sent.success());
    let status = child.wait().expect("its end");
    assert_eq!(status.code(), Some(130));
    finish(distill(folder.path(), &out, true, "1"));
    assert!(out.join("results.json").exists());
}

/// Weights that hardly move: dev never improves after the first evaluation, at step 4.
const IMPATIENT: &str = r#"
task = "train"
[data]
format = "corpus"
[data.corpus]
train_size = 100
test_size = 20
[model]
kind = "text_cnn"
channels = 8
embedding_size = 8
kernel_sizes = [2, 3]
[training]
length = "400 steps"
learning_rate = 1e-30
patience = 2
evaluate_every = "4 steps"
checkpoint_every = "400 steps"
"#;

#[test]
fn an_early_stop_leaves_a_checkpoint_from_which_nothing_is_left_to_train() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("run.toml"), IMPATIENT).expect("the run file");
    let out = folder.path().join("run");
    let train = |resume: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_limbeck"));
        command.arg("train").arg(folder.path().join("run.toml"));
        command.arg("--out").arg(&out).arg("--quiet");
        command
            .args(resume.then_some("--resume"))
            .stdout(Stdio::null());
        finish(command);
    };
    train(false);
    // Evaluated at 4, 8 and 12; the last two were no better.
    assert_eq!(checkpoints(&out), 12);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect(name);
    assert_eq!(
        [read("best"), read("last")],
        ["step-000004\n", "step-000012\n"]
    );
    let metrics = read("metrics.jsonl");
    let weights = out.join("model/model/model.safetensors");
    let expected = std::fs::read(&weights).expect("weights");
    // As if it had been killed right after the stop.
    std::fs::remove_file(out.join("results.json")).expect("results");
    std::fs::remove_dir_all(out.join("model")).expect("the model");
    train(true);
    assert_eq!(checkpoints(&out), 12, "not one more step");
    assert_eq!(read("metrics.jsonl"), metrics);
    assert_eq!(std::fs::read(&weights).expect("weights"), expected);
}
