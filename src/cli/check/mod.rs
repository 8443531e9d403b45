//! `limbeck check`: is the run file right, and what will it do?

mod describe;
mod levels;
mod plan;

use std::collections::BTreeMap;

use clap::Args;
use limbeck_data::read::PartReport;
use limbeck_recipes::config::Run;
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
    if args.json {
        return output::print_json(&as_json(&file, &run, &args.device, &checked));
    }
    let Checked { data, rehearsal } = &checked;
    let sections = [
        format!("{file}: ok, task {}", run.task()),
        describe::summary(&run),
        levels::table(&run),
        data.report.clone(),
        plan::text(rehearsal, &args.device),
    ];
    let sections = sections.iter().map(|text| text.trim_end());
    let sections: Vec<&str> = sections.filter(|text| !text.is_empty()).collect();
    output::print(&sections.join("\n"))
}

fn as_json(file: &str, run: &Run, device: &DeviceChoice, checked: &Checked) -> Value {
    let Checked { data, rehearsal } = checked;
    json!({
        "file": file,
        "run": serde_json::to_value(run).expect("every value of a run can be written as JSON"),
        "data": (!data.parts.is_empty()).then(|| parts_as_json(&data.parts)),
        "levels": levels::rows(run),
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
