//! `layerwise`: layer-by-layer distillation of a Transformer text classifier into a TextCNN,
//! semi-supervised with pairs of wordings (CN114742200A).

mod layer_map;
mod options;

pub use layer_map::{LayerMap, NamedLayerMap};
pub use options::{
    Consistency, ConsistencyGradient, Direction, Feature, FeatureNorm, LayerwiseOptions, Matching,
    Preset, Projection, Sharpening, TeacherTargets, Weight, Weights,
};
