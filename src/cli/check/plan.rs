//! Tapes, sizes and memory of the models of a run.

use std::fmt::Write;

use limbeck_engine::{Line, Meta};
use limbeck_recipes::RunRehearsal;
use limbeck_training::run_folder::{Metrics, Named};
use limbeck_training::stage::{Rehearsal, StageBytes};
use serde_json::{Map, Value, json};

use crate::cli::table::grouped;
use crate::run::DeviceChoice;

/// The models under their names, with the stage that trains each; none for a teacher that another
/// run has trained.
fn models(rehearsal: &RunRehearsal) -> Vec<(&str, &Metrics, Option<&Rehearsal>)> {
    let measured = &rehearsal.models;
    let rows: &Named<Metrics> = measured.test.as_ref().unwrap_or(&measured.dev);
    let stage = |name: &str| rehearsal.stages.iter().find(|stage| stage.name == name);
    rows.iter()
        .map(|(name, row)| (name, row, stage(name)))
        .collect()
}

/// A section per model: its size, its memory, the tape of one update.
pub(super) fn text(rehearsal: &RunRehearsal, device: &DeviceChoice) -> String {
    let mut text = String::new();
    for (name, sizes, stage) in models(rehearsal) {
        let count = |figure| grouped(sizes.get(figure).unwrap_or(0.0) as u64);
        let _ = writeln!(text, "\n{}", name.replace('_', " "));
        let _ = writeln!(
            text,
            "  parameters: {}, {} without embeddings",
            count("parameters"),
            count("parameters_without_embeddings"),
        );
        match stage {
            Some(stage) => text.push_str(&(memory(stage, device) + &tape(&stage.lines))),
            None => text.push_str("  not trained in this run\n"),
        }
    }
    let _ = write!(
        text,
        "\nthe whole run on {device}: at most {} of tensors at once, from a pool of {}",
        size(rehearsal.peak_bytes),
        size(rehearsal.pool_bytes)
    );
    text
}

/// One line per operator of the forward pass, under the part of the model or loss it belongs to.
fn tape(lines: &[Line]) -> String {
    let scopes = lines.iter().map(|line| line.scope.chars().count());
    let scope_width = scopes.max().unwrap_or(0);
    let operators = lines.iter().map(|line| line.operator.len());
    let operator_width = operators.max().unwrap_or(0);
    let (mut text, mut last) = (String::new(), "");
    for line in lines {
        let scope = if line.scope == last { "" } else { &line.scope };
        let outputs: Vec<String> = line.plan.outputs.iter().map(shape).collect();
        let _ = writeln!(
            text,
            "  {scope:<scope_width$}  {:<operator_width$}  {}",
            line.operator,
            outputs.join(" ")
        );
        last = &line.scope;
    }
    text
}

fn shape(meta: &Meta) -> String {
    meta.shape.to_string()
}

fn memory(stage: &Rehearsal, device: &DeviceChoice) -> String {
    let StageBytes {
        weights,
        gradients,
        moments,
        activations,
        saved,
        scratch,
        step,
        evaluation,
        total: _,
    } = stage.bytes;
    let labelled = stage.texts;
    format!(
        "  memory on {device}: weights {}, gradients {}, optimiser {}\n  \
         an update, at the largest batch ({labelled} labelled texts, {} tokens in all): {}, with \
         activations {}, saved {}, scratch {}\n  \
         an evaluation on dev: {}\n",
        size(weights),
        size(gradients),
        size(moments),
        grouped(stage.tokens),
        size(step),
        size(activations),
        size(saved),
        size(scratch),
        size(evaluation),
    )
}

/// Bytes for a person.
fn size(bytes: usize) -> String {
    let (mut number, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if number < 1024.0 {
            break;
        }
        (number, unit) = (number / 1024.0, larger);
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ => format!("{number:.1} {unit}"),
    }
}

/// One object per model.
pub(super) fn models_as_json(rehearsal: &RunRehearsal) -> Value {
    let model = |(name, sizes, stage): (&str, &Metrics, Option<&Rehearsal>)| {
        let figures = json!({
            "parameters": sizes.number("parameters"),
            "parameters_without_embeddings": sizes.number("parameters_without_embeddings"),
            "largest_batch": stage.map(|s| json!({ "texts": s.texts, "tokens": s.tokens })),
            "bytes": stage.map(|s| s.bytes),
            "tape": stage.map(|s| s.lines.iter().map(line_as_json).collect::<Vec<_>>()),
        });
        (name.to_owned(), figures)
    };
    Value::Object(
        models(rehearsal)
            .into_iter()
            .map(model)
            .collect::<Map<_, _>>(),
    )
}

fn line_as_json(line: &Line) -> Value {
    let shapes = |metas: &[Meta]| -> Vec<Vec<usize>> {
        metas
            .iter()
            .map(|meta| meta.shape.dims().to_vec())
            .collect()
    };
    json!({
        "scope": line.scope,
        "operator": line.operator,
        "inputs": shapes(&line.inputs),
        "outputs": shapes(&line.plan.outputs),
        "flops": line.plan.flops,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let pairs = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (3 << 19, "1.5 MiB"),
            (5 << 30, "5.0 GiB"),
        ];
        for (bytes, text) in pairs {
            assert_eq!(size(bytes), text);
        }
    }
}
