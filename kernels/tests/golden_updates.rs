//! The updates against PyTorch's, in f64: parameters after each of a sequence of gradients, from
//! `tests/golden/updates.json`.

use limbeck_engine::{Device, ParameterStore, ParameterVector, Result, StoreBuilder};
use limbeck_kernels::{AdamW, AdamWConfig, ClipNorm, Sgd, SgdConfig};
use serde_json::Value;

const GOLDEN: &str = include_str!("../../tests/golden/updates.json");

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

/// The parameters, all flat: an update knows no shape.
fn store(golden: &Value) -> Result<ParameterStore> {
    let mut builder = StoreBuilder::new(0);
    for parameter in list(&golden["parameters"]) {
        let name = parameter["name"].as_str().expect("a name");
        let decays = parameter["decay"].as_bool().expect("true or false");
        let values = numbers(&parameter["values"]);
        builder.values(name, [values.len()], values, decays);
    }
    let mut store = builder.build(&Device::reference())?;
    let described = list(&golden["parameters"]).iter();
    for (record, parameter) in store.records_mut().iter_mut().zip(described) {
        record.learning_rate_scale = number(&parameter["learning_rate_scale"]) as f32;
    }
    Ok(store)
}

/// A linear rise over the warm-up, times a linear fall to 0 over all updates.
fn learning_rate(golden: &Value, base: f64, step: usize) -> f64 {
    let schedule = &golden["schedule"];
    assert_eq!(schedule["decay"], "linear");
    let (warmup, total) = (number(&schedule["warmup"]), number(&schedule["total"]));
    let step = step as f64;
    base * ((step + 1.0).min(warmup) / warmup) * ((total - step) / total)
}

type Update = Box<dyn FnMut(&mut ParameterStore, &ParameterVector, &ClipNorm, f64) -> Result<()>>;

fn optimiser(settings: &Value, store: &ParameterStore) -> Result<Update> {
    let weight_decay = number(&settings["weight_decay"]);
    if settings["kind"] == "adamw" {
        let betas = numbers(&settings["betas"]);
        let config = AdamWConfig {
            betas: [betas[0], betas[1]],
            epsilon: number(&settings["epsilon"]),
            weight_decay,
        };
        let mut adamw = AdamW::new(store, config)?;
        return Ok(Box::new(move |store, gradients, norm, rate| {
            adamw.step(store, gradients, norm, rate)
        }));
    }
    let config = SgdConfig {
        momentum: number(&settings["momentum"]),
        weight_decay,
    };
    let mut sgd = Sgd::new(store, config)?;
    Ok(Box::new(move |store, gradients, norm, rate| {
        sgd.step(store, gradients, norm, rate)
    }))
}

#[test]
fn the_reference_takes_pytorchs_steps() -> Result<()> {
    let golden: Value = serde_json::from_str(GOLDEN).expect("JSON");
    for case in list(&golden["cases"]) {
        let mut store = store(&golden)?;
        let settings = &case["optimizer"];
        let mut update = optimiser(settings, &store)?;
        let largest = case["clip_norm"].as_f64().map(|norm| norm as f32);
        let mut clip = ClipNorm::new(&store, largest)?;
        let mut gradients = store.zeros()?;
        for (step, given) in list(&golden["gradients"]).iter().enumerate() {
            // The numbers of the file are f32, so that nothing is rounded here.
            let given: Vec<Vec<f32>> = list(given)
                .iter()
                .map(|slice| numbers(slice).into_iter().map(|g| g as f32).collect())
                .collect();
            gradients.restore(&given)?;
            clip.measure(&gradients)?;
            let rate = learning_rate(&golden, number(&settings["learning_rate"]), step);
            update(&mut store, &gradients, &clip, rate)?;
            for (slice, expected) in store
                .values()
                .slices()
                .iter()
                .zip(list(&case["after"][step]))
            {
                let found = slice.as_ref().expect("nothing is frozen").read_f64()?;
                for (found, expected) in found.iter().zip(numbers(expected)) {
                    assert!(
                        (found - expected).abs() < 1e-9,
                        "{} after update {}: {found}, expected {expected}",
                        case["name"],
                        step + 1
                    );
                }
            }
        }
    }
    Ok(())
}
