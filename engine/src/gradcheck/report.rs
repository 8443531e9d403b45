//! What a check of gradients found.

use std::fmt;

use crate::error::{Error, Result};
use crate::shape::Shape;

/// One parameter: its worst direction.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterCheck {
    /// Its name in the store.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Directions that were differentiated along.
    pub directions: usize,
    /// The largest relative error.
    pub error: f64,
    /// The element (row-major, from 0) where it is: of a random direction, the first.
    pub element: usize,
    /// The slope there by the tape.
    pub tape: f64,
    /// The slope there by central differences.
    pub difference: f64,
}

impl ParameterCheck {
    pub(super) fn new(shape: Shape) -> Self {
        ParameterCheck {
            name: String::new(),
            shape,
            directions: 0,
            error: 0.0,
            element: 0,
            tape: 0.0,
            difference: 0.0,
        }
    }
}

impl fmt::Display for ParameterCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: relative error {:.1e} at element {}: {:.9e} by the tape, {:.9e} by central \
             differences",
            self.name, self.shape, self.error, self.element, self.tape, self.difference
        )
    }
}

/// An operator whose own gradient disagrees with central differences of its own results.
#[derive(Clone, Debug, PartialEq)]
pub struct SuspectOperator {
    /// Its name.
    pub operator: &'static str,
    /// Where in the model, as set by [`Tape::scope`](crate::Tape::scope).
    pub scope: String,
    /// The input whose gradient is wrong, from 0.
    pub input: usize,
    /// The relative error.
    pub error: f64,
}

impl fmt::Display for SuspectOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "operator {} at \"{}\": the gradient of its input {} has a relative error of {:.1e}",
            self.operator, self.scope, self.input, self.error
        )
    }
}

/// What [`gradcheck`](crate::gradcheck()) found.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a wrong gradient is in the report: ask it with require()"]
pub struct GradientReport {
    /// The trainable parameters, in the order of the store.
    pub parameters: Vec<ParameterCheck>,
    /// Where a gradient is wrong: the operators that are so by themselves.
    pub operators: Vec<SuspectOperator>,
}

impl GradientReport {
    /// Relative errors above this are mistakes: truncation and rounding of the differences in f64
    /// leave about a hundredth of it.
    pub const TOLERANCE: f64 = 1e-6;

    /// The parameter with the largest error; `None` if nothing is trained.
    pub fn worst(&self) -> Option<&ParameterCheck> {
        self.parameters
            .iter()
            .max_by(|a, b| a.error.total_cmp(&b.error))
    }

    /// Whether every gradient is right.
    pub fn is_right(&self) -> bool {
        self.parameters
            .iter()
            .all(|check| check.error <= Self::TOLERANCE)
    }

    /// Makes wrong gradients an error that names the parameters, the numbers, and the operators at
    /// fault.
    ///
    /// # Errors
    /// [`Error::Gradient`].
    pub fn require(&self) -> Result<()> {
        match self.is_right() {
            true => Ok(()),
            false => Err(Error::Gradient(self.to_string())),
        }
    }
}

/// A line per wrong parameter and suspect operator; if all is right, the worst parameter.
impl fmt::Display for GradientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = |check: &&ParameterCheck| check.error > Self::TOLERANCE;
        let mut lines: Vec<String> = self
            .parameters
            .iter()
            .filter(wrong)
            .map(ToString::to_string)
            .collect();
        lines.extend(self.operators.iter().map(ToString::to_string));
        if lines.is_empty() {
            return match self.worst() {
                Some(check) => write!(f, "all gradients are right; the worst: {check}"),
                None => f.write_str("nothing is trained"),
            };
        }
        f.write_str(&lines.join("\n"))
    }
}
