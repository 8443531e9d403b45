//! The whole method: teacher, student, and the student alone for comparison.

use std::path::Path;

use limbeck_data::pairs::TextPair;
use limbeck_models::Head;

use super::correspondence::levels_table;
use super::embeddings;
use super::levels::{LevelProjection, Maps};
use super::options::{JointNorm, Projection, StudentEmbeddings};
use super::outputs::TeacherOutputs;
use super::pairs::{EncodedPairs, unlabelled_pairs};
use super::ready_made::read_teacher;
use super::scored::ScoredTeacher;
use super::student::{Lessons, StudentObjective};
use super::student_loss::StudentLoss;
use super::teacher::TeacherObjective;
use super::weights::ConsistencyTerm;
use crate::config::{LayerwiseRun, Model, NgramVocabulary};
use crate::context::RunContext;
use crate::dataset::RunData;
use crate::error::Result;
use crate::measured::Measured;
use crate::stages::stage_options;
use crate::supervised::Labelled;
use crate::text::{Encoder, TextClassifier};
use crate::train::SupervisedStage;
use crate::word_vectors;

/// The finished models and how they did.
pub struct Distilled {
    /// The teacher of layers; none where it is a file of scores.
    pub teacher: Option<TextClassifier>,
    /// The student.
    pub student: TextClassifier,
    /// The student trained without a teacher, if asked for.
    pub student_alone: Option<TextClassifier>,
    /// One row of figures per model.
    pub measured: Measured,
}

/// Runs the method on the data of a run file, and judges its models.
///
/// # Errors
/// Those of data, device and training.
pub fn distill(
    run: &LayerwiseRun,
    data: &RunData,
    context: &mut RunContext<'_>,
) -> Result<Distilled> {
    if !context.is_rehearsal() {
        for line in levels_table(&run.levels()?).lines() {
            tracing::info!("{line}");
        }
    }
    let mut recipe = Recipe { run, data, context };
    let (pairs, mut report) = unlabelled_pairs(run, data, recipe.context)?;
    let scored = ScoredTeacher::open(run, &data.labelled.classes)?;
    let teacher = match scored {
        Some(_) => None,
        None => Some(recipe.teacher(&pairs)?),
    };
    let beside = recipe.beside_teacher(&pairs)?;
    let lessons = match (&teacher, &scored) {
        (Some(teacher), _) => recipe.teacher_outputs(teacher, &pairs)?,
        (None, Some(scored)) => {
            scored.check_coverage(run, data, &pairs)?;
            scored.outputs(data, &pairs)
        }
        (None, None) => unreachable!("one of the two is always there"),
    };
    let lessons = recipe.mix_in(lessons, beside.as_ref());
    if !recipe.context.is_rehearsal() && lessons.pairs.are_complete() {
        let (original, other) = lessons.decisions();
        report.compare_decisions(&original, &other);
        tracing::info!("pairs: {report}");
    }
    let student = recipe.student((teacher.as_ref(), &lessons), &pairs)?;
    let alone = recipe.student_alone()?;
    let beside = beside.as_ref().map(|beside| &beside.classifier);
    let models = [
        ("teacher", teacher.as_ref()),
        ("beside_teacher", beside),
        ("student_alone", alone.as_ref()),
        ("student", Some(&student)),
    ];
    let models = models.into_iter().filter_map(|(name, c)| Some((name, c?)));
    let mut measured = Measured::of(&models.collect::<Vec<_>>(), data)?;
    if let Some(scored) = &scored {
        measured = scored.measure(data)?.followed_by(measured);
    }
    Ok(Distilled {
        teacher,
        student,
        student_alone: alone,
        measured,
    })
}

/// One run of the method.
pub(super) struct Recipe<'a, 'c> {
    pub(super) run: &'a LayerwiseRun,
    pub(super) data: &'a RunData,
    pub(super) context: &'a mut RunContext<'c>,
}

impl Recipe<'_, '_> {
    /// Stage 1, or the teacher of another run.
    fn teacher(&mut self, pairs: &[TextPair]) -> Result<TextClassifier> {
        if let Some(folder) = self.run.teacher_folder() {
            return self.ready_made_teacher(folder);
        }
        let texts = match self.run.teacher.ngram_vocabulary() {
            Some(NgramVocabulary::Labelled) => &self.data.labelled.texts,
            _ => &self.data.training_texts(),
        };
        let first_token = self.run.teacher_needs_first_token();
        let encoder = Encoder::train(&self.run.teacher, &self.run.data, first_token, texts)?;
        let labelled = Labelled::new(&encoder, &self.data.labelled);
        self.train_teacher("teacher", encoder, &labelled, pairs)
    }

    /// The teacher of another run. Its stage counts as done, so that the steps of the stages after
    /// it have the numbers they have where the teacher is trained.
    fn ready_made_teacher(&mut self, folder: &Path) -> Result<TextClassifier> {
        let stage = &self.run.training.teacher;
        let texts = self.data.labelled.len();
        let per_epoch = texts.div_ceil(stage.batch_size.max(1)) as u64;
        self.context.skip(stage.steps(per_epoch));
        if let Some(finished) = self.context.finished("teacher")? {
            return Ok(finished);
        }
        let classes = &self.data.labelled.classes;
        let teacher = read_teacher(self.run, folder, classes, self.context.device())?;
        self.context.keep("teacher", &teacher)?;
        Ok(teacher)
    }

