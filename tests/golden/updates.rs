//! AdamW and SGD by themselves.

use limbeck::engine::{Device, ParameterStore, Result, StoreBuilder};
use limbeck::training::optimizer::Optimizer;

use crate::compare::{Tolerance, relative};
use crate::files::{self, UpdateCase, UpdatesFile};

/// Compares every parameter after every update on `device`.
pub(crate) fn check(device: &Device, tolerance: &Tolerance) {
    let file: UpdatesFile = files::read("updates.json");
    let mut complaints = Vec::new();
    for case in &file.cases {
        match run(&file, case, device) {
            Ok(after) => complaints.extend(compare(&file, case, &after, tolerance)),
            Err(error) => complaints.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(
        complaints.is_empty(),
        "on {}\n{}",
        device.name(),
        complaints.join("\n")
    );
}

/// The values, by update and parameter.
type Values = Vec<Vec<Vec<f64>>>;

fn run(
    file: &UpdatesFile,
    case: &UpdateCase,
    device: &Device,
) -> limbeck::training::Result<Values> {
    let mut store = store(file, device)?;
    let mut gradients = store.zeros()?;
    let mut optimizer = Optimizer::new(&store, &case.optimizer.config(), case.clip_norm)?;
    let schedule = file.schedule.schedule();
    let mut after = Vec::new();
    for (step, given) in file.gradients.iter().enumerate() {
        let given: Vec<Vec<f32>> = given.iter().map(|g| single(g)).collect();
        gradients.restore(&given)?;
        let rate = case.optimizer.learning_rate() * schedule.multiplier(step as u64);
        optimizer.update(&mut store, &gradients, rate)?;
        let values = store.ids().map(|id| store.value(id).read_f64());
        after.push(values.collect::<Result<_>>()?);
    }
    Ok(after)
}

fn store(file: &UpdatesFile, device: &Device) -> Result<ParameterStore> {
    let mut builder = StoreBuilder::new(0);
    for parameter in &file.parameters {
        // Updates are elementwise: the shape does not matter.
        let elements = [parameter.values.len()];
        builder.values(
            &parameter.name,
            elements,
            parameter.values.clone(),
            parameter.decay,
        );
    }
    let mut store = builder.build(device)?;
    for (record, parameter) in store.records_mut().iter_mut().zip(&file.parameters) {
        record.learning_rate_scale = parameter.learning_rate_scale;
    }
    Ok(store)
}

fn compare(
    file: &UpdatesFile,
    case: &UpdateCase,
    found: &Values,
    tolerance: &Tolerance,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (step, (found, expected)) in found.iter().zip(&case.after).enumerate() {
        for ((parameter, found), expected) in file.parameters.iter().zip(found).zip(expected) {
            let what = format!(
                "{}: {} after update {}",
                case.name,
                parameter.name,
                step + 1
            );
            complaints.extend(relative(&what, found, expected, tolerance.values));
        }
    }
    complaints
}

/// Numbers that f32 holds exactly.
fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}
