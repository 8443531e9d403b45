//! Convolution over pictures: a matrix product over a window of pixels, optionally with an
//! activation.
//!
//! ```text
//! z_r = Σ_t x_{p(r,t)} W_t + b,   y = f(z)      x [pixels, in], W [taps * in / groups, out], b [out]
//! ```
//!
//! r is a row of the results, (picture, oy, ox); t a tap, (ky, kx), of a window of kh x kw places;
//! p(r, t) the pixel (oy stride_y + ky - top, ox stride_x + kx - left) of the same picture. Taps
//! beyond the edges add nothing. Row t * in / groups + i of W belongs to the i-th input of tap t, so
//! that with one group the whole convolution is one product, of the matrix of windows with W.
//!
//! With g groups, channels are cut into g equal runs, and results of a run see inputs of the same run
//! alone. There is one group, or one for every input channel (depthwise: W is [taps, out], and
//! channel o sees input ⌊o in / out⌋).
//!
//! With dz = f'(z) dy, the pixel s of tap t is seen by the results r with p(r, t) = s, hence
//!
//! ```text
//! dx_s = Σ_{r,t: p(r,t)=s} dz_r W_tᵀ      dW_t = Σ_r x_{p(r,t)}ᵀ dz_r      db = Σ_r dz_r
//! ```
//!
//! p(r, t) = s fixes ky modulo stride_y: with s in line y, ky = (y + top) mod stride_y + j stride_y
//! and oy = ⌊(y + top) / stride_y⌋ - j for j = 0, 1, ... So the pixels fall into stride_y * stride_x
//! classes, and for each dx is a convolution of dz without strides, with the taps of its class
//! ([`layout::Class`]): no product with a zero between results is ever made.

mod cases;
mod cpu;
mod depthwise;
#[cfg(feature = "gpu")]
mod gpu;
mod layout;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::activation::Activation;
use crate::check;
use crate::harness::Entry;
use crate::shared::pictures::{Pictures, Window};

/// Options of a convolution over pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2dOptions {
    /// What a result sees.
    pub window: Window,
    /// 1, or the number of input channels (depthwise).
    pub groups: usize,
    /// What is applied to the result.
    pub activation: Option<Activation>,
}

impl Conv2dOptions {
    /// One group, no activation.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Conv2dOptions {
            window,
            groups: 1,
            activation: None,
        }
    }
}

/// The operator; inputs are x, W and, with `bias`, b.
#[derive(Clone, Copy, Debug)]
pub struct Conv2d {
    /// The pictures in x.
    pub pictures: Pictures,
    /// Window, groups and activation.
    pub options: Conv2dOptions,
    /// Whether there is a third input b.
    pub bias: bool,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    results: Pictures,
    inputs: usize,
    outputs: usize,
}

/// Convolution over pictures: x `[pixels, in]`, W `[kh * kw * in / groups, out]` (row
/// `(ky * kw + kx) * in / groups + i` for input i of a group), b `[out]` gives the results
/// `[pixels of the results, out]` and the pictures that they make ([`Window::results`]). Places
/// beyond the edges count as zero.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Conv2dOptions, Pictures, Window, conv2d};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // A picture of two lines and three columns, and a window that adds 2 x 2 pixels.
/// let pictures = Pictures { count: 1, height: 2, width: 3 };
/// let x = tape.constant(device.real(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [6, 1])?);
/// let w = tape.constant(device.real(&[1.0; 4], [4, 1])?);
/// let options = Conv2dOptions::new(Window::square(2));
/// let (y, results) = conv2d(&tape, &x, &w, None, pictures, options)?;
/// assert_eq!(results, Pictures { count: 1, height: 1, width: 2 });
/// assert_eq!(y.tensor().read()?, [27.0, 54.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit the pictures and options, the window does not fit the pictures, `groups`
/// is neither 1 nor the number of input channels, or the device failed.
pub fn conv2d(
    tape: &Tape,
    x: &Var,
    weight: &Var,
    bias: Option<&Var>,
    pictures: Pictures,
    options: Conv2dOptions,
) -> Result<(Var, Pictures)> {
    let operator = Conv2d {
        pictures,
        options,
        bias: bias.is_some(),
    };
    let results = options.window.results_of("conv2d", pictures)?;
    let y = match bias {
        Some(bias) => tape.apply_one(operator, &[x, weight, bias])?,
        None => tape.apply_one(operator, &[x, weight])?,
    };
    Ok((y, results))
}

impl Conv2d {
    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let refuse = |message| {
            Err(Error::Shape {
                operator: "conv2d",
                message,
            })
        };
        let expected = if self.bias { 3 } else { 2 };
        if inputs.len() != expected {
            return refuse(format!(
                "expected {expected} inputs, found {}",
                inputs.len()
            ));
        }
        let channels = self.pictures.channels("conv2d", "x", inputs[0])?;
        let window = self.options.window;
        let results = window.results_of("conv2d", self.pictures)?;
        let groups = self.options.groups;
        if groups != 1 && groups != channels {
            return refuse(format!(
                "groups must be 1 or the {channels} channels of x {}, found {groups}",
                inputs[0].shape
            ));
        }
        let (height, outputs) = check::nonempty_rows("conv2d", "the weight", inputs[1])?;
        let needed = window.taps().saturating_mul(channels / groups);
        if height != needed {
            return refuse(format!(
                "a window of {} x {} over {} channels needs a weight of {needed} rows, found {}",
                window.size[0],
                window.size[1],
                channels / groups,
                inputs[1].shape
            ));
        }
        if outputs % groups != 0 {
            return refuse(format!(
                "the weight {} must have as many outputs for each of {groups} groups",
                inputs[1].shape
            ));
        }
        if let Some(&bias) = inputs.get(2) {
            check::exactly("conv2d", "the bias", bias, Meta::real([outputs]))?;
        }
        Ok(Sizes {
            results,
            inputs: channels,
            outputs,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }

    /// Elements of W.
    fn weights(&self, sizes: Sizes) -> usize {
        self.options.window.taps() * (sizes.inputs / self.options.groups) * sizes.outputs
    }

    /// Whether every result sees the pixel of the same row alone, so that windows are rows of x.
    fn is_pointwise(&self) -> bool {
        self.options.groups == 1 && self.options.window == Window::square(1)
    }
}

impl Operator for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let rows = sizes.results.rows();
        let output = Meta::real([rows, sizes.outputs]);
        let plan = Plan::new(inputs, output)
            .keep_inputs([0, 1])
            .flops(2 * rows * self.weights(sizes));
        let plan = layout::scratch(self, sizes, plan);
        Ok(match self.options.activation {
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

impl Differentiable for Conv2d {
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
        name: "conv2d",
        formula: "y_r = f(Σ_t x_{p(r,t)} W_t + b); dx_s = Σ_{p(r,t)=s} dz_r W_tᵀ, \
                  dW_t = Σ_r x_{p(r,t)}ᵀ dz_r, db = Σ dz, dz = f'(z) dy",
        cases: cases::cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

#[cfg(test)]
mod tests;
