//! Convolution over positions, of which only the largest value over time is kept: the block of
//! Kim's TextCNN (2014) in one operator, and the last block of a residual one.
//!
//! ```text
//! z_t  = Σ_j x_{t+j-left} W_j + b       as in conv1d; j = 0 .. w
//! v_t  = f(z_t)                         f: identity, relu, tanh, sigmoid
//! v_t  = f(z_t) + x_t                   with a residual connection (in = out)
//! a_so = the first row t of s where v_to is largest
//! y_so = v_{a_so, o}
//! ```
//!
//! f must not decrease, so that without a residual connection it can be applied after the maximum;
//! gelu does and is refused. (Where f is constant, as relu is below 0, a is then the first row of the
//! largest z; its gradient is 0 all the same.) A NaN counts as larger than any number, as in
//! max_over_time.
//!
//! With dy the incoming gradient and d_so = f'(z_{a_so, o}) dy_so, the gradient of conv1d's z is
//! d_so in row a_so and 0 elsewhere, which leaves of conv1d's sums
//!
//! ```text
//! dx_{a_so+j-left} += d_so W_jo         for each s, o and tap j inside the sequence (W_jo: column o)
//! dx_{a_so, o}     += dy_so             with a residual connection
//! dW_jo            += d_so x_{a_so+j-left}
//! db_o             += Σ_s d_so
//! ```
//!
//! The z of all rows are never stored, and the backward pass costs as much as one row per sequence
//! and channel, not as all rows.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Packed, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::activation::Activation;
use crate::check;
use crate::conv1d::{Conv1d, Sizes};
use crate::harness::{Case, Draw, Entry, Tolerance, packed_ids};

/// The operator; inputs are x, W, the coordinates of the rows, b and the offsets of the sequences.
#[derive(Clone, Debug)]
struct Conv1dMax {
    convolution: Conv1d,
    residual: bool,
}

/// Inputs by position.
const BIAS: usize = 3;
const OFFSETS: usize = 4;

/// Convolution over positions, bias, the maximum over time and an activation: x `[rows, in]`, W
/// `[kernel_size * in, out]`, b `[out]` give `[sequences, out]`. The same numbers as
/// [`conv1d`](crate::conv1d) with the activation and [`max_over_time`](crate::max_over_time) after
/// it, in less time and memory. With `residual`, x is added before the maximum.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::{Activation, conv1d_max};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // Two sequences of three and two rows, and a kernel that adds three neighbours.
/// let packed = Packed::new(&device, &[3, 2], 0)?;
/// let x = tape.constant(device.real(&[1.0, 2.0, 4.0, -8.0, 1.0], [5, 1])?);
/// let w = tape.constant(device.real(&[1.0, 1.0, 1.0], [3, 1])?);
/// let b = tape.constant(device.real(&[0.5], [1])?);
/// let y = conv1d_max(&tape, &x, &w, &b, Some(Activation::Relu), &packed, 3, false)?;
/// assert_eq!(y.tensor().read()?, [7.5, 0.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, `kernel_size` is 0, the activation is gelu, or the device failed.
#[allow(
    clippy::too_many_arguments,
    reason = "conv1d's, and whether there is a residual connection"
)]
pub fn conv1d_max(
    tape: &Tape,
    x: &Var,
    weight: &Var,
    bias: &Var,
    activation: Option<Activation>,
    packed: &Packed,
    kernel_size: usize,
    residual: bool,
) -> Result<Var> {
    let operator = Conv1dMax {
        convolution: Conv1d {
            lengths: packed.lengths().clone(),
            kernel_size,
            bias: true,
            activation,
        },
        residual,
    };
    let coordinates = tape.constant(packed.coordinates().clone());
    let offsets = tape.constant(packed.offsets().clone());
    tape.apply_one(operator, &[x, weight, &coordinates, bias, &offsets])
}

impl Conv1dMax {
    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let [_, _, _, _, offsets] = check::inputs("conv1d_max", inputs)?;
        let gelu = [Activation::Gelu, Activation::GeluTanh].map(Some);
        if gelu.contains(&self.convolution.activation) {
            return Err(Error::Shape {
                operator: "conv1d_max",
                message: "the activation must not decrease anywhere, as gelu does: use conv1d \
                          and max_over_time"
                    .into(),
            });
        }
        let sequences = self.convolution.lengths.len();
        let expected = Meta::ids([sequences + 1]);
        check::exactly("conv1d_max", "the offsets", offsets, expected)?;
        let sizes = self.convolution.sizes(&inputs[..OFFSETS])?;
        if self.residual && sizes.inputs != sizes.outputs {
            return Err(Error::Shape {
                operator: "conv1d_max",
                message: format!(
                    "a residual connection needs as many outputs as inputs, found x {} and {} \
                     outputs",
                    inputs[0].shape, sizes.outputs
                ),
            });
        }
        Ok(sizes)
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.convolution.known_sizes(&inputs[..OFFSETS])
    }
}

impl Operator for Conv1dMax {
    fn name(&self) -> &'static str {
        "conv1d_max"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let pooled = [self.convolution.lengths.len(), sizes.outputs];
        let mut plan = Plan::new(inputs, Meta::real(pooled))
            .keep_inputs([0, 1, 2, OFFSETS])
            .save(Meta::ids(pooled))
            .flops(2 * sizes.rows * self.convolution.kernel_size * sizes.inputs * sizes.outputs);
        if self.convolution.activation.is_some() {
            plan = plan.save(Meta::real(pooled));
        }
        let (all_rows, weight) = (Meta::real([sizes.rows, sizes.outputs]), inputs[1]);
        plan.workspace.cpu = vec![self.convolution.padded(sizes)];
        plan.workspace.gpu = vec![all_rows, Meta::real(pooled)];
        plan.backward_workspace.cpu = vec![Meta::real(pooled), weight, weight];
        plan.backward_workspace.gpu = vec![Meta::real(pooled), all_rows];
        Ok(plan)
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, self.known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, self.sizes(io.metas())?, io)
    }
}

