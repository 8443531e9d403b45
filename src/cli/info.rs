//! `limbeck info`: what this build and this machine can do, and what finished models cost.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use limbeck_engine::instruction_set;
use serde_json::{Value, json};

use super::output;
use super::serve::Lines;
use super::table::grouped;
use crate::run::{ModelCost, Result, model_costs};

#[derive(Debug, Args)]
pub(super) struct InfoArgs {
    /// A run folder, or the folder of one model: parameters, bytes on disk, and microseconds a text on one
    /// thread, one and 64 at a time, of each of its models.
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,
    /// Texts to time them on, one a line (the first 1000 are read); without it, texts of 30 known words.
    #[arg(long, value_name = "FILE", requires = "run")]
    texts: Option<PathBuf>,
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
    if let Some(folder) = &args.run {
        return costs(folder, args);
    }
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

/// Most texts that models are timed on.
const TEXTS: usize = 1000;

fn costs(folder: &Path, args: &InfoArgs) -> Result<()> {
    let mut texts = Vec::new();
    if let Some(file) = &args.texts {
        let mut lines = Lines::open(file)?;
        while texts.len() < TEXTS {
            let more = lines.next(TEXTS - texts.len())?;
            if more.is_empty() {
                break;
            }
            texts.extend(more);
        }
    }
    let costs = model_costs(folder, &texts)?;
    if args.json {
        let named = costs.iter().map(|cost| (cost.name.clone(), cost.to_json()));
        return output::print_json(&Value::Object(named.collect()));
    }
    output::print(&cost_table(&costs))
}

/// A line a model; what others cost is seen beside the first, a teacher if there is one.
fn cost_table(costs: &[ModelCost]) -> String {
    let width = costs.iter().map(|cost| cost.name.len()).max().unwrap_or(0);
    let titles = ["parameters", "bytes on disk", "us/text, 1", "us/text, 64"];
    let mut text = " ".repeat(width);
    for title in titles {
        let _ = write!(text, "  {title:>22}");
    }
    for cost in costs {
        let first = &costs[0];
        // How many times less than the first.
        let beside = |shown: String, own: Option<f64>, first: Option<f64>| match (own, first) {
            (Some(own), Some(first)) if cost.name != costs[0].name && own > 0.0 => {
                format!("{shown} ({:.1}x)", first / own)
            }
            _ => shown,
        };
        let count =
            |own: u64, first: u64| beside(grouped(own), Some(own as f64), Some(first as f64));
        let micros = |own: Option<f64>, first: Option<f64>| {
            beside(own.map_or("-".into(), |us| format!("{us:.1}")), own, first)
        };
        let columns = [
            count(cost.parameters as u64, first.parameters as u64),
            count(cost.bytes, first.bytes),
            micros(cost.us_batch_1, first.us_batch_1),
            micros(cost.us_batch_64, first.us_batch_64),
        ];
        let _ = write!(text, "\n{:<width$}", cost.name);
        for column in columns {
            let _ = write!(text, "  {column:>22}");
        }
        if let Some(bytes) = cost.folded_bytes {
            let _ = write!(text, "  + {} bytes in memory", grouped(bytes as u64));
        }
    }
    text + "\n\nOne thread, from string to answer; in brackets, how many times less than the first line."
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(name: &str, parameters: usize, us: f64) -> ModelCost {
        ModelCost {
            name: name.into(),
            parameters,
            parameters_without_embeddings: None,
            bytes: 4 * parameters as u64,
            folded_bytes: (name == "student folded").then_some(4096),
            us_batch_1: Some(us),
            us_batch_64: None,
        }
    }

    #[test]
    fn others_stand_beside_the_first() {
        let costs = [
            cost("teacher", 4000, 90.0),
            cost("student folded", 1000, 20.0),
        ];
        let text = cost_table(&costs);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].contains(" 4,000 ") && !lines[1].contains('('),
            "{text}"
        );
        assert!(
            lines[2].contains("1,000 (4.0x)") && lines[2].contains("20.0 (4.5x)"),
            "{text}"
        );
        assert!(lines[2].ends_with("-  + 4,096 bytes in memory"), "{text}");
    }
}
