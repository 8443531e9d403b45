//! What a student minimises: its distance from the truth, and in the selected units from its teacher.

use limbeck_engine::{ParameterStore, Tape, Var};
use limbeck_kernels::{Normaliser, scale, weighted_mean, weighted_sum};
use limbeck_losses::{Term, Units};
use limbeck_models::{Batch, Encoded};
use limbeck_training::stage::{DevScore, Objective};
use serde_json::{Value, json};

use super::artefacts::Artefacts;
use super::average::Average;
use super::judge::Judge;
use super::kept::KeptMasks;
use super::options::{CompareMode, Form, GtUnits, Selection, Timing, UnitSelectOptions};
use super::samples::{UnitForm, UnitSamples, rows_of, units_of};
use super::select::Selector;
use super::views::Views;
use crate::error::Result;
use crate::steps::Steps;
use crate::text::TextClassifier;

/// What a student learns from.
#[derive(Clone, Copy)]
pub struct Lesson<'a> {
    /// The samples as the student reads them.
    pub samples: &'a UnitSamples,
    /// What the teacher says of each: rows of scores; nothing for a model without a teacher.
    pub teacher: &'a [Vec<f32>],
    /// What a unit is made of.
    pub form: UnitForm,
    /// The part of a sample that an update reads.
    pub views: Views,
}

/// One model, its samples, and a teacher that may be followed.
pub struct UnitObjective<'a> {
    classifier: &'a mut TextClassifier,
    lesson: Lesson<'a>,
    options: &'a UnitSelectOptions,
    selector: Selector,
    judge: &'a Judge<'a>,
    steps: Steps,
    average: Option<Average>,
    kept: Option<KeptMasks>,
    artefacts: Option<Artefacts<'a>>,
    /// The share of selected units in every epoch.
    shares: Vec<f64>,
}

/// What an update reads.
struct Drawn {
    inputs: Vec<Encoded>,
    labels: Vec<u32>,
    teacher: Vec<f32>,
    /// The mask, where it was made before.
    mask: Option<Vec<f32>>,
}

