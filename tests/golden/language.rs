//! Recurrent language models: losses, gradients, and training with a state that is carried on.

use limbeck::engine::{Device, ParameterVector, Result, Tape, TimeMajor, Var};
use limbeck::kernels::{Candidates, Labels, cross_entropy, nce, sampled_softmax};
use limbeck::losses::mean_over_samples;
use limbeck::models::language::{LanguageModel, State, Tables};
use limbeck::training::optimizer::{Optimizer, OptimizerConfig};

use crate::compare::{Tolerance, each, relative};
use crate::files::{self, CriterionKind, LanguageFile, Part};
use crate::parameters;

const FILES: [&str; 4] = [
    "language_lstm_softmax.json",
    "language_gru_nce.json",
    "language_rnn_sampled_softmax.json",
    "language_lstm_nce_parts.json",
];

/// Compares every model on `device`, with whole tables and with row-sparse ones.
pub(crate) fn check(device: &Device, tolerance: &Tolerance) {
    let mut complaints = Vec::new();
    for name in FILES {
        let file: LanguageFile = files::read(name);
        for row_sparse in [false, true] {
            // Scores of all words read the whole table.
            if row_sparse && file.criterion.kind == CriterionKind::Softmax {
                continue;
            }
            let name = format!("{name}, row-sparse {row_sparse}");
            match complaints_of(&file, row_sparse, device, tolerance) {
                Ok(found) => complaints.extend(found.iter().map(|text| format!("{name}: {text}"))),
                Err(error) => complaints.push(format!("{name}: {error}")),
            }
        }
    }
    assert!(
        complaints.is_empty(),
        "on {}\n{}",
        device.name(),
        complaints.join("\n")
    );
}

fn complaints_of(
    file: &LanguageFile,
    row_sparse: bool,
    device: &Device,
    tolerance: &Tolerance,
) -> limbeck::training::Result<Vec<String>> {
    let (model, state) = build(file, row_sparse, device)?;
    let mut complaints = parameters::records(&file.parameters, model.parameters());
    let mut gradients = model.parameters().zeros()?;
    let step = step(file, &file.parts[0], &model, &state, &mut gradients)?;
    let (found, expected) = (&step.log_partition, &file.log_partition);
    complaints.extend(relative("ln Z", found, expected, tolerance.values));
    complaints.extend(each(
        "loss of row",
        &step.rows,
        &file.rows,
        tolerance.losses,
    ));
    let wrong = parameters::gradients(&file.parameters, &gradients, tolerance)?;
    complaints.extend(wrong);
    complaints.extend(train(file, row_sparse, device, tolerance)?);
    Ok(complaints)
}

/// Training, compared.
fn train(
    file: &LanguageFile,
    row_sparse: bool,
    device: &Device,
    tolerance: &Tolerance,
) -> limbeck::training::Result<Vec<String>> {
    let (mut model, initial) = build(file, row_sparse, device)?;
    let plain = OptimizerConfig::Sgd {
        momentum: 0.0,
        weight_decay: 0.0,
    };
    let training = &file.training;
    let mut optimizer = Optimizer::new(model.parameters(), &plain, training.clip_norm)?;
    let mut gradients = model.parameters().zeros()?;
    let (mut before, mut after) = (initial.clone(), initial.clone());
    let mut losses = Vec::new();
    for (_, part) in training.losses.iter().zip(file.parts.iter().cycle()) {
        gradients.fill_zero()?;
        let step = step(file, part, &model, &before, &mut gradients)?;
        losses.push(step.loss);
        optimizer.update(model.parameters_mut(), &gradients, training.learning_rate)?;
        after = step.after;
        if training.carried {
            before = after.clone();
        }
    }
    let wrong = each(
        "loss before update",
        &losses,
        &training.losses,
        tolerance.losses,
    );
    let mut complaints = Vec::from_iter(wrong);
    let store = model.parameters();
    for (id, expected) in store.ids().zip(&training.parameters) {
        let what = format!("{} in the end", store.records()[id.index()].name);
        let found = store.value(id).read_f64()?;
        complaints.extend(relative(&what, &found, expected, tolerance.values));
    }
    for (found, expected) in after.tensors().zip(&training.state) {
        let (what, found) = ("state in the end", found.read_f64()?);
        complaints.extend(relative(what, &found, expected, tolerance.values));
    }
    Ok(complaints)
}

