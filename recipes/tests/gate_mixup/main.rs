//! `gate_mixup` as whole runs of tiny models.

mod acceptance;
mod options;
mod refusals;
mod tiny;
mod turns;
