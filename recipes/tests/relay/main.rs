//! Tests of `relay`: criteria D1 to D4 and D9 on whole runs, every option, bad input.

mod acceptance;
#[path = "../shared/answers.rs"]
mod answers;
mod options;
mod refusals;
mod rehearsal;
mod tagging;
mod tiny;