impl<'a> UnitObjective<'a> {
    /// The objective. `batch` is the number of samples of an update, and the seed of their order.
    ///
    /// # Errors
    /// If there is no sample, the batch size is 0, or the device failed.
    pub fn new(
        classifier: &'a mut TextClassifier,
        lesson: Lesson<'a>,
        (selection, options): (Selection, &'a UnitSelectOptions),
        judge: &'a Judge<'a>,
        (batch_size, seed): (usize, u64),
    ) -> Result<Self> {
        let lengths = lesson.samples.inputs.iter().map(Encoded::len).collect();
        let steps = Steps::new(lengths, batch_size, seed, "unit_select")?;
        let average = match options.ema.get() {
            Some(decay) if selection.compares() => Some(Average::new(classifier, decay)?),
            _ => None,
        };
        let mut objective = UnitObjective {
            classifier,
            lesson,
            options,
            selector: Selector::new(selection, options, seed),
            judge,
            steps,
            average,
            kept: None,
            artefacts: None,
            shares: Vec::new(),
        };
        if selection.compares() && options.timing != Timing::Dynamic {
            objective.compare_all()?;
        }
        Ok(objective)
    }

    /// Writes pictures of the masks at the ends of epochs.
    #[must_use]
    pub fn writing(mut self, artefacts: Option<Artefacts<'a>>) -> Self {
        self.artefacts = artefacts;
        self
    }

    /// The share of selected units in every epoch.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Compares teacher and student on all samples, for the updates until the next time.
    fn compare_all(&mut self) -> limbeck_engine::Result<()> {
        let masks = match &self.average {
            Some(average) => average.with(|student| self.masks_by(student))?,
            None => self.masks_by(self.classifier)?,
        };
        self.kept = Some(masks);
        Ok(())
    }

    fn masks_by(&self, student: &TextClassifier) -> limbeck_engine::Result<KeptMasks> {
        KeptMasks::by_comparison(student.model(), &self.lesson, self.options)
    }

    /// The samples of an update, or the parts of them that it reads.
    fn draw(&self, step: u64) -> Drawn {
        let (samples, classes) = (self.lesson.samples, self.classifier.model().classes());
        let mut drawn = Drawn {
            inputs: Vec::new(),
            labels: Vec::new(),
            teacher: Vec::new(),
            mask: self.kept.as_ref().map(|_| Vec::new()),
        };
        for row in self.steps.rows(step) {
            let (input, labels) = (&samples.inputs[row], &samples.labels[row]);
            let said = self.lesson.teacher.get(row).map_or(&[][..], |said| said);
            let kept = self.kept.as_ref().map(|kept| kept.of(row));
            let view = self.lesson.views.of(input, step, row);
            match (input, view) {
                (Encoded::Picture(whole), Some(view)) => {
                    drawn.inputs.push(Encoded::Picture(view.picture(whole)));
                    drawn.labels.extend(view.rows(labels, whole.width, 1));
                    if !said.is_empty() {
                        drawn.teacher.extend(view.rows(said, whole.width, classes));
                    }
                    if let (Some(mask), Some(kept)) = (&mut drawn.mask, kept) {
                        mask.extend(view.rows(&kept, whole.width, 1));
                    }
                }
                _ => {
                    drawn.inputs.push(match input {
                        Encoded::Frames(clip) => {
                            Encoded::Frames(self.lesson.views.heard(clip, step, row))
                        }
                        other => other.clone(),
                    });
                    drawn.labels.extend(labels);
                    drawn.teacher.extend(said);
                    if let (Some(mask), Some(kept)) = (&mut drawn.mask, kept) {
                        mask.extend(kept);
                    }
                }
            }
        }
        drawn
    }

    /// The student's scores for the comparison, as constants.
    fn answers(&self, tape: &Tape, batch: &Batch, logits: &Var) -> limbeck_engine::Result<Var> {
        if let Some(average) = &self.average {
            return average.with(|student| evaluated(student, tape, batch));
        }
        match self.options.compare_mode {
            CompareMode::Eval if self.classifier.config().has_dropout() => {
                evaluated(self.classifier, tape, batch)
            }
            _ => Ok(logits.detach()),
        }
    }

    /// The terms behind the truth and, with a teacher, behind its answers.
    fn terms_of(
        &self,
        tape: &Tape,
        (units, drawn): (&Units<'_>, &Drawn),
        batch: &Batch,
        logits: &Var,
        step: u64,
    ) -> limbeck_engine::Result<Vec<Term>> {
        let options = self.options;
        let losses = units.differences(tape, logits, options.difference.of_loss())?;
        if self.selector.selection() == Selection::None {
            let truth = weighted_mean(tape, &losses, Some(units.valid()), Normaliser::Weights)?;
            return Ok(vec![Term::new("truth", truth, options.gt_weight as f32)]);
        }
        let classes = self.classifier.model().classes();
        let teacher = tape.constant(rows_of(tape.device(), &drawn.teacher, classes)?);
        let mask = self.mask(tape, (units, drawn), batch, [&teacher, logits], step)?;
        let known = units.count().max(1) as f32;
        let share = weighted_mean(tape, &mask, None, Normaliser::Count(known))?;
        let (followed, unlabelled) = self.selector.followed(tape, &mask, &drawn.labels)?;
        // Where the teacher is followed without truth, its units count too.
        let all = Normaliser::Count((units.count() + unlabelled).max(1) as f32);
        let kind = (options.transfer.into(), options.temperature as f32);
        let scores = [&teacher, logits];
        let (truth, transfer) = match self.selector.form() {
            Form::TwoTerms => {
                let weights = self.weights_of_truth(tape, units.valid(), &mask)?;
                let [of_truth, of_teacher] = self.selector.normalisers(all);
                (
                    weighted_mean(tape, &losses, Some(&weights), of_truth)?,
                    units.transfer(tape, scores, kind, &followed, of_teacher)?,
                )
            }
            Form::TargetMix => {
                // Cross-entropy is linear in its target.
                let mixed = 1.0 - options.alpha as f32;
                let weights = weighted_sum(tape, &[(units.valid(), 1.0), (&mask, -mixed)])?;
                let transfer = units.transfer(tape, scores, kind, &followed, all)?;
                (
                    weighted_mean(tape, &losses, Some(&weights), all)?,
                    scale(tape, &transfer, mixed)?,
                )
            }
        };
        Ok(vec![
            Term::new("truth", truth, options.gt_weight as f32),
            Term::new("transfer", transfer, options.kd_weight as f32),
            // Logged beside the others, for what it says.
            Term::new("selected_share", share, 0.0),
        ])
    }

    /// The mask of an update: the one that was kept, or that of a comparison.
    fn mask(
        &self,
        tape: &Tape,
        (units, drawn): (&Units<'_>, &Drawn),
        batch: &Batch,
        [teacher, logits]: [&Var; 2],
        step: u64,
    ) -> limbeck_engine::Result<Var> {
        if let Some(average) = &self.average {
            average.follow(self.classifier, step)?;
        }
        if let Some(mask) = &drawn.mask {
            return self.selector.kept(tape, mask, &drawn.labels, step);
        }
        let student = match self.selector.selection().compares() {
            true => self.answers(tape, batch, logits)?,
            false => logits.detach(),
        };
        let scores = [teacher, &student];
        self.selector.mask(tape, units, scores, &drawn.labels, step)
    }

    /// 1 for the units that are compared with the truth.
    fn weights_of_truth(
        &self,
        tape: &Tape,
        valid: &Var,
        mask: &Var,
    ) -> limbeck_engine::Result<Var> {
        match self.selector.gt_units() {
            GtUnits::All => Ok(valid.clone()),
            GtUnits::Selected => Ok(mask.clone()),
            GtUnits::Complement => weighted_sum(tape, &[(valid, 1.0), (mask, -1.0)]),
        }
    }
}

/// What a student says of a batch without dropout.
fn evaluated(student: &TextClassifier, tape: &Tape, batch: &Batch) -> limbeck_engine::Result<Var> {
    let inference = Tape::inference(tape.device());
    let output = student.model().forward(&inference, batch)?;
    Ok(tape.constant(output.logits.tensor().clone()))
}

impl Objective for UnitObjective<'_> {
    fn stores(&self) -> Vec<&ParameterStore> {
        vec![self.classifier.model().parameters()]
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        vec![self.classifier.model_mut().parameters_mut()]
    }

    fn terms(&self, tape: &Tape, step: u64) -> limbeck_training::Result<Vec<Term>> {
        let drawn = self.draw(step);
        let model = self.classifier.model();
        let inputs: Vec<&Encoded> = drawn.inputs.iter().collect();
        let batch = model.batch(&inputs, 0)?;
        let logits = model.forward_labelled(tape, &batch, &drawn.labels)?;
        let units = units_of(tape, self.lesson.form, &drawn.labels, &batch)?;
        Ok(self.terms_of(tape, (&units, &drawn), &batch, &logits, step)?)
    }

    fn samples(&self, step: u64) -> Vec<u64> {
        let rows = self.steps.rows(step).into_iter();
        rows.map(|row| row as u64).collect()
    }

    fn tokens(&self, step: u64) -> u64 {
        let rows = self.steps.rows(step).into_iter();
        let units = |row: usize| {
            let input = &self.lesson.samples.inputs[row];
            match self.lesson.views.of(input, step, row) {
                Some(view) => view.height * view.width,
                None => self.lesson.samples.labels[row].len(),
            }
        };
        rows.map(|row| units(row) as u64).sum()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.steps.per_epoch()
    }

    fn read_largest_batches(&mut self) {
        let inputs = self.lesson.samples.inputs.iter();
        let lengths: Vec<usize> = inputs.map(Encoded::len).collect();
        self.steps.pin_longest(&lengths);
    }

    fn evaluate(&self) -> limbeck_training::Result<Option<DevScore>> {
        self.judge.dev_score(self.classifier)
    }

    fn epoch_ended(
        &mut self,
        epoch: u64,
        mean: &dyn Fn(&str) -> Option<f64>,
    ) -> limbeck_training::Result<()> {
        self.shares.extend(mean("selected_share"));
        if self.kept.is_some() && self.options.timing == Timing::Epoch {
            self.compare_all()?;
        }
        if let Some(artefacts) = &self.artefacts {
            artefacts
                .after_epoch(epoch, self.classifier, &self.lesson, self.options)
                .map_err(crate::Error::into_training)?;
        }
        Ok(())
    }

    fn carried(&self) -> limbeck_training::Result<Vec<Vec<f32>>> {
        let mut carried = Vec::new();
        if let Some(kept) = &self.kept {
            carried.push(kept.packed());
        }
        if let Some(average) = &self.average {
            carried.extend(average.values()?);
        }
        Ok(carried)
    }

    fn restore_carried(
        &mut self,
        _step: u64,
        carried: Vec<Vec<f32>>,
    ) -> limbeck_training::Result<()> {
        let mut rest = carried.into_iter();
        if let Some(kept) = &mut self.kept {
            kept.unpack(&rest.next().unwrap_or_default())?;
        }
        if let Some(average) = &self.average {
            average.restore(rest.collect())?;
        }
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "shares": self.shares })
    }

    fn restore(&mut self, state: &Value) -> limbeck_training::Result<()> {
        let shares = state["shares"].as_array();
        self.shares = shares
            .map(|shares| shares.iter().filter_map(Value::as_f64).collect())
            .unwrap_or_default();
        Ok(())
    }
}