    /// Stage 1 on some labelled texts.
    pub(super) fn train_teacher(
        &mut self,
        name: &str,
        encoder: Encoder,
        labelled: &Labelled,
        pairs: &[TextPair],
    ) -> Result<TextClassifier> {
        let run = self.run;
        let (stage, options) = (&run.training.teacher, &run.distillation);
        let per_epoch = labelled.texts.len().div_ceil(stage.batch_size.max(1)) as u64;
        let stage_options = stage_options(name, stage, per_epoch);
        if let Some(finished) = self.context.finished(name)? {
            self.context.skip(stage_options.steps);
            return Ok(finished);
        }
        let classes = &self.data.labelled.classes;
        let (seed, device, head) = (
            self.context.seed(),
            self.context.device(),
            run.teacher_head()?,
        );
        let pairs = EncodedPairs::new(&encoder, pairs);
        let dev = Labelled::new(&encoder, &self.data.dev);
        let mut teacher =
            TextClassifier::initial(&run.teacher, head, encoder, classes, seed, device)?;
        let consistency = ConsistencyTerm::new(
            &options.teacher_consistency,
            options.weights.w2,
            classes.len(),
            (stage_options.steps, per_epoch),
        );
        let batches = (stage.batch_size, run.training.unlabelled_batch_size);
        let texts = (labelled, &pairs, &dev);
        let mut objective = TeacherObjective::new(&mut teacher, texts, batches, seed, consistency)?;
        self.context.train(stage_options, &mut objective)?;
        self.context.keep(name, &teacher)?;
        Ok(teacher)
    }

    /// Stage 2.
    fn student(
        &mut self,
        (teacher, outputs): (Option<&TextClassifier>, &TeacherOutputs),
        pairs: &[TextPair],
    ) -> Result<TextClassifier> {
        let run = self.run;
        let (stage, model) = (&run.training.student, Model::TextCnn(run.student.clone()));
        let encoder = Encoder::train(&model, &run.data, false, &self.data.training_texts())?;
        let labelled = Labelled::new(&encoder, &self.data.labelled);
        let per_epoch = labelled.texts.len().div_ceil(stage.batch_size.max(1)) as u64;
        let options = stage_options("student", stage, per_epoch);
        if let Some(finished) = self.context.finished("student")? {
            self.context.skip(options.steps);
            return Ok(finished);
        }
        let pairs = EncodedPairs::new(&encoder, pairs);
        let texts = [labelled.all(), pairs.all()].concat();
        let lessons = Lessons {
            token_levels: self.token_levels(teacher, &encoder, &texts)?,
            labelled: &labelled,
            pairs: &pairs,
            dev: &Labelled::new(&encoder, &self.data.dev),
            labelled_targets: &outputs.labelled,
            pair_targets: &outputs.pairs,
        };
        let classes = &self.data.labelled.classes;
        let (seed, device) = (self.context.seed(), self.context.device());
        let loss = StudentLoss::new(&run.distillation, classes.len(), (options.steps, per_epoch));
        let mut projection = self.level_projection()?;
        let mut student =
            TextClassifier::new(&model, Head::Pooled, encoder, classes, seed, device)?;
        word_vectors::apply(&run.student, &mut student, &texts)?;
        if run.distillation.student_embeddings == StudentEmbeddings::Teacher
            && let Some(teacher) = teacher
        {
            embeddings::of_teacher(teacher, &mut student)?;
        }
        let batches = (stage.batch_size, run.training.unlabelled_batch_size);
        let mut objective =
            StudentObjective::new(&mut student, &mut projection, lessons, batches, seed, loss)?;
        self.context.train(options, &mut objective)?;
        self.context.keep("student", &student)?;
        Ok(student)
    }

    fn level_projection(&self) -> Result<LevelProjection> {
        let (seed, device) = (self.context.seed(), self.context.device());
        let Some(teacher) = self.run.teacher.encoder_layers() else {
            return Ok(LevelProjection::None);
        };
        if !self.run.matches_layers() {
            return Ok(LevelProjection::None);
        }
        let (mut maps, mut blocks) = (Vec::new(), 0..);
        for level in self.run.levels()? {
            let name = match level.layer {
                0 => "levels.embedding".into(),
                _ => format!("levels.{}", blocks.next().unwrap_or(0)),
            };
            maps.push((name, teacher.hidden_size, level.width));
        }
        let upwards = |(name, teacher, student)| (name, student, teacher);
        let options = &self.run.distillation;
        Ok(match options.projection {
            Projection::InHead | Projection::Pca => LevelProjection::None,
            Projection::Joint => LevelProjection::Teacher(match options.joint_norm {
                JointNorm::None => Maps::new(&maps, seed, device)?,
                JointNorm::Rows => Maps::with_unit_rows(&maps, seed, device)?,
            }),
            Projection::StudentUp => {
                let maps: Vec<_> = maps.into_iter().map(upwards).collect();
                LevelProjection::Student(Maps::new(&maps, seed, device)?)
            }
        })
    }

    /// The student on L3 alone: same model, vocabulary, weights at the start (but for word vectors of
    /// the teacher), batches, number of updates and dev set.
    fn student_alone(&mut self) -> Result<Option<TextClassifier>> {
        if !self.run.student_alone {
            return Ok(None);
        }
        let model = Model::TextCnn(self.run.student.clone());
        let encoder = Encoder::train(&model, &self.run.data, false, &self.data.training_texts())?;
        let mut stage = SupervisedStage {
            name: "student_alone",
            model: &model,
            head: Head::Pooled,
            training: &self.run.training.student,
            term: ("L3", self.run.distillation.weights.w3 as f32),
        };
        stage.run(encoder, self.data, self.context).map(Some)
    }
}
