//! `train` and `distill`.

use limbeck_engine::Device;
use limbeck_recipes::config::{
    DataConfig, GateMixupRun, LayerwiseRun, Model, NceLmRun, RelayRun, Run, TrainRun, UnitSelectRun,
};
use limbeck_recipes::gate_mixup;
use limbeck_recipes::layerwise::{
    self, check_ready_made_teacher, measure_scored_teacher, pair_files,
};
use limbeck_recipes::nce_lm::{LanguageData, measure_test, train_language_model};
use limbeck_recipes::pretrained::weight_files;
use limbeck_recipes::relay::{self, RelayData};
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::unit_select::{self, UnitData};
use limbeck_recipes::{Measured, RunContext, RunData};
use limbeck_training::run_folder::{ModelResults, Results, RunPaths};

use super::session::{Work, in_run_folder};
use super::{Result, RunOptions};

/// Trains one model and judges it.
///
/// # Errors
/// Those of data, device, training and files, each with its exit code.
pub fn train(run: &TrainRun, options: &RunOptions) -> Result<Results> {
    in_run_folder(&Run::Train(Box::new(run.clone())), options, run)
}

/// Trains a teacher, distils it, and judges all models.
///
/// # Errors
/// As [`train`].
pub fn distill(run: &LayerwiseRun, options: &RunOptions) -> Result<Results> {
    in_run_folder(&Run::Layerwise(Box::new(run.clone())), options, run)
}

/// Lets a teacher and a student teach each other, and judges all models.
///
/// # Errors
/// As [`train`].
pub fn teach(run: &GateMixupRun, options: &RunOptions) -> Result<Results> {
    in_run_folder(&Run::GateMixup(Box::new(run.clone())), options, run)
}

/// Trains two teachers in turn and their student, and judges all models.
///
/// # Errors
/// As [`train`].
pub fn relay(run: &RelayRun, options: &RunOptions) -> Result<Results> {
    in_run_folder(&Run::Relay(Box::new(run.clone())), options, run)
}

/// Trains a teacher and students that follow it unit by unit, and writes the run folder.
///
/// # Errors
/// Those of data, device, files and training.
pub fn unit_select(run: &UnitSelectRun, options: &RunOptions) -> Result<Results> {
    in_run_folder(&Run::UnitSelect(Box::new(run.clone())), options, run)
}

/// Trains a language model and judges it.
///
/// # Errors
/// As [`train`].
pub fn train_language(run: &NceLmRun, options: &RunOptions) -> Result<Results> {
    in_run_folder(&Run::NceLm(Box::new(run.clone())), options, run)
}

/// `transductive`: whether a model takes in the texts of test in any case.
fn read_labelled(
    (config, seed): (&DataConfig, u64),
    with_test: bool,
    transductive: bool,
) -> Result<RunData> {
    Ok(match (with_test, transductive) {
        (true, _) => RunData::read(config, seed)?,
        (false, true) => RunData::read_without_test_labels(config, seed)?,
        (false, false) => RunData::read_without_test(config, seed)?,
    })
}

/// Judges the classifiers of a finished run.
fn judge_classifiers(
    data: &RunData,
    results: &Results,
    device: &Device,
    paths: &RunPaths,
) -> Result<Measured> {
    let mut models = Vec::new();
    for (name, _) in results.dev.iter().flat_map(ModelResults::rows) {
        let classifier = TextClassifier::load(&paths.model().join(name), device)?;
        models.push((name, classifier));
    }
    let models: Vec<(&str, &TextClassifier)> = models.iter().map(|(n, c)| (*n, c)).collect();
    Ok(Measured::of(&models, data)?)
}

impl Work for TrainRun {
    type Data = RunData;

    fn read(&self, with_test: bool) -> Result<RunData> {
        let transductive = self.model.is_transductive();
        let mut data = read_labelled((&self.data, self.seed), with_test, transductive)?;
        data.files.extend(weight_files([("model", &self.model)])?);
        Ok(data)
    }

    fn run(&self, data: &RunData, context: &mut RunContext<'_>) -> Result<Measured> {
        Ok(limbeck_recipes::train(self, data, context)?.measured)
    }

    fn judge(
        &self,
        data: &RunData,
        results: &Results,
        device: &Device,
        paths: &RunPaths,
    ) -> Result<Measured> {
        judge_classifiers(data, results, device, paths)
    }
}

