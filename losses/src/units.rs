//! Losses unit by unit: of pixels, of fields of a text, of notes of speech (CN115310277A).
//!
//! ```text
//! d_i = ℓ(scores of unit i, y_i)                         how far a model is from the truth
//! m_i = 1[ d_T,i + δ < d_S,i ]                           the teacher is closer (kernels::closer_rows)
//! L   = w_gt / |G| Σ_{i in G} ℓ(S_i, y_i)  +  w_kd / |Ω| Σ_{i in Ω} KD(T_i, S_i),   Ω = {i: m_i = 1}
//! ```
//!
//! A unit is a row of scores, or a segment of frames: then its loss is that of all paths that are blank in
//! its first frame and write its label in the others (CTC; Graves et al. 2006), and what is handed on in it
//! is how probable each word is. Without the blank two equal words in a row would be read as one.
//! Distances of distributions are sums over classes, never means.

mod segments;

use limbeck_engine::{Error, Packed, Result, Tape, Var};
use limbeck_kernels::{
    Labels, Normaliser, Temperatures, argmax, binary_cross_entropy, cross_entropy, kl, l1, mse,
    scale, softmax, weighted_mean,
};

/// Stands for the truth of a unit that has none. Such a unit counts in no loss.
pub const NO_TRUTH: u32 = u32::MAX;

/// How far a model's answer about a unit is from its truth: ℓ. With p = softmax(z), y the label:
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// -ln p_y; of a segment, of the sum over all paths that write y behind a blank.
    CrossEntropy,
    /// -ln σ(z_y) - Σ_{c ≠ y} ln σ(-z_c).
    BinaryCrossEntropy,
    /// Σ_c |p_c - 1[c = y]|.
    L1,
    /// Σ_c (p_c - 1[c = y])².
    L2,
    /// 0 if the decision is right, else 1. It has no gradient.
    ZeroOne,
}

/// How a teacher's answer is handed on: KD. No gradient reaches the teacher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// τ² Σ_c p_T (ln p_T - ln p_S), p = softmax(z / τ) (Hinton et al. 2015).
    Kl,
    /// -Σ_c [σ(z_T) ln σ(z_S) + (1 - σ(z_T)) ln(1 - σ(z_S))]: of binary maps.
    BinaryCrossEntropy,
    /// Σ_c |p_T - p_S|.
    L1,
    /// Σ_c (p_T - p_S)².
    L2,
}

/// The units of a batch: their truth, and which rows of scores are whose.
pub struct Units<'a> {
    labels: &'a [u32],
    segments: Option<&'a Packed>,
    valid: Var,
}

impl<'a> Units<'a> {
    /// Every row is a unit. A label is [`NO_TRUTH`] where there is none.
    ///
    /// # Errors
    /// If there is no unit, or the device failed.
    pub fn of_rows(tape: &Tape, labels: &'a [u32]) -> Result<Self> {
        Self::new(tape, labels, None)
    }

    /// Every sequence of rows is a unit, whose frames write its label behind a blank. Class 0 is the
    /// blank.
    ///
    /// # Errors
    /// If there are not as many labels as sequences, a sequence has a single row, or the device failed.
    pub fn of_segments(tape: &Tape, labels: &'a [u32], segments: &'a Packed) -> Result<Self> {
        if labels.len() != segments.sequences() {
            return Err(Error::Mismatch(format!(
                "expected a label per segment, found {} for {} segments",
                labels.len(),
                segments.sequences()
            )));
        }
        if segments.lengths().contains(&1) {
            return Err(Error::Mismatch(
                "a segment of one frame has no room for a blank and a label".into(),
            ));
        }
        Self::new(tape, labels, Some(segments))
    }

    fn new(tape: &Tape, labels: &'a [u32], segments: Option<&'a Packed>) -> Result<Self> {
        let valid: Vec<f32> = labels.iter().map(|&l| f32::from(l != NO_TRUTH)).collect();
        Ok(Units {
            valid: tape.constant(tape.device().real(&valid, [labels.len()])?),
            labels,
            segments,
        })
    }

    /// 1 for every unit with truth, else 0: `[units]`.
    pub fn valid(&self) -> &Var {
        &self.valid
    }

    /// Number of units with truth.
    pub fn count(&self) -> usize {
        let known = self.labels.iter().filter(|&&label| label != NO_TRUTH);
        known.count()
    }

