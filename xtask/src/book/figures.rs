//! What the cases of an operator say in numbers: its cost, where digits are lost, and its errors.

use std::collections::BTreeMap;

use limbeck_engine::Plan;
use limbeck_kernels::harness::{Case, Entry, FINITE_DIFFERENCE_TOLERANCE, Tolerance};

use super::errors::{Errors, Worst};
use super::operators::{cell, meta};

/// The bytes that the tape holds for the way back.
pub(super) fn kept(case: &Case, plan: &Plan) -> usize {
    let inputs = plan.keep_inputs.iter().map(|&i| meta(&case.inputs[i]));
    let outputs = plan.keep_outputs.iter().map(|&i| plan.outputs[i]);
    let kept = inputs.chain(outputs).chain(plan.saved.iter().copied());
    kept.map(|meta| meta.bytes()).sum()
}

/// Operations and bytes of the case with most operations.
pub(super) fn cost(entry: &Entry) -> Result<String, String> {
    let mut largest: Option<(&Case, Plan)> = None;
    for case in &entry.cases {
        let plan = case
            .plan()
            .map_err(|error| format!("{} [{}]: {error}", entry.name, case.name))?;
        if let Some(plan) = plan
            && largest
                .as_ref()
                .is_none_or(|(_, most)| plan.flops > most.flops)
        {
            largest = Some((case, plan));
        }
    }
    let Some((case, plan)) = largest else {
        return Ok("\n## What it costs\n\nAn update in place: every number of the parameters, their \
                   gradients and what is kept beside them is read once and, where it changes, written \
                   once.\n"
            .into());
    };
    let results: usize = plan.outputs.iter().map(|meta| meta.shape.elements()).sum();
    let per = |parts: u64, whole: usize| parts as f64 / whole.max(1) as f64;
    Ok(format!(
        "\n## What it costs\n\nThe case with most operations, {}, takes {} in the forward pass, {:.1} for \
         each number of its results, and moves {} bytes: {:.2} operations a byte. It keeps {} bytes for the \
         way back. The table of cases shows how this grows with the shapes.\n",
        cell(&case.name),
        plan.flops,
        per(plan.flops, results),
        plan.bytes,
        per(plan.flops, plan.bytes as usize),
        kept(case, &plan),
    ))
}

/// The cases with a wider tolerance than usual, and those whose gradients no differences check.
pub(super) fn limits(entry: &Entry) -> String {
    let usual = Tolerance::DEFAULT;
    let mut wider: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut unchecked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for case in &entry.cases {
        let Tolerance { cpu, gpu } = case.tolerance;
        if cpu > usual.cpu || gpu > usual.gpu {
            let key = format!("{cpu:.0e} on the CPU and {gpu:.0e} on a GPU");
            wider.entry(key).or_default().push(cell(&case.name));
        }
        if let Some(reason) = case.without_finite_differences {
            unchecked.entry(reason).or_default().push(cell(&case.name));
        }
    }
    let mut text = String::from("\n## Numerical limits\n\n");
    if wider.is_empty() {
        text.push_str(&format!(
            "All cases have the usual tolerance, {:.0e}.\n",
            usual.cpu.max(usual.gpu)
        ));
    } else {
        text.push_str("These cases have a wider tolerance, as their sums are long or cancel:\n\n");
        for (tolerance, cases) in wider {
            text.push_str(&format!("- {tolerance}: {}\n", cases.join(", ")));
        }
    }
    if !unchecked.is_empty() {
        text.push_str("\nNo finite differences check the gradients of these:\n\n");
        for (reason, cases) in unchecked {
            text.push_str(&format!("- {reason}: {}\n", cases.join(", ")));
        }
    }
    text
}

/// The largest errors that are kept of an operator.
pub(super) fn errors(entry: &Entry, errors: &Errors) -> String {
    let title = "\n## Its errors on one machine\n\n";
    let cases = errors.cases(entry.name);
    if cases == 0 {
        return format!("{title}None are kept yet: see below how to find those on yours.\n");
    }
    let mut text = format!(
        "{title}The largest of {cases} cases, with every instruction set of an x86-64 processor and on the \
         adapter {}, as `limbeck audit --full` found them:\n\n\
         | what | error | limit | case |\n|---|---|---|---|\n",
        errors.adapter()
    );
    let limit = |of: fn(&Tolerance) -> f64, name: &str| {
        let case = entry.cases.iter().find(|case| case.name == name);
        case.map_or("–".into(), |case| format!("{:.0e}", of(&case.tolerance)))
    };
    let [reference, cpu, gpu] = errors.worst(entry.name);
    let mut row = |what: &str, worst: Worst<'_>, limit: &dyn Fn(&str) -> String| {
        if let Some((error, case)) = worst {
            let limit = limit(case);
            text.push_str(&format!(
                "| {what} | {error:.1e} | {limit} | {} |\n",
                cell(case)
            ));
        }
    };
    row("reference, against central differences", reference, &|_| {
        format!("{FINITE_DIFFERENCE_TOLERANCE:.0e}")
    });
    row("CPU, against the reference", cpu, &|case| {
        limit(|t| t.cpu, case)
    });
    row("GPU, against the reference", gpu, &|case| {
        limit(|t| t.gpu, case)
    });
    text
}
