//! `limbeck check`: is the run file right, and what will it do?

mod describe;
mod plan;

use std::collections::BTreeMap;

use clap::Args;
use limbeck_data::read::PartReport;
use limbeck_recipes::config::Run;
use limbeck_recipes::layerwise::{Level, levels_table};
use serde_json::{Value, json};

use super::args::RunFileArgs;
use super::output;
use crate::run::{Checked, DeviceChoice, Result, check};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    run: RunFileArgs,
    /// The device whose memory is reckoned with: cpu, gpu or reference. It is not opened.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
    /// Print the complete run, its tapes and its memory as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<()> {
    let run = args.run.load()?;
    let file = args.run.run_file().display().to_string();
    let checked = check(&run, &args.device)?;
    let levels = match &run {
        Run::Layerwise(run) => run.levels()?,
        _ => Vec::new(),
    };
    if args.json {
        let value = as_json(&file, &run, &levels, &args.device, &checked);
        return output::print_json(&value);
    }
    let Checked {
        report, rehearsal, ..
    } = &checked;
    let sections = [
        format!("{file}: ok, task {}", run.task()),
        describe::summary(&run),
        levels_table(&levels),
        report.clone(),
        plan::text(rehearsal, &args.device),
    ];
    let sections = sections.iter().map(|text| text.trim_end());
    let sections: Vec<&str> = sections.filter(|text| !text.is_empty()).collect();
    output::print(&sections.join("\n"))
}

fn as_json(
    file: &str,
    run: &Run,
    levels: &[Level],
    device: &DeviceChoice,
    checked: &Checked,
) -> Value {
    let Checked {
        parts, rehearsal, ..
    } = checked;
    json!({
        "file": file,
        "run": serde_json::to_value(run).expect("every value of a run can be written as JSON"),
        "data": (!parts.is_empty()).then(|| parts_as_json(parts)),
        "levels": levels,
        "device": device.to_string(),
        "models": plan::models_as_json(rehearsal),
        "peak_bytes": rehearsal.peak_bytes,
        "pool_bytes": rehearsal.pool_bytes,
    })
}

/// One object per part of the data.
fn parts_as_json(parts: &[PartReport]) -> Value {
    let part = |part: &PartReport| {
        let figures = json!({
            "texts": part.texts,
            "classes": part.per_class.iter().cloned().collect::<BTreeMap<String, usize>>(),
            "repeated": part.repeated,
            "empty": part.empty,
            "also_in_train": part.in_train,
            "longest": part.longest,
        });
        (part.name.to_owned(), figures)
    };
    Value::Object(parts.iter().map(part).collect())
}
