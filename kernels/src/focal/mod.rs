//! The focal loss: cross-entropy in which rows that are already right count less (Lin et al. 2017).
//!
//! ```text
//! focal        l_i = -w_y (1 - p_y)^γ ln p_y           p = softmax(z_i), y = label of row i
//! soft_focal   l_i = -Σ_c q_c (1 - p_c)^γ ln p_c       q = targets of row i
//! ```
//!
//! The first is the second with q_c = w_y 1[c = y]; w are class weights (1 if none). With γ = 0
//! both are cross-entropies. The derivative of a term by p is
//!
//! ```text
//! ∂/∂p [-(1 - p)^γ ln p] = γ (1 - p)^(γ-1) ln p - (1 - p)^γ / p
//! ```
//!
//! and grows without bound towards p = 1 if 0 < γ < 1. That by the logits does not: with
//! ∂p_c/∂z_k = p_c (1[c = k] - p_k) and r_c = -ln p_c / (1 - p_c), the power γ - 1 joins the
//! logarithm,
//!
//! ```text
//! F_c  = -p_c ∂/∂p_c [...] = (1 - p_c)^γ (1 + γ p_c r_c)
//! T    = Σ_c q_c F_c
//! dz_k = g (p_k T - q_k F_k)
//! ```
//!
//! r_c goes to 1 as p_c goes to 1, so F_c goes to 0 as (1 + γ) (1 - p_c)^γ does; and p_c r_c goes to
//! 0 as p_c goes to 0, so F_c goes to 1. Near p = 1, 1 - p and r are computed from ln p by the series
//! of the exponential. ln p itself is that of the cross-entropy, rounding included: where p is
//! nearer to 1 than one rounding of f32, loss and gradient are 0. (1 - p)^0 is 1 everywhere.
//!
//! Kept are T and the two numbers a row from which p follows. There is no gradient for labels,
//! class weights and targets.

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
use crate::cross_entropy::{ClassWeights, Labels};
use crate::harness::{Case, Draw, Entry, Tolerance};

/// Number of the input with the logits.
const LOGITS: usize = 0;
/// Number of the input with the labels or the targets.
const TRUTH: usize = 1;
/// Number of the input with the class weights.
const WEIGHTS: usize = 2;

/// What the rows should be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The classes of labels.
    Hard,
    /// The classes of labels, each class with a weight.
    Weighted,
    /// Targets, a number per class.
    Soft,
}

/// The operator; inputs are logits, labels or targets, and class weights if there are any.
#[derive(Clone, Copy, Debug)]
struct Focal {
    kind: Kind,
    gamma: f32,
}

/// The second input and the third.
enum Truth<'a, T> {
    Labels {
        labels: &'a [u32],
        weights: Option<&'a [T]>,
    },
    Targets(&'a [T]),
}

/// `-w_y (1 - p_y)^γ ln p_y` of each row: logits `[n, C]` give `[n]`, in nats. γ is any number from
/// 0 on; 2 is usual. Class weights are what the paper calls α.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Labels, focal};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // p = (0.75, 0.25), each the truth once.
/// let logits = tape.constant(device.real(&[3f32.ln(), 0.0, 3f32.ln(), 0.0], [2, 2])?);
/// let labels = Labels::new(&device, &[0, 1], 2)?;
/// let loss = focal(&tape, &logits, &labels, None, 2.0)?.tensor().read()?;
/// assert!((loss[0] - 0.0625 * (4f32 / 3.0).ln()).abs() < 1e-6);
/// assert!((loss[1] - 0.5625 * 4f32.ln()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If labels or weights do not fit the logits, γ is negative or not finite, or the device failed.
pub fn focal(
    tape: &Tape,
    logits: &Var,
    labels: &Labels,
    class_weights: Option<&ClassWeights>,
    gamma: f32,
) -> Result<Var> {
    labels.fit("focal", logits)?;
    let labels = tape.constant(labels.tensor().clone());
    let Some(weights) = class_weights else {
        let kind = Kind::Hard;
        return tape.apply_one(Focal { kind, gamma }, &[logits, &labels]);
    };
    let weights = tape.constant(weights.tensor().clone());
    let kind = Kind::Weighted;
    tape.apply_one(Focal { kind, gamma }, &[logits, &labels, &weights])
}

/// `-Σ_c q_c (1 - p_c)^γ ln p_c` of each row: logits `[n, C]` and targets q `[n, C]` give `[n]`, in
/// nats. Targets are probabilities, not logits; they are taken as they are, and are constants.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::soft_focal;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let logits = tape.constant(device.real(&[0.0, 0.0], [1, 2])?);
/// let targets = tape.constant(device.real(&[0.9, 0.1], [1, 2])?);
/// let loss = soft_focal(&tape, &logits, &targets, 1.0)?.tensor().item()?;
/// assert!((loss - 0.5 * 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ, γ is negative or not finite, or the device failed.
pub fn soft_focal(tape: &Tape, logits: &Var, targets: &Var, gamma: f32) -> Result<Var> {
    let kind = Kind::Soft;
    tape.apply_one(Focal { kind, gamma }, &[logits, &targets.detach()])
}

