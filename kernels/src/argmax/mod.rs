//! The column of the largest value of each row: the predicted class.
//!
//! ```text
//! y_r = argmax_c x_rc                x [n, d], y [n] ids
//! ```
//!
//! Of equal values the first column counts, and a NaN is larger than any number. A piecewise
//! constant function has no useful gradient: the result is a constant.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

#[cfg(feature = "gpu")]
use limbeck_engine::GpuForward;
use limbeck_engine::{Error, Forward, Meta, NonDifferentiable, Operator, Plan, Result, Tape, Var};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator; the input is x.
#[derive(Clone, Copy, Debug)]
struct Argmax;

/// The column of the largest value of each row, the first of equals: `[n, d]` gives ids `[n]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let logits = tape.constant(device.real(&[0.1, 2.0, 2.0, 3.0, -1.0, 0.0], [2, 3])?);
/// let classes = limbeck_kernels::argmax(&tape, &logits)?;
/// assert_eq!(classes.tensor().read_ids()?, [1, 0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x is no matrix or has no columns, or the device failed.
pub fn argmax(tape: &Tape, x: &Var) -> Result<Var> {
    let mut outputs = tape.apply_constant(&Argmax, &[x])?;
    Ok(outputs.swap_remove(0))
}

impl Operator for Argmax {
    fn name(&self) -> &'static str {
        "argmax"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x] = check::inputs("argmax", inputs)?;
        let (rows, columns) = check::matrix("argmax", "x", x)?;
        if columns == 0 {
            return Err(Error::Shape {
                operator: "argmax",
                message: format!("x {} has no columns to choose from", x.shape),
            });
        }
        Ok(Plan::new(inputs, Meta::ids([rows])).flops(rows * columns))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(io)
    }
}

impl NonDifferentiable for Argmax {
    fn reason(&self) -> &'static str {
        "its result is an id: constant almost everywhere, and it jumps elsewhere"
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "argmax",
        formula: "y_r = argmax_c x_rc, the first of equals",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD],
    }
}

fn cases() -> Vec<Case> {
    let drawn = |shape: [usize; 2]| {
        Case::constant(format!("{shape:?}"), Argmax).without_gradient(Draw::new("x"), shape)
    };
    let fixed = |name: &str, values: &[f64], columns: usize| {
        Case::constant(name, Argmax).fixed_constant(values, [values.len() / columns, columns])
    };
    // Equal values in different lanes of a workgroup, the later ones seen by lower lanes.
    let mut far_tie = vec![0.0; 200];
    far_tie[70] = 1.0;
    far_tie[129] = 1.0;
    far_tie[135] = 1.0;
    vec![
        drawn([1, 1]),
        drawn([0, 4]),
        drawn([70, 3]),
        drawn([9, 64]),
        drawn([70, 67]),
        drawn([5, 1000]),
        fixed("ties", &[1.0, 1.0, 0.0, -2.0, -1.0, -1.0, 7.0, 7.0, 7.0], 3),
        fixed("ties far apart", &far_tie, 200),
        fixed("zeros of both signs", &[-0.0, 0.0, 0.0, -0.0], 2),
        fixed(
            "NaN and infinities",
            &[
                f64::INFINITY,
                f64::NAN,
                f64::NAN,
                f64::NEG_INFINITY,
                f64::NEG_INFINITY,
                f64::NEG_INFINITY,
                -3e38,
                3e38,
                f64::INFINITY,
            ],
            3,
        ),
    ]
}
