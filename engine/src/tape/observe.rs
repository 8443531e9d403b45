//! Looking on: summaries, traces and costs of what a tape runs.

use std::sync::Arc;

use super::{Recording, Tape, Var, run};
use crate::error::Result;
use crate::gradcheck::{SuspectOperator, Suspicion};
use crate::operator::Plan;
use crate::profile::Profile;
use crate::shape::Meta;
use crate::tensor::Tensor;

/// One line of [`Tape::summary`].
#[derive(Clone, Debug)]
pub struct Line {
    /// Where in the model, as set by [`Tape::scope`].
    pub scope: String,
    /// The operator.
    pub operator: &'static str,
    /// Shapes of the inputs.
    pub inputs: Vec<Meta>,
    /// The line that produced each input; `None` for what came to the tape from outside:
    /// parameters, data, constants.
    pub sources: Vec<Option<usize>>,
    /// What the operator produces and needs.
    pub plan: Plan,
    /// Whether it stands in a [`Tape::checkpoint`]: nothing of it is kept, and it runs again on the
    /// way back, if a gradient comes to it.
    pub recomputed: bool,
}

impl Tape {
    /// Looks at every result and stops at the first that is not finite, naming operator, scope
    /// and row. Slow: for replaying a step that failed.
    pub fn trace(&self) {
        self.traced.set(true);
    }

    /// Keeps a line per operator for [`Tape::summary`].
    pub fn summarise(&self) {
        self.summarised.set(true);
    }

    /// The operators applied since [`Tape::summarise`], in order.
    pub fn summary(&self) -> Vec<Line> {
        self.lines.borrow().clone()
    }

    /// Holds every differentiable operator to central differences from here on.
    pub(crate) fn suspect(&self) {
        *self.suspicion.borrow_mut() = Some(Suspicion::default());
    }

    /// The operators whose gradients were found wrong since [`Tape::suspect`].
    pub(crate) fn suspects(&self) -> Vec<SuspectOperator> {
        let suspicion = self.suspicion.borrow();
        suspicion.as_ref().map(Suspicion::found).unwrap_or_default()
    }

    /// Adds the cost of every operator to `profile` from here on.
    pub fn measure(&self, profile: &Arc<Profile>) {
        *self.profile.borrow_mut() = Some(Arc::clone(profile));
    }

    /// Keeps what was asked for of an operator that has run; returns its line in the summary.
    pub(super) fn observe(
        &self,
        operator: &'static str,
        inputs: &[&Var],
        plan: &Plan,
        outputs: &[Tensor],
    ) -> Result<Option<(u64, usize)>> {
        let mut origin = None;
        if self.summarised.get() {
            let mut lines = self.lines.borrow_mut();
            origin = Some((self.summary_of, lines.len()));
            let ours = |(tape, line): (u64, usize)| (tape == self.summary_of).then_some(line);
            lines.push(Line {
                scope: self.path(),
                operator,
                inputs: inputs.iter().map(|v| v.tensor.meta()).collect(),
                sources: inputs.iter().map(|v| v.origin.and_then(ours)).collect(),
                plan: plan.clone(),
                recomputed: self.recording == Recording::Dependencies,
            });
        }
        if self.traced.get() {
            for tensor in outputs {
                run::require_finite(tensor, operator, &self.path(), "result")?;
            }
        }
        Ok(origin)
    }
}
