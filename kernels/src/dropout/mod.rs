//! Dropout (Srivastava et al. 2014, JMLR 15), inverted: what is kept is scaled up in training,
//! and evaluation changes nothing.
//!
//! ```text
//! m_rc = 0 with probability p, else 1 / (1 - p)
//! y = m x  (+ residual)
//! dx = m dy,  dresidual = dy
//! ```
//!
//! The mask is a function of (seed, name, step, sample, position, channel) alone: element
//! (row, c) is dropped iff the stream's word at the row's coordinates and channel c is below
//! ⌊p 2³²⌋. Every device, a batch and its halves, and a recomputed forward pass draw the same one;
//! the backward pass draws it again rather than keeping it. A dropped element is 0 even where x
//! is not finite.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Stream, Tape, Tensor,
    Var, drop_threshold,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};
use crate::weighted_sum::add;

/// The operator; inputs are x, the coordinates of its rows and, if asked for, the residual.
#[derive(Clone, Copy, Debug)]
struct Dropout {
    stream: Stream,
    /// Words below this drop.
    threshold: u32,
    /// What is kept is multiplied by this.
    scale: f32,
    residual: bool,
}

/// `m x`: x `[rows, d]` with coordinates `[rows, 2]` (sample, position), dropped with this
/// probability; x itself where dropout is off. `name` tells one dropout of a model from another.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::dropout;
/// let device = Device::cpu();
/// let rows = Packed::new(&device, &[2, 1], 0)?;
/// let tape = Tape::training(&device, 1, 0);
/// let x = tape.constant(device.real(&[1.0; 24], [3, 8])?);
/// let y = dropout(&tape, &x, rows.coordinates(), 0.5, "embedding")?;
/// assert!(y.tensor().read()?.iter().all(|&y| y == 0.0 || y == 2.0));
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, the probability is not in [0, 1), or the device failed.
pub fn dropout(
    tape: &Tape,
    x: &Var,
    coordinates: &Tensor,
    probability: f64,
    name: &str,
) -> Result<Var> {
    match prepare(tape, x, coordinates, probability, name)? {
        None => Ok(x.clone()),
        Some(operator) => tape.apply_one(operator, &[x, &tape.constant(coordinates.clone())]),
    }
}

/// `residual + m x`, in one pass; a plain sum where dropout is off. See [`dropout`].
///
/// # Errors
/// As [`dropout`], and if the residual has another shape than x.
pub fn dropout_add(
    tape: &Tape,
    x: &Var,
    residual: &Var,
    coordinates: &Tensor,
    probability: f64,
    name: &str,
) -> Result<Var> {
    match prepare(tape, x, coordinates, probability, name)? {
        None => add(tape, residual, x),
        Some(operator) => {
            let operator = Dropout {
                residual: true,
                ..operator
            };
            let coordinates = tape.constant(coordinates.clone());
            tape.apply_one(operator, &[x, &coordinates, residual])
        }
    }
}

/// The operator without residual, or `None` where dropout is off. Mistakes are refused in both
/// cases, so that evaluation does not hide what training would stumble over.
fn prepare(
    tape: &Tape,
    x: &Var,
    coordinates: &Tensor,
    probability: f64,
    name: &str,
) -> Result<Option<Dropout>> {
    if !(0.0..1.0).contains(&probability) {
        return Err(Error::Shape {
            operator: "dropout",
            message: format!(
                "the probability of \"{name}\" must be at least 0 and below 1, found {probability}"
            ),
        });
    }
    check_shapes(x.tensor().meta(), coordinates.meta())?;
    let stream = tape.stream(name).filter(|_| probability > 0.0);
    Ok(stream.map(|stream| Dropout::new(stream, probability)))
}

fn check_shapes(x: Meta, coordinates: Meta) -> Result<()> {
    let (rows, _) = check::matrix("dropout", "x", x)?;
    let expected = Meta::ids([rows, 2]);
    check::exactly("dropout", "the coordinates", coordinates, expected)
}

impl Dropout {
    fn new(stream: Stream, probability: f64) -> Self {
        Dropout {
            stream,
            threshold: drop_threshold(probability),
            scale: (1.0 / (1.0 - probability)) as f32,
            residual: false,
        }
    }
}

impl Operator for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (x, coordinates) = if self.residual {
            let [x, coordinates, residual] = check::inputs("dropout", inputs)?;
            check::exactly("dropout", "the residual", residual, x)?;
            (x, coordinates)
        } else {
            let [x, coordinates] = check::inputs("dropout", inputs)?;
            (x, coordinates)
        };
        check_shapes(x, coordinates)?;
        Ok(Plan::new(inputs, x)
            .keep_inputs([1])
            .flops(x.shape.elements()))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, io)
    }
}

impl Differentiable for Dropout {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "dropout",
        formula: "y = m x (+ residual), m = 0 with probability p, else 1 / (1 - p); dx = m dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let stream = Stream::new(3, "dropout", 4);
    let case = |rows: usize, columns: usize, probability: f64, residual: bool| {
        let name = format!("{rows} x {columns}, p {probability}, residual {residual}");
        let operator = Dropout {
            residual,
            ..Dropout::new(stream, probability)
        };
        // Two samples, the second starting in the middle of the rows.
        let coordinates: Vec<u32> = (0..rows as u32)
            .flat_map(|row| [5 + row / 40, row % 40])
            .collect();
        let case = Case::new(name, operator)
            .real(Draw::new("x"), [rows, columns])
            .ids(&coordinates, [rows, 2]);
        if residual {
            case.real(Draw::new("residual"), [rows, columns])
        } else {
            case
        }
    };
    let only = |name: &str, x: bool| {
        let operator = Dropout {
            residual: true,
            ..Dropout::new(stream, 0.5)
        };
        let shape = [2, 9];
        let draw = |case: Case, name, wanted| match wanted {
            true => case.real(Draw::new(name), shape),
            false => case.without_gradient(Draw::new(name), shape),
        };
        let case = draw(Case::new(name, operator), "x", x).ids(&[0, 0, 0, 1], [2, 2]);
        draw(case, "residual", !x)
    };
    vec![
        case(1, 1, 0.5, false),
        case(3, 7, 0.1, false),
        case(70, 64, 0.5, true),
        case(67, 131, 0.3, false),
        case(0, 8, 0.5, true),
        case(4, 0, 0.5, false),
        // The mask is the same on every device, so even the extremes agree.
        case(5, 130, 0.999, true),
        case(5, 130, 1e-9, true),
        only("a gradient for x only", true),
        only("a gradient for the residual only", false),
    ]
}
