//! Pretrained encoders: what is refused, what learns and what stays.

mod embeddings;
mod imports;

use std::path::{Path, PathBuf};

use limbeck_engine::{Device, Layout};
use limbeck_recipes::config::{self, Model, Override, Run};
use limbeck_recipes::relay::{self, RelayData};
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::unit_select::{self, UnitData};
use limbeck_recipes::{RunContext, RunData, layerwise, rehearse_run, train};
use limbeck_training::interrupt::Interrupt;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/pretrained")
        .join(name)
}

/// A run file over texts of two kinds, and the folder of the texts.
fn run(text: &str, overrides: &[&str]) -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().expect("a folder");
    let (warm, blue) = ("warm lamp near the table", "blue river stands quiet");
    let line = |n: usize| match n % 2 {
        0 => format!("w\t{warm}{}\n", " old".repeat(n / 2)),
        _ => format!("b\t{blue}{}\n", " old".repeat(n / 2)),
    };
    for (name, count) in [("train.tsv", 40), ("test.tsv", 10)] {
        let lines: String = (0..count).map(line).collect();
        std::fs::write(folder.path().join(name), lines).expect("a file");
    }
    let dir = |key: &str, path: &Path| Override::new(key, path.display().to_string());
    let mut all = vec![dir("data.dir", folder.path())];
    all.extend(
        overrides
            .iter()
            .map(|text| text.parse().expect("an override")),
    );
    (
        folder,
        config::parse("run.toml", text, &all).unwrap_or_else(|error| panic!("{error}")),
    )
}

const TRAIN: &str = r#"
task = "train"
[model]
kind = "pretrained"
dropout = 0.0
attention_dropout = 0.0
layer_decay = 0.5
frozen_embeddings = true
frozen_layers = 1
[training]
length = "40 steps"
batch_size = 8
learning_rate = 0.02
"#;

#[test]
fn fine_tuning_learns_and_leaves_what_is_frozen() {
    let dir = format!("model.dir={}", fixture("bert").display());
    let (_folder, run) = run(TRAIN, &[&dir]);
    let data = RunData::read(run.data().expect("texts"), 1).expect("texts");
    let rehearsal = rehearse_run(&run, &data, Layout::Cpu).expect("a rehearsal");
    assert!(rehearsal.peak_bytes > 0);
    let Run::Train(run) = run else { unreachable!() };
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, 1, &interrupt);
    let trained = train(&run, &data, &mut context)
        .expect("training")
        .classifier;

    let labels = &data.labelled.classes;
    let fresh = TextClassifier::initial(
        &run.model,
        limbeck_models::Head::Pooled,
        trained.encoder().clone(),
        labels,
        1,
        &device,
    )
    .expect("the model");
    let (before, after) = (fresh.model().parameters(), trained.model().parameters());
    for (old, new) in before
        .read()
        .expect("numbers")
        .iter()
        .zip(after.read().expect("numbers"))
    {
        let frozen = ["embedding.", "positions.", "norm.", "layers.0."];
        let frozen = frozen.iter().any(|part| old.0.starts_with(part));
        assert_eq!(old.2 == new.2, frozen, "{}", old.0);
    }
    let scale = |name: &str| {
        let record = before.records().iter().find(|record| record.name == name);
        record.expect("a parameter").learning_rate_scale
    };
    assert_eq!(scale("embedding.weight"), 0.25);
    assert_eq!(scale("layers.0.attention.output.weight"), 0.5);
    assert_eq!(scale("layers.1.attention.output.weight"), 1.0);
    assert_eq!(scale("classifier.weight"), 1.0);
    let texts = ["a warm lamp", "the blue river"];
    let said = trained.predict(&texts).expect("predictions");
    assert_eq!([said[0].label.as_str(), &said[1].label], ["w", "b"]);

    // A saved model needs the folder no more.
    let saved = tempfile::tempdir().expect("a folder");
    let saved = saved.path().join("model");
    trained.save(&saved).expect("a model");
    let loaded = TextClassifier::load(&saved, &device).expect("a model");
    assert_eq!(loaded.predict(&texts).expect("predictions"), said);
}

const LAYERWISE: &str = r#"
task = "layerwise"
[teacher]
kind = "pretrained"
[student]
channels = 6
embedding_size = 8
kernel_sizes = [2, 3]
[training]
unlabelled_batch_size = 4
[training.teacher]
length = "3 steps"
[training.student]
length = "3 steps"
"#;

#[test]
fn a_student_learns_from_a_pretrained_teacher() {
    for (name, projection) in [("roberta", "pca"), ("distilbert", "in_head")] {
        let dir = format!("teacher.dir={}", fixture(name).display());
        let projection = format!("distillation.projection={projection}");
        let (_folder, run) = run(
            LAYERWISE,
            &[&dir, &projection, "distillation.embedding_level=true"],
        );
        // A settled run says itself what the folder said.
        let moved = run
            .to_toml()
            .replace(&fixture(name).display().to_string(), "elsewhere");
        let again = config::parse("config.toml", &moved, &[]).expect("a settled run");
        assert_eq!(again.to_toml(), moved);
        let Run::Layerwise(run) = run else {
            unreachable!()
        };
        assert_eq!(run.levels().expect("levels").len(), 3);
        let data = RunData::read(&run.data, 1).expect("texts");
        let (device, interrupt) = (Device::cpu(), Interrupt::new());
        let mut context = RunContext::in_memory(&device, 1, &interrupt);
        let done = layerwise::distill(&run, &data, &mut context).expect("distillation");
        assert_eq!(
            done.student
                .predict(&["warm lamp"])
                .expect("a prediction")
                .len(),
            1
        );
    }
}

