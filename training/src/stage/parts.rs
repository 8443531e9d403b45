//! Stages in parts: the loss changes between them, as from one value of a grid to the next.

use super::update::Updater;
use super::{Objective, StageOptions};

/// Which part of an objective is being trained on.
#[derive(Debug, Default)]
pub(super) struct Parts {
    current: Option<u64>,
}

impl Parts {
    /// Before the update after `step` updates: tells the objective which part it is in, and the
    /// update rule where a part begins.
    pub(super) fn begin(
        &mut self,
        step: u64,
        objective: &mut dyn Objective,
        updater: &mut Updater,
    ) {
        let Some(length) = objective.part_steps() else {
            return;
        };
        let part = step / length;
        if self.current != Some(part) {
            self.current = Some(part);
            objective.begin_part(part);
        }
        if step.is_multiple_of(length) {
            updater.restart();
        }
    }
}

/// The number of updates that count as done after `done` of them: where there is nothing left to
/// gain, the rest of a part is left out.
pub(super) fn after(
    done: u64,
    objective: &dyn Objective,
    updater: &Updater,
    options: &StageOptions,
) -> u64 {
    let Some(length) = objective.part_steps() else {
        return done;
    };
    if updater.has_converged() {
        return done.next_multiple_of(length).min(options.steps);
    }
    if let Some(norm) = updater.relative_norm()
        && done.is_multiple_of(length)
    {
        tracing::warn!(
            "{}: after {length} steps the gradient is still {norm:.1e} of the first one: more \
             steps would fit better",
            options.name
        );
    }
    done
}
