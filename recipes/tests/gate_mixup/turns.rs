//! What happens within the turns: B2 and B3.

use limbeck_engine::{Device, ParameterVector, Tape};
use limbeck_losses::total;
use limbeck_recipes::config::GateMixupRun;
use limbeck_recipes::gate_mixup::{Memory, MutualObjective, Party, Sender};
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::{RunContext, RunData};
use limbeck_training::interrupt::Interrupt;
use limbeck_training::optimizer::OptimizerConfig;
use limbeck_training::schedule::{Decay, ScheduleConfig, Warmup};
use limbeck_training::stage::{Averaging, Objective, StageOptions};

use crate::tiny::{data, labelled, models, parse, weights};

fn objective<'a>(
    [student, teacher]: &'a mut [TextClassifier; 2],
    run: &'a GateMixupRun,
    data: &RunData,
) -> MutualObjective<'a> {
    let party = |classifier: &'a mut TextClassifier| {
        let [train, dev] = labelled(classifier, data);
        Party {
            classifier,
            train,
            dev,
            unseen: None,
        }
    };
    let parties = [party(student), party(teacher)];
    let batch_size = run.training.mutual.batch_size;
    MutualObjective::new(parties, &run.distillation, batch_size, run.seed).expect("an objective")
}

/// B3: each phase reaches every parameter of the one that learns, and none of the sender.
#[test]
fn only_the_one_that_learns_gets_a_gradient() {
    let run = parse(&["distillation.weights.rep_kl=1"]).expect("a run file");
    let data = data(&run);
    let device = Device::cpu();
    let mut both = models(&run, &data, &device);
    let objective = objective(&mut both, &run, &data);
    let phase = objective.cycle() / 2;
    for (step, learns) in [
        (0, 0),
        (phase - 1, 0),
        (phase, 1),
        (2 * phase - 1, 1),
        (2 * phase, 0),
    ] {
        let trained = [0, 1].map(|store| objective.trains(store, step));
        assert_eq!(trained, [learns == 0, learns == 1], "update {step}");
        let tape = Tape::training(&device, 1, step as u32);
        let terms = objective.terms(&tape, step).expect("terms");
        let loss = total(&tape, &terms).expect("a loss");
        let stores = objective.stores();
        let mut gradients: Vec<ParameterVector> = stores
            .iter()
            .map(|store| store.zeros().expect("zeros"))
            .collect();
        let mut into: Vec<&mut ParameterVector> = gradients.iter_mut().collect();
        let unreached = tape.backward(&loss, &mut into).expect("gradients");
        assert!(!unreached.is_empty(), "those of the sender");
        for (store, gradients) in gradients.iter().enumerate() {
            let read = gradients.read().expect("gradients");
            let zeros = read
                .iter()
                .filter(|slice| slice.iter().all(|g| *g == 0.0))
                .count();
            let expected = if store == learns { 0 } else { read.len() };
            assert_eq!(zeros, expected, "update {step}, store {store}");
        }
    }
}

/// Evaluated at the end alone, so that the last weights are the best.
fn stage(steps: u64) -> StageOptions {
    let schedule = ScheduleConfig {
        decay: Decay::Constant,
        warmup: Warmup::Steps(0),
    };
    StageOptions {
        name: "turns".into(),
        steps,
        first_step: 0,
        optimizer: OptimizerConfig::AdamW {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.01,
        },
        learning_rate: 1e-3,
        accumulate: 1,
        schedule: schedule.over(steps),
        plateau: None,
        averaging: Averaging::Off,
        clip_norm: Some(1.0),
        patience: None,
        convergence: None,
        evaluate_every: steps,
        checkpoint_every: steps,
    }
}

