//! Runs of `relay`, which have many models: each is finished, or goes on from its checkpoint.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{distill, finish, killed, metrics};

/// Thirteen stages of twenty updates, with a checkpoint behind every second.
const RUN_FILE: &str = r#"
task = "relay"
[data]
format = "corpus"
[data.corpus]
train_size = 120
test_size = 30
[teacher_a]
hidden_size = 12
layers = 1
decoder_layers = 1
heads = 2
feed_forward_size = 16
[teacher_b]
hidden_size = 12
layers = 1
heads = 2
feed_forward_size = 16
[student]
channels = 6
embedding_size = 8
kernel_sizes = [2, 3]
[distillation]
folds = 2
policy = "best_of"
compare = ["drop"]
label_form = "hard"
[training.teacher_a]
length = "20 steps"
batch_size = 8
learning_rate = 0.01
evaluate_every = "7 steps"
checkpoint_every = "2 steps"
[training.teacher_b]
length = "20 steps"
batch_size = 8
evaluate_every = "7 steps"
checkpoint_every = "2 steps"
[training.student]
length = "20 steps"
batch_size = 8
learning_rate = 0.02
evaluate_every = "7 steps"
checkpoint_every = "2 steps"
[training.relay]
length = "20 steps"
batch_size = 8
learning_rate = 0.02
evaluate_every = "7 steps"
checkpoint_every = "2 steps"
[training.last]
length = "20 steps"
batch_size = 8
evaluate_every = "7 steps"
checkpoint_every = "2 steps"
"#;

/// Everything a run leaves behind but figures of time: weights of all models, the log of losses, and
/// where labels came from, by path.
fn left_behind(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let names = |folder: &str| {
        let entries = fs::read_dir(out.join(folder)).expect("a folder");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let names: Vec<_> = entries.map(name).collect();
        names
            .into_iter()
            .map(|name| name.into_string().expect("UTF-8"))
    };
    let mut paths: Vec<String> = names("relay").map(|name| format!("relay/{name}")).collect();
    paths.extend(names("model").map(|name| format!("model/{name}/model.safetensors")));
    for path in paths {
        let content = fs::read(out.join(&path)).expect("a file");
        files.insert(path, content);
    }
    files.insert("metrics.jsonl".into(), metrics(out).into_bytes());
    files
}

fn assert_same(found: &Path, expected: &BTreeMap<String, Vec<u8>>, what: &str) {
    let found = left_behind(found);
    let names: Vec<&String> = expected.keys().collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), names, "{what}");
    for (name, content) in expected {
        assert!(found[name] == *content, "{what}: {name} differs");
    }
}

/// The stages that a run's log speaks of, in order.
fn stages(out: &Path) -> Vec<String> {
    let mut stages: Vec<String> = Vec::new();
    for line in metrics(out).lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let stage = line["stage"].as_str().expect("a stage");
        if stages.last().is_none_or(|last| last != stage) {
            stages.push(stage.into());
        }
    }
    stages
}

#[test]
fn killed_within_either_teacher_and_the_student_and_resumed_with_other_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("run.toml"), RUN_FILE).expect("the run file");
    let whole = folder.path().join("whole");
    finish(distill(folder.path(), &whole, false, "1"));
    let order = [
        "teacher_a",
        "teacher_a_fold_1",
        "teacher_a_fold_2",
        "teacher_b",
        "teacher_b_fold_1",
        "teacher_b_fold_2",
        "student_initial",
        "student_alone_first",
        "student_alone",
        "student_first",
        "student",
        "student_drop_first",
        "student_drop",
    ];
    assert_eq!(stages(&whole), order);
    let expected = left_behind(&whole);
    assert!(expected.contains_key("relay/student.jsonl"));
    assert!(expected.contains_key("relay/student_drop.jsonl"));
    // Twenty steps a stage: within a fold of A, within B, in the student's first and in its last stage.
    for (number, after) in [28, 68, 188, 208].into_iter().enumerate() {
        let out = folder.path().join(format!("killed-{number}"));
        killed(distill(folder.path(), &out, false, "2"), &out, after);
        finish(distill(folder.path(), &out, true, "2"));
        let what = format!("killed after checkpoint {after}");
        assert_same(&out, &expected, &what);
    }
}

/// A student whose loss on relay labels has converged is final, whoever asks.
#[test]
fn a_converged_student_is_final_after_an_interruption_too() {
    let folder = tempfile::tempdir().expect("a folder");
    // About ln 8 before anything is learned, and soon below this.
    let rule = "[distillation.convergence]\nloss_below = 1.7\nsmoothing = 0.5\n";
    let text = RUN_FILE.replace("compare = [\"drop\"]\n", "").replace(
        "[training.teacher_a]",
        &format!("{rule}[training.teacher_a]"),
    );
    fs::write(folder.path().join("run.toml"), text).expect("the run file");
    let whole = folder.path().join("whole");
    finish(distill(folder.path(), &whole, false, "1"));
    let expected = left_behind(&whole);
    let trained = stages(&whole);
    assert!(trained.contains(&"student_first".into()), "{trained:?}");
    assert!(!trained.contains(&"student".into()), "{trained:?}");
    let weights = |model: &str| &expected[&format!("model/{model}/model.safetensors")];
    assert_eq!(weights("student"), weights("student_first"));
    // As if it had been killed between its stages; and before the first one's model was kept.
    for lost in [&["student"][..], &["student", "student_first"]] {
        fs::remove_file(whole.join("results.json")).expect("results");
        fs::remove_file(whole.join("relay/student.jsonl")).expect("provenance");
        for model in lost {
            fs::remove_dir_all(whole.join("model").join(model)).expect("a model");
        }
        finish(distill(folder.path(), &whole, true, "2"));
        assert_same(&whole, &expected, &format!("without {lost:?}"));
    }
    // Killed in the midst of a stage that converges.
    let out = folder.path().join("killed");
    killed(distill(folder.path(), &out, false, "2"), &out, 24);
    finish(distill(folder.path(), &out, true, "1"));
    assert_same(&out, &expected, "killed within a fold");
}
