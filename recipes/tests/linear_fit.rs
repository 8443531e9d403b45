//! Linear models of n-grams: at the optimum of their penalised loss, with the C that is best on dev.

use limbeck_data::read::LabelledSet;
use limbeck_engine::{Device, Stream};
use limbeck_models::Encoded;
use limbeck_recipes::config::{self, LayerwiseRun, Override, Run, TrainRun};
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::{RunContext, RunData, Trained, layerwise, rehearse_run, train};
use limbeck_training::checkpoint::Fingerprint;
use limbeck_training::interrupt::Interrupt;
use limbeck_training::run_folder::{RunPaths, read_metrics};

const CLASSES: usize = 3;

/// Texts of a few telling words, some that say nothing, and one of their own; every sixth label is
/// wrong.
fn texts(count: u32, stream: &str) -> LabelledSet {
    let random = Stream::new(4, stream, 0);
    let pick = |text: u32, place: u32, of: u32| random.word(text, place, 0) % of;
    let text = |i: u32| {
        let class = i % CLASSES as u32;
        let telling = format!("sign{class}{}", pick(i, 0, 4));
        let filler = format!("the{} of{}", pick(i, 1, 5), pick(i, 2, 5));
        let own = format!("{stream}{i} again {stream}{i}");
        format!("{telling} {filler} {own}")
    };
    let label = |i: u32| (i + u32::from(pick(i, 3, 6) == 0)) % CLASSES as u32;
    LabelledSet {
        texts: (0..count).map(text).collect(),
        labels: (0..count).map(label).collect(),
        classes: (0..CLASSES).map(|class| format!("class{class}")).collect(),
    }
}

fn data() -> RunData {
    RunData {
        labelled: texts(48, "train"),
        unlabelled: texts(10, "unlabelled").texts,
        corpus_pairs: Vec::new(),
        test_texts: Vec::new(),
        dev: texts(90, "dev"),
        test: None,
        files: Vec::new(),
        report: String::new(),
        parts: Vec::new(),
    }
}

fn run(settings: &[&str]) -> TrainRun {
    let text = "task = \"train\"\n[model]\nkind = \"bag_of_ngrams\"\n";
    let overrides: Vec<Override> = settings
        .iter()
        .map(|s| s.parse().expect("key=value"))
        .collect();
    match config::parse("run.toml", text, &overrides) {
        Ok(Run::Train(run)) => *run,
        other => panic!("{other:?}"),
    }
}

fn fit(device: &Device, settings: &[&str]) -> Trained {
    let interrupt = Interrupt::new();
    let mut context = RunContext::in_memory(device, 1, &interrupt);
    train(&run(settings), &data(), &mut context).unwrap_or_else(|error| panic!("{error}"))
}

/// The table of weights in f64, a row per n-gram and the bias last.
fn table(classifier: &TextClassifier) -> Vec<Vec<f64>> {
    let read = classifier.model().parameters().read().expect("weights");
    let rows = read[0].2.chunks(CLASSES);
    rows.map(|row| row.iter().map(|&w| f64::from(w)).collect())
        .collect()
}

/// ½‖W‖² + C Σ loss in plain loops.
struct Plain {
    /// (row, weight), the bias with weight 1.
    texts: Vec<Vec<(usize, f64)>>,
    labels: Vec<u32>,
    c: f64,
    hinge: bool,
}

impl Plain {
    fn new(classifier: &TextClassifier, c: f64, hinge: bool) -> Self {
        let set = data().labelled;
        let bias = classifier.encoder().size();
        let entries = |text: &String| {
            let Encoded::Ngrams(text) = classifier.encoder().encode(text) else {
                panic!("n-grams")
            };
            let rows = text.indices.iter().map(|&row| row as usize).chain([bias]);
            let weights = text.weights.iter().map(|&w| f64::from(w)).chain([1.0]);
            rows.zip(weights).collect()
        };
        Plain {
            texts: set.texts.iter().map(entries).collect(),
            labels: set.labels,
            c,
            hinge,
        }
    }

