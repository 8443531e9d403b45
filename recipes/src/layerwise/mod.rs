//! `layerwise`: layer-by-layer distillation of a Transformer text classifier into a TextCNN,
//! semi-supervised with pairs of wordings (CN114742200A).

mod correspondence;
mod embeddings;
mod layer_map;
mod levels;
mod options;
mod outputs;
mod pairs;
mod principal;
mod ready_made;
mod run;
mod scored;
mod student;
mod student_loss;
mod targets;
mod teacher;
mod token_levels;
mod weights;

pub use correspondence::{Level, levels_table};
pub use layer_map::{LayerMap, NamedLayerMap};
pub use levels::{LevelProjection, Maps};
pub use options::{
    Consistency, ConsistencyGradient, Direction, Feature, FeatureNorm, JointNorm, LayerwiseOptions,
    Matching, Preset, Projection, Sharpening, StudentEmbeddings, TeacherTargets, Weight, Weights,
};
pub use pairs::{EncodedPairs, pair_files};
pub use ready_made::check_ready_made_teacher;
pub use run::{Distilled, distill};
pub use scored::measure_scored_teacher;
pub(crate) use scored::wordings_of;
pub use student::{Lessons, StudentObjective};
pub use student_loss::StudentLoss;
pub use targets::{LevelSource, Targets};
pub use teacher::TeacherObjective;
pub use token_levels::TokenLevels;
pub use weights::ConsistencyTerm;
