//! Readers: TSV, CSV and JSONL, each also compressed with gzip, and folders of them.
//!
//! TSV is `label<TAB>text`: split at the first tab only, lines end at `\n` only, nothing is quoted.
//! A byte order mark and `\r\n` are accepted everywhere. Blank lines are passed over.

mod dataset;
mod options;
mod records;
mod report;
mod source;

pub use dataset::{Dataset, FolderOptions, LabelledSet, Part, load_folder, load_labelled};
pub(crate) use dataset::{expect_folder, list};
pub use options::{Column, Columns, Format, ReadOptions};
pub use records::{Record, read_records};
pub use report::{Conflict, DatasetReport, PartReport};
pub use source::{FileSummary, file_sha256};
pub(crate) use source::{hex, nul_byte, plain_or_compressed, read_text, unreadable};