impl Work for LayerwiseRun {
    type Data = RunData;

    fn read(&self, with_test: bool) -> Result<RunData> {
        let mut data = read_labelled((&self.data, self.seed), with_test, false)?;
        data.files.extend(pair_files(self)?);
        let teacher = check_ready_made_teacher(self, &data)?;
        data.files.extend(teacher);
        if self.teacher_folder().is_none() {
            data.files
                .extend(weight_files([("teacher", &self.teacher)])?);
        }
        let student = Model::TextCnn(self.student.clone());
        data.files.extend(weight_files([("student", &student)])?);
        let beside = self.beside_teacher.as_ref();
        let beside = beside.map(|beside| ("beside_teacher", &beside.model));
        data.files.extend(weight_files(beside)?);
        Ok(data)
    }

    fn run(&self, data: &RunData, context: &mut RunContext<'_>) -> Result<Measured> {
        Ok(layerwise::distill(self, data, context)?.measured)
    }

    fn judge(
        &self,
        data: &RunData,
        results: &Results,
        device: &Device,
        paths: &RunPaths,
    ) -> Result<Measured> {
        let Some(teacher) = measure_scored_teacher(self, data)? else {
            return judge_classifiers(data, results, device, paths);
        };
        let mut others = results.clone();
        others.dev = results.dev.as_ref().map(|rows| rows.without("teacher"));
        let measured = judge_classifiers(data, &others, device, paths)?;
        Ok(teacher.followed_by(measured))
    }
}

impl Work for GateMixupRun {
    type Data = RunData;

    fn read(&self, with_test: bool) -> Result<RunData> {
        let transductive = self.teacher.is_transductive();
        read_labelled((&self.data, self.seed), with_test, transductive)
    }

    fn run(&self, data: &RunData, context: &mut RunContext<'_>) -> Result<Measured> {
        Ok(gate_mixup::distill(self, data, context)?.measured)
    }

    fn judge(
        &self,
        data: &RunData,
        results: &Results,
        device: &Device,
        paths: &RunPaths,
    ) -> Result<Measured> {
        let mut measured = judge_classifiers(data, results, device, paths)?;
        gate_mixup::remark(self, &mut measured, gate_mixup::closed_share(paths)?);
        Ok(measured)
    }
}

impl Work for RelayRun {
    type Data = RelayData;

    fn read(&self, with_test: bool) -> Result<RelayData> {
        Ok(RelayData::read(self, with_test)?)
    }

    fn run(&self, data: &RelayData, context: &mut RunContext<'_>) -> Result<Measured> {
        Ok(relay::distill(self, data, context)?.measured)
    }

    fn judge(
        &self,
        data: &RelayData,
        results: &Results,
        device: &Device,
        paths: &RunPaths,
    ) -> Result<Measured> {
        let names = results.dev.iter().flat_map(ModelResults::rows);
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        Ok(relay::measure_finished(
            &paths.model(),
            &names,
            data,
            device,
        )?)
    }
}

impl Work for UnitSelectRun {
    type Data = UnitData;

    fn read(&self, with_test: bool) -> Result<UnitData> {
        Ok(UnitData::read(self, with_test)?)
    }

    fn run(&self, data: &UnitData, context: &mut RunContext<'_>) -> Result<Measured> {
        Ok(unit_select::distill(self, data, context)?.measured)
    }

    fn judge(
        &self,
        data: &UnitData,
        results: &Results,
        device: &Device,
        paths: &RunPaths,
    ) -> Result<Measured> {
        let names = results.dev.iter().flat_map(ModelResults::rows);
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        Ok(unit_select::measure_finished(
            self,
            paths.root(),
            &names,
            data,
            device,
        )?)
    }
}

impl Work for NceLmRun {
    type Data = LanguageData;

    fn read(&self, with_test: bool) -> Result<LanguageData> {
        Ok(LanguageData::read(&self.data, with_test)?)
    }

    fn run(&self, data: &LanguageData, context: &mut RunContext<'_>) -> Result<Measured> {
        Ok(train_language_model(self, data, context)?.measured)
    }

    fn judge(
        &self,
        data: &LanguageData,
        _: &Results,
        device: &Device,
        paths: &RunPaths,
    ) -> Result<Measured> {
        Ok(measure_test(&paths.model(), data, device)?)
    }
}
