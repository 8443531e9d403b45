//! Initial values shared by the models.

use limbeck_engine::{ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{Activation, linear};

/// Weight and bias of an affine map, uniform in ±1/√inputs (He et al. 2015 with a = √5, the
/// custom for text models).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub(crate) weight: ParameterId,
    pub(crate) bias: ParameterId,
}

impl Affine {
    pub(crate) fn new(store: &mut StoreBuilder, name: &str, inputs: usize, outputs: usize) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        let weight = store.uniform(&format!("{name}.weight"), [inputs, outputs], bound);
        // Biases are drawn alike, but do not decay.
        let bias = store.uniform(&format!("{name}.bias"), [outputs], bound);
        store.no_decay(bias);
        Affine { weight, bias }
    }

    pub(crate) fn apply(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        x: &Var,
        activation: Option<Activation>,
    ) -> Result<Var> {
        let (weight, bias) = (
            tape.parameter(store, self.weight),
            tape.parameter(store, self.bias),
        );
        linear(tape, x, &weight, Some(&bias), activation)
    }
}

/// Gain and bias of a layer norm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm {
    pub(crate) gain: ParameterId,
    pub(crate) bias: ParameterId,
}

impl Norm {
    pub(crate) fn new(store: &mut StoreBuilder, name: &str, size: usize) -> Self {
        Norm {
            gain: store.constant(&format!("{name}.weight"), [size], 1.0),
            bias: store.constant(&format!("{name}.bias"), [size], 0.0),
        }
    }
}
