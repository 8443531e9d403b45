//! Learning rates, devices and keys that cannot work.

use std::fs;

use super::Folder;

/// Step 1 throws the weights far out, step 2 computes with them.
fn diverges(learning_rate: &str, term: &str) {
    let folder = Folder::new();
    let rate = format!("training.learning_rate={learning_rate}");
    let more = ["-s", &rate, "-s", "training.checkpoint_every=\"1 steps\""];
    let first = folder.train(&more);
    first.fails(5, &["diverged at step 2 in ", term, "start a new run"]);
    let samples = first.stderr.split("(samples ").nth(1).expect("samples");
    let samples = samples.split(')').next().unwrap_or_default();
    let ids: Vec<u32> = samples
        .split(", ")
        .map_while(|id| id.parse().ok())
        .collect();
    assert_eq!(ids.len(), 8, "{}", first.stderr);
    let last = fs::read_to_string(folder.path("run/last")).expect("last");
    assert_eq!(last, "step-000001\n");

    // The checkpoint is intact: the run goes on from it, to the same end.
    let again = folder.train(&[&more[..], &["--resume"]].concat());
    again.fails(5, &["diverged at step 2 in ", term]);
    let lower = ["-s", "training.checkpoint_every=\"1 steps\""];
    let resumed = folder.train(&[&lower[..], &["--resume"]].concat());
    resumed.fails(3, &["`training.learning_rate` is 0.01 now, but was "]);
    let anew = ["train", "run.toml", "--quiet", "--out", "lower"];
    folder.limbeck(&[&anew[..], &lower].concat()).succeeds(&[]);
}

#[test]
fn a_learning_rate_that_makes_a_value_infinite() {
    diverges("1e30", "conv1d_max at \"block 0\": its result");
}

#[test]
fn a_learning_rate_that_makes_the_norm_of_the_gradient_overflow() {
    diverges("1e10", "the gradient's norm");
}

/// Step, operator and scope, and samples of the message of a run that diverged.
#[cfg(feature = "gpu")]
fn divergence(outcome: &super::Outcome) -> (String, String, String) {
    outcome.fails(5, &["diverged at step "]);
    let message = outcome.stderr.split("diverged at step ").nth(1);
    let (step, rest) = message.and_then(|m| m.split_once(" in ")).expect("a step");
    let (place, rest) = rest.split_once(": ").expect("a place");
    let samples = rest.split("(samples ").nth(1).expect("samples");
    let samples = samples.split(')').next().unwrap_or_default();
    (step.into(), place.into(), samples.into())
}

/// A GPU's losses are read many steps together: the step at fault is not the one that was read.
#[cfg(feature = "gpu")]
#[test]
fn a_divergence_on_a_gpu_names_what_the_cpu_names() {
    let adapter = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    let gpu = format!("gpu:{adapter}");
    for rate in ["1e30", "1e10"] {
        let folder = Folder::new();
        let rate = format!("training.learning_rate={rate}");
        let long = "training.length=\"4000 steps\"";
        let run = |out: &str, device: &str| {
            let every = ["evaluate_every", "checkpoint_every"];
            let [evaluate, checkpoint] = every.map(|key| format!("training.{key}=\"4000 steps\""));
            let settings = ["-s", &rate, "-s", long, "-s", &evaluate, "-s", &checkpoint];
            let places = ["train", "run.toml", "--out", out, "--device", device];
            folder.limbeck(&[&places[..], &settings].concat())
        };
        let on_gpu = run("gpu", &gpu);
        if on_gpu.stderr.contains("no GPU adapter") {
            let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {}", on_gpu.stderr);
            eprintln!("GPU tests not run: {}", on_gpu.stderr);
            return;
        }
        assert_eq!(
            divergence(&on_gpu),
            divergence(&run("cpu", "cpu")),
            "{rate}"
        );
    }
}

#[cfg(feature = "gpu")]
#[test]
fn a_gpu_that_is_not_there() {
    let folder = Folder::new();
    let outcome = folder.train(&["--device", "gpu:nonexistent"]);
    let parts = [
        "no GPU adapter has \"nonexistent\"",
        "found: ",
        "--device cpu",
    ];
    outcome.fails(1, &parts);
    assert!(!folder.path("run").exists());
}

#[test]
fn a_device_that_does_not_exist() {
    let folder = Folder::new();
    let outcome = folder.train(&["--device", "tpu"]);
    outcome.fails(2, &["tpu", "expected cpu, gpu, gpu:NAME or reference"]);
}

#[test]
fn an_unknown_key_has_a_suggestion() {
    let folder = Folder::new();
    folder.write(
        "run.toml",
        "task = \"train\"\n[training]\nlearning_rat = 0.1\n",
    );
    let suggestion = "did you mean `training.learning_rate`?";
    folder
        .train(&[])
        .fails(3, &["run.toml:3: unknown key", suggestion]);
    folder.write("run.toml", super::RUN_FILE);
    folder
        .train(&["-s", "training.learning_rat=0.1"])
        .fails(3, &["training.learning_rat", suggestion]);
}
