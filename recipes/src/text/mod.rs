//! Texts in, classes out: an encoder and a model that belong together, as one thing that is
//! built from a run file, trained, saved and served.

mod classifier;
mod encoder;
mod files;
mod graph;
mod judge;
mod networks;

pub use classifier::{Prediction, TextClassifier, classifier_of};
pub(crate) use classifier::{argmax, logits_of, softmax};
pub use encoder::Encoder;
pub use graph::{CorpusEncoder, GraphEncoder};
pub use judge::{Judged, judge, time_per_text};
