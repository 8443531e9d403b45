//! The whole method: the teacher, what it says, and a student for every selection.

use std::path::{Path, PathBuf};

use limbeck_data::split::{folds, groups};
use limbeck_models::Head;
use limbeck_training::files::{read_text, write_json};
use serde::{Deserialize, Serialize};

use super::artefacts::Artefacts;
use super::data::{UnitData, UnitPart, UnitTask};
use super::judge::{self, Judge};
use super::objective::{Lesson, UnitObjective};
use super::options::{Selection, SenderOutputs};
use super::samples::UnitSamples;
use crate::config::{Model, StageConfig, TaggerConfig, UnitSelectRun};
use crate::context::RunContext;
use crate::error::{Error, Result};
use crate::measured::Measured;
use crate::stages::stage_options;
use crate::text::{Encoder, TextClassifier};

/// The finished models and how they did.
pub struct Selected {
    /// The teacher.
    pub teacher: TextClassifier,
    /// The student of the selection that was asked for.
    pub student: TextClassifier,
    /// One row of figures per model.
    pub measured: Measured,
}

/// With more selected units than this share the method is plain distillation.
const NEARLY_ALL: f64 = 0.95;
/// With fewer it is training on labels alone.
const HARDLY_ANY: f64 = 0.01;

/// The name of the student that is delivered.
const STUDENT: &str = "student";

/// Runs the method on the data of a run file, and judges its models.
///
/// # Errors
/// Those of data, device and training.
pub fn distill(
    run: &UnitSelectRun,
    data: &UnitData,
    context: &mut RunContext<'_>,
) -> Result<Selected> {
    let mut recipe = Recipe { run, data, context };
    let (teacher, said) = recipe.teacher()?;
    let initial = recipe.initial_student()?;
    let mut students = Vec::new();
    for selection in run.distillation.selections() {
        let name = match students.is_empty() {
            true => STUDENT,
            false => selection.arm(),
        };
        students.push((name, recipe.student(name, selection, &initial, &said)?));
    }
    let mut models = vec![("teacher", &teacher)];
    models.extend(students.iter().map(|(name, student)| (*name, student)));
    let mut measured = judge::measured(&models, data)?;
    if !recipe.context.is_rehearsal() {
        let root = recipe
            .context
            .paths()
            .map(|paths| paths.root().to_path_buf());
        remark(run, &mut measured, root.as_deref())?;
    }
    let (_, student) = students.swap_remove(0);
    Ok(Selected {
        teacher,
        student,
        measured,
    })
}

/// Adds the share of selected units to the rows of the students that had a mask, and says where it is
/// so near to all or nothing that the method is not what ran.
pub(super) fn remark(
    run: &UnitSelectRun,
    measured: &mut Measured,
    root: Option<&Path>,
) -> Result<()> {
    let Some(root) = root else { return Ok(()) };
    for (place, selection) in run.distillation.selections().into_iter().enumerate() {
        let name = if place == 0 { STUDENT } else { selection.arm() };
        let path = shares_file(root, name);
        if selection == Selection::None || !path.exists() {
            continue;
        }
        let shares = Shares::read(&path)?.selected_share;
        if shares.is_empty() {
            continue;
        }
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        measured.amend(name, |row| row.rate("selected_share", mean));
        if selection.compares() && !(HARDLY_ANY..=NEARLY_ALL).contains(&mean) {
            tracing::warn!(
                "{name}: {:.1} % of the units were selected: with nearly all this is plain \
                 distillation, with hardly any training on labels alone (degenerate)",
                100.0 * mean
            );
            measured.amend(name, |row| row.count("degenerate", 1));
        }
    }
    Ok(())
}

/// The share of selected units in every epoch: `units/STUDENT.json`.
#[derive(Serialize, Deserialize)]
struct Shares {
    selected_share: Vec<f64>,
}

impl Shares {
    fn read(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        serde_json::from_str(&text).map_err(|error| Error::model(path, error.to_string()))
    }
}

fn shares_file(root: &Path, student: &str) -> PathBuf {
    root.join("units").join(format!("{student}.json"))
}

struct Recipe<'a, 'c> {
    run: &'a UnitSelectRun,
    data: &'a UnitData,
    context: &'a mut RunContext<'c>,
}

impl Recipe<'_, '_> {
    /// The architecture of a model, for these units.
    fn architecture(&self, model: &Model) -> Model {
        match &self.data.task {
            UnitTask::Fields(space) => {
                TaggerConfig::over(model, self.run.words, &self.run.data, space)
            }
            _ => model.clone(),
        }
    }

    /// The teacher, and what it (or, cross-fitted, another of its kind that has not seen them) says of
    /// all training samples.
    fn teacher(&mut self) -> Result<(TextClassifier, Vec<Vec<f32>>)> {
        let model = self.architecture(&self.run.teacher);
        let teacher = self.taught("teacher", &model, &self.data.train)?;
        let folds = self.folds();
        let said = match self.run.distillation.sender_outputs {
            SenderOutputs::CrossFit if folds >= 2 => self.cross_fitted(&model, folds)?,
            _ => {
                let samples = self.data.encode(teacher.encoder(), &self.data.train);
                samples.scores(teacher.model())?
            }
        };
        Ok((teacher, said))
    }

