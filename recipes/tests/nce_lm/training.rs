//! C2 and C8, and whole runs: what is updated, on every device, and nothing that is not a number.

use limbeck_engine::Device;
use limbeck_recipes::RunContext;
use limbeck_recipes::config::NceLmRun;
use limbeck_recipes::nce_lm::{
    Generator, LanguageData, Sampling, TrainedLanguageModel, TrainingText, train_language_model,
};
use limbeck_training::interrupt::Interrupt;

use crate::small::{data, run};

fn train(run: &NceLmRun, data: &LanguageData, device: &Device) -> TrainedLanguageModel {
    let interrupt = Interrupt::new();
    let mut context = RunContext::in_memory(device, run.seed, &interrupt);
    train_language_model(run, data, &mut context).expect("a finished run")
}

fn perplexity(trained: &TrainedLanguageModel) -> f64 {
    let test = trained.measured.test.as_ref().expect("was read");
    test.get("model")
        .and_then(|m| m.get("perplexity"))
        .expect("finite")
}

const SMALL: &str = r#"
[model]
layers = 1
hidden_size = 16
embedding_size = 16
[method]
window = 16
noise_size = 10
[training]
batch_size = 4
learning_rate = 5.0
"#;

#[test]
fn every_criterion_unit_and_division_learns() {
    let data = data(10, 120);
    let variants = [
        "",
        "model.kind=\"gru\"",
        "model.kind=\"rnn\"",
        "method.criterion=\"softmax\"",
        "method.criterion=\"sampled_softmax\"",
        "method.sentence=\"line\"",
        "method.carry=\"overlap\"",
        "method.groups=\"grouped\"",
        "method.ln_z=\"learned\"",
        "method.target_in_group=\"mask\"",
        "method.noise=\"uniform\"",
        "method.noise=\"log_uniform\"",
        "model.tied=true",
        "model.weight_drop=0.2",
        "model.variational=true",
        "training.optimizer=\"adamw\"",
        "training.averaging=\"asgd\"",
        "training.averaging=\"nt_asgd\"",
    ];
    for variant in variants {
        let overrides: Vec<_> = [variant, "method.overlap=2"]
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().expect("an override"))
            .collect();
        let text = format!("task = \"nce_lm\"\n{SMALL}");
        let parsed = limbeck_recipes::config::parse("run.toml", &text, &overrides);
        let limbeck_recipes::config::Run::NceLm(mut run) = parsed.expect("a run file") else {
            unreachable!("the task is nce_lm")
        };
        if variant.contains("adamw") {
            run.training.learning_rate = 0.01;
        }
        let trained = train(&run, &data, &Device::cpu());
        // Eleven words; what comes next follows from the one before, but for ends of sentences.
        let found = perplexity(&trained);
        assert!(found < 6.0, "{variant}: {found}");
    }
}

#[test]
fn a_run_makes_one_update_for_every_part() {
    let data = data(10, 40);
    let run = run(SMALL);
    let columns = run.training.batch_size;
    let text = TrainingText::new(data.train.clone(), &run.method, columns, 1).expect("text");
    let positions: u64 = data.train.len() / columns as u64;
    let (windows, rest) = (positions / 16, positions % 16);
    let of_rest = match rest {
        0 => 0,
        1..8 => 1,
        _ => 4,
    };
    assert_eq!(text.steps_per_epoch(), 4 * windows + of_rest);
}

#[test]
fn the_same_run_gives_the_same_model_with_one_thread_or_three() {
    let data = data(10, 40);
    let run = run(SMALL);
    let weights = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| {
            let trained = train(&run, &data, &Device::cpu());
            trained
                .generator
                .model()
                .parameters()
                .read()
                .expect("numbers")
        })
    };
    assert_eq!(weights(1), weights(3));
}

#[test]
fn every_device_trains_alike() {
    let data = data(10, 30);
    let mut run = run(SMALL);
    run.training.length = "20 steps".parse().expect("a length");
    let losses = |device: &Device| perplexity(&train(&run, &data, device));
    let reference = losses(&Device::reference());
    for device in devices() {
        let found = losses(&device);
        assert!(
            (found / reference - 1.0).abs() < 1e-4,
            "{device:?}: {found} {reference}"
        );
    }
}

/// The CPU and, where there is one, the GPU under test.
fn devices() -> Vec<Device> {
    [Device::cpu()].into_iter().chain(gpu()).collect()
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Option<Device> {
    None
}

#[cfg(feature = "gpu")]
fn gpu() -> Option<Device> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
    match Device::gpu_named(&name) {
        Err(error) if required => panic!("LIMBECK_REQUIRE_GPU=1, but: {error}"),
        device => device.ok(),
    }
}

#[test]
fn a_huge_vocabulary_trains_without_touching_all_of_it() {
    const WORDS: usize = 2_500_000;
    let data = LanguageData {
        vocabulary: crate::small::vocabulary(WORDS),
        counts: vec![1; WORDS],
        train: crate::small::counted(600),
        dev: crate::small::counted(5),
        test: Some(crate::small::counted(5)),
        files: Vec::new(),
        report: String::new(),
    };
    for kind in ["lstm", "gru", "rnn"] {
        let mut run = run(&format!("{SMALL}\n[data]\nunknown = true\n"));
        run.model.kind = serde_json::from_value(kind.into()).expect("a unit");
        run.model.hidden_size = 2;
        run.model.embedding_size = 2;
        run.training.length = "12 steps".parse().expect("a length");
        assert!(run.is_row_sparse());
        let found = perplexity(&train(&run, &data, &Device::cpu()));
        assert!(found.is_finite() && found > 1e5, "{kind}: {found}");
    }
}

#[test]
fn text_is_written_as_the_seed_says_and_on_from_a_prompt() {
    let data = data(10, 60);
    let trained = train(&run(SMALL), &data, &Device::cpu());
    let write = |prompt: &str, seed: u64| {
        let sampling = Sampling {
            seed,
            ..Sampling::default()
        };
        let mut text = Generator::new(&trained.generator, prompt, sampling).expect("words");
        let words: Vec<u32> = (0..30).map(|_| text.next_word().expect("a word")).collect();
        words
    };
    assert_eq!(write("", 1), write("", 1));
    assert_ne!(write("", 1), write("", 2));
    assert_ne!(write("w3 w8", 1), write("", 1));
    assert!(Generator::new(&trained.generator, "nowhere", Sampling::default()).is_err());
}