/// B3 again, through the whole loop: after phases in which it only sends, a model has the bits it
/// had, and the state of its update rule has not moved on.
#[test]
fn the_sender_keeps_every_bit() {
    let run = |steps: u64, alternate: &str| {
        let alternate = format!("distillation.alternate={alternate}");
        let run = parse(&[&alternate]).expect("a run file");
        let data = data(&run);
        let (device, interrupt) = (Device::cpu(), Interrupt::new());
        let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
        let mut both = models(&run, &data, &device);
        let before = [0, 1].map(|model: usize| weights(&both[model]));
        let mut objective = objective(&mut both, &run, &data);
        context
            .train(stage(steps), &mut objective)
            .expect("trained");
        let after = [0, 1].map(|model: usize| weights(&both[model]));
        [0, 1].map(|model: usize| before[model] == after[model])
    };
    // 108 texts make 7 batches of 16.
    assert_eq!(run(7, "epoch"), [false, true]);
    assert_eq!(run(8, "epoch"), [false, false]);
    assert_eq!(run(1, "batch"), [false, true]);
    assert_eq!(run(2, "batch"), [false, false]);
}

/// B2: what is sent through an open gate is the vector itself.
#[test]
fn an_open_gate_sends_the_vector_unchanged() {
    let open = parse(&["distillation.threshold=0"]).expect("a run file");
    let shut = parse(&[
        "distillation.threshold=1.1",
        "distillation.dropout=0",
        "distillation.residual=\"sum\"",
    ])
    .expect("a run file");
    let data = data(&open);
    let device = Device::cpu();
    let both = models(&open, &data, &device);
    let teacher = &both[1];
    let [train, _] = labelled(teacher, &data);
    let rows: Vec<usize> = (0..10).collect();
    let sent = |run: &GateMixupRun| {
        let sender = Sender {
            model: teacher.model(),
            unseen: None,
            options: &run.distillation,
            seed: 1,
        };
        let memory = &mut Memory::default();
        sender.send((&train, &rows), 0, memory).expect("a message")
    };
    let tape = Tape::inference(&device);
    let texts: Vec<_> = train.texts[..10].iter().collect();
    let batch = teacher.model().batch(&texts, 0).expect("a batch");
    let vectors = teacher.model().represent(&tape, &batch).expect("vectors");
    let vectors = vectors.tensor().read().expect("numbers");
    assert_eq!(sent(&open).representation.read().expect("numbers"), vectors);
    assert_eq!(sent(&open).closed(), 0);
    let doubled: Vec<f32> = vectors.iter().map(|v| 2.0 * v).collect();
    assert_eq!(sent(&shut).representation.read().expect("numbers"), doubled);
    assert_eq!(sent(&shut).closed(), 10);
    // The scores are those of the sender's own classifier on what is sent.
    let logits = teacher.model().predict(&texts).expect("scores").concat();
    assert_eq!(
        sent(&open).logits.expect("sent").read().expect("numbers"),
        logits
    );
}

/// Labels count 1 - α, messages α times the weight of their kind; what is only logged counts nothing.
#[test]
fn terms_have_the_weights_of_the_run_file() {
    let run = parse(&[
        "distillation.alpha=0.3",
        "distillation.weights.rep_kl=2",
        "distillation.weights.rep_mse=0.5",
    ])
    .expect("a run file");
    let data = data(&run);
    let device = Device::cpu();
    let mut both = models(&run, &data, &device);
    let objective = objective(&mut both, &run, &data);
    for (step, side) in [(0, "student"), (objective.cycle() - 1, "teacher")] {
        let tape = Tape::training(&device, 1, step as u32);
        let terms = objective.terms(&tape, step).expect("terms");
        let found: Vec<(String, f32)> = terms
            .iter()
            .filter(|term| term.weight != 0.0)
            .map(|term| (term.name.to_owned(), term.weight))
            .collect();
        let expected = [
            ("ce", 0.7f64),
            ("class_kl", 0.3),
            ("rep_kl", 0.6),
            ("rep_mse", 0.15),
        ];
        let expected = expected.map(|(name, weight)| (format!("{side}_{name}"), weight as f32));
        assert_eq!(found, expected);
    }
}
