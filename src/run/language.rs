//! Using a finished language model.

use std::path::Path;

use limbeck_data::language::load;
use limbeck_engine::Device;
use limbeck_recipes::nce_lm::{Perplexity, TextGenerator, perplexity};
use limbeck_training::run_folder::RunPaths;

use super::Result;

/// The language model in a run folder or in a folder of its own; none if what is there is something
/// else.
///
/// # Errors
/// If it is there, but its files are damaged.
pub fn load_generator(folder: &Path, device: &Device) -> Result<Option<TextGenerator>> {
    let of_run = RunPaths::new(folder).model().join("model");
    let candidates = [folder.to_path_buf(), of_run];
    let found = candidates.iter().find(|path| TextGenerator::is_in(path));
    let load = |path| TextGenerator::load(path, device);
    Ok(found.map(|path| load(path)).transpose()?)
}

/// How a model does on a text file, read as one stream.
///
/// # Errors
/// If the file is missing or malformed, or has a token that the model does not know.
pub fn evaluate_text(generator: &TextGenerator, path: &Path) -> Result<Perplexity> {
    let (tokens, _) = load(path, generator.vocabulary())?;
    Ok(perplexity(generator.model(), &tokens)?)
}