const UNIT_SELECT: &str = r#"
task = "unit_select"
[teacher]
kind = "pretrained"
[student]
channels = 6
embedding_size = 8
kernel_sizes = [2, 3]
[distillation]
folds = 2
compare = ["none"]
[training.teacher]
length = "30 steps"
batch_size = 8
learning_rate = 0.02
[training.student]
length = "3 steps"
"#;

#[test]
fn a_student_follows_a_pretrained_teacher_where_it_is_better() {
    let dir = format!("teacher.dir={}", fixture("bert").display());
    let (_folder, run) = run(UNIT_SELECT, &[&dir]);
    let Run::UnitSelect(run) = run else {
        unreachable!()
    };
    let data = UnitData::read(&run, true).expect("texts");
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, 1, &interrupt);
    let done = unit_select::distill(&run, &data, &mut context).expect("distillation");
    // It began with the weights of the folder, and has learned on.
    let texts = ["a warm lamp", "the blue river"];
    let said = done.teacher.predict(&texts).expect("predictions");
    assert_eq!([said[0].label.as_str(), &said[1].label], ["w", "b"]);
    assert!(matches!(done.teacher.config(), Model::Pretrained(_)));
}

const RELAY: &str = r#"
task = "relay"
[teacher_a]
kind = "pretrained"
[teacher_b]
kind = "transformer"
hidden_size = 8
layers = 1
heads = 2
feed_forward_size = 8
[student]
channels = 6
embedding_size = 8
kernel_sizes = [2, 3]
[distillation]
folds = 2
[training.teacher_a]
length = "3 steps"
[training.teacher_b]
length = "3 steps"
[training.student]
length = "3 steps"
[training.relay]
length = "3 steps"
[training.last]
length = "3 steps"
"#;

#[test]
fn a_relay_begins_with_a_pretrained_teacher() {
    let dir = format!("teacher_a.dir={}", fixture("distilbert").display());
    let (_folder, run) = run(RELAY, &[&dir]);
    let Run::Relay(run) = run else { unreachable!() };
    let data = RelayData::read(&run, true).expect("texts");
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, 1, &interrupt);
    let done = relay::distill(&run, &data, &mut context).expect("distillation");
    assert_eq!(done.student.labels(), ["b", "w"]);
}

#[test]
fn run_files_that_cannot_be_are_refused() {
    let refused = |text: &str, overrides: &[&str]| {
        let overrides: Vec<Override> = overrides
            .iter()
            .map(|text| text.parse().expect("an override"))
            .collect();
        let error = config::parse("run.toml", text, &overrides).expect_err("a problem");
        error.to_string()
    };
    let dir = |section: &str| format!("{section}.dir={}", fixture("bert").display());
    let found = refused(TRAIN, &[]);
    assert!(
        found.contains("such as -s model.dir=DIR; found none"),
        "{found}"
    );
    let found = refused(TRAIN, &["model.dir=/no/such/folder"]);
    assert!(
        found.contains("`model.dir`") && found.contains("no config.json"),
        "{found}"
    );
    let found = refused(TRAIN, &[&dir("model"), "model.frozen_layers=3"]);
    assert!(found.contains("at most the 2 layers"), "{found}");
    let found = refused(TRAIN, &[&dir("model"), "model.layer_decay=0"]);
    assert!(found.contains("model.layer_decay"), "{found}");
    let found = refused(
        LAYERWISE,
        &[&dir("teacher"), "distillation.matching=tokens"],
    );
    assert!(
        found.contains("a pretrained teacher has its own"),
        "{found}"
    );
    let found = refused(LAYERWISE, &[&dir("teacher"), "student.channels=9"]);
    assert!(found.contains("(8), found 9"), "{found}");
    let mutual = "task = \"gate_mixup\"\n[student]\nkind = \"pretrained\"\n";
    let found = refused(mutual, &[&dir("student")]);
    assert!(found.contains("expected another kind"), "{found}");
    let from_teacher = "distillation.student_embeddings=teacher";
    let found = refused(
        LAYERWISE,
        &[&dir("teacher"), from_teacher, "student.tokenizer.kind=bpe"],
    );
    assert!(found.contains("\"word\" or \"character\""), "{found}");
    let found = refused(
        LAYERWISE,
        &[
            &dir("teacher"),
            from_teacher,
            "student.embeddings=vectors.txt",
        ],
    );
    assert!(
        found.contains("`student.embeddings` names a file"),
        "{found}"
    );
    let found = refused(
        LAYERWISE,
        &[&dir("teacher"), from_teacher, "student.embedding_size=9"],
    );
    assert!(found.contains("at most the 8 numbers"), "{found}");
    let found = refused("task = \"layerwise\"\n", &[from_teacher]);
    assert!(
        found.contains("needs `teacher.kind = \"pretrained\"`"),
        "{found}"
    );
    let tagged = UNIT_SELECT.replace("[teacher]", "[data]\nformat = \"conll\"\n[teacher]");
    let found = refused(&tagged, &[&dir("teacher")]);
    assert!(found.contains("for tagged words"), "{found}");
}