    /// The objective and its gradient.
    fn value(&self, table: &[Vec<f64>]) -> (f64, Vec<Vec<f64>>) {
        let mut value: f64 = table.iter().flatten().map(|w| 0.5 * w * w).sum();
        let mut gradient = table.to_vec();
        for (text, &label) in self.texts.iter().zip(&self.labels) {
            let score = |class: usize| text.iter().map(|&(row, x)| x * table[row][class]).sum();
            let scores: Vec<f64> = (0..CLASSES).map(score).collect();
            let sum: f64 = scores.iter().map(|z| z.exp()).sum();
            if !self.hinge {
                value += self.c * (sum.ln() - scores[label as usize]);
            }
            for class in 0..CLASSES {
                let own = class == label as usize;
                let slope = if self.hinge {
                    let sign = if own { 1.0 } else { -1.0 };
                    let short = (1.0 - sign * scores[class]).max(0.0);
                    value += self.c * short * short;
                    -2.0 * sign * short
                } else {
                    scores[class].exp() / sum - f64::from(u8::from(own))
                };
                for &(row, x) in text {
                    gradient[row][class] += self.c * slope * x;
                }
            }
        }
        (value, gradient)
    }

    /// The optimum, by gradient descent from zero. A text and its bias have squared length 2, and
    /// the second derivative of the loss is at most 2 (hinge), so no step is too long.
    fn optimum(&self, rows: usize) -> Vec<Vec<f64>> {
        let rate = 1.0 / (1.0 + self.c * 4.0 * self.texts.len() as f64);
        let mut table = vec![vec![0.0; CLASSES]; rows];
        loop {
            let (_, gradient) = self.value(&table);
            if norm(&gradient) < 1e-9 {
                return table;
            }
            let pairs = table.iter_mut().flatten().zip(gradient.iter().flatten());
            pairs.for_each(|(w, g)| *w -= rate * g);
        }
    }
}

fn norm(table: &[Vec<f64>]) -> f64 {
    table.iter().flatten().map(|w| w * w).sum::<f64>().sqrt()
}

