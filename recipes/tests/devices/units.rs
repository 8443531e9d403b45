//! Whole runs of `unit_select`, on a GPU as on the CPU.

use limbeck_engine::Device;
use limbeck_recipes::RunContext;
use limbeck_recipes::config::{self, Run};
use limbeck_recipes::unit_select::{UnitData, distill};
use limbeck_training::interrupt::Interrupt;

const RUN_FILE: &str = r#"
task = "unit_select"
seed = 3
[data]
format = "corpus"
[data.corpus]
train_size = 40
test_size = 30
[teacher]
hidden_size = 8
layers = 1
heads = 2
feed_forward_size = 12
[student]
embedding_size = 8
channels = 6
kernel_sizes = [2]
[distillation]
compare = ["teacher_correct"]
folds = 2
min_share = 0.2
[training.teacher]
length = "2 epochs"
batch_size = 8
[training.student]
length = "2 epochs"
batch_size = 8
"#;

/// The losses of all models on dev.
fn losses(device: &Device) -> Vec<f64> {
    let Run::UnitSelect(run) = config::parse("tiny.toml", RUN_FILE, &[]).expect("a run file")
    else {
        unreachable!("the task is unit_select")
    };
    let data = UnitData::read(&run, false).expect("the built-in corpus");
    let interrupt = Interrupt::new();
    let mut context = RunContext::in_memory(device, run.seed, &interrupt);
    let dev = distill(&run, &data, &mut context)
        .expect("a run")
        .measured
        .dev;
    let loss = |name: &str| dev.get(name).and_then(|row| row.get("cross_entropy"));
    ["teacher", "student", "teacher_correct"]
        .map(|name| loss(name).expect("a loss"))
        .to_vec()
}

/// Rounding moves a loss of a few updates in its sixth digit; a unit that changes sides by it, more.
pub(crate) fn check(device: &Device) {
    for (found, expected) in losses(device).into_iter().zip(losses(&Device::cpu())) {
        assert!((found - expected).abs() < 2e-3, "{found} {expected}");
    }
}
