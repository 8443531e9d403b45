//! Two convolutions of one level.

use limbeck_engine::{ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{
    Activation, Conv2dOptions, Pictures, Window, activation, conv2d, group_norm,
};

use crate::init::Norm;

/// Pixels of a window in each direction.
const WINDOW: usize = 3;
/// Added to variances, as is usual.
const EPSILON: f32 = 1e-5;

/// Twice: convolution, group norm, relu. Size and number of pictures stay as they are.
pub(super) struct Block {
    layers: [(ParameterId, Norm); 2],
    groups: usize,
}

impl Block {
    /// Weights are normal with variance 2 / inputs of a result, which keeps the variance of what relu
    /// passes on (He et al. 2015). There is no bias: the norm behind would take most of it away again,
    /// and adds its own.
    pub(super) fn new(
        store: &mut StoreBuilder,
        name: &str,
        (inputs, outputs): (usize, usize),
        groups: usize,
    ) -> Self {
        let mut layer = |number: usize, inputs: usize| {
            let seen = WINDOW * WINDOW * inputs;
            let deviation = (2.0 / seen as f64).sqrt();
            let weight = format!("{name}.{number}.convolution.weight");
            let weight = store.normal(&weight, [seen, outputs], deviation);
            let norm = Norm::new(store, &format!("{name}.{number}.norm"), outputs);
            (weight, norm)
        };
        Block {
            layers: [layer(0, inputs), layer(1, outputs)],
            groups,
        }
    }

    /// x `[pixels, inputs]` gives `[pixels, outputs]`.
    pub(super) fn apply(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        x: &Var,
        pictures: Pictures,
    ) -> Result<Var> {
        let parameter = |id| tape.parameter(store, id);
        let options = Conv2dOptions::new(Window::square(WINDOW).padding(WINDOW / 2));
        let mut x = x.clone();
        for (weight, norm) in self.layers {
            let (z, _) = conv2d(tape, &x, &parameter(weight), None, pictures, options)?;
            let (gain, bias) = (parameter(norm.gain), parameter(norm.bias));
            let z = group_norm(tape, &z, &gain, &bias, pictures, self.groups, EPSILON)?;
            x = activation(tape, &z, Activation::Relu)?;
        }
        Ok(x)
    }
}
