//! The levels at which a run's student is matched with its teacher, and the teacher's head that
//! follows from them.

use limbeck_models::Head;
use limbeck_training::TrainingError;

use super::options::Projection;
use crate::config::{LayerwiseRun, Model};
use crate::error::Result;

/// A level of depth at which the two models are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// The teacher's layer, counted from 1; 0 is its embedding.
    pub(super) layer: usize,
    /// Width of the student's feature.
    pub(super) width: usize,
}

impl LayerwiseRun {
    /// The levels in order of depth; none unless the teacher is a Transformer.
    pub(super) fn levels(&self) -> Result<Vec<Level>> {
        let Model::Transformer(teacher) = &self.teacher else {
            return Ok(Vec::new());
        };
        let blocks = self.student.kernel_sizes.len();
        let layers = self
            .distillation
            .layer_map
            .layers(blocks, teacher.layers)
            .map_err(TrainingError::Configuration)?;
        let embedding = self.distillation.embedding_level.then_some(Level {
            layer: 0,
            width: self.student.embedding_size,
        });
        let block = |layer| Level {
            layer,
            width: self.student.channels,
        };
        Ok(embedding
            .into_iter()
            .chain(layers.into_iter().map(block))
            .collect())
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
