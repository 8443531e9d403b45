//! What a stage will do and need, found without computing anything.

use limbeck_engine::{Device, Error, Layout, Ledger, Line, Meta};
use serde::Serialize;

use super::update::{Update, Updater};
use super::{Objective, StageOptions};
use crate::error::Result;

/// A stage as a rehearsal on a shape device found it: one update at the largest batch that the
/// data give, and an evaluation on dev.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The stage.
    pub name: String,
    /// Texts of the largest batch whose labels are used.
    pub texts: usize,
    /// Tokens of the largest batch, those of unlabelled texts included.
    pub tokens: u64,
    /// The tape of the update, in order.
    pub lines: Vec<Line>,
    /// Its memory.
    pub bytes: StageBytes,
}

/// Updates rehearsed as the run would make them, before the one at the largest batch: enough for
/// the pool to see the usual lengths.
const AS_DRAWN: u64 = 50;

/// Bytes of tensor memory, rounded up to the size classes of the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StageBytes {
    /// The weights that are trained.
    pub weights: usize,
    /// Their gradients.
    pub gradients: usize,
    /// The moments of the optimiser.
    pub moments: usize,
    /// Inputs and outputs of operators that the forward pass keeps for the way back.
    pub activations: usize,
    /// What operators save besides them.
    pub saved: usize,
    /// The largest scratch memory of one operator.
    pub scratch: usize,
    /// The most that one update needs besides weights, gradients and moments.
    pub step: usize,
    /// The most that an evaluation on dev needs besides them.
    pub evaluation: usize,
    /// The most in use at once, other models on the device included.
    pub total: usize,
}

/// Goes through the first updates, an evaluation, and an update at the largest batch, on the shape
/// device that holds the objective's models.
///
/// # Errors
/// If the device is not a shape device, or shapes do not fit each other.
pub fn rehearse(
    device: &Device,
    seed: u64,
    options: &StageOptions,
    objective: &mut dyn Objective,
) -> Result<Rehearsal> {
    let Device::Shapes(ledger) = device else {
        let message = format!("a rehearsal needs a shape device, found {}", device.name());
        return Err(Error::Mismatch(message).into());
    };
    let mut updater = Updater::new(objective, options)?;
    let start = device.used_bytes();
    let kinds = objective.kinds_of_steps();
    let drawn = kinds.iter().flat_map(|first| *first..first + AS_DRAWN);
    let update = |step| Update {
        device,
        seed,
        step,
        parts: options.accumulate,
        learning_rate: options.learning_rate,
        profile: None,
    };
    for step in drawn.filter(|step| *step < options.steps) {
        updater.update(update(step), objective)?;
    }
    ledger.mark();
    objective.evaluate()?;
    let evaluation = ledger.peak_since_mark();
    objective.read_largest_batches();
    let (mut others, last) = (kinds, options.steps.saturating_sub(1));
    let shown = others.remove(0);
    ledger.mark();
    for step in others.into_iter().map(|step| step.min(last)) {
        updater.update(update(step), objective)?;
    }
    // Of an update in parts the first is shown, which has the longest texts.
    let (mut lines, mut kept) = (Vec::new(), 0);
    let values = updater.update_seen(update(shown), objective, &mut |forward| {
        if lines.is_empty() {
            lines = forward.tape.summary();
            kept = device.used_bytes() - start;
        }
    })?;
    let update = ledger.peak_since_mark();
    drop(values);
    let layout = ledger.layout();
    let kept_lines = lines.iter().filter(|line| !line.recomputed);
    let saved = kept_lines.map(|line| bytes_of(layout, &line.plan.saved));
    let saved = saved.sum::<usize>().min(kept);
    let bytes = StageBytes {
        activations: kept - saved,
        saved,
        scratch: lines.iter().map(|l| scratch(layout, l)).max().unwrap_or(0),
        step: update - start,
        evaluation: evaluation - start,
        total: update.max(evaluation),
        ..state_bytes(ledger, objective, &updater)
    };
    Ok(Rehearsal {
        name: options.name.clone(),
        texts: objective.samples(0).len(),
        tokens: objective.tokens(0),
        lines,
        bytes,
    })
}

/// Weights, gradients and moments.
fn state_bytes(ledger: &Ledger, objective: &dyn Objective, updater: &Updater) -> StageBytes {
    let layout = ledger.layout();
    let stores = objective.stores();
    let weights = stores.iter().map(|s| s.values().buffer_bytes(layout));
    let gradients = updater.gradients.iter().map(|g| g.buffer_bytes(layout));
    let moments = updater.optimizers.iter().flat_map(|o| o.vectors());
    StageBytes {
        weights: weights.sum(),
        gradients: gradients.sum(),
        moments: moments.map(|m| m.buffer_bytes(layout)).sum(),
        ..StageBytes::default()
    }
}

fn bytes_of(layout: Layout, metas: &[Meta]) -> usize {
    metas.iter().map(|&meta| layout.buffer_bytes(meta)).sum()
}

fn scratch(layout: Layout, line: &Line) -> usize {
    let [forward, backward] = [&line.plan.workspace, &line.plan.backward_workspace]
        .map(|w| bytes_of(layout, w.on(layout)));
    forward.max(backward)
}
