//! A teacher in a file of scores: stage 1 is left out, and the student learns from what another
//! program has said of the texts.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use limbeck_data::pairs::TextPair;
use limbeck_data::read::{Columns, Format, LabelledSet, ReadOptions, read_records};
use limbeck_engine::Device;
use limbeck_training::interrupt::Interrupt;
use limbeck_training::run_folder::{DataFile, Metrics};
use serde_json::json;

use super::outputs::TeacherOutputs;
use super::pairs::unlabelled_pairs;
use super::targets::Targets;
use crate::config::{LayerwiseRun, MissingScores, Model, PairSource, ScoresConfig};
use crate::context::RunContext;
use crate::dataset::RunData;
use crate::error::{Error, Result};
use crate::measured::{Measured, samples};
use crate::scores::ScoreTable;
use crate::text::Judged;

/// Lines that a message names of one file.
const LINES_SHOWN: usize = 10;

/// The scores of a run's teacher.
pub(super) struct ScoredTeacher {
    table: ScoreTable,
    missing: MissingScores,
}

impl ScoredTeacher {
    /// The teacher of the run, if it is a file.
    pub(super) fn open(run: &LayerwiseRun, classes: &[String]) -> Result<Option<Self>> {
        let Model::File(ScoresConfig { file, missing }) = &run.teacher else {
            return Ok(None);
        };
        Ok(Some(ScoredTeacher {
            table: ScoreTable::read(file, classes)?,
            missing: *missing,
        }))
    }

    /// What it says of the texts that the student learns from.
    pub(super) fn outputs(&self, data: &RunData, pairs: &[TextPair]) -> TeacherOutputs {
        let classes = data.labelled.classes.len();
        let targets = |texts: &mut dyn Iterator<Item = &String>| {
            let rows: Vec<Option<&[f32]>> = texts.map(|text| self.table.get(text)).collect();
            Targets::of_scores(&rows, classes)
        };
        let (original, other) = (
            pairs.iter().map(|pair| &pair.original),
            pairs.iter().map(|pair| &pair.other),
        );
        TeacherOutputs {
            labelled: targets(&mut data.labelled.texts.iter()),
            pairs: targets(&mut original.chain(other)),
        }
    }

    /// Refuses texts without scores, or says how many there are.
    pub(super) fn check_coverage(
        &self,
        run: &LayerwiseRun,
        data: &RunData,
        pairs: &[TextPair],
    ) -> Result<()> {
        let sides = pairs.iter().flat_map(|pair| [&pair.original, &pair.other]);
        let all: HashSet<&String> = data.labelled.texts.iter().chain(sides).collect();
        let known = all.len();
        let missing: BTreeSet<&str> = all
            .into_iter()
            .filter(|text| self.table.get(text).is_none())
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let count = format!("{} of {known}", missing.len());
        if self.missing == MissingScores::LeaveOut {
            tracing::info!(
                "{}: {count} texts have no scores and are left out of L4 and L6",
                self.table.path().display()
            );
            return Ok(());
        }
        Err(Error::model(
            self.table.path(),
            format!(
                "has no scores for {count} texts that the student learns from: {}. Score them too \
                 (`limbeck score --texts` lists all texts of a run), or set `teacher.missing` to \
                 \"leave_out\"",
                places(run, data, &missing)?
            ),
        ))
    }

    /// Its row of figures, where it has scores for all texts of dev, and of test.
    pub(super) fn measure(&self, data: &RunData) -> Result<Measured> {
        let mut measured = Measured::default();
        let name = "teacher";
        let (dev, judged) = self.judge(&data.dev, &[])?;
        measured.dev.set(name, dev);
        let answers = judged.map_or_else(Vec::new, |judged| judged.answers);
        measured.keep(name, answers, "dev", |split| samples(split, &data.dev));
        if let Some(test) = &data.test {
            let (figures, judged) = self.judge(&test.set, &test.unseen)?;
            measured.test.get_or_insert_default().set(name, figures);
            if let Some(judged) = judged {
                measured.evaluation.confusion.set(name, judged.confusion);
                measured.keep(name, judged.answers, "test", |split| {
                    samples(split, &test.set)
                });
            }
        }
        let file = self.table.path().display().to_string();
        measured.more.insert("teacher_file".into(), json!(file));
        Ok(measured)
    }

