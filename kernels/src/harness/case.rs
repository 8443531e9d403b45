//! One line of a case table.

use std::sync::Arc;

use limbeck_engine::{Device, Differentiable, NonDifferentiable, Result, Shape, Stream};

/// What the registry knows of an operator.
pub struct Entry {
    /// Name of the folder.
    pub name: &'static str,
    /// The formula in one line.
    pub formula: &'static str,
    /// Its cases.
    pub cases: Vec<Case>,
    /// Its shaders: each must be dispatched by some case.
    #[cfg(feature = "gpu")]
    pub kernels: Vec<&'static limbeck_engine::Kernel>,
}

/// The operator under test.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Has a backward pass.
    Differentiable(Arc<dyn Differentiable>),
    /// Its results are constants.
    Constant(Arc<dyn NonDifferentiable>),
    /// Works in place, off the tape.
    InPlace(Arc<dyn InPlace>),
}

/// An update in place: it brings its own numbers, the same on every device.
pub trait InPlace: std::fmt::Debug + Send + Sync {
    /// What it left behind on this device.
    ///
    /// # Errors
    /// If the device failed.
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>>;
}

/// An input of a case: the same numbers on every device.
#[derive(Clone, Debug)]
pub enum Input {
    /// Real numbers (f32 values held as f64), and whether a gradient is wanted.
    Real {
        /// The numbers.
        values: Vec<f64>,
        /// Their shape.
        shape: Shape,
        /// Whether the gradient is checked.
        differentiate: bool,
    },
    /// Ids.
    Ids {
        /// The ids.
        values: Vec<u32>,
        /// Their shape.
        shape: Shape,
    },
}

/// Largest error, relative to the norm of the reference's result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Of the CPU.
    pub cpu: f64,
    /// Of a GPU.
    pub gpu: f64,
}

impl Tolerance {
    /// Sums of at most some thousand terms: a few units in the last place of f32, times the
    /// square root of the terms.
    pub const DEFAULT: Tolerance = Tolerance {
        cpu: 2e-6,
        gpu: 2e-6,
    };
    /// Long reductions.
    pub const LONG: Tolerance = Tolerance {
        cpu: 1e-5,
        gpu: 1e-5,
    };
}

/// Shapes, options and inputs of one check.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is special about it.
    pub name: String,
    /// The operator with its options.
    pub subject: Subject,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// How far the f32 devices may be from the reference.
    pub tolerance: Tolerance,
    /// Why there is no finite-difference check, where there is none.
    pub without_finite_differences: Option<&'static str>,
}

impl Case {
    /// A case of a differentiable operator.
    pub fn new(name: impl Into<String>, operator: impl Differentiable + 'static) -> Self {
        Case::of(name, Subject::Differentiable(Arc::new(operator)))
    }

    /// A case of an operator whose results are constants.
    pub fn constant(name: impl Into<String>, operator: impl NonDifferentiable + 'static) -> Self {
        Case::of(name, Subject::Constant(Arc::new(operator)))
    }

    /// A case of an update in place. It has no inputs.
    pub fn in_place(name: impl Into<String>, update: impl InPlace + 'static) -> Self {
        Case::of(name, Subject::InPlace(Arc::new(update)))
    }

    fn of(name: impl Into<String>, subject: Subject) -> Self {
        Case {
            name: name.into(),
            subject,
            inputs: Vec::new(),
            tolerance: Tolerance::DEFAULT,
            without_finite_differences: None,
        }
    }

    /// Adds a random input whose gradient is checked.
    #[must_use]
    pub fn real(self, draw: Draw, shape: impl Into<Shape>) -> Self {
        self.drawn(draw, shape.into(), true)
    }

    /// Adds a random input that gets no gradient.
    #[must_use]
    pub fn without_gradient(self, draw: Draw, shape: impl Into<Shape>) -> Self {
        self.drawn(draw, shape.into(), false)
    }

    fn drawn(mut self, draw: Draw, shape: Shape, differentiate: bool) -> Self {
        // The name of the case is part of the draw, so that cases differ.
        let values = draw.values(&self.name, shape.elements());
        self.inputs.push(Input::Real {
            values,
            shape,
            differentiate,
        });
        self
    }

    /// Adds an input of these numbers, whose gradient is checked.
    #[must_use]
    pub fn fixed(self, values: &[f64], shape: impl Into<Shape>) -> Self {
        self.given(values, shape.into(), true)
    }

    /// Adds an input of these numbers that gets no gradient.
    #[must_use]
    pub fn fixed_constant(self, values: &[f64], shape: impl Into<Shape>) -> Self {
        self.given(values, shape.into(), false)
    }

    fn given(mut self, values: &[f64], shape: Shape, differentiate: bool) -> Self {
        let values: Vec<f64> = values.iter().map(|&v| f64::from(v as f32)).collect();
        self.inputs.push(Input::Real {
            values,
            shape,
            differentiate,
        });
        self
    }

    /// Adds ids.
    #[must_use]
    pub fn ids(mut self, values: &[u32], shape: impl Into<Shape>) -> Self {
        self.inputs.push(Input::Ids {
            values: values.to_vec(),
            shape: shape.into(),
        });
        self
    }

    /// Sets another tolerance; the reason stands beside the call.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Leaves out the finite-difference check, saying why.
    #[must_use]
    pub fn without_finite_differences(mut self, reason: &'static str) -> Self {
        self.without_finite_differences = Some(reason);
        self
    }
}

/// How random inputs are drawn: normal by default.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    name: &'static str,
    scale: f64,
    gap: f64,
    range: Option<(f64, f64)>,
    distinct: bool,
}

impl Draw {
    /// Standard normal numbers; the name makes inputs of one case differ.
    pub fn new(name: &'static str) -> Self {
        Draw {
            name,
            scale: 1.0,
            gap: 0.0,
            range: None,
            distinct: false,
        }
    }

    /// Multiplied by this.
    #[must_use]
    pub fn scaled(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// At least this far from zero: keeps finite differences off a kink there.
    #[must_use]
    pub fn away_from_zero(mut self, gap: f64) -> Self {
        self.gap = gap;
        self
    }

    /// Uniform between two numbers.
    #[must_use]
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// No two numbers closer than 0.01: keeps finite differences off the ties of a maximum.
    #[must_use]
    pub fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    fn values(&self, case: &str, count: usize) -> Vec<f64> {
        let stream = Stream::new(7, &format!("{case}/{}", self.name), 0);
        let mut values: Vec<f64> = (0..count as u32)
            .map(|i| match self.range {
                Some((low, high)) => low + (high - low) * stream.uniform(i, 1),
                None => self.scale * stream.normal(i, 0),
            })
            .collect();
        if self.distinct {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
            for (rank, &at) in order.iter().enumerate() {
                values[at] = 0.01 * (rank as f64 - count as f64 / 2.0);
            }
        }
        let gap = self.gap;
        values
            .into_iter()
            .map(|v| f64::from((v + gap * v.signum()) as f32))
            .collect()
    }
}
