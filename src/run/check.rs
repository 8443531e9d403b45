//! Reading all the data of a run without training on them.

use limbeck_data::pairs::FilePairs;
use limbeck_data::read::{Columns, Dataset, Format, ReadOptions, load_folder, read_records};
use limbeck_recipes::RunData;
use limbeck_recipes::config::{DataConfig, PairSource, PairsConfig, Run};
use limbeck_recipes::layerwise::check_ready_made_teacher;

use super::Result;

/// Reads every data file that the run names, and the teacher it takes from another run. `None` for
/// the built-in corpus.
///
/// # Errors
/// The first thing that is wrong, with file and line.
pub fn check_data(run: &Run) -> Result<Option<Dataset>> {
    let data = run.data();
    if let Run::Layerwise(run) = run
        && run.teacher_folder().is_some()
    {
        let classes = RunData::read(data, run.seed)?.labelled.classes;
        check_ready_made_teacher(run, &classes)?;
    }
    let Some(options) = data.folder_options() else {
        return Ok(None);
    };
    let dataset = load_folder(&data.dir, &options)?;
    if let Run::Layerwise(run) = run {
        check_unlabelled(&run.pairs, data)?;
    }
    Ok(Some(dataset))
}

fn check_unlabelled(pairs: &PairsConfig, data: &DataConfig) -> Result<()> {
    if pairs.source == PairSource::File {
        FilePairs::read(&pairs.pair_paths(data), &pairs.read_options())?;
    }
    for path in pairs.unlabelled_paths(data) {
        let columns = Columns::text_only(Format::of(&path));
        read_records(&path, &ReadOptions::with_columns(columns))?;
    }
    Ok(())
}
