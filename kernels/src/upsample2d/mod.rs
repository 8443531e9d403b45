//! Pictures enlarged by a whole factor.
//!
//! ```text
//! y_o = Σ_i w_h(o_y, i_y) w_w(o_x, i_x) x_i         x [pixels, d], y [factor² pixels, d]
//! ```
//!
//! Nearest: w(o, i) = 1 if i = ⌊o / f⌋, else 0. Bilinear: the middle of pixel o of the result lies at
//!
//! ```text
//! u = max(0, (o + 1/2) / f - 1/2),   w(o, ⌊u⌋) = 1 - λ, w(o, min(⌊u⌋ + 1, n - 1)) += λ,   λ = u - ⌊u⌋
//! ```
//!
//! of a line of n pixels, so that edges are not stretched to the corners (PyTorch's
//! `align_corners = False`) and repeat beyond the outermost middles. In whole numbers
//! t = max(0, 2 o + 1 - f) is 2 f u, hence ⌊u⌋ = ⌊t / 2f⌋ and λ = (t mod 2f) / 2f: every device finds
//! the same pixels.
//!
//! The operator is linear, so dx_i = Σ_o w(o, i) dy_o: every pixel gathers from the results that see
//! it. With nearest those are f i to f i + f - 1. With bilinear u is within 1 of i, which means
//! o from f i - ⌊f/2⌋ to f i + ⌊3f/2⌋ - 1.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};
use crate::shared::pictures::Pictures;

/// What stands between the pixels of an enlarged picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Every pixel becomes a square of equal ones.
    Nearest,
    /// Weighted means of the four nearest pixels.
    Bilinear,
}

/// The operator; its input is x.
#[derive(Clone, Copy, Debug)]
struct Upsample2d {
    pictures: Pictures,
    factor: usize,
    interpolation: Interpolation,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    results: Pictures,
    channels: usize,
}

/// Pictures enlarged by a whole factor: x `[pixels, d]` gives the results `[factor² pixels, d]` and
/// the pictures that they make, `factor` times as high and wide. Bilinear interpolation takes the
/// middles of pixels as their places (PyTorch's `align_corners = False`).
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Interpolation, Pictures, upsample2d};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let pictures = Pictures { count: 1, height: 1, width: 2 };
/// let x = tape.constant(device.real(&[0.0, 8.0], [2, 1])?);
/// let (y, results) = upsample2d(&tape, &x, pictures, 2, Interpolation::Bilinear)?;
/// assert_eq!(results, Pictures { count: 1, height: 2, width: 4 });
/// assert_eq!(y.tensor().read()?, [0.0, 2.0, 6.0, 8.0, 0.0, 2.0, 6.0, 8.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If `x` has not the rows of the pictures, the factor is 0 or above 1024, or the device failed.
pub fn upsample2d(
    tape: &Tape,
    x: &Var,
    pictures: Pictures,
    factor: usize,
    interpolation: Interpolation,
) -> Result<(Var, Pictures)> {
    let operator = Upsample2d {
        pictures,
        factor,
        interpolation,
    };
    let y = tape.apply_one(operator, &[x])?;
    Ok((y, operator.results()))
}

/// Beyond this an enlarged picture is a mistake, and its numbers of pixels overflow.
const LARGEST_FACTOR: usize = 1024;

impl Upsample2d {
    fn results(&self) -> Pictures {
        Pictures {
            count: self.pictures.count,
            height: self.pictures.height.saturating_mul(self.factor),
            width: self.pictures.width.saturating_mul(self.factor),
        }
    }

    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let [x] = check::inputs("upsample2d", inputs)?;
        if !(1..=LARGEST_FACTOR).contains(&self.factor) {
            return Err(Error::Shape {
                operator: "upsample2d",
                message: format!(
                    "the factor must be from 1 to {LARGEST_FACTOR}, found {}",
                    self.factor
                ),
            });
        }
        Ok(Sizes {
            channels: self.pictures.channels("upsample2d", "x", x)?,
            results: self.results(),
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }
}

impl Operator for Upsample2d {
    fn name(&self) -> &'static str {
        "upsample2d"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let Sizes { results, channels } = self.sizes(inputs)?;
        let elements = results.rows() * channels;
        let each = match self.interpolation {
            Interpolation::Nearest => 0,
            Interpolation::Bilinear => 8,
        };
        Ok(Plan::new(inputs, Meta::real([results.rows(), channels])).flops(each * elements))
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

impl Differentiable for Upsample2d {
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
        name: "upsample2d",
        formula: "y_o = Σ_i w(o_y, i_y) w(o_x, i_x) x_i; dx_i = Σ_o w(o_y, i_y) w(o_x, i_x) dy_o",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |[count, height, width]: [usize; 3], channels: usize, factor: usize| {
        [Interpolation::Nearest, Interpolation::Bilinear].map(|interpolation| {
            let pictures = Pictures {
                count,
                height,
                width,
            };
            let operator = Upsample2d {
                pictures,
                factor,
                interpolation,
            };
            let name = format!(
                "{interpolation:?}, {count} of {height} x {width}, {channels} channels, factor {factor}"
            );
            Case::new(name, operator).real(Draw::new("x"), [pictures.rows(), channels])
        })
    };
    [
        case([1, 1, 1], 1, 2),
        case([0, 2, 3], 2, 2),
        case([2, 1, 1], 3, 5),
        case([2, 3, 5], 17, 2),
        case([3, 4, 2], 1, 3),
        case([1, 2, 3], 5, 4),
        case([2, 3, 4], 2, 1),
        case([2, 7, 9], 33, 2),
        case([1, 2, 1], 2, 7),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn factors_that_are_none_are_refused() {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let x = tape.constant(device.zeros([4, 1]).expect("on the host"));
        let pictures = Pictures {
            count: 1,
            height: 2,
            width: 2,
        };
        for factor in [0, 1025, usize::MAX] {
            let refused = upsample2d(&tape, &x, pictures, factor, Interpolation::Nearest);
            let message = refused
                .map(|_| ())
                .expect_err("must be refused")
                .to_string();
            assert!(message.contains("from 1 to 1024, found"), "{message}");
        }
    }

    /// Weights that do not depend on x add up to 1 for every result.
    #[test]
    fn a_constant_picture_stays_constant() {
        for device in [Device::cpu(), Device::reference()] {
            let tape = Tape::inference(&device);
            let pictures = Pictures {
                count: 1,
                height: 3,
                width: 2,
            };
            let x = tape.constant(device.real(&[4.0; 6], [6, 1]).expect("on the host"));
            for factor in [2, 4] {
                let (y, results) =
                    upsample2d(&tape, &x, pictures, factor, Interpolation::Bilinear).expect("fits");
                let found = y.tensor().read().expect("on the host");
                assert_eq!(found, vec![4.0; results.rows()]);
            }
        }
    }
}
