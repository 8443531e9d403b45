//! Convolution over the positions of packed sequences, with an optional activation fused behind
//! it.
//!
//! ```text
//! z_t = Σ_j x_{t+j-left} W_j + b     j = 0 .. w, left = ⌊(w-1)/2⌋, right = w-1-left
//! y_t = f(z_t)                       f: identity, relu, gelu, gelu_tanh, tanh, sigmoid
//! ```
//!
//! x `[rows, in]` are packed rows; a row outside the sequence of row t counts as zero, so every
//! sequence keeps its length. W `[w * in, out]` holds the matrices W_j one below the other.
//!
//! With dy the incoming gradient and dz = f'(z) dy: x_s enters z_t for t = s - j + left, hence
//!
//! ```text
//! dx_s = Σ_j dz_{s-j+left} W_jᵀ = Σ_j dz_{s+j-right} W_{w-1-j}ᵀ
//! dW_j = Σ_t x_{t+j-left}ᵀ dz_t
//! db   = Σ_t dz_t
//! ```
//!
//! The first line, with j counted from the other end, is again a convolution: of dz, with the
//! taps in reverse order, transposed, and left and right exchanged.

mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod layout;
pub(crate) mod reference;

use std::sync::Arc;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Packed, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::activation::Activation;
use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance, packed_ids};

pub(crate) use layout::Layout;
pub(crate) use reference::for_every_tap;

