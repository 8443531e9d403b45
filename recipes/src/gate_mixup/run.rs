//! The whole method: both models alone, the turns, and what they are compared with.

use std::path::{Path, PathBuf};

use limbeck_data::split::folds;
use limbeck_models::Head;
use limbeck_training::files::{read_text, write_json};
use limbeck_training::run_folder::RunPaths;
use limbeck_training::stage::StageOptions;
use serde::{Deserialize, Serialize};

use super::objective::{MutualObjective, Party};
use super::options::{Direction, GateMixupOptions, SenderOutputs};
use crate::config::{Extent, GateMixupRun, Model, StageConfig};
use crate::context::RunContext;
use crate::dataset::RunData;
use crate::error::{Error, Result};
use crate::measured::Measured;
use crate::stages::stage_options;
use crate::supervised::{Labelled, Supervised, SupervisedLoss};
use crate::text::{Encoder, TextClassifier, logits_of};
use crate::train::SupervisedStage;

/// Below this share of closed gates the method is not what ran.
const DEGENERATE: f64 = 0.05;

/// The finished models and how they did.
pub struct Taught {
    /// The teacher, trained on labels alone.
    pub teacher: TextClassifier,
    /// The student after the turns.
    pub student: TextClassifier,
    /// One row of figures per model.
    pub measured: Measured,
}

/// A model of the run: its name, its configuration, how it is trained alone.
struct Role<'a> {
    name: &'static str,
    model: &'a Model,
    training: &'a StageConfig,
}

/// Runs the method on the data of a run file, and judges its models.
///
/// # Errors
/// Those of data, device and training.
pub fn distill(run: &GateMixupRun, data: &RunData, context: &mut RunContext<'_>) -> Result<Taught> {
    let mut recipe = Recipe { run, data, context };
    let teacher_role = Role {
        name: "teacher",
        model: &run.teacher,
        training: &run.training.teacher,
    };
    let student_role = Role {
        name: "student_initial",
        model: &run.student,
        training: &run.training.student,
    };
    let teacher = recipe.alone(&teacher_role)?;
    let initial = recipe.alone(&student_role)?;
    let alone = match run.student_alone {
        true => Some(recipe.continued(&initial)?),
        false => None,
    };
    let options = &run.distillation;
    let mutual = match run.plain_mutual {
        true => {
            let names = ["mutual", "mutual_teacher"];
            Some(recipe.turns(names, (&initial, &teacher), &options.plain(), [None, None])?)
        }
        false => None,
    };
    let unseen = match options.sender_outputs {
        SenderOutputs::InSample => [None, None],
        SenderOutputs::CrossFit => [
            // A student that never teaches needs no scores.
            match options.direction {
                Direction::Mutual => Some(recipe.cross_fitted(&student_role, &initial)?),
                Direction::OneWay => None,
            },
            Some(recipe.cross_fitted(&teacher_role, &teacher)?),
        ],
    };
    let names = [STUDENT, "taught_teacher"];
    let ([student, taught], closed) = recipe.turns(names, (&initial, &teacher), options, unseen)?;
    let mutual = mutual.as_ref().map(|(models, _)| &models[0]);
    let taught = (options.direction == Direction::Mutual).then_some(&taught);
    let models = [
        ("teacher", Some(&teacher)),
        ("student_initial", Some(&initial)),
        ("student_alone", alone.as_ref()),
        ("mutual", mutual),
        ("taught_teacher", taught),
        ("student", Some(&student)),
    ];
    let models = models.into_iter().filter_map(|(name, c)| Some((name, c?)));
    let mut measured = Measured::of(&models.collect::<Vec<_>>(), data)?;
    remark(run, &mut measured, closed);
    if closed < DEGENERATE && !recipe.context.is_rehearsal() {
        tracing::warn!(
            "the gate was closed for {:.1} % of the messages: with so few this is plain mutual \
             learning (degenerate)",
            100.0 * closed
        );
    }
    Ok(Taught {
        teacher,
        student,
        measured,
    })
}

/// Adds what a reader must know: the share of closed gates, whether it is so small that the method is
/// not what ran, and which models learned from a transductive teacher, in whose messages they have
/// seen dev and test.
pub fn remark(run: &GateMixupRun, measured: &mut Measured, closed_share: f64) {
    measured.amend("student", |row| row.rate("closed_share", closed_share));
    if closed_share < DEGENERATE {
        measured.amend("student", |row| row.count("degenerate", 1));
    }
    if run.teacher.is_transductive() {
        for name in ["mutual", "student", "taught_teacher"] {
            measured.amend(name, |row| row.count("transductive", 1));
        }
    }
}

/// The share of closed gates in the turns of a run that is finished.
///
/// # Errors
/// If the run folder does not say.
pub fn closed_share(paths: &RunPaths) -> Result<f64> {
    Ok(Figures::read(&figures(paths, STUDENT))?.closed_share)
}

/// The student after the turns, and the file that says what the gates did.
const STUDENT: &str = "student";

fn figures(paths: &RunPaths, name: &str) -> PathBuf {
    paths.root().join(format!("{name}.json"))
}

struct Recipe<'a, 'c> {
    run: &'a GateMixupRun,
    data: &'a RunData,
    context: &'a mut RunContext<'c>,
}

impl Recipe<'_, '_> {
    /// A model trained on the labelled texts alone.
    fn alone(&mut self, role: &Role<'_>) -> Result<TextClassifier> {
        let first_token = role.model.reads_first_token();
        let texts = self.data.vocabulary_texts(role.model);
        let encoder = Encoder::train(role.model, &self.run.data, first_token, &texts)?;
        stage_of(role, role.name).run(encoder, self.data, self.context)
    }

