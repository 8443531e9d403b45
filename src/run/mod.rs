//! What the commands do, for programs that would rather call than script them.

mod audit;
mod check;
mod compare;
mod costs;
mod demo;
mod device;
mod error;
mod finish;
mod language;
mod log;
mod score;
mod serve;
mod session;
mod threads;
mod times;
mod train;

use std::path::PathBuf;

pub use audit::{Audit, AuditDevice, AuditOptions, AuditRecord, AuditedOperator, audit};
pub use check::{Checked, check};
pub use compare::{Split, compared_runs, finished_runs, report_page};
pub use costs::{ModelCost, model_costs};
pub use demo::{Demonstration, demonstrate};
pub use device::DeviceChoice;
pub use error::{Error, Result};
pub use language::{evaluate_text, load_generator};
pub use log::RunLog;
pub use score::{ScoreJob, texts_to_score};
pub use serve::{evaluate, load_classifier};
pub use threads::in_threads;
pub use times::time_stages;
pub use train::{distill, relay, teach, train, train_language, unit_select};

/// What a command line adds to a run file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The run folder; without one, a new folder is named after the run file.
    pub out: Option<PathBuf>,
    /// Continue the run that stands in the run folder.
    pub resume: bool,
    /// Leave test unread: judge the models on dev alone. Resumed without it, a finished run reads
    /// test.
    pub no_test: bool,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Number of CPU threads; without one, all cores.
    pub threads: Option<usize>,
}
