//! What a rehearsal predicts, held against the run itself.

use limbeck_engine::{Device, Layout};
use limbeck_recipes::config::{self, Model, Override, Run};
use limbeck_recipes::gate_mixup;
use limbeck_recipes::layerwise::distill;
use limbeck_recipes::{RunContext, RunData, RunRehearsal, rehearse_run, train};
use limbeck_training::interrupt::Interrupt;

const TRAIN: &str = r#"
task = "train"
[data]
format = "corpus"
[data.corpus]
train_size = 200
test_size = 40
[training]
length = "3 epochs"
batch_size = 16
"#;

const DISTIL: &str = r#"
task = "layerwise"
[data]
format = "corpus"
labelled_fraction = 0.3
[data.corpus]
train_size = 200
test_size = 40
[pairs]
source = "corpus"
[teacher]
hidden_size = 16
layers = 2
heads = 2
feed_forward_size = 24
[student]
channels = 8
embedding_size = 12
kernel_sizes = [2, 3]
[training]
unlabelled_batch_size = 16
[training.teacher]
length = "12 steps"
[training.student]
length = "12 steps"
"#;

const TURNS: &str = r#"
task = "gate_mixup"
[data]
format = "corpus"
[data.corpus]
train_size = 200
test_size = 40
[teacher]
embedding_size = 12
hidden_size = 16
[student]
hidden_size = 16
layers = 1
heads = 2
feed_forward_size = 24
[training.teacher]
length = "2 epochs"
[training.student]
length = "2 epochs"
[training.mutual]
length = "2 epochs"
"#;

fn parse(text: &str, overrides: &[&str]) -> (Run, RunData) {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|o| o.parse().expect("an override"))
        .collect();
    let run = config::parse("tiny.toml", text, &overrides).expect("a valid run file");
    let data = RunData::read(run.data().expect("labelled texts"), run.seed())
        .expect("the built-in corpus");
    (run, data)
}

/// Memory of a whole run.
struct Memory {
    /// The most in use at once.
    peak: usize,
    /// What the pool took.
    pool: usize,
}

fn real(run: &Run, data: &RunData, device: &Device) -> Memory {
    let interrupt = Interrupt::new();
    let mut context = RunContext::in_memory(device, run.seed(), &interrupt);
    match run {
        Run::Train(run) => drop(train(run, data, &mut context).expect("a finished run")),
        Run::Layerwise(run) => drop(distill(run, data, &mut context).expect("a finished run")),
        Run::GateMixup(run) => {
            drop(gate_mixup::distill(run, data, &mut context).expect("a finished run"));
        }
        Run::NceLm(_) | Run::Relay(_) | Run::UnitSelect(_) => unreachable!("no such run here"),
    }
    Memory {
        peak: device.peak_bytes(),
        pool: device.allocated_bytes(),
    }
}

fn rehearsed(run: &Run, data: &RunData, layout: Layout) -> RunRehearsal {
    rehearse_run(run, data, layout).expect("a rehearsal")
}

/// Of the memory in use never too little is predicted; and at most a quarter too much, since the
/// largest batch that the data could give, of the longest texts alone, may not be drawn in a short
/// run. What the pool takes depends on the order of the batches, too, of which only the first are
/// rehearsed: a quarter either way. A batch of graphs has lists of nodes, of edges and of both in the
/// order of their sources, whose sizes go up and down apart from each other: the largest batch, which
/// a short run does not draw, may need buffers of sizes that no other does. Up to half too much then.
fn assert_predicted(name: &str, run: &Run, data: &RunData, device: &Device) {
    let real = real(run, data, device);
    let predicted = rehearsed(run, data, device.layout());
    let (most, found) = (predicted.peak_bytes, real.peak);
    assert!(
        found <= most && most <= found + found / 4,
        "{name}: {most} bytes in use predicted, {found} found"
    );
    let (taken, found) = (predicted.pool_bytes, real.pool);
    let above = match has_graphs(run) {
        true => found / 2,
        false => found / 4,
    };
    assert!(
        found - found / 4 <= taken && taken <= found + above,
        "{name}: a pool of {taken} bytes predicted, {found} found"
    );
}

fn has_graphs(run: &Run) -> bool {
    match run {
        Run::Train(run) => matches!(run.model, Model::TextGraph(_) | Model::TextLevel(_)),
        Run::GateMixup(_) => true,
        Run::Layerwise(_) | Run::NceLm(_) | Run::Relay(_) | Run::UnitSelect(_) => false,
    }
}

#[test]
fn the_memory_of_a_training_run_is_predicted() {
    let kinds = ["text_cnn", "transformer", "bag_of_ngrams"];
    for kind in kinds
        .into_iter()
        .chain(["text_graph", "text_level", "corpus", "sgc"])
    {
        let (run, data) = parse(TRAIN, &[&format!("model.kind={kind}")]);
        assert_predicted(kind, &run, &data, &Device::cpu());
    }
}

#[test]
fn the_memory_of_a_distillation_is_predicted() {
    for overrides in [
        &[][..],
        &[
            "distillation.projection=joint",
            "distillation.matching=tokens",
        ],
        &[
            "distillation.projection=pca",
            "beside_teacher.kind=bag_of_ngrams",
        ],
    ] {
        let (run, data) = parse(DISTIL, overrides);
        assert_predicted(&format!("{overrides:?}"), &run, &data, &Device::cpu());
    }
}

#[test]
fn the_memory_of_turns_is_predicted() {
    for overrides in [
        &[][..],
        &[
            "distillation.alternate=batch",
            "teacher.hidden_size=24",
            "distillation.sender_outputs=in_sample",
        ],
    ] {
        let (run, data) = parse(TURNS, overrides);
        assert_predicted(&format!("{overrides:?}"), &run, &data, &Device::cpu());
    }
}

/// A short training run on `device` takes the memory foretold for it.
pub(crate) fn check(device: &Device) {
    let (run, data) = parse(
        TRAIN,
        &["model.kind=text_cnn", "training.length=\"1 epoch\""],
    );
    assert_predicted(device.name(), &run, &data, device);
}

#[test]
fn the_reference_device_takes_the_memory_foretold_for_it() {
    check(&Device::reference());
}

#[test]
fn every_model_has_its_stage() {
    let (run, data) = parse(DISTIL, &["beside_teacher.kind=bag_of_ngrams"]);
    let rehearsal = rehearsed(&run, &data, Layout::Cpu);
    let names: Vec<&str> = rehearsal.stages.iter().map(|s| s.name.as_str()).collect();
    for model in ["teacher", "beside_teacher", "student", "student_alone"] {
        assert!(names.contains(&model), "{model} is missing in {names:?}");
    }
    let student = &rehearsal.stages[names.iter().position(|n| *n == "student").expect("found")];
    // 32 labelled texts, and 16 pairs of two.
    assert_eq!(student.texts, 32);
    let scopes = |part: &str| {
        student
            .lines
            .iter()
            .filter(|l| l.scope.contains(part))
            .count()
    };
    for term in ["L3", "L4", "L5", "L6", "L7", "L8"] {
        assert!(scopes(term) > 0, "{term} is not on the tape");
    }
    let bytes = student.bytes;
    assert!(bytes.activations > 0 && bytes.scratch < bytes.step);
    assert_eq!(
        bytes.moments,
        2 * bytes.gradients,
        "the two moments of Adam"
    );
    assert!(bytes.total <= rehearsal.peak_bytes);
}
