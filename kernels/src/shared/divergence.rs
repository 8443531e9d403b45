//! What the divergences between two rows of logits share: temperatures, shapes and dispatches.

#[cfg(feature = "gpu")]
use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel};
use limbeck_engine::{Error, Meta, Result};

use crate::check;

/// The temperatures of both sides and the factor on the loss.
///
/// ```
/// use limbeck_kernels::Temperatures;
/// assert_eq!(Temperatures::equal(2.0), Temperatures { p: 2.0, q: 2.0, factor: 4.0 });
/// // UDA: the target is sharpened, the learning side is not.
/// assert_eq!(Temperatures::sharpened(0.4), Temperatures { p: 0.4, q: 1.0, factor: 1.0 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperatures {
    /// Temperature of the first side, the target.
    pub p: f32,
    /// Temperature of the second side.
    pub q: f32,
    /// Factor on the loss.
    pub factor: f32,
}

impl Temperatures {
    /// One temperature for both sides; the factor is its square.
    pub fn equal(temperature: f32) -> Self {
        Temperatures {
            p: temperature,
            q: temperature,
            factor: temperature * temperature,
        }
    }

    /// The first side at this temperature, the second at 1, without a factor.
    pub fn sharpened(temperature: f32) -> Self {
        Temperatures {
            p: temperature,
            q: 1.0,
            factor: 1.0,
        }
    }

    /// The reciprocals of both temperatures, which logits are multiplied by.
    pub(crate) fn inverse(self) -> [f32; 2] {
        [1.0 / self.p, 1.0 / self.q]
    }

    /// (rows, classes) of the logits of p and q, and the check of the temperatures.
    pub(crate) fn sizes(self, operator: &'static str, inputs: &[Meta]) -> Result<(usize, usize)> {
        let [p, q] = check::inputs(operator, inputs)?;
        let sizes = check::nonempty_rows(operator, "the logits of p (target)", p)?;
        check::exactly(operator, "the logits of q", q, p)?;
        let Temperatures { p, q, factor } = self;
        let positive = |t: f32| t.is_finite() && t > 0.0;
        if !(positive(p) && positive(q) && factor.is_finite()) {
            return Err(Error::Shape {
                operator,
                message: format!(
                    "temperatures must be positive and finite, found {p} and {q} (factor {factor})"
                ),
            });
        }
        Ok(sizes)
    }
}

/// The sizes of inputs that [`Temperatures::sizes`] has accepted.
#[cfg(feature = "gpu")]
fn known_sizes(inputs: &[Meta]) -> (usize, usize) {
    (inputs[0].shape.rows(), inputs[0].shape.columns())
}

/// Forward, a workgroup a row. The uniform block: rows, classes, both reciprocals, the factor,
/// then `more`.
#[cfg(feature = "gpu")]
pub(crate) fn forward(
    kernel: &'static Kernel,
    temperatures: Temperatures,
    more: &[u32],
    io: &GpuForward<'_>,
) -> Result<()> {
    let (rows, classes) = known_sizes(io.metas());
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Write(io.save(0)),
        Binding::Write(io.output(0)),
    ];
    let [p, q] = temperatures.inverse().map(f32::to_bits);
    let shared = [
        rows as u32,
        classes as u32,
        p,
        q,
        temperatures.factor.to_bits(),
    ];
    io.dispatch(kernel, &bindings, &[&shared, more].concat(), rows)
}

/// Backward, an invocation an element, once for each side that learns. The uniform block: number
/// of elements, classes, both reciprocals, the factor over the side's temperature, the side,
/// whether to add, then `more`.
#[cfg(feature = "gpu")]
pub(crate) fn backward(
    kernel: &'static Kernel,
    temperatures: Temperatures,
    more: &[u32],
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    use super::gpu::{elementwise, flag};

    let (rows, classes) = known_sizes(io.metas());
    let (count, inverse) = (rows * classes, temperatures.inverse());
    for side in [0, 1] {
        let Some((into, accumulate)) = io.gradient_slot(side) else {
            continue;
        };
        let bindings = [
            Binding::Read(io.input(0)),
            Binding::Read(io.input(1)),
            Binding::Read(io.saved(0)),
            Binding::Read(io.upstream()),
            Binding::Write(&into),
        ];
        let [p, q] = inverse.map(f32::to_bits);
        let factor = (temperatures.factor * inverse[side]).to_bits();
        let (side, accumulate) = (side as u32, flag(accumulate));
        let shared = [count as u32, classes as u32, p, q, factor, side, accumulate];
        io.dispatch(
            kernel,
            &bindings,
            &[&shared, more].concat(),
            elementwise(count),
        )?;
    }
    Ok(())
}
