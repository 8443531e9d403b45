//! The largest value of each channel in windows over pictures.
//!
//! ```text
//! y_rc = max_{s in w(r)} x_sc                     x [pixels, d], y [pixels of the results, d]
//! dx_sc = Σ_{r: a_rc = s} dy_rc                   a_rc: the pixel of the maximum
//! ```
//!
//! w(r) are the pixels of window r; places beyond the edges never win. y_rc equals the x of one
//! pixel, so its derivative is 1 there and 0 elsewhere. Of equal values the first pixel in the order
//! of rows is taken. A NaN counts as larger than any number: it comes out, and the gradient goes to
//! it. The rows a are saved as ids. On the way back every pixel looks at the windows over it, in
//! order, and takes the gradients of those it won: nothing is scattered. Lines and columns beyond
//! the last whole window are in none, and get gradient 0.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};
use crate::shared::pictures::{Pictures, Window};

/// The operator; its input is x.
#[derive(Clone, Copy, Debug)]
struct MaxPool2d {
    pictures: Pictures,
    window: Window,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    results: Pictures,
    channels: usize,
}

/// The largest value of each channel in windows over pictures: x `[pixels, d]` gives the results
/// `[pixels of the results, d]` and the pictures that they make ([`Window::results`]: halves are
/// rounded down, so that with 2 x 2 the last line of an odd height is left out). Of equal values the
/// first pixel takes the gradient.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Pictures, Window, max_pool2d};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // A picture of two lines and five columns.
/// let pictures = Pictures { count: 1, height: 2, width: 5 };
/// let pixels = [1.0, 5.0, 3.0, 2.0, 9.0, 0.0, -1.0, 4.0, 2.0, 9.0];
/// let x = tape.constant(device.real(&pixels, [10, 1])?);
/// let (y, results) = max_pool2d(&tape, &x, pictures, Window::square(2).stride(2))?;
/// assert_eq!((results.height, results.width), (1, 2));
/// assert_eq!(y.tensor().read()?, [5.0, 4.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If `x` has not the rows of the pictures, the window does not fit them, or the device failed.
pub fn max_pool2d(
    tape: &Tape,
    x: &Var,
    pictures: Pictures,
    window: Window,
) -> Result<(Var, Pictures)> {
    let results = window.results_of("max_pool2d", pictures)?;
    let y = tape.apply_one(MaxPool2d { pictures, window }, &[x])?;
    Ok((y, results))
}

impl MaxPool2d {
    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let [x] = check::inputs("max_pool2d", inputs)?;
        Ok(Sizes {
            channels: self.pictures.channels("max_pool2d", "x", x)?,
            results: self.window.results_of("max_pool2d", self.pictures)?,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }
}

impl Operator for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let Sizes { results, channels } = self.sizes(inputs)?;
        let shape = [results.rows(), channels];
        Ok(Plan::new(inputs, Meta::real(shape))
            .save(Meta::ids(shape))
            .flops(results.rows() * channels * self.window.taps()))
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

impl Differentiable for MaxPool2d {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self.known_sizes(io.metas()), io);
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
        name: "max_pool2d",
        formula: "y_rc = max_{s in w(r)} x_sc; dx_sc = Σ dy_rc over the windows whose first maximum is s",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let of = |name: &str, [count, height, width]: [usize; 3], window: Window| {
        let pictures = Pictures {
            count,
            height,
            width,
        };
        let name = format!("{name}{count} of {height} x {width}, {window:?}");
        (
            Case::new(name, MaxPool2d { pictures, window }),
            pictures.rows(),
        )
    };
    let case = |sizes: [usize; 3], channels: usize, window: Window| {
        let (case, rows) = of(&format!("{channels} channels, "), sizes, window);
        case.real(Draw::new("x").distinct(), [rows, channels])
    };
    let fixed = |name: &str, sizes: [usize; 3], window: Window, values: &[f64]| {
        let (case, rows) = of(name, sizes, window);
        case.fixed(values, [rows, values.len() / rows])
    };
    let halves = Window::square(2).stride(2);
    let uneven = Window {
        size: [2, 4],
        stride: [3, 2],
        padding: [1, 0, 0, 3],
    };
    vec![
        case([1, 1, 1], 1, Window::square(1)),
        case([1, 1, 1], 3, Window::square(3).padding(1)),
        case([0, 2, 2], 3, halves),
        case([2, 4, 6], 17, halves),
        case([3, 5, 7], 5, halves),
        // Windows that overlap, and that are larger than the picture.
        case([2, 6, 5], 3, Window::square(3).stride(2).padding(1)),
        case([2, 2, 3], 2, Window::square(7).padding(6)),
        case([2, 5, 7], 33, uneven),
        case([2, 3, 3], 2, Window::square(2).stride(9)),
        fixed(
            "ties, zeros of both signs among them: ",
            [1, 3, 3],
            Window::square(2),
            &[2.0, 2.0, -0.0, 2.0, 2.0, 0.0, 0.0, -0.0, 0.0],
        )
        .without_finite_differences("the derivative at a tie is a convention"),
        fixed(
            "infinities and large numbers: ",
            [1, 2, 4],
            halves,
            &[
                f64::NEG_INFINITY,
                f64::NEG_INFINITY,
                1e30,
                3e30,
                f64::NEG_INFINITY,
                f64::NEG_INFINITY,
                -3e30,
                f64::INFINITY,
            ],
        )
        .without_finite_differences("an infinity has no neighbours"),
    ]
}

#[cfg(test)]
mod tests;