/// The model of a file, with the file's parameters, and the state that it begins with.
fn build(file: &LanguageFile, row_sparse: bool, device: &Device) -> Result<(LanguageModel, State)> {
    let config = file.model.config(row_sparse);
    let mut model = LanguageModel::new(config, file.model.output_bias(), 0, device)?;
    parameters::load(&file.parameters, model.parameters_mut())?;
    let state = model.initial_state(file.parts[0].sequences.len())?;
    Ok((model, state.with(&file.state)?))
}

/// What one part gives.
struct Step {
    rows: Vec<f64>,
    loss: f64,
    log_partition: Vec<f64>,
    after: State,
}

/// One part of the text, read from `state`; gradients are added.
fn step(
    file: &LanguageFile,
    part: &Part,
    model: &LanguageModel,
    state: &State,
    gradients: &mut ParameterVector,
) -> Result<Step> {
    let device = model.parameters().device();
    let tape = Tape::deterministic(device);
    let lengths: Vec<usize> = part.sequences.iter().map(|s| s.len() - 1).collect();
    let steps = TimeMajor::new(device, &lengths, 0, 0)?;
    let (inputs, targets) = (part.step_by_step(0), part.step_by_step(1));
    let scored = [targets.as_slice(), &part.noise].concat();
    let tables = model.tables(&tape, &inputs, &scored)?;
    let state = state.constants(&tape);
    let (hidden, after) = model.read(&tape, &tables, &inputs, &steps, &state)?;
    let rows = match file.criterion.kind {
        CriterionKind::Softmax => {
            let logits = model.logits(&tape, &tables, &hidden)?;
            let labels = Labels::new(device, &targets, logits.shape().columns())?;
            cross_entropy(&tape, &logits, &labels, None)?
        }
        _ => sampled(file, model, &tape, &tables, &hidden, &scored)?,
    };
    let loss = mean_over_samples(&tape, &rows)?;
    let log_partition = model.log_partition(&tape, &hidden)?;
    let step = Step {
        rows: rows.tensor().read_f64()?,
        loss: loss.tensor().item()?,
        log_partition: log_partition.tensor().read_f64()?,
        after: after.value(),
    };
    tape.backward(&loss, &mut [gradients])?
        .refuse(&[model.parameters()])?;
    Ok(step)
}

/// The losses of rows by a criterion with samples: `scored` are their targets, then the noise words.
fn sampled(
    file: &LanguageFile,
    model: &LanguageModel,
    tape: &Tape,
    tables: &Tables,
    hidden: &Var,
    scored: &[u32],
) -> Result<Var> {
    let (target, noise) = model.scores(tape, tables, hidden, scored)?;
    let offset = |&word: &u32| file.ln_kq[word as usize];
    let mut offsets: Vec<f32> = scored.iter().map(offset).collect();
    if file.criterion.mask && file.criterion.kind == CriterionKind::SampledSoftmax {
        // A target whose samples are left out is none itself.
        offsets[..target.shape().elements()].fill(0.0);
    }
    let candidates = Candidates::new(tape.device(), scored, &offsets, file.criterion.mask)?;
    match file.criterion.kind {
        CriterionKind::Nce => nce(tape, (&target, &noise), &candidates, &model.ln_z(tape)?),
        _ => sampled_softmax(tape, (&target, &noise), &candidates),
    }
}

impl Part {
    /// The words of all rows, step by step: with 0 those that are read, with 1 those that follow.
    fn step_by_step(&self, ahead: usize) -> Vec<u32> {
        let longest = self.sequences.iter().map(Vec::len).max().unwrap_or(0);
        let of_step = |step: usize| {
            let in_step = self.sequences.iter().filter(move |s| step + 1 < s.len());
            in_step.map(move |sequence| sequence[step + ahead])
        };
        (0..longest).flat_map(of_step).collect()
    }
}
