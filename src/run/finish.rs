//! The end of a run: its figures and its report.

use limbeck_recipes::Measured;
use limbeck_recipes::config::Run;
use limbeck_training::files::write_json;
use limbeck_training::report::Report;
use limbeck_training::run_folder::{Metrics, ModelResults, Named, Results, RunPaths};

use super::Result;

/// Adds the figures to the results, and writes these, the evaluation, the predictions and the report.
pub(super) fn write(
    run: &Run,
    mut results: Results,
    measured: Measured,
    paths: &RunPaths,
) -> Result<Results> {
    results.dev = Some(rows(run, measured.dev));
    results.test = measured.test.map(|test| rows(run, test));
    results.more.extend(measured.more);
    if !measured.evaluation.labels.is_empty() {
        measured.evaluation.write(paths)?;
        write_json(&paths.labels(), &measured.evaluation.labels)?;
    }
    for mut predictions in measured.predictions {
        predictions.keep_hardest_texts();
        predictions.write(paths)?;
    }
    results.write(paths)?;
    Report::read(paths)?.write(paths)?;
    tracing::info!("run folder: {}", paths.root().display());
    Ok(results)
}

/// `train` puts the figures of its model in the place of the rows.
fn rows(run: &Run, rows: Named<Metrics>) -> ModelResults {
    match run {
        Run::Train(_) | Run::NceLm(_) => {
            ModelResults::Model(rows.get("model").cloned().unwrap_or_default())
        }
        Run::Layerwise(_) | Run::GateMixup(_) | Run::Relay(_) | Run::UnitSelect(_) => {
            ModelResults::Models(rows)
        }
    }
}