    /// As many folds as were asked for, or as there are different samples.
    fn folds(&self) -> usize {
        let set = self.data.train.as_set(&self.data.task);
        let (asked, most) = (self.run.distillation.folds, groups(&set.texts).len());
        if most < asked && !self.context.is_rehearsal() {
            tracing::warn!("there are {most} different training samples for {asked} folds");
        }
        asked.min(most)
    }

    /// What models say of the samples of a fold that they were not trained on. Not even their
    /// vocabulary, or the scale of their features, has seen them.
    fn cross_fitted(&mut self, model: &Model, number: usize) -> Result<Vec<Vec<f32>>> {
        let train = &self.data.train;
        let set = train.as_set(&self.data.task);
        let rows: Vec<usize> = (0..train.len()).collect();
        let fold_of = match train {
            // Neighbours in a stack look alike: they stay in one fold.
            UnitPart::Pictures(_) => rows.iter().map(|row| row * number / rows.len()).collect(),
            _ => folds(&set, &rows, number, self.context.seed())?,
        };
        let mut said = vec![Vec::new(); train.len()];
        for fold in 0..number {
            let (asked, read): (Vec<usize>, Vec<usize>) =
                rows.iter().partition(|&&row| fold_of[row] == fold);
            let name = format!("teacher_fold_{}", fold + 1);
            let teacher = self.taught(&name, model, &train.select(&read))?;
            let about = self.data.encode(teacher.encoder(), &train.select(&asked));
            for (row, scores) in asked.into_iter().zip(about.scores(teacher.model())?) {
                said[row] = scores;
            }
        }
        Ok(said)
    }

    /// A teacher, trained on these samples alone.
    fn taught(&mut self, name: &str, model: &Model, part: &UnitPart) -> Result<TextClassifier> {
        let encoder = self.data.encoder(model, self.run, part)?;
        let start = self.untaught(model, encoder)?;
        let samples = self.data.encode(start.encoder(), part);
        let training = &self.run.training.teacher;
        self.train(name, start, (&samples, &[]), training, Selection::None)
    }

    fn initial_student(&self) -> Result<TextClassifier> {
        let model = self.architecture(&self.run.student);
        let encoder = self.data.encoder(&model, self.run, &self.data.train)?;
        self.untaught(&model, encoder)
    }

    fn untaught(&self, model: &Model, encoder: Encoder) -> Result<TextClassifier> {
        let (seed, device) = (self.context.seed(), self.context.device());
        TextClassifier::initial(
            model,
            Head::Pooled,
            encoder,
            &self.data.classes,
            seed,
            device,
        )
    }

    /// A student with one selection. All of them begin with the same weights, and read the same parts
    /// of the same samples in the same order.
    fn student(
        &mut self,
        name: &str,
        selection: Selection,
        initial: &TextClassifier,
        said: &[Vec<f32>],
    ) -> Result<TextClassifier> {
        let samples = self.data.encode(initial.encoder(), &self.data.train);
        let training = &self.run.training.student;
        self.train(name, initial.copy()?, (&samples, said), training, selection)
    }

    /// Trains a model, or loads it if an interrupted run has finished it.
    fn train(
        &mut self,
        name: &str,
        mut classifier: TextClassifier,
        (samples, teacher): (&UnitSamples, &[Vec<f32>]),
        training: &StageConfig,
        selection: Selection,
    ) -> Result<TextClassifier> {
        let per_epoch = samples.len().div_ceil(training.batch_size.max(1)) as u64;
        let options = stage_options(name, training, per_epoch);
        if let Some(finished) = self.context.finished(name)? {
            self.context.skip(options.steps);
            return Ok(finished);
        }
        let judge = Judge::new(classifier.encoder(), self.data, &self.data.dev);
        let lesson = Lesson {
            samples,
            teacher,
            form: self.data.form(),
            views: self.data.views(self.run),
        };
        let follows = (selection, &self.run.distillation);
        let names = self.data.train.names();
        // A mask drawn at random shows nothing.
        let shown = selection == Selection::TeacherBetter && !self.context.is_rehearsal();
        let artefacts = match shown {
            true => Artefacts::of_run(self.context.paths(), name, &names),
            false => None,
        };
        let batch = (training.batch_size, self.context.seed());
        let mut objective = UnitObjective::new(&mut classifier, lesson, follows, &judge, batch)?
            .writing(artefacts.clone());
        self.context.train(options, &mut objective)?;
        let shares = objective.shares().to_vec();
        if let Some(artefacts) = artefacts {
            artefacts.finished(&classifier, &lesson, &self.run.distillation)?;
        }
        if let (Some(paths), false) = (self.context.paths(), selection == Selection::None) {
            let file = shares_file(paths.root(), name);
            let folder = paths.root().join("units");
            std::fs::create_dir_all(&folder)
                .map_err(|cause| Error::io("create", &folder, cause))?;
            let selected_share = shares;
            write_json(&file, &Shares { selected_share })?;
        }
        self.context.keep(name, &classifier)?;
        Ok(classifier)
    }
}
