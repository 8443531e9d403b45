//! Whole samples, unit by unit: how far teacher and student are from the truth, and who is closer.

use limbeck_engine::{Result, Tape, Var};
use limbeck_kernels::closer_rows;
use limbeck_losses::{NO_TRUTH, Units};
use limbeck_models::Classifier;

use super::options::UnitSelectOptions;
use super::samples::{UnitForm, UnitSamples, rows_of, units_of};

/// The units of a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// How far the teacher is from the truth: d_T.
    pub teacher: Vec<f32>,
    /// How far the student is: d_S.
    pub student: Vec<f32>,
    /// What there is of each unit.
    pub mask: Vec<Choice>,
}

/// Whose answer about a unit is closer to the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The teacher's.
    Teacher,
    /// The student's, or both are as close.
    Student,
    /// Nobody knows: it has no truth.
    Unknown,
}

impl Comparison {
    /// Share of the units with truth where the teacher is closer.
    pub fn share(&self) -> f64 {
        share(self.mask.iter())
    }
}

/// Share of the known units where the teacher is closer.
pub(super) fn share<'a>(mask: impl Iterator<Item = &'a Choice>) -> f64 {
    let (mut selected, mut known) = (0usize, 0usize);
    for choice in mask {
        selected += usize::from(*choice == Choice::Teacher);
        known += usize::from(*choice != Choice::Unknown);
    }
    selected as f64 / known.max(1) as f64
}

/// The differences of both, and the mask 1[d_T + δ < d_S], on the device of the tape.
///
/// # Errors
/// If the scores do not fit the units, or the device failed.
pub(super) fn compared(
    tape: &Tape,
    units: &Units<'_>,
    [teacher, student]: [&Var; 2],
    options: &UnitSelectOptions,
) -> Result<[Var; 3]> {
    let difference = options.difference.into();
    let teacher = units.differences(tape, &teacher.detach(), difference)?;
    let student = units.differences(tape, &student.detach(), difference)?;
    let margin = options.margin as f32;
    let mask = closer_rows(tape, &teacher, &student, units.valid(), margin)?;
    Ok([teacher, student, mask])
}

/// Selects, in the order of d_S - d_T, as many of the known units as it takes for `min_share` of them.
pub(super) fn fill(
    mask: &mut [f32],
    [teacher, student]: [&[f32]; 2],
    labels: &[u32],
    min_share: f64,
) {
    let known: Vec<usize> = (0..labels.len())
        .filter(|&unit| labels[unit] != NO_TRUTH)
        .collect();
    let wanted = (min_share * known.len() as f64).ceil() as usize;
    let selected = mask.iter().filter(|m| **m > 0.0).count();
    if selected >= wanted {
        return;
    }
    let gain = |unit: usize| f64::from(student[unit]) - f64::from(teacher[unit]);
    let mut others: Vec<usize> = known
        .into_iter()
        .filter(|&unit| mask[unit] == 0.0)
        .collect();
    // The sort is stable: of equals the first.
    others.sort_by(|&a, &b| gain(b).total_cmp(&gain(a)));
    for &unit in &others[..wanted - selected] {
        mask[unit] = 1.0;
    }
}

/// Compares what a teacher has said of samples with what a student says. The least share of selected
/// units is one of all samples together.
///
/// # Errors
/// If the scores do not fit the samples, or the device failed.
pub fn compare(
    student: &dyn Classifier,
    samples: &UnitSamples,
    teacher_scores: &[&[f32]],
    form: UnitForm,
    options: &UnitSelectOptions,
) -> Result<Vec<Comparison>> {
    let student_scores = samples.scores(student)?;
    let (mut all, mut masks) = (Vec::new(), Vec::new());
    for (row, (said, teacher)) in student_scores.iter().zip(teacher_scores).enumerate() {
        let (input, labels) = (&samples.inputs[row], &samples.labels[row]);
        let tape = Tape::inference(student.device());
        let batch = student.batch(&[input], 0)?;
        let units = units_of(&tape, form, labels, &batch)?;
        let rows = |scores| -> Result<Var> {
            Ok(tape.constant(rows_of(tape.device(), scores, student.classes())?))
        };
        let scores = [&rows(teacher)?, &rows(said)?];
        let [teacher, student, mask] = compared(&tape, &units, scores, options)?;
        let read = |var: &Var| match tape.device().is_shapes() {
            true => Ok(vec![0.0; labels.len()]),
            false => var.tensor().read(),
        };
        masks.extend(read(&mask)?);
        all.push(Comparison {
            teacher: read(&teacher)?,
            student: read(&student)?,
            mask: Vec::new(),
        });
    }
    let labels = samples.labels.concat();
    if options.min_share > 0.0 {
        let joined = |of: fn(&Comparison) -> &Vec<f32>| -> Vec<f32> {
            all.iter().flat_map(of).copied().collect()
        };
        let (teacher, student) = (joined(|c| &c.teacher), joined(|c| &c.student));
        fill(&mut masks, [&teacher, &student], &labels, options.min_share);
    }
    let choice = |(m, label): (&f32, &u32)| match (*label, *m > 0.0) {
        (NO_TRUTH, _) => Choice::Unknown,
        (_, true) => Choice::Teacher,
        (_, false) => Choice::Student,
    };
    let mut choices = masks.iter().zip(&labels).map(choice);
    for comparison in &mut all {
        let units = comparison.teacher.len();
        comparison.mask = choices.by_ref().take(units).collect();
    }
    Ok(all)
}