    /// ℓ of every unit: `[units]`. What it is for a unit without truth means nothing.
    ///
    /// ```
    /// use limbeck_engine::{Device, Tape};
    /// use limbeck_losses::{Difference, Units};
    /// let device = Device::cpu();
    /// let tape = Tape::inference(&device);
    /// let even = tape.constant(device.real(&[0.0, 0.0], [1, 2])?);
    /// let units = Units::of_rows(&tape, &[0])?;
    /// let of = |difference| units.differences(&tape, &even, difference)?.tensor().item();
    /// assert!((of(Difference::CrossEntropy)? - 2f64.ln()).abs() < 1e-6);
    /// assert!((of(Difference::BinaryCrossEntropy)? - 2.0 * 2f64.ln()).abs() < 1e-6);
    /// assert!((of(Difference::L1)? - 1.0).abs() < 1e-6);
    /// assert!((of(Difference::L2)? - 0.5).abs() < 1e-6);
    /// assert_eq!(of(Difference::ZeroOne)?, 0.0);
    /// # Ok::<(), limbeck_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the scores do not fit the units, a segment is asked for another difference than
    /// cross-entropy or 0/1, or the device failed.
    pub fn differences(&self, tape: &Tape, scores: &Var, difference: Difference) -> Result<Var> {
        let classes = scores.shape().columns();
        match (self.segments, difference) {
            (Some(packed), Difference::CrossEntropy) => {
                // Any word where there is no truth.
                let any = 1.min(classes.saturating_sub(1)) as u32;
                segments::paths(tape, scores, packed, &self.placed(any))
            }
            (Some(packed), Difference::ZeroOne) => {
                segments::misread(tape, scores, packed, self.labels)
            }
            (Some(_), _) => Err(Error::Mismatch(
                "segments of frames are compared by cross-entropy (CTC) or by 0/1 error".into(),
            )),
            (None, Difference::CrossEntropy) => {
                let labels = Labels::new(tape.device(), &self.placed(0), classes)?;
                cross_entropy(tape, scores, &labels, None)
            }
            (None, Difference::BinaryCrossEntropy) => {
                binary_cross_entropy(tape, scores, self.one_hot(tape, classes)?.tensor())
            }
            (None, Difference::L1) => {
                let truth = self.one_hot(tape, classes)?;
                let mean = l1(tape, &softmax(tape, scores)?, &truth)?;
                scale(tape, &mean, classes as f32)
            }
            (None, Difference::L2) => {
                let truth = self.one_hot(tape, classes)?;
                let mean = mse(tape, &softmax(tape, scores)?, &truth)?;
                scale(tape, &mean, classes as f32)
            }
            (None, Difference::ZeroOne) => self.missed(tape, scores),
        }
    }

    /// `1 / D Σ m_i KD_i`: what is handed on in the units of `mask` (`[units]`, 0 or 1). D is their
    /// number, or what the caller says; nothing selected gives 0.
    ///
    /// # Errors
    /// If the shapes do not fit, or the device failed.
    pub fn transfer(
        &self,
        tape: &Tape,
        [teacher, student]: [&Var; 2],
        kind: (Transfer, f32),
        mask: &Var,
        normaliser: Normaliser,
    ) -> Result<Var> {
        let rows = match self.segments {
            None => kind.0.rows(tape, teacher, student, kind.1)?,
            Some(_) if kind.0 == Transfer::BinaryCrossEntropy => {
                return Err(Error::Mismatch(
                    "a segment of frames writes one word: its words are no binary maps".into(),
                ));
            }
            Some(packed) => {
                let teacher = segments::words(tape, &teacher.detach(), packed)?;
                let student = segments::words(tape, student, packed)?;
                kind.0.rows(tape, &teacher, &student, kind.1)?
            }
        };
        weighted_mean(tape, &rows, Some(mask), normaliser)
    }

    /// The labels, with another in place of none.
    fn placed(&self, instead: u32) -> Vec<u32> {
        let known = |&label: &u32| if label == NO_TRUTH { instead } else { label };
        self.labels.iter().map(known).collect()
    }

    fn one_hot(&self, tape: &Tape, classes: usize) -> Result<Var> {
        let labels = self.placed(0);
        // Refuses labels that are no classes.
        Labels::new(tape.device(), &labels, classes)?;
        let mut rows = vec![0.0; labels.len() * classes];
        for (row, &label) in labels.iter().enumerate() {
            rows[row * classes + label as usize] = 1.0;
        }
        let shape = [labels.len(), classes];
        Ok(tape.constant(tape.device().real(&rows, shape)?))
    }

    /// 1 where the largest score is not that of the label.
    fn missed(&self, tape: &Tape, scores: &Var) -> Result<Var> {
        let decided = match tape.device().is_shapes() {
            true => vec![0; self.labels.len()],
            false => argmax(tape, &scores.detach())?.tensor().read_ids()?,
        };
        let wrong = decided.iter().zip(self.labels);
        let wrong: Vec<f32> = wrong.map(|(d, l)| f32::from(d != l)).collect();
        Ok(tape.constant(tape.device().real(&wrong, [wrong.len()])?))
    }
}

impl Transfer {
    /// KD of every row of scores: `[rows]`. The temperature is that of [`Transfer::Kl`] alone.
    ///
    /// # Errors
    /// If the shapes differ, or the device failed.
    pub fn rows(self, tape: &Tape, teacher: &Var, student: &Var, temperature: f32) -> Result<Var> {
        let teacher = teacher.detach();
        let classes = student.shape().columns() as f32;
        match self {
            Transfer::Kl => kl(tape, &teacher, student, Temperatures::equal(temperature)),
            Transfer::BinaryCrossEntropy => {
                binary_cross_entropy(tape, student, sigmoid(tape, &teacher)?.tensor())
            }
            Transfer::L1 => {
                let mean = l1(tape, &softmax(tape, student)?, &softmax(tape, &teacher)?)?;
                scale(tape, &mean, classes)
            }
            Transfer::L2 => {
                let mean = mse(tape, &softmax(tape, student)?, &softmax(tape, &teacher)?)?;
                scale(tape, &mean, classes)
            }
        }
    }
}

fn sigmoid(tape: &Tape, x: &Var) -> Result<Var> {
    limbeck_kernels::activation(tape, x, limbeck_kernels::Activation::Sigmoid)
}