    /// For each labelled text the class scores of a model that was trained on the other folds.
    fn cross_fitted(&mut self, role: &Role<'_>, whole: &TextClassifier) -> Result<Vec<Vec<f32>>> {
        let (set, options) = (&self.data.labelled, &self.run.distillation);
        let rows: Vec<usize> = (0..set.len()).collect();
        let fold_of = folds(set, &rows, options.folds, self.context.seed())?;
        let encoder = whole.encoder();
        let labelled = Labelled::new(encoder, set);
        let dev = Labelled::new(encoder, &self.data.dev);
        let mut logits = vec![Vec::new(); set.len()];
        for fold in 0..options.folds {
            let ((inside, rows), (outside, _)) = labelled.divide(|row| fold_of[row] == fold);
            let name = format!("{}_fold_{}", role.name, fold + 1);
            let mut stage = stage_of(role, &name);
            let classes = &set.classes;
            let encoder = encoder.clone();
            let model = stage.run_on(encoder, outside, &dev, classes, self.context)?;
            for (row, scores) in rows
                .into_iter()
                .zip(logits_of(model.model(), &inside.all())?)
            {
                logits[row] = scores;
            }
        }
        Ok(logits)
    }

    /// The student on labels alone, for as many updates as it makes in the turns.
    fn continued(&mut self, initial: &TextClassifier) -> Result<TextClassifier> {
        let stage = &self.run.training.mutual;
        let train = Labelled::new(initial.encoder(), &self.data.labelled);
        let dev = Labelled::new(initial.encoder(), &self.data.dev);
        let per_epoch = train.texts.len().div_ceil(stage.batch_size.max(1)) as u64;
        let options = options_alone(self.run, per_epoch);
        if let Some(finished) = self.context.finished("student_alone")? {
            self.context.skip(options.steps);
            return Ok(finished);
        }
        let mut student = initial.copy()?;
        let batches = (stage.batch_size, self.context.seed());
        let loss = SupervisedLoss::CrossEntropy;
        let term = ("student_ce", 1.0);
        let objective = Supervised::new(&mut student, train, &dev, batches, loss, term)?;
        self.context.train(options, &mut objective.by_macro_f1())?;
        self.context.keep("student_alone", &student)?;
        Ok(student)
    }

    /// The turns: the student and the teacher after them, and the share of closed gates.
    fn turns(
        &mut self,
        [name, teacher_name]: [&str; 2],
        (student, teacher): (&TextClassifier, &TextClassifier),
        options: &GateMixupOptions,
        [of_student, of_teacher]: [Option<Vec<Vec<f32>>>; 2],
    ) -> Result<([TextClassifier; 2], f64)> {
        let stage = &self.run.training.mutual;
        let (mut student, mut teacher) = (student.copy()?, teacher.copy()?);
        let party = |classifier: &mut TextClassifier, unseen| {
            let encoder = classifier.encoder().clone();
            (
                Labelled::new(&encoder, &self.data.labelled),
                Labelled::new(&encoder, &self.data.dev),
                unseen,
            )
        };
        let of_student = party(&mut student, of_student);
        let of_teacher = party(&mut teacher, of_teacher);
        let with = |classifier, (train, dev, unseen)| Party {
            classifier,
            train,
            dev,
            unseen,
        };
        let seed = self.context.seed();
        let parties = [
            with(&mut student, of_student),
            with(&mut teacher, of_teacher),
        ];
        let mut objective = MutualObjective::new(parties, options, stage.batch_size, seed)?;
        let stage_options = stage_options(name, stage, objective.cycle());
        let finished = self
            .context
            .finished(name)?
            .zip(self.context.finished(teacher_name)?);
        let figures = self.context.paths().map(|paths| figures(paths, name));
        if let Some((student, teacher)) = finished {
            self.context.skip(stage_options.steps);
            let figures = figures.map(|path| Figures::read(&path)).transpose()?;
            return Ok(([student, teacher], figures.map_or(0.0, |f| f.closed_share)));
        }
        self.context.train(stage_options, &mut objective)?;
        let closed_share = objective.closed_share();
        if let Some(path) = figures {
            write_json(&path, &Figures { closed_share })?;
        }
        self.context.keep(teacher_name, &teacher)?;
        self.context.keep(name, &student)?;
        Ok(([student, teacher], closed_share))
    }
}

/// The student alone takes the turns' course of the learning rate, and is evaluated as often, over the
/// updates that it makes in them.
fn options_alone(run: &GateMixupRun, per_epoch: u64) -> StageOptions {
    let (stage, options) = (&run.training.mutual, &run.distillation);
    let cycle = per_epoch * options.learners();
    let turns = stage_options("student_alone", stage, cycle);
    let own = |updates: u64| options.updates_of_student(updates, per_epoch);
    let length = own(turns.steps);
    let same = StageConfig {
        length: Extent::Steps(length),
        warm_up: Extent::Steps(own(stage.warm_up.steps(turns.steps, cycle))),
        evaluate_every: Extent::Steps(own(turns.evaluate_every).max(1)),
        checkpoint_every: Extent::Steps(own(turns.checkpoint_every).max(1)),
        ..stage.clone()
    };
    stage_options("student_alone", &same, per_epoch)
}

/// What is known of finished turns besides their models.
#[derive(Serialize, Deserialize)]
struct Figures {
    closed_share: f64,
}

impl Figures {
    fn read(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        serde_json::from_str(&text).map_err(|error| Error::model(path, error.to_string()))
    }
}

fn stage_of<'a>(role: &Role<'a>, name: &'a str) -> SupervisedStage<'a> {
    SupervisedStage {
        name,
        model: role.model,
        head: Head::Pooled,
        training: role.training,
        term: ("L1", 1.0),
    }
}
