//! Losses of scores against labels or against a teacher's distribution, a value per row.
//!
//! With p = softmax(z) and q the truth, a distribution (of a label: 1 at its class):
//!
//! ```text
//! cross-entropy  -Σ_c q_c ln p_c
//! focal          -Σ_c q_c (1 - p_c)^γ ln p_c                  (Lin et al. 2017)
//! cosine         1 - p·q / (|p| |q|) = ½ |p/|p| - q/|q||²
//! euclidean      |p - q|²
//! ```
//!
//! Against a distribution at temperature τ, p = softmax(z / τ), and the first two count τ² (Hinton
//! et al. 2015), so that their gradients keep their size.

use limbeck_engine::{Result, Tape, Var};
use limbeck_kernels::{
    Labels, cross_entropy, focal, l2_normalise, mse, scale, soft_focal, softmax,
};

/// What scores are compared by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LabelLoss {
    /// Cross-entropy, less for rows that are right already.
    Focal {
        /// How much less: γ.
        gamma: f32,
    },
    /// Cross-entropy.
    CrossEntropy,
    /// One minus the cosine.
    Cosine,
    /// The squared distance.
    Euclidean,
}

/// Keeps a vector of nothing at 0.
const EPSILON: f32 = 1e-12;

impl LabelLoss {
    /// Against labels: logits `[n, C]` and n labels give `[n]`.
    ///
    /// ```
    /// use limbeck_engine::{Device, Tape};
    /// use limbeck_losses::LabelLoss;
    /// let device = Device::cpu();
    /// let tape = Tape::inference(&device);
    /// let even = tape.constant(device.real(&[0.0, 0.0], [1, 2])?);
    /// let of = |loss: LabelLoss| loss.of_labels(&tape, &even, &[0])?.tensor().item();
    /// assert!((of(LabelLoss::CrossEntropy)? - 2f64.ln()).abs() < 1e-6);
    /// assert!((of(LabelLoss::Focal { gamma: 2.0 })? - 0.25 * 2f64.ln()).abs() < 1e-6);
    /// assert!((of(LabelLoss::Cosine)? - (1.0 - 0.5f64.sqrt())).abs() < 1e-6);
    /// assert!((of(LabelLoss::Euclidean)? - 0.5).abs() < 1e-6);
    /// # Ok::<(), limbeck_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a label is not below the number of classes, or the device failed.
    pub fn of_labels(self, tape: &Tape, logits: &Var, labels: &[u32]) -> Result<Var> {
        let classes = logits.shape().columns();
        let checked = Labels::new(tape.device(), labels, classes)?;
        match self {
            LabelLoss::Focal { gamma } => focal(tape, logits, &checked, None, gamma),
            LabelLoss::CrossEntropy => cross_entropy(tape, logits, &checked, None),
            LabelLoss::Cosine | LabelLoss::Euclidean => {
                let truth = tape.constant(
                    tape.device()
                        .real(&one_hot(labels, classes), [labels.len(), classes])?,
                );
                self.distance(tape, &softmax(tape, logits)?, &truth)
            }
        }
    }

    /// Against distributions `[n, C]`, to which no gradient flows.
    ///
    /// # Errors
    /// If the shapes differ, or the device failed.
    pub fn of_distributions(
        self,
        tape: &Tape,
        logits: &Var,
        truth: &Var,
        temperature: f32,
    ) -> Result<Var> {
        let softened = match temperature == 1.0 {
            true => logits.clone(),
            false => scale(tape, logits, 1.0 / temperature)?,
        };
        let gamma = match self {
            LabelLoss::Focal { gamma } => gamma,
            // (1 - p)^0 = 1.
            LabelLoss::CrossEntropy => 0.0,
            LabelLoss::Cosine | LabelLoss::Euclidean => {
                return self.distance(tape, &softmax(tape, &softened)?, &truth.detach());
            }
        };
        let rows = soft_focal(tape, &softened, truth, gamma)?;
        match temperature == 1.0 {
            true => Ok(rows),
            false => scale(tape, &rows, temperature * temperature),
        }
    }

    fn distance(self, tape: &Tape, p: &Var, q: &Var) -> Result<Var> {
        let classes = p.shape().columns() as f32;
        match self {
            LabelLoss::Cosine => {
                let p = l2_normalise(tape, p, EPSILON)?;
                let q = l2_normalise(tape, q, EPSILON)?;
                scale(tape, &mse(tape, &p, &q)?, 0.5 * classes)
            }
            _ => scale(tape, &mse(tape, p, q)?, classes),
        }
    }
}

fn one_hot(labels: &[u32], classes: usize) -> Vec<f32> {
    let mut rows = vec![0.0; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        rows[row * classes + label as usize] = 1.0;
    }
    rows
}
