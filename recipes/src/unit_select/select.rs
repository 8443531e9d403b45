//! The units of a batch in which a student follows its teacher.

use limbeck_data::rng::Rng;
use limbeck_engine::{Result, Tape, Var};
use limbeck_kernels::{Normaliser, weighted_sum};
use limbeck_losses::{Difference, NO_TRUTH, Units};

use super::compare::{compared, fill};
use super::options::{Form, GtUnits, KdNorm, Selection, UnitSelectOptions};

/// Makes masks.
#[derive(Clone, Debug)]
pub struct Selector {
    selection: Selection,
    options: UnitSelectOptions,
    seed: u64,
}

impl Selector {
    /// A selector; the seed is that of masks drawn at random.
    pub fn new(selection: Selection, options: &UnitSelectOptions, seed: u64) -> Self {
        Selector {
            selection,
            options: options.clone(),
            seed,
        }
    }

    /// What it selects.
    pub fn selection(&self) -> Selection {
        self.selection
    }

    /// The units that are compared with the truth: of a baseline, those that make it what it is.
    pub fn gt_units(&self) -> GtUnits {
        match self.selection {
            // A margin that nothing reaches is supervised training.
            Selection::TeacherBetter | Selection::Random
                if self.options.margin == f64::INFINITY =>
            {
                GtUnits::All
            }
            Selection::TeacherBetter | Selection::Random => self.options.gt_units,
            Selection::None | Selection::All => GtUnits::All,
            Selection::TeacherCorrect => GtUnits::Complement,
        }
    }

    /// How selected units enter the loss.
    pub fn form(&self) -> Form {
        match self.selection {
            // Meng et al. have one loss per unit, of the truth or of the teacher.
            Selection::TeacherCorrect => Form::TwoTerms,
            _ => self.options.form,
        }
    }

    /// What the sums over units are divided by, that against the truth and that against the teacher;
    /// `all` is the number of units.
    pub fn normalisers(&self, all: Normaliser) -> [Normaliser; 2] {
        match (self.selection, self.options.kd_norm) {
            (Selection::TeacherCorrect, _) => [all, all],
            (_, KdNorm::Selected) => [Normaliser::Weights; 2],
            (_, KdNorm::Valid) => [Normaliser::Weights, all],
        }
    }

    /// A mask that was made before, as an update uses it.
    ///
    /// # Errors
    /// If the device failed.
    pub fn kept(&self, tape: &Tape, mask: &[f32], labels: &[u32], step: u64) -> Result<Var> {
        let mut mask = mask.to_vec();
        if self.selection == Selection::Random {
            self.shuffle(&mut mask, labels, step);
        }
        self.upload(tape, &mask)
    }

    /// 1 for every selected unit, else 0: `[units]`. No gradient flows through it. `step` is the number
    /// of the update, which a random mask depends on.
    ///
    /// # Errors
    /// If the scores do not fit the units, or the device failed.
    pub fn mask(
        &self,
        tape: &Tape,
        units: &Units<'_>,
        [teacher, student]: [&Var; 2],
        labels: &[u32],
        step: u64,
    ) -> Result<Var> {
        match self.selection {
            Selection::None => Ok(tape.constant(tape.device().zeros([labels.len()])?)),
            Selection::All => Ok(units.valid().clone()),
            Selection::TeacherCorrect => {
                let wrong = units.differences(tape, &teacher.detach(), Difference::ZeroOne)?;
                let wrong = self.host(&wrong)?;
                let right = wrong.iter().zip(labels);
                let right = right.map(|(wrong, label)| match *label {
                    NO_TRUTH => 0.0,
                    _ => 1.0 - wrong,
                });
                self.upload(tape, &right.collect::<Vec<_>>())
            }
            Selection::TeacherBetter if self.options.min_share == 0.0 => {
                let [_, _, mask] = compared(tape, units, [teacher, student], &self.options)?;
                Ok(mask)
            }
            Selection::TeacherBetter => {
                let mask = self.filled(tape, units, [teacher, student], labels)?;
                self.upload(tape, &mask)
            }
            Selection::Random => {
                let mut mask = self.filled(tape, units, [teacher, student], labels)?;
                self.shuffle(&mut mask, labels, step);
                self.upload(tape, &mask)
            }
        }
    }

    /// The units that follow the teacher: the selected ones and, if so chosen, those without truth; and
    /// how many of the latter there are.
    ///
    /// # Errors
    /// If the device failed.
    pub fn followed(&self, tape: &Tape, mask: &Var, labels: &[u32]) -> Result<(Var, usize)> {
        let without: Vec<f32> = labels.iter().map(|&l| f32::from(l == NO_TRUTH)).collect();
        let count = without.iter().filter(|flag| **flag > 0.0).count();
        if !self.options.unlabelled_kd || count == 0 {
            return Ok((mask.clone(), 0));
        }
        let without = self.upload(tape, &without)?;
        let followed = weighted_sum(tape, &[(mask, 1.0), (&without, 1.0)])?;
        Ok((followed, count))
    }

    fn filled(
        &self,
        tape: &Tape,
        units: &Units<'_>,
        scores: [&Var; 2],
        labels: &[u32],
    ) -> Result<Vec<f32>> {
        let [teacher, student, mask] = compared(tape, units, scores, &self.options)?;
        let mut mask = self.host(&mask)?;
        let (teacher, student) = (self.host(&teacher)?, self.host(&student)?);
        fill(
            &mut mask,
            [&teacher, &student],
            labels,
            self.options.min_share,
        );
        Ok(mask)
    }

    /// As many units, others.
    fn shuffle(&self, mask: &mut [f32], labels: &[u32], step: u64) {
        let known: Vec<usize> = (0..labels.len())
            .filter(|&unit| labels[unit] != NO_TRUTH)
            .collect();
        let mut values: Vec<f32> = known.iter().map(|&unit| mask[unit]).collect();
        Rng::new(self.seed, "random_mask", &[step]).shuffle(&mut values);
        for (unit, value) in known.into_iter().zip(values) {
            mask[unit] = value;
        }
    }

    fn host(&self, var: &Var) -> Result<Vec<f32>> {
        match var.tensor().device().is_shapes() {
            true => Ok(vec![0.0; var.shape().elements()]),
            false => var.tensor().read(),
        }
    }

    fn upload(&self, tape: &Tape, mask: &[f32]) -> Result<Var> {
        Ok(tape.constant(tape.device().real(mask, [mask.len()])?))
    }
}
