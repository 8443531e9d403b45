//! Which of the teacher's layers a run's student learns from, and the teacher's head that follows.

use limbeck_models::Head;
use limbeck_training::TrainingError;

use super::options::Projection;
use crate::config::{LayerwiseRun, Model};
use crate::error::Result;

impl LayerwiseRun {
    /// The teacher's layers that the blocks learn from; none unless it is a Transformer.
    pub(super) fn matched_layers(&self) -> Result<Option<Vec<usize>>> {
        let Model::Transformer(teacher) = &self.teacher else {
            return Ok(None);
        };
        let blocks = self.student.kernel_sizes.len();
        let map = &self.distillation.layer_map;
        let layers = map
            .layers(blocks, teacher.layers)
            .map_err(TrainingError::Configuration)?;
        Ok(Some(layers))
    }

    /// The head of the teacher: with `in_head` it reads the levels through their projections.
    pub(super) fn teacher_head(&self) -> Result<Head> {
        let size = self.student.channels;
        Ok(
            match (self.distillation.projection, self.matched_layers()?) {
                (Projection::InHead, Some(layers)) => Head::Projected { layers, size },
                _ => Head::Pooled,
            },
        )
    }

    /// Whether a layer term is switched on.
    pub(super) fn matches_layers(&self) -> bool {
        let weights = &self.distillation.weights;
        [weights.w5, weights.w7].iter().any(|w| !w.is_zero())
    }
}
