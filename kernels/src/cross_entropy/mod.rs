//! Cross-entropy with true labels, from logits.
//!
//! ```text
//! l_i = -w_y ln p_y         p = softmax(z_i), y = label of row i, w = class weights (1 if none)
//! ```
//!
//! With ln p_y = z_y - ln Σ_k exp(z_k) and ∂ ln Σ exp / ∂z_c = p_c, the incoming gradient g_i gives
//!
//! ```text
//! dz_ic = g_i w_y (p_c - 1[c = y])
//! ```
//!
//! Softmax and loss are one pass over the logits; of the pass only two numbers a row are kept
//! (the largest logit and the logarithm of the sum), from which the backward pass has p with one
//! exponential an element. There is no gradient for labels or class weights.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Device, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Tensor,
    Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// True classes of the rows of a batch, on a device, each known to be below the number of classes.
///
/// ```
/// use limbeck_engine::Device;
/// use limbeck_kernels::Labels;
/// let device = Device::cpu();
/// assert_eq!(Labels::new(&device, &[0, 2], 3)?.classes(), 3);
/// assert!(Labels::new(&device, &[0, 3], 3).is_err());
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Labels {
    tensor: Tensor,
    classes: usize,
}

impl Labels {
    /// The labels of the rows, in order.
    ///
    /// # Errors
    /// If a label is not below `classes` (row, label and number of classes are named), or the
    /// device cannot hold them.
    pub fn new(device: &Device, labels: &[u32], classes: usize) -> Result<Self> {
        if let Some(row) = labels.iter().position(|&label| label as usize >= classes) {
            return Err(Error::Mismatch(format!(
                "row {row} has label {}, but there are {classes} classes (labels start at 0)",
                labels[row]
            )));
        }
        Ok(Labels {
            tensor: device.ids(labels, [labels.len()])?,
            classes,
        })
    }

    /// The ids, `[n]`.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The number of classes they were checked against.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Refuses logits with another number of classes.
    pub(crate) fn fit(&self, operator: &'static str, logits: &Var) -> Result<()> {
        if logits.shape().columns() == self.classes {
            return Ok(());
        }
        Err(Error::Shape {
            operator,
            message: format!(
                "the labels are of {} classes, but the logits {} have {}",
                self.classes,
                logits.shape(),
                logits.shape().columns()
            ),
        })
    }
}

/// A weight per class, on a device.
#[derive(Clone, Debug)]
pub struct ClassWeights(Tensor);

impl ClassWeights {
    /// The weights, one per class.
    ///
    /// # Errors
    /// If one is negative or not finite, or the device cannot hold them.
    pub fn new(device: &Device, weights: &[f32]) -> Result<Self> {
        let fits = |w: &f32| w.is_finite() && *w >= 0.0;
        if let Some(class) = weights.iter().position(|w| !fits(w)) {
            return Err(Error::Mismatch(format!(
                "class weights must be finite and at least 0, found {} for class {class}",
                weights[class]
            )));
        }
        Ok(ClassWeights(device.real(weights, [weights.len()])?))
    }

    /// The weights, `[C]`.
    pub(crate) fn tensor(&self) -> &Tensor {
        &self.0
    }
}

/// The operator; inputs are logits, labels and, with `weighted`, class weights.
#[derive(Clone, Copy, Debug)]
struct CrossEntropy {
    weighted: bool,
}

/// `-w_y ln p_y` of each row: logits `[n, C]` give `[n]`, in nats.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Labels, cross_entropy};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let logits = tape.constant(device.real(&[0.0, 0.0, 0.0, 0.0], [1, 4])?);
/// let loss = cross_entropy(&tape, &logits, &Labels::new(&device, &[2], 4)?, None)?;
/// assert!((loss.tensor().item()? - 4f64.ln()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If labels or weights do not fit the logits, or the device failed.
pub fn cross_entropy(
    tape: &Tape,
    logits: &Var,
    labels: &Labels,
    class_weights: Option<&ClassWeights>,
) -> Result<Var> {
    labels.fit("cross_entropy", logits)?;
    let operator = CrossEntropy {
        weighted: class_weights.is_some(),
    };
    let labels = tape.constant(labels.tensor.clone());
    match class_weights {
        None => tape.apply_one(operator, &[logits, &labels]),
        Some(weights) => {
            let weights = tape.constant(weights.0.clone());
            tape.apply_one(operator, &[logits, &labels, &weights])
        }
    }
}

impl CrossEntropy {
    /// (rows, classes).
    fn sizes(&self, inputs: &[Meta]) -> Result<(usize, usize)> {
        let operator = "cross_entropy";
        let (logits, labels) = if self.weighted {
            let [logits, labels, weights] = check::inputs(operator, inputs)?;
            let expected = Meta::real([logits.shape.columns()]);
            check::exactly(operator, "the class weights", weights, expected)?;
            (logits, labels)
        } else {
            let [logits, labels] = check::inputs(operator, inputs)?;
            (logits, labels)
        };
        let (rows, classes) = check::nonempty_rows(operator, "the logits", logits)?;
        check::exactly(operator, "the labels", labels, Meta::ids([rows]))?;
        Ok((rows, classes))
    }

    /// The number of classes of inputs that `infer` has accepted.
    fn classes(inputs: &[Meta]) -> usize {
        inputs[0].shape.columns()
    }
}

impl Operator for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, classes) = self.sizes(inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs(0..inputs.len())
            .save(Meta::real([rows, 2]))
            .flops(4 * rows * classes))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        let weights = self.weighted.then(|| io.real(2));
        let classes = Self::classes(io.metas());
        reference::forward(classes, io.real(0), io.ids(1), weights, io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        let weights = self.weighted.then(|| io.real(2));
        let (classes, shifts) = (Self::classes(io.metas()), io.save(0));
        cpu::forward(
            classes,
            io.real(0),
            io.ids(1),
            weights,
            shifts,
            io.output(0),
        );
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, self.sizes(io.metas())?, io)
    }
}

impl Differentiable for CrossEntropy {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        let weights = self.weighted.then(|| io.real(2));
        if let Some(dz) = io.gradient(0) {
            let classes = Self::classes(io.metas());
            reference::backward(classes, io.real(0), io.ids(1), weights, io.upstream(), dz);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, Self::classes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, self.sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "cross_entropy",
        formula: "l = -w_y ln p_y; dz_c = g w_y (p_c - 1[c = y]), p = softmax(z)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, classes: usize, scale: f64, weighted: bool| {
        let name = format!("{rows} x {classes}, logits of {scale}, weighted {weighted}");
        let labels: Vec<u32> = (0..rows).map(|row| (row * 5 % classes) as u32).collect();
        let case = Case::new(name, CrossEntropy { weighted })
            .real(Draw::new("z").scaled(scale), [rows, classes])
            .ids(&labels, [rows]);
        if weighted {
            case.without_gradient(Draw::new("w").between(0.0, 2.0), [classes])
        } else {
            case
        }
    };
    vec![
        case(1, 1, 1.0, false),
        case(0, 3, 1.0, true),
        case(5, 2, 1.0, false),
        case(67, 6, 3.0, true),
        case(9, 16, 40.0, false),
        case(3, 65, 1e4, true).without_finite_differences("losses of 1e4 leave too few digits"),
        case(70, 129, 1.0, false),
        Case::new("ties and large logits", CrossEntropy { weighted: false })
            .fixed(&[80.0, 80.0, -80.0, 1e4, 1e4, 1e4, -1e4, 0.0, 1e4], [3, 3])
            .ids(&[0, 2, 1], [3]),
    ]
}
