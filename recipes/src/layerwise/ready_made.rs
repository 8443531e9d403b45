//! A teacher that another run has finished: stage 1 is left out, and the student learns from that
//! teacher as it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use limbeck_engine::Device;
use limbeck_models::Head;
use limbeck_training::checkpoint::Fingerprint;
use limbeck_training::run_folder::{DataFile, RunPaths};

use super::options::{Matching, Projection};
use super::scored;
use crate::config::{self, LayerwiseRun, Run};
use crate::dataset::RunData;
use crate::error::{Error, Result};
use crate::text::{Encoder, TextClassifier};

/// Tells, before anything is trained, whether the teacher of `teacher_run` is there and fits the
/// run and its classes; or the file of scores that takes its place. Gives the file of its weights,
/// or of its scores, to be recorded with the run; `None` where the run trains its own teacher.
///
/// # Errors
/// [`Error::Model`] naming the folder: no finished teacher in it, another architecture than
/// `[teacher]`, other labels, or a head that does not project to this student. Of a file, whatever
/// is wrong with it, and texts that it has no scores for.
pub fn check_ready_made_teacher(run: &LayerwiseRun, data: &RunData) -> Result<Option<DataFile>> {
    if let Some(file) = scored::check(run, data)? {
        return Ok(Some(file));
    }
    let classes = &data.labelled.classes;
    let Some(folder) = run.teacher_folder() else {
        return Ok(None);
    };
    read_teacher(run, folder, classes, &Device::cpu())?;
    warn_of_another_split(run, folder);
    let weights = model_folder(folder).join("model.safetensors");
    Ok(Some(DataFile::measure("teacher", &weights)?))
}

/// The teacher in a run folder, if it fits the run.
pub(super) fn read_teacher(
    run: &LayerwiseRun,
    folder: &Path,
    classes: &[String],
    device: &Device,
) -> Result<TextClassifier> {
    let model = model_folder(folder);
    if !model.is_dir() {
        let message = "`teacher_run` expects a run folder with a finished teacher, but there is \
                       no model/teacher in it: name the folder of a layerwise run whose first \
                       stage has ended";
        return Err(Error::model(folder, message.into()));
    }
    let teacher = TextClassifier::load(&model, device)?;
    let misfit = other_architecture(run, &teacher)?
        .or_else(|| other_labels(classes, teacher.labels()))
        .or_else(|| other_first_token(run, teacher.encoder()));
    match misfit.or(other_head(run, teacher.head())?) {
        None => Ok(teacher),
        Some(message) => Err(Error::model(folder, message)),
    }
}

fn model_folder(run_folder: &Path) -> PathBuf {
    RunPaths::new(run_folder).model().join("teacher")
}

fn other_architecture(run: &LayerwiseRun, teacher: &TextClassifier) -> Result<Option<String>> {
    // It makes no difference to what a teacher is.
    let free = ["gradient_checkpointing"];
    let [here, there] = [&run.teacher, teacher.config()].map(|model| Fingerprint::of(model, &free));
    let difference = here?.first_difference(&there?);
    Ok(difference.map(|difference| {
        format!(
            "its teacher is not the one that [teacher] describes: {difference} when it was \
             trained. Write the options of that run into [teacher]"
        )
    }))
}

fn other_labels(here: &[String], there: &[String]) -> Option<String> {
    if here == there {
        return None;
    }
    let difference = |these: &[String], those: &[String]| {
        let known: BTreeSet<&String> = those.iter().collect();
        let first = these.iter().find(|label| !known.contains(label));
        first.map_or("none".to_owned(), |label| format!("\"{label}\""))
    };
    Some(format!(
        "its teacher was trained for other labels: it has {} and the data have {}; the first that \
         only it knows: {}, the first that only the data have: {}. Give the data it was trained \
         on, or train a teacher in this run (`teacher_run = \"\"`)",
        there.len(),
        here.len(),
        difference(there, here),
        difference(here, there),
    ))
}

/// `<cls>` before a text is part of how its teacher tokenises.
fn other_first_token(run: &LayerwiseRun, encoder: &Encoder) -> Option<String> {
    let (needed, there) = (run.teacher_needs_first_token(), encoder.puts_first_token());
    if needed && !there {
        let message = "its teacher reads no <cls> before a text, which `distillation.feature = \
                       \"first\"` asks for: set it to \"mean\"";
        return Some(message.into());
    }
    let aligned = run.distillation.matching == Matching::Tokens && run.matches_layers();
    (aligned && there).then(|| {
        "its teacher reads <cls> before a text, which the student does not: set \
         `distillation.matching` to \"pooled\""
            .into()
    })
}

/// With `in_head` the projections are the teacher's own, and cannot be made after the fact.
fn other_head(run: &LayerwiseRun, there: &Head) -> Result<Option<String>> {
    let here = run.teacher_head()?;
    let needed = run.distillation.projection == Projection::InHead && run.matches_layers();
    if !needed || here == *there {
        return Ok(None);
    }
    let (found, expected) = (projected(there), projected(&here));
    Ok(Some(format!(
        "its teacher projects {found}, and with `distillation.projection = \"in_head\"` this \
         student needs {expected}. Fit `student` and `distillation` to it, or set \
         `distillation.projection` to \"pca\", which takes any teacher"
    )))
}

/// What a head projects, in words.
fn projected(head: &Head) -> String {
    let Head::Projected {
        layers,
        size,
        embedding_size,
    } = head
    else {
        return "nothing".into();
    };
    let embedding = embedding_size.map_or("no embedding".to_owned(), |size| {
        format!("its embedding to {size} (`student.embedding_size`)")
    });
    format!("layers {layers:?} to {size} channels and {embedding}")
}

/// A teacher from another split has seen labels that count as hidden here, or texts of dev.
fn warn_of_another_split(run: &LayerwiseRun, folder: &Path) {
    let Ok(Run::Layerwise(other)) = config::load(&RunPaths::new(folder).config(), &[]) else {
        return;
    };
    let drawn = |run: &LayerwiseRun| {
        let data = &run.data;
        // The seed draws the labelled texts, and only where some are left out.
        let seed = (data.labelled_fraction < 1.0).then_some(run.seed);
        let files = (
            data.format,
            data.train.clone(),
            data.dev.clone(),
            data.corpus,
        );
        let split = (data.dev_fraction, data.labelled_fraction, data.split_seed);
        (files, split, seed)
    };
    if drawn(run) != drawn(&other) {
        tracing::warn!(
            "the teacher of {} was trained on another split of the data: it may have seen labels \
             that are hidden here, or texts of this run's dev",
            folder.display()
        );
    }
}
