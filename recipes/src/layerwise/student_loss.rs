//! What the terms of stage 2 weigh, and their options.

use limbeck_losses::layerwise::FeatureNorm;

use super::options::{self, LayerwiseOptions};
use super::weights::{ConsistencyTerm, LayerWeight};

/// Weights and options of the student's loss.
pub struct StudentLoss {
    /// τ of L4 and L6.
    pub temperature: f32,
    /// Weight of L3.
    pub w3: f32,
    /// Weight of L4.
    pub w4: f32,
    /// Weight of L6.
    pub w6: f32,
    /// Weight of L5.
    pub(super) w5: LayerWeight,
    /// Weight of L7.
    pub(super) w7: LayerWeight,
    /// Share of L3 + L4 that balanced terms get.
    pub balanced_share: f64,
    /// L8 and its weight.
    pub consistency: ConsistencyTerm,
    /// Normalisation of features before L5 and L7.
    pub feature_norm: FeatureNorm,
    /// Whether the embeddings are matched too, as level 0.
    pub embedding_level: bool,
}

impl StudentLoss {
    /// The loss of the options, for a task of `classes` classes and a stage of this length.
    pub fn new(options: &LayerwiseOptions, classes: usize, length: (u64, u64)) -> Self {
        let weights = &options.weights;
        StudentLoss {
            temperature: options.temperature as f32,
            w3: weights.w3 as f32,
            w4: weights.w4 as f32,
            w6: weights.w6 as f32,
            w5: LayerWeight::new(weights.w5),
            w7: LayerWeight::new(weights.w7),
            balanced_share: options.balanced_share,
            consistency: ConsistencyTerm::new(
                &options.student_consistency,
                weights.w8,
                classes,
                length,
            ),
            feature_norm: match options.feature_norm {
                options::FeatureNorm::None => FeatureNorm::None,
                options::FeatureNorm::L2 => FeatureNorm::L2,
                options::FeatureNorm::Layer => FeatureNorm::Layer,
            },
            embedding_level: options.embedding_level,
        }
    }
}
