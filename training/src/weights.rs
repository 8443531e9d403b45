//! The weights of one model in a safetensors file.

use std::collections::HashMap;
use std::path::Path;

use limbeck_engine::ParameterStore;

use crate::error::{Result, TrainingError};
use crate::quantise;
use crate::tensors::{self, HostTensor, Tensors, Values};

/// Writes every parameter under its name, at once.
///
/// # Errors
/// If the file cannot be written, or the GPU failed.
pub fn save_weights(store: &ParameterStore, path: &Path) -> Result<()> {
    let mut all = Tensors::new();
    for (name, shape, values) in store.read()? {
        all.insert(name, HostTensor::new(shape.dims(), Values::F32(values))?);
    }
    tensors::write(path, &all)
}

/// Overwrites every parameter with what [`save_weights`] wrote, or with weights of 8 bits times their
/// scales (see [`quantise`]).
///
/// # Errors
/// If the file is missing or damaged, or a name or a size differs; nothing is overwritten then.
pub fn load_weights(store: &mut ParameterStore, path: &Path) -> Result<()> {
    let all = quantise::plain(tensors::read(path)?);
    let all = all.map_err(|message| TrainingError::damaged(path, message))?;
    let named: HashMap<String, Vec<f32>> = all.into_iter().collect();
    Ok(store.load(&named)?)
}
