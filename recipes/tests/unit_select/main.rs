//! Tests of `unit_select`: criteria E1 to E8 on whole runs, every option, bad input.

mod acceptance;
#[path = "../shared/answers.rs"]
mod answers;
mod kinds;
mod options;
mod refusals;
mod tiny;
