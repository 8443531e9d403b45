//! The libraries compile for systems other than this one.

use std::path::Path;

use crate::command::{cargo, rustc};

/// What a user's own program is built from.
pub(crate) const LIBRARIES: &[&str] = &[
    "limbeck-engine",
    "limbeck-kernels",
    "limbeck-losses",
    "limbeck-models",
];

/// Targets, and whether the GPU is used there: a static musl binary cannot load a driver, and
/// wasm32 is served by the CPU.
const TARGETS: [(&str, bool); 6] = [
    ("x86_64-unknown-linux-musl", false),
    ("wasm32-unknown-unknown", false),
    ("x86_64-pc-windows-gnu", true),
    ("x86_64-pc-windows-msvc", true),
    ("aarch64-apple-darwin", true),
    ("aarch64-unknown-linux-gnu", true),
];

/// `cargo check` for every target whose standard library is installed; names the others.
pub(crate) fn check() -> Result<(), String> {
    let mut skipped = Vec::new();
    for (target, gpu) in TARGETS {
        if !is_installed(target)? {
            skipped.push(target);
            continue;
        }
        let line = cargo(&["check", "--target", target]).packages(LIBRARIES);
        let features: &[&str] = if gpu { &["--features", "gpu"] } else { &[] };
        line.and(features).run()?;
    }
    if !skipped.is_empty() {
        println!(
            "not checked, because their standard library is not installed: {}\n\
             `rustup target add {}` installs it",
            skipped.join(", "),
            skipped.join(" ")
        );
    }
    Ok(())
}

fn is_installed(target: &str) -> Result<bool, String> {
    let folder = rustc(&["--print", "target-libdir", "--target", target]).output()?;
    Ok(Path::new(folder.trim()).is_dir())
}