impl Focal {
    fn label(&self) -> &'static str {
        match self.kind {
            Kind::Hard | Kind::Weighted => "focal",
            Kind::Soft => "soft_focal",
        }
    }

    /// (rows, classes).
    fn sizes(&self, inputs: &[Meta]) -> Result<(usize, usize)> {
        let operator = self.label();
        let (logits, truth) = if self.kind == Kind::Weighted {
            let [logits, truth, weights] = check::inputs(operator, inputs)?;
            let expected = Meta::real([logits.shape.columns()]);
            check::exactly(operator, "the class weights", weights, expected)?;
            (logits, truth)
        } else {
            let [logits, truth] = check::inputs(operator, inputs)?;
            (logits, truth)
        };
        let (rows, classes) = check::nonempty_rows(operator, "the logits", logits)?;
        if self.kind == Kind::Soft {
            check::exactly(operator, "the targets", truth, logits)?;
        } else {
            check::exactly(operator, "the labels", truth, Meta::ids([rows]))?;
        }
        if self.gamma.is_finite() && self.gamma >= 0.0 {
            return Ok((rows, classes));
        }
        let message = format!("γ must be finite and at least 0, found {}", self.gamma);
        Err(Error::Shape { operator, message })
    }

    /// The second input and the third, read with these functions.
    fn truth<'a, T>(
        &self,
        real: impl Fn(usize) -> &'a [T],
        ids: impl Fn(usize) -> &'a [u32],
    ) -> Truth<'a, T> {
        match self.kind {
            Kind::Soft => Truth::Targets(real(TRUTH)),
            Kind::Hard | Kind::Weighted => Truth::Labels {
                labels: ids(TRUTH),
                weights: (self.kind == Kind::Weighted).then(|| real(WEIGHTS)),
            },
        }
    }

    /// What the reference needs of the operator: number of classes and γ.
    fn options(&self, inputs: &[Meta]) -> (usize, f64) {
        (inputs[LOGITS].shape.columns(), f64::from(self.gamma))
    }
}

impl Operator for Focal {
    fn name(&self) -> &'static str {
        self.label()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, classes) = self.sizes(inputs)?;
        let powers = if self.kind == Kind::Soft { 40 } else { 0 };
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs(0..inputs.len())
            .save(Meta::real([rows, 2]))
            .save(Meta::real([rows]))
            .flops((4 + powers) * rows * classes))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        let truth = self.truth(|i| io.real(i), |i| io.ids(i));
        let options = self.options(io.metas());
        reference::forward(options, io.real(LOGITS), &truth, io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, self.sizes(io.metas())?, io)
    }
}

impl Differentiable for Focal {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        if let Some(dz) = io.gradient(LOGITS) {
            let truth = self.truth(|i| io.real(i), |i| io.ids(i));
            let options = self.options(io.metas());
            reference::backward(options, io.real(LOGITS), &truth, io.upstream(), dz);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, self.sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "focal",
        formula: "l = -Σ q_c (1 - p_c)^γ ln p_c; dz_k = g (p_k Σ q_c F_c - q_k F_k), \
                  F = (1 - p)^γ (1 - γ p ln p / (1 - p)), p = softmax(z)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, classes: usize, scale: f64, kind: Kind, gamma: f32| {
        let name = format!("{rows} x {classes}, logits of {scale}, {kind:?}, γ {gamma}");
        let labels: Vec<u32> = (0..rows).map(|row| (row * 5 % classes) as u32).collect();
        let shape = [rows, classes];
        let case = Case::new(name, Focal { kind, gamma }).real(Draw::new("z").scaled(scale), shape);
        // Targets need not sum to one.
        let q = Draw::new("q").between(0.0, 1.0);
        match kind {
            Kind::Hard => case.ids(&labels, [rows]),
            Kind::Soft => case.without_gradient(q, shape),
            Kind::Weighted => case
                .ids(&labels, [rows])
                .without_gradient(Draw::new("w").between(0.0, 2.0), [classes]),
        }
    };
    let near_one = [0.0, -9.0, -11.0, -14.0, 13.0, -14.0, 0.0, 12.0, -1.5];
    let far = [80.0, 80.0, -80.0, 1e4, 1e4, 1e4, -1e4, 0.0, 1e4];
    let fixed = |name: &str, z: &[f64; 9], gamma: f32| {
        let kind = Kind::Hard;
        Case::new(name, Focal { kind, gamma })
            .fixed(z, [3, 3])
            .ids(&[0, 1, 1], [3])
    };
    // Where 1 - p is 1.4e-4, one rounding of p is 4e-4 of it, and thrice that of its cube.
    let coarse = Tolerance {
        cpu: 2e-3,
        gpu: 2e-3,
    };
    vec![
        case(1, 1, 1.0, Kind::Hard, 2.0),
        case(0, 3, 1.0, Kind::Soft, 2.0),
        case(5, 2, 1.0, Kind::Hard, 0.0),
        case(67, 6, 3.0, Kind::Weighted, 2.0),
        case(9, 16, 1.0, Kind::Hard, 0.5),
        case(70, 129, 1.0, Kind::Weighted, 1.5),
        case(4, 3, 1.0, Kind::Soft, 0.0),
        case(67, 6, 3.0, Kind::Soft, 0.5),
        case(9, 65, 2.0, Kind::Soft, 2.0),
        case(70, 129, 1.0, Kind::Soft, 3.7),
        case(3, 65, 1e4, Kind::Weighted, 2.0)
            .without_finite_differences("losses of 1e4 leave too few digits"),
        fixed("p near 1, square root", &near_one, 0.5).tolerance(coarse),
        fixed("p near 1, square", &near_one, 2.0).tolerance(coarse),
        fixed("ties and large logits", &far, 2.0),
        fixed("ties and large logits, square root", &far, 0.5),
        fixed("ties and large logits, no focus", &far, 0.0),
    ]
}