/// The operator; inputs are x, W, the coordinates of the rows and, with `bias`, b.
#[derive(Clone, Debug)]
pub struct Conv1d {
    /// The length of each sequence.
    pub lengths: Arc<[usize]>,
    /// Number of neighbouring rows that a result sees.
    pub kernel_size: usize,
    /// Whether there is a fourth input b.
    pub bias: bool,
    /// What is applied to the result.
    pub activation: Option<Activation>,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// Convolution over positions: x `[rows, in]`, W `[kernel_size * in, out]` (row j * in + i for
/// input i of tap j), b `[out]` gives `[rows, out]`. Result t sees the rows t - left to t + right
/// of its own sequence, with left = ⌊(kernel_size - 1) / 2⌋; rows beyond its ends count as zero.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::conv1d;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // Two sequences of three and two rows, and a kernel that adds three neighbours.
/// let packed = Packed::new(&device, &[3, 2], 0)?;
/// let x = tape.constant(device.real(&[1.0, 2.0, 4.0, 8.0, 16.0], [5, 1])?);
/// let w = tape.constant(device.real(&[1.0, 1.0, 1.0], [3, 1])?);
/// let y = conv1d(&tape, &x, &w, None, None, &packed, 3)?;
/// assert_eq!(y.tensor().read()?, [3.0, 7.0, 6.0, 24.0, 24.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, `kernel_size` is 0, or the device failed.
pub fn conv1d(
    tape: &Tape,
    x: &Var,
    weight: &Var,
    bias: Option<&Var>,
    activation: Option<Activation>,
    packed: &Packed,
    kernel_size: usize,
) -> Result<Var> {
    let operator = Conv1d {
        lengths: packed.lengths().clone(),
        kernel_size,
        bias: bias.is_some(),
        activation,
    };
    let coordinates = tape.constant(packed.coordinates().clone());
    match bias {
        Some(bias) => tape.apply_one(operator, &[x, weight, &coordinates, bias]),
        None => tape.apply_one(operator, &[x, weight, &coordinates]),
    }
}

impl Conv1d {
    pub(crate) fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let refuse = |message| {
            Err(Error::Shape {
                operator: "conv1d",
                message,
            })
        };
        if self.kernel_size == 0 {
            return refuse("kernel_size must be at least 1, found 0".into());
        }
        let expected = if self.bias { 4 } else { 3 };
        if inputs.len() != expected {
            return refuse(format!(
                "expected {expected} inputs, found {}",
                inputs.len()
            ));
        }
        let (rows, width) = check::matrix("conv1d", "x", inputs[0])?;
        let (height, outputs) = check::matrix("conv1d", "the weight", inputs[1])?;
        if height != self.kernel_size.saturating_mul(width) {
            return refuse(format!(
                "x {} and kernel_size {} need a weight of {} rows, found {}",
                inputs[0].shape,
                self.kernel_size,
                self.kernel_size.saturating_mul(width),
                inputs[1].shape
            ));
        }
        let packed = self.lengths.iter().sum::<usize>();
        if packed != rows {
            return refuse(format!(
                "x {} has {rows} rows, but the sequences have {packed}",
                inputs[0].shape
            ));
        }
        check::exactly("conv1d", "the coordinates", inputs[2], Meta::ids([rows, 2]))?;
        if let Some(&bias) = inputs.get(3) {
            check::exactly("conv1d", "the bias", bias, Meta::real([outputs]))?;
        }
        Ok(Sizes {
            rows,
            inputs: width,
            outputs,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    pub(crate) fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }

    /// Rows before row t that z_t sees.
    pub(crate) fn left(&self) -> usize {
        (self.kernel_size - 1) / 2
    }

    /// x with zero rows between the sequences, as the CPU wants it.
    pub(crate) fn padded(&self, sizes: Sizes) -> Meta {
        layout::padded(self, sizes.rows, sizes.inputs)
    }

    /// Rows after row t that z_t sees.
    pub(crate) fn right(&self) -> usize {
        self.kernel_size / 2
    }
}

impl Operator for Conv1d {
    fn name(&self) -> &'static str {
        "conv1d"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let output = Meta::real([sizes.rows, sizes.outputs]);
        let plan = Plan::new(inputs, output)
            .keep_inputs([0, 1, 2])
            .flops(2 * sizes.rows * self.kernel_size * sizes.inputs * sizes.outputs);
        let plan = layout::scratch(self, sizes, plan);
        Ok(match self.activation {
            None => plan,
            Some(_) => plan.save(output),
        })
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

impl Differentiable for Conv1d {
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
        name: "conv1d",
        formula: "y_t = f(Σ_j x_{t+j-left} W_j + b); dx_s = Σ_j dz_{s-j+left} W_jᵀ, \
                  dW_j = Σ_t x_{t+j-left}ᵀ dz_t, db = Σ dz, dz = f'(z) dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

/// A case of these lengths, kernel size, inputs and outputs.
fn case(
    lengths: &[usize],
    (kernel_size, inputs, outputs): (usize, usize, usize),
    bias: bool,
    activation: Option<Activation>,
) -> Case {
    let operator = Conv1d {
        lengths: lengths.into(),
        kernel_size,
        bias,
        activation,
    };
    let name = format!(
        "lengths {lengths:?}, {kernel_size} x {inputs} x {outputs}, bias {bias}, {activation:?}"
    );
    let rows = lengths.iter().sum();
    let case = Case::new(name, operator)
        .real(Draw::new("x"), [rows, inputs])
        .real(Draw::new("w"), [kernel_size * inputs, outputs])
        .ids(&packed_ids(lengths).coordinates, [rows, 2]);
    if bias {
        case.real(Draw::new("b"), [outputs])
    } else {
        case
    }
}

fn cases() -> Vec<Case> {
    let long = |case: Case| case.tolerance(Tolerance::LONG);
    let constant_x = Case::new(
        "gradients of the weight alone",
        Conv1d {
            lengths: [4, 2].into(),
            kernel_size: 3,
            bias: false,
            activation: None,
        },
    )
    .without_gradient(Draw::new("x"), [6, 2])
    .real(Draw::new("w"), [6, 3])
    .ids(&packed_ids(&[4, 2]).coordinates, [6, 2]);
    vec![
        case(&[1], (1, 1, 1), true, None),
        case(&[5], (3, 2, 3), false, None),
        case(&[3, 1, 4], (1, 3, 2), true, Some(Activation::Tanh)),
        case(&[3, 1, 4], (2, 3, 5), true, Some(Activation::Relu)),
        // Windows that reach beyond both ends of their sequence.
        case(&[2, 1, 3, 1, 1], (9, 2, 3), true, Some(Activation::Gelu)),
        case(&[1, 1, 1], (4, 1, 17), false, Some(Activation::Relu)),
        long(case(
            &[1, 70, 2, 33],
            (5, 19, 21),
            true,
            Some(Activation::Relu),
        )),
        long(case(&[64, 65], (3, 33, 66), true, None)),
        long(case(
            &[7, 90, 40],
            (8, 17, 3),
            false,
            Some(Activation::Gelu),
        )),
        constant_x,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kernel_size: usize, inputs: &[Meta]) -> String {
        let operator = Conv1d {
            lengths: [3, 2].into(),
            kernel_size,
            bias: false,
            activation: None,
        };
        let refused = operator.infer(inputs).map(|_| ());
        refused.expect_err("must be refused").to_string()
    }

    #[test]
    fn refusals_name_what_was_expected_and_found() {
        let coordinates = Meta::ids([5, 2]);
        let good = [Meta::real([5, 4]), Meta::real([12, 7]), coordinates];
        assert!(message(0, &good).contains("at least 1, found 0"));
        assert!(message(2, &good).contains("a weight of 8 rows, found [12, 7]"));
        let short = [Meta::real([4, 4]), Meta::real([12, 7]), coordinates];
        assert!(message(3, &short).contains("4 rows, but the sequences have 5"));
    }
    #[test]
    fn a_gpu_is_given_none_of_the_scratch_memory_of_the_cpu() -> Result<()> {
        let inputs = [Meta::real([5, 4]), Meta::real([12, 7]), Meta::ids([5, 2])];
        for (activation, expected) in [
            (None, vec![]),
            (Some(Activation::Relu), vec![Meta::real([5, 7])]),
        ] {
            let operator = Conv1d {
                lengths: [3, 2].into(),
                kernel_size: 3,
                bias: false,
                activation,
            };
            let plan = operator.infer(&inputs)?;
            assert_eq!((plan.workspace.cpu.len(), plan.workspace.gpu.len()), (2, 0));
            assert_eq!(plan.backward_workspace.cpu.len(), 4);
            assert_eq!(plan.backward_workspace.gpu, expected);
        }
        Ok(())
    }
}
