//! `limbeck info`: what this build and this machine can do.

use std::fmt::Write;

use clap::Args;
use limbeck_engine::instruction_set;
use serde_json::{Value, json};

use super::output;
use crate::run::Result;

#[derive(Debug, Args)]
pub(super) struct InfoArgs {
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

struct Adapter {
    name: String,
    backend: String,
    software: bool,
}

pub(super) fn run(args: &InfoArgs) -> Result<()> {
    let adapters = adapters();
    if args.json {
        return output::print_json(&as_json(&adapters));
    }
    let mut text = format!(
        "limbeck {}\nfeatures: {}\ncpu: {}, {} threads, kernels for {}\n",
        env!("CARGO_PKG_VERSION"),
        features().join(", "),
        std::env::consts::ARCH,
        threads(),
        instruction_set().name(),
    );
    if adapters.is_empty() {
        text.push_str(match cfg!(feature = "gpu") {
            true => "gpu: none found\n",
            false => "gpu: not in this build (feature `gpu`)\n",
        });
    }
    for adapter in &adapters {
        let software = if adapter.software {
            ", software: only used when named"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "gpu: {} ({}{software})",
            adapter.name, adapter.backend
        );
    }
    output::print(text.trim_end())
}

fn as_json(adapters: &[Adapter]) -> Value {
    let adapters: Vec<Value> = adapters
        .iter()
        .map(|adapter| {
            json!({
                "name": adapter.name, "backend": adapter.backend, "software": adapter.software
            })
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "features": features(),
        "cpu": {
            "architecture": std::env::consts::ARCH,
            "threads": threads(),
            "instruction_set": instruction_set().name(),
        },
        "adapters": adapters,
    })
}

fn features() -> Vec<&'static str> {
    let mut features = vec!["cli", "data"];
    if cfg!(feature = "gpu") {
        features.push("gpu");
    }
    features
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(feature = "gpu")]
fn adapters() -> Vec<Adapter> {
    let found = limbeck_engine::adapters();
    let adapter = |summary: limbeck_engine::AdapterSummary| Adapter {
        name: summary.name,
        backend: summary.backend,
        software: summary.software,
    };
    found.into_iter().map(adapter).collect()
}

#[cfg(not(feature = "gpu"))]
fn adapters() -> Vec<Adapter> {
    Vec::new()
}