    fn judge(&self, set: &LabelledSet, unseen: &[bool]) -> Result<(Metrics, Option<Judged>)> {
        let rows: Vec<Option<&[f32]>> = set.texts.iter().map(|t| self.table.get(t)).collect();
        let absent = rows.iter().filter(|row| row.is_none()).count();
        let Some(rows) = rows.into_iter().collect::<Option<Vec<&[f32]>>>() else {
            let metrics = Metrics::new().count("texts_without_scores", absent as u64);
            return Ok((metrics, None));
        };
        let judged = Judged::of_logits(&rows, &set.labels, set.classes.len())?;
        let metrics = judged.metrics(&set.labels, unseen)?;
        Ok((metrics, Some(judged)))
    }
}

/// Checks the teacher of a run before anything is trained; none if it is no file.
pub(super) fn check(run: &LayerwiseRun, data: &RunData) -> Result<Option<DataFile>> {
    let Some(teacher) = ScoredTeacher::open(run, &data.labelled.classes)? else {
        return Ok(None);
    };
    // Wordings that a program makes are known only once it has run.
    let pairs = match run.pairs.source {
        PairSource::Command => Vec::new(),
        _ => pairs_of(run, data)?,
    };
    teacher.check_coverage(run, data, &pairs)?;
    Ok(Some(DataFile::measure("teacher", teacher.table.path())?))
}

fn pairs_of(run: &LayerwiseRun, data: &RunData) -> Result<Vec<TextPair>> {
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let context = RunContext::in_memory(&device, run.seed, &interrupt);
    Ok(unlabelled_pairs(run, data, &context)?.0)
}

/// Both sides of all pairs of a run.
pub(crate) fn wordings_of(run: &LayerwiseRun, data: &RunData) -> Result<Vec<String>> {
    let pairs = pairs_of(run, data)?.into_iter();
    Ok(pairs.flat_map(|p| [p.original, p.other]).collect())
}

/// The row of a finished run's teacher, if it is a file.
///
/// # Errors
/// Those of reading it.
pub fn measure_scored_teacher(run: &LayerwiseRun, data: &RunData) -> Result<Option<Measured>> {
    let teacher = ScoredTeacher::open(run, &data.labelled.classes)?;
    teacher.map(|teacher| teacher.measure(data)).transpose()
}

/// Where texts stand, in words: the lines of the files they were read from.
fn places(run: &LayerwiseRun, data: &RunData, texts: &BTreeSet<&str>) -> Result<String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut parts = Vec::new();
    for (path, options) in files(run, data) {
        let (records, _) = read_records(&path, &options)?;
        let mut lines = Vec::new();
        for record in &records {
            let sides = [Some(record.text.as_str()), record.pair.as_deref()];
            let absent = sides.into_iter().flatten();
            let absent: Vec<&str> = absent.filter_map(|t| texts.get(t).copied()).collect();
            if !absent.is_empty() {
                lines.push(record.line);
            }
            found.extend(absent);
        }
        if !lines.is_empty() {
            parts.push(format!("{}, {}", path.display(), listed(&lines)));
        }
    }
    let elsewhere: Vec<&&str> = texts.difference(&found).collect();
    if let Some(first) = elsewhere.first() {
        let start: String = first.chars().take(60).collect();
        parts.push(format!(
            "{} that the run makes itself, such as {start:?}",
            elsewhere.len()
        ));
    }
    Ok(parts.join("; "))
}

/// The files that texts of the student come from.
fn files(run: &LayerwiseRun, data: &RunData) -> Vec<(PathBuf, ReadOptions)> {
    let train = data.files.iter().find(|file| file.role == "train");
    let train = train.zip(run.data.folder_options());
    let train = train.map(|(file, options)| (PathBuf::from(&file.path), options.read));
    let mut files: Vec<_> = train.into_iter().collect();
    if run.pairs.source == PairSource::File {
        let paths = run.pairs.pair_paths(&run.data).into_iter();
        files.extend(paths.map(|path| (path, run.pairs.read_options())));
    } else {
        let text = |path: &Path| ReadOptions::with_columns(Columns::text_only(Format::of(path)));
        let paths = run.pairs.unlabelled_paths(&run.data).into_iter();
        files.extend(paths.map(|path| (path.clone(), text(&path))));
    }
    files
}

fn listed(lines: &[usize]) -> String {
    let shown: Vec<String> = lines
        .iter()
        .take(LINES_SHOWN)
        .map(usize::to_string)
        .collect();
    let rest = lines.len() - shown.len();
    let name = if lines.len() == 1 { "line" } else { "lines" };
    match rest {
        0 => format!("{name} {}", shown.join(", ")),
        _ => format!("{name} {} and {rest} more", shown.join(", ")),
    }
}
