//! The end of a run: its figures, its report, and test where it was left unread.

use limbeck_engine::Device;
use limbeck_recipes::config::Run;
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::{Measured, RunData};
use limbeck_training::files::write_json;
use limbeck_training::report::Report;
use limbeck_training::run_folder::{Metrics, ModelResults, Named, Results, RunPaths};

use super::Result;

/// Adds the figures to the results, and writes these, the evaluation and the report.
pub(super) fn write(
    run: &Run,
    mut results: Results,
    measured: Measured,
    paths: &RunPaths,
) -> Result<Results> {
    results.dev = Some(rows(run, measured.dev));
    results.test = measured.test.map(|test| rows(run, test));
    measured.evaluation.write(paths)?;
    write_json(&paths.labels(), &measured.evaluation.labels)?;
    results.write(paths)?;
    Report::read(paths)?.write(paths)?;
    tracing::info!("run folder: {}", paths.root().display());
    Ok(results)
}

/// `train` puts the figures of its model in the place of the rows.
fn rows(run: &Run, rows: Named<Metrics>) -> ModelResults {
    match run {
        Run::Train(_) => ModelResults::Model(rows.get("model").cloned().unwrap_or_default()),
        Run::Layerwise(_) => ModelResults::Models(rows),
    }
}

/// Judges the models of a finished run on test, which was left unread until now.
pub(super) fn read_test(
    run: &Run,
    results: Results,
    data: &RunData,
    device: &Device,
    paths: &RunPaths,
) -> Result<Results> {
    let mut models = Vec::new();
    for (name, _) in results.dev.iter().flat_map(ModelResults::rows) {
        models.push((
            name,
            TextClassifier::load(&paths.model().join(name), device)?,
        ));
    }
    let models: Vec<(&str, &TextClassifier)> = models.iter().map(|(n, c)| (*n, c)).collect();
    let measured = Measured::of(&models, data)?;
    write(run, results.clone(), measured, paths)
}
