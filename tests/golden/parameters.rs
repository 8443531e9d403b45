//! The parameters of a file: loaded, and compared.

use std::collections::HashMap;

use limbeck::engine::{ParameterStore, ParameterVector, Result};

use crate::compare::{Tolerance, distance, norm};
use crate::files::Parameter;

/// Differences in names, shapes and what decays.
pub(crate) fn records(expected: &[Parameter], store: &ParameterStore) -> Vec<String> {
    let describe = |name: &str, shape: &[usize], decay| format!("{name} {shape:?}, decay {decay}");
    let records = store.records().iter();
    let found = records.map(|r| describe(&r.name, r.shape.dims(), r.decay));
    let expected = expected
        .iter()
        .map(|p| describe(&p.name, &p.shape, p.decay));
    let pairs = found
        .zip(expected)
        .filter(|(found, expected)| found != expected);
    pairs
        .map(|(found, expected)| format!("{found}, expected {expected}"))
        .collect()
}

/// Overwrites every value.
pub(crate) fn load(parameters: &[Parameter], store: &mut ParameterStore) -> Result<()> {
    let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
    let named: HashMap<String, Vec<f32>> = parameters
        .iter()
        .map(|p| (p.name.clone(), single(&p.values)))
        .collect();
    store.load(&named)
}

/// Gradients that are too far from the file's.
pub(crate) fn gradients(
    parameters: &[Parameter],
    gradients: &ParameterVector,
    tolerance: &Tolerance,
) -> Result<Vec<String>> {
    let all: Vec<f64> = parameters.iter().map(|p| norm(&p.gradient)).collect();
    let least = tolerance.floor * norm(&all);
    let mut complaints = Vec::new();
    for (index, parameter) in parameters.iter().enumerate() {
        let found = gradient(parameter, gradients, index)?;
        let allowed = tolerance.gradients * norm(&parameter.gradient).max(least);
        let what = format!("gradient of {}", parameter.name);
        complaints.extend(distance(&what, &found, &parameter.gradient, allowed));
    }
    Ok(complaints)
}

/// The gradient of one parameter, whole: of a row-sparse one the rows, among zeros.
fn gradient(parameter: &Parameter, gradients: &ParameterVector, index: usize) -> Result<Vec<f64>> {
    if let Some(slice) = &gradients.slices()[index] {
        return slice.read_f64();
    }
    let Some(rows) = &gradients.rows()[index] else {
        return Ok(Vec::new());
    };
    let (ids, values) = (rows.ids.read_ids()?, rows.values.read_f64()?);
    let columns = rows.values.shape().columns();
    let mut whole = vec![0.0; parameter.values.len()];
    for (&id, row) in ids.iter().zip(values.chunks_exact(columns)) {
        whole[id as usize * columns..][..columns].copy_from_slice(row);
    }
    Ok(whole)
}
