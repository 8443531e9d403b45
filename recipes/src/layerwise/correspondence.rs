//! The levels at which a run's student is matched with its teacher, and the teacher's head that
//! follows from them.

use std::fmt::Write;

use limbeck_models::Head;
use limbeck_training::TrainingError;
use serde::Serialize;

use super::options::Projection;
use crate::config::LayerwiseRun;
use crate::error::Result;

/// A level of depth at which the two models are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Level {
    /// The student's block, counted from 1; 0 is its embedding.
    pub block: usize,
    /// Width of the block's convolution.
    pub kernel: Option<usize>,
    /// The teacher's layer, counted from 1; 0 is its embedding.
    pub layer: usize,
    /// Width of the teacher's states.
    pub teacher_width: usize,
    /// Width of the student's feature.
    pub width: usize,
}

/// The correspondence as a table, a line per level; empty without levels.
///
/// ```
/// use limbeck_recipes::layerwise::{Level, levels_table};
/// let level = Level { block: 1, kernel: Some(3), layer: 2, teacher_width: 128, width: 72 };
/// let table = "block  kernel  layer  width\n    1       3      2  128 -> 72\n";
/// assert_eq!(levels_table(&[level]), table);
/// assert_eq!(levels_table(&[]), "");
/// ```
pub fn levels_table(levels: &[Level]) -> String {
    if levels.is_empty() {
        return String::new();
    }
    let mut text = String::from("block  kernel  layer  width\n");
    for level in levels {
        let kernel = level.kernel.map_or("-".into(), |kernel| kernel.to_string());
        let _ = writeln!(
            text,
            "{:>5}  {kernel:>6}  {:>5}  {} -> {}",
            level.block, level.layer, level.teacher_width, level.width
        );
    }
    text
}

impl LayerwiseRun {
    /// The levels in order of depth; none unless the teacher is a Transformer.
    ///
    /// # Errors
    /// If the layer map does not fit the teacher's depth.
    pub fn levels(&self) -> Result<Vec<Level>> {
        let Some(teacher) = self.teacher.encoder_layers() else {
            return Ok(Vec::new());
        };
        let kernels = &self.student.kernel_sizes;
        let layers = self
            .distillation
            .layer_map
            .layers(kernels.len(), teacher.layers)
            .map_err(TrainingError::Configuration)?;
        let teacher_width = teacher.hidden_size;
        let embedding = self.distillation.embedding_level.then_some(Level {
            block: 0,
            kernel: None,
            layer: 0,
            teacher_width,
            width: self.student.embedding_size,
        });
        let block = |(block, (layer, &kernel))| Level {
            block: block + 1,
            kernel: Some(kernel),
            layer,
            teacher_width,
            width: self.student.channels,
        };
        let blocks = layers.into_iter().zip(kernels).enumerate().map(block);
        Ok(embedding.into_iter().chain(blocks).collect())
    }

    /// The head of the teacher: with `in_head` it reads the levels through their projections.
    pub(super) fn teacher_head(&self) -> Result<Head> {
        let levels = self.levels()?;
        if self.distillation.projection != Projection::InHead || levels.is_empty() {
            return Ok(Head::Pooled);
        }
        let blocks = levels.iter().filter(|level| level.layer > 0);
        Ok(Head::Projected {
            layers: blocks.map(|level| level.layer).collect(),
            size: self.student.channels,
            embedding_size: (levels[0].layer == 0).then_some(levels[0].width),
        })
    }

    /// Whether a layer term is switched on.
    pub(super) fn matches_layers(&self) -> bool {
        let weights = &self.distillation.weights;
        [weights.w5, weights.w7].iter().any(|w| !w.is_zero())
    }
}