impl Differentiable for Conv1dMax {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, self.known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, self.sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "conv1d_max",
        formula: "y_so = max_t f(z_to) (+ x_to), z as in conv1d; d_so = f'(z_ao) dy_so in row a_so \
                  alone: dx_{a+j-left} += d_so W_jo (and dy), dW_jo += d_so x_{a+j-left}, \
                  db = Σ_s d_s",
        cases: cases(),
        // Besides the shaders of conv1d, max_over_time and activation.
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::LARGEST],
    }
}

/// A case of these lengths, kernel size, inputs and outputs.
fn case(
    lengths: &[usize],
    (kernel_size, inputs, outputs): (usize, usize, usize),
    activation: Option<Activation>,
    residual: bool,
) -> Case {
    let operator = Conv1dMax {
        convolution: Conv1d {
            lengths: lengths.into(),
            kernel_size,
            bias: true,
            activation,
        },
        residual,
    };
    let ids = packed_ids(lengths);
    let rows = lengths.iter().sum();
    let name = format!(
        "lengths {lengths:?}, {kernel_size} x {inputs} x {outputs}, {activation:?}, residual \
         {residual}"
    );
    Case::new(name, operator)
        .real(Draw::new("x"), [rows, inputs])
        .real(Draw::new("w"), [kernel_size * inputs, outputs])
        .ids(&ids.coordinates, [rows, 2])
        .real(Draw::new("b"), [outputs])
        .ids(&ids.offsets, [ids.offsets.len()])
}

fn cases() -> Vec<Case> {
    let relu = Some(Activation::Relu);
    let long = |case: Case| case.tolerance(Tolerance::LONG);
    vec![
        case(&[1], (1, 1, 1), None, false),
        case(&[5], (3, 2, 3), None, false),
        case(&[3, 1, 4], (2, 3, 5), relu, false),
        // Windows that reach beyond both ends of their sequence.
        case(&[2, 1, 3, 1, 1], (9, 2, 3), Some(Activation::Tanh), false),
        case(&[1, 1, 1], (4, 1, 17), relu, false),
        long(case(&[1, 70, 2, 33], (5, 19, 21), relu, false)),
        // More than one task, and a weight that is packed in several passes.
        long(case(&[60, 65, 3, 80], (4, 70, 66), relu, false)),
        case(&[4, 1, 3], (3, 5, 5), None, true),
        case(&[2, 1, 3, 1, 1], (9, 3, 3), Some(Activation::Tanh), true),
        long(case(&[60, 65, 3, 80], (4, 17, 17), relu, true)),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_engine::{Device, Stream};

    use super::*;
    use crate::{add, conv1d, max_over_time};

    #[test]
    fn it_is_conv1d_and_max_over_time() -> Result<()> {
        let lengths = [7, 1, 30, 12];
        let rows = lengths.iter().sum();
        let random = Stream::new(3, "conv1d_max", 0);
        let draw = |name: u32, len: usize| -> Vec<f32> {
            let draw = |i| random.normal(name, i) as f32;
            (0..len as u32).map(draw).collect()
        };
        let (x, w, b) = (draw(0, rows * 6), draw(1, 3 * 6 * 6), draw(2, 6));
        let both = |fused: bool, residual: bool| -> Result<Vec<Vec<f32>>> {
            let device = Device::cpu();
            let tape = Tape::deterministic(&device);
            let packed = Packed::new(&device, &lengths, 0)?;
            let x = tape.watched(device.real(&x, [rows, 6])?);
            let w = tape.watched(device.real(&w, [18, 6])?);
            let b = tape.watched(device.real(&b, [6])?);
            let relu = Some(Activation::Relu);
            let y = if fused {
                conv1d_max(&tape, &x, &w, &b, relu, &packed, 3, residual)?
            } else {
                let mut v = conv1d(&tape, &x, &w, Some(&b), relu, &packed, 3)?;
                if residual {
                    v = add(&tape, &v, &x)?;
                }
                max_over_time(&tape, &v, &packed)?
            };
            let dy = device.real(&draw(3, lengths.len() * 6), [lengths.len(), 6])?;
            let mut found = vec![y.tensor().read()?];
            for gradient in tape.gradients(vec![(&y, dy)])? {
                found.push(gradient.read()?);
            }
            Ok(found)
        };
        for residual in [false, true] {
            for (fused, plain) in both(true, residual)?.iter().zip(both(false, residual)?) {
                let norm = plain.iter().map(|v| v * v).sum::<f32>().sqrt();
                let off = fused.iter().zip(&plain).map(|(a, b)| (a - b).abs());
                assert!(off.fold(0.0, f32::max) <= 1e-6 * norm);
            }
        }
        Ok(())
    }

    fn message(activation: Option<Activation>, residual: bool) -> String {
        let convolution = Conv1d {
            lengths: [3, 2].into(),
            kernel_size: 3,
            bias: true,
            activation,
        };
        let inputs = [
            Meta::real([5, 4]),
            Meta::real([12, 7]),
            Meta::ids([5, 2]),
            Meta::real([7]),
            Meta::ids([3]),
        ];
        let operator = Conv1dMax {
            convolution,
            residual,
        };
        let refused = operator.infer(&inputs).map(|_| ());
        refused.expect_err("must be refused").to_string()
    }

    #[test]
    fn refusals_say_why() {
        assert!(message(Some(Activation::Gelu), false).contains("must not decrease"));
        assert!(message(None, true).contains("as many outputs as inputs"));
    }
}
