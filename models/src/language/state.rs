//! What a recurrent network carries from one stretch of text to the next.

use limbeck_engine::{Device, Result, Tape, Tensor, Var};

use super::config::{LanguageModelConfig, Unit};

/// The state of every layer, `[sequences, hidden]` each.
#[derive(Clone, Debug)]
pub struct State {
    /// Outputs.
    pub(super) h: Vec<Tensor>,
    /// Second states, where the unit has one.
    pub(super) c: Vec<Tensor>,
}

impl State {
    /// Zeros.
    pub(super) fn zeros(
        config: &LanguageModelConfig,
        sequences: usize,
        device: &Device,
    ) -> Result<Self> {
        let zeros = |layers: usize| -> Result<Vec<Tensor>> {
            let zero = |_| device.zeros([sequences, config.hidden_size]);
            (0..layers).map(zero).collect()
        };
        let second = match config.unit {
            Unit::Lstm => config.layers,
            Unit::Gru | Unit::Rnn => 0,
        };
        Ok(State {
            h: zeros(config.layers)?,
            c: zeros(second)?,
        })
    }

    /// All of it, in a fixed order: what a checkpoint keeps.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.h.iter().chain(&self.c)
    }

    /// The same state with other numbers, in the order of [`State::tensors`].
    ///
    /// # Errors
    /// If there are too many or too few, or the device cannot hold them.
    pub fn with(&self, numbers: &[Vec<f32>]) -> Result<Self> {
        let mut state = self.clone();
        if numbers.len() != state.tensors().count() {
            return Err(limbeck_engine::Error::Mismatch(format!(
                "a state of {} tensors cannot be set to {}",
                state.tensors().count(),
                numbers.len()
            )));
        }
        let both = state.h.iter_mut().chain(&mut state.c);
        for (tensor, numbers) in both.zip(numbers) {
            *tensor = tensor.device().real(numbers, tensor.shape())?;
        }
        Ok(state)
    }

    /// As constants of a tape: no gradient goes back beyond them.
    pub fn constants(&self, tape: &Tape) -> StateVars {
        let constant = |tensor: &Tensor| tape.constant(tensor.clone());
        StateVars {
            h: self.h.iter().map(constant).collect(),
            c: self.c.iter().map(constant).collect(),
        }
    }
}

/// The state on a tape, where gradients flow through it.
#[derive(Clone, Debug)]
pub struct StateVars {
    pub(super) h: Vec<Var>,
    pub(super) c: Vec<Var>,
}

impl StateVars {
    /// Its value: what the next stretch begins with. A graph is never carried across an update.
    pub fn value(&self) -> State {
        let value = |var: &Var| var.tensor().clone();
        State {
            h: self.h.iter().map(value).collect(),
            c: self.c.iter().map(value).collect(),
        }
    }
}
