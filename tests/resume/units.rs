//! Runs of `unit_select`, which carry masks and averaged weights from update to update.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{distill, finish, killed, metrics};

/// Six stages of twenty updates of fifteen an epoch, with a checkpoint behind every second.
const RUN_FILE: &str = r#"
task = "unit_select"
[data]
format = "corpus"
[data.corpus]
train_size = 132
test_size = 30
[teacher]
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
compare = ["none", "random"]
timing = "epoch"
ema = 0.9
[distillation.masks]
every = 1
[training.teacher]
length = "20 steps"
batch_size = 8
learning_rate = 0.01
evaluate_every = "7 steps"
checkpoint_every = "2 steps"
[training.student]
length = "20 steps"
batch_size = 8
learning_rate = 0.02
evaluate_every = "7 steps"
checkpoint_every = "2 steps"
"#;

/// Everything a run leaves behind but figures of time: weights of all models, the log of losses, and
/// the masks, by path.
fn left_behind(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut keep = |path: String| {
        let content = fs::read(out.join(&path)).expect("a file");
        files.insert(path, content);
    };
    for model in fs::read_dir(out.join("model")).expect("models") {
        let name = model.expect("an entry").file_name();
        keep(format!(
            "model/{}/model.safetensors",
            name.to_string_lossy()
        ));
    }
    for name in ["student.json", "random_mask.json"] {
        keep(format!("units/{name}"));
    }
    for entry in fs::read_dir(out.join("units/student")).expect("masks") {
        let name = entry.expect("an entry").file_name();
        keep(format!("units/student/{}", name.to_string_lossy()));
    }
    files.insert("metrics.jsonl".into(), metrics(out).into_bytes());
    files
}

#[test]
fn killed_within_a_fold_and_within_the_students_epochs_and_resumed_with_other_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("run.toml"), RUN_FILE).expect("the run file");
    let whole = folder.path().join("whole");
    finish(distill(folder.path(), &whole, false, "1"));
    let expected = left_behind(&whole);
    assert!(expected.contains_key("units/student/epoch-0001.png"));
    assert!(expected.contains_key("model/random_mask/model.safetensors"));
    // Twenty steps a stage: within a fold, within the student's first epoch, behind its end, and in the
    // student of the random mask.
    for (number, after) in [28, 66, 78, 110].into_iter().enumerate() {
        let out = folder.path().join(format!("killed-{number}"));
        killed(distill(folder.path(), &out, false, "2"), &out, after);
        finish(distill(folder.path(), &out, true, "2"));
        let found = left_behind(&out);
        let names: Vec<&String> = expected.keys().collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), names, "after {after}");
        for (name, content) in &expected {
            assert!(found[name] == *content, "after {after}: {name} differs");
        }
    }
}