fn distance(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[test]
fn a_fit_ends_at_the_optimum_of_the_penalised_loss() {
    for device in [Device::cpu(), Device::reference()] {
        for (loss, hinge) in [("hinge", true), ("softmax", false)] {
            for vocabulary in ["labelled", "all"] {
                let settings = [
                    &format!("model.loss={loss}"),
                    &format!("model.vocabulary={vocabulary}"),
                    "model.c=[3]",
                    "model.tolerance=1e-5",
                ];
                let fitted = fit(&device, &settings).classifier;
                let plain = Plain::new(&fitted, 3.0, hinge);
                let (found, zero) = (
                    table(&fitted),
                    vec![vec![0.0; CLASSES]; table(&fitted).len()],
                );
                let optimum = plain.optimum(found.len());
                let what = format!("{loss}, {vocabulary}, {device:?}");
                let (value, gradient) = plain.value(&found);
                // The tolerance is in other variables, whose scale differs by up to 17.
                let first = norm(&plain.value(&zero).1);
                assert!(
                    norm(&gradient) < 2e-4 * first,
                    "{what}: {}",
                    norm(&gradient)
                );
                // The objective is strongly convex with constant 1.
                let far = distance(&found, &optimum);
                assert!(far <= norm(&gradient) + 1e-6, "{what}: {far}");
                assert!(far < 1e-3 * norm(&optimum), "{what}: {far}");
                let least = plain.value(&optimum).0;
                assert!(value - least < 1e-6 * least, "{what}: {value}, {least}");
                let bias = &optimum[optimum.len() - 1];
                assert!(bias.iter().any(|b| b.abs() > 0.01), "{what}: {bias:?}");
            }
        }
    }
}

#[test]
fn the_value_of_c_that_is_best_on_dev_stays() {
    for loss in ["hinge", "softmax"] {
        let grid = [0.003, 0.1, 30.0];
        let loss = format!("model.loss={loss}");
        let of = |c: &str| {
            // So near the optimum that it does not matter where a fit has begun.
            let settings = [
                loss.as_str(),
                &format!("model.c={c}"),
                "model.tolerance=1e-5",
            ];
            let trained = fit(&Device::cpu(), &settings);
            let dev = trained
                .measured
                .dev
                .get("model")
                .expect("its figures")
                .clone();
            let figure = |name| dev.get(name).expect("a figure of dev");
            assert_eq!(trained.classifier.c(), Some(figure("c")));
            (figure("accuracy"), -figure("cross_entropy"), figure("c"))
        };
        let chosen = of("[0.003, 0.1, 30]");
        let single = grid.map(|c| of(&format!("[{c}]")));
        let best = single
            .into_iter()
            .reduce(|a, b| if (b.0, b.1) > (a.0, a.1) { b } else { a });
        let best = best.expect("three values");
        assert_eq!((chosen.0, chosen.2), (best.0, best.2), "{single:?}");
        assert!(
            single.iter().any(|s| s.0 < best.0),
            "the choice matters: {single:?}"
        );
    }
}

#[test]
fn a_hidden_layer_or_another_optimiser_is_trained_in_batches() {
    for settings in [["model.hidden_size=8"], ["training.optimizer=adamw"]] {
        let run = run(&settings);
        assert_eq!(run.training.length.to_string(), "20 epochs", "{settings:?}");
        let trained = fit(&Device::cpu(), &[settings[0], "training.length=2 epochs"]);
        assert_eq!(trained.classifier.c(), None);
    }
}

const DISTIL: &str = r#"
task = "layerwise"
student_alone = false
[data]
format = "corpus"
[data.corpus]
train_size = 150
test_size = 20
[pairs]
source = "corpus"
[teacher]
hidden_size = 8
layers = 2
heads = 2
feed_forward_size = 8
[beside_teacher]
kind = "bag_of_ngrams"
c = [0.01, 1.0]
[student]
channels = 4
embedding_size = 4
kernel_sizes = [2, 3]
[distillation]
folds = 3
[training.teacher]
length = "2 steps"
[training.student]
length = "2 steps"
"#;

fn distil() -> LayerwiseRun {
    match config::parse("run.toml", DISTIL, &[]) {
        Ok(Run::Layerwise(run)) => *run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn folds_take_the_value_that_was_chosen_for_the_second_teacher() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = RunPaths::new(folder.path());
    let (run, device, interrupt) = (distil(), Device::cpu(), Interrupt::new());
    let data = RunData::read(&run.data, 1).expect("the corpus");
    let fingerprint = Fingerprint::default();
    let mut context =
        RunContext::in_folder(&device, 1, &interrupt, &paths, fingerprint, false).expect("a run");
    let distilled = layerwise::distill(&run, &data, &mut context).expect("a student");
    let metrics = read_metrics(&paths).expect("metrics");
    let values = |stage: &str| -> Vec<f64> {
        let of_stage = metrics
            .iter()
            .filter(|m| m.stage == stage && m.split == "dev");
        of_stage.map(|m| m.values["c"]).collect()
    };
    assert_eq!(values("beside_teacher"), [0.01, 1.0]);
    let dev = distilled
        .measured
        .dev
        .get("beside_teacher")
        .expect("its figures");
    let chosen = dev.get("c").expect("the value chosen");
    for fold in 1..=3 {
        assert_eq!(values(&format!("beside_fold_{fold}")), [chosen]);
    }
}

#[test]
fn a_rehearsal_goes_through_every_fit() {
    let run = Run::Layerwise(Box::new(distil()));
    let data = RunData::read(run.data().expect("labelled texts"), 1).expect("the corpus");
    let rehearsal = rehearse_run(&run, &data, limbeck_engine::Layout::Cpu).expect("a rehearsal");
    let names: Vec<&str> = rehearsal
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    for stage in ["beside_teacher", "beside_fold_1", "beside_fold_3"] {
        assert!(names.contains(&stage), "{names:?}");
    }
}
