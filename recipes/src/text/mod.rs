//! Texts in, classes out: an encoder and a model that belong together, as one thing that is
//! built from a run file, trained, saved and served.

mod classifier;
mod constraint;
mod encoder;
mod files;
mod graph;
mod judge;
mod listen;
mod media;
mod networks;
mod predict;
mod space;
mod tag;
mod tagger;

pub use classifier::{TextClassifier, classifier_of};
pub use encoder::Encoder;
pub(crate) use files::{ENCODER, WEIGHTS};
pub use graph::{CorpusEncoder, GraphEncoder};
pub use judge::{Judged, judge, time_per_text};
pub(crate) use judge::{time_of, time_of_each};
pub use media::{PictureEncoder, SpeechEncoder};
pub use predict::{Prediction, best_classes};
pub(crate) use predict::{argmax, logits_of, softmax};
pub use space::{COPY_LABELS, Form, LabelSpace, symbols_of};
pub use tag::{Tagged, TaggedSpan};
pub(crate) use tag::{ranked_phrases, transition_scores};
