//! `layerwise` as whole runs of tiny models.

mod acceptance;
mod options;
mod plain;
mod tiny;
