//! A graph network and a Transformer teach each other (CN115481249B).
//!
//! 1. Both are trained alone, on labels; their weights are kept.
//! 2. The teacher sends: for each text the vector that stands for it, and what its own classifier
//!    makes of that. A gate scores the prediction. A message that passes is sent as it is; one that
//!    finds the gate closed is augmented: dropout, Mixup with its dropped form, a residual. The
//!    student learns from labels and messages.
//! 3. The roles are exchanged, and so on in turn. The student that did best on dev is delivered. It
//!    needs neither the graph nor the teacher.
//!
//! | unit of the method | here |
//! |---|---|
//! | prediction | [`limbeck_models::Classifier::represent`], [`limbeck_models::Classifier::classify`] |
//! | metric function | [`text_score`], [`batch_score`] |
//! | gate | [`is_open`], [`judge`] |
//! | dropout, Mixup, residual | [`Draws::dropped`], [`mixed`], [`joined`] |
//! | distillation losses | [`limbeck_losses::transfer_kl`], [`limbeck_losses::transfer_mse`] |
//! | phases in turn | [`MutualObjective`] |
//!
//! The available text of the source ends within the exchange of roles; what it leaves open is an
//! option here, with a `literal` and a `tuned` value.

mod adapter;
mod augment;
mod gate;
mod message;
mod objective;
mod options;
mod receiver;
mod run;

pub use augment::{Draws, joined, mixed};
pub use gate::{Memory, Verdicts, batch_score, is_open, judge, text_score};
pub use message::{Message, Sender};
pub use objective::{MutualObjective, Party, Side};
pub use options::{
    Alternate, Direction, GateMixupOptions, Granularity, MessageWeights, Metric, OnClosed,
    Residual, SenderOutputs,
};
pub use run::{Taught, closed_share, distill, remark};
