//! Run files that contradict themselves, and awkward texts.

use std::fmt::Write;

use limbeck_engine::Device;
use limbeck_recipes::RunContext;
use limbeck_recipes::RunData;
use limbeck_recipes::gate_mixup::distill;
use limbeck_training::interrupt::Interrupt;

use crate::tiny::parse;

#[test]
fn run_files_that_contradict_themselves() {
    for (overrides, part) in [
        (
            &["distillation.gate=\"batch\""][..],
            "\"macro_f1\", \"micro_f1\" or \"accuracy\"",
        ),
        (
            &["distillation.metric=\"accuracy\""],
            "\"probability\", \"correct\" or \"certainty\"",
        ),
        (&["distillation.folds=1"], "expected at least 2, found 1"),
        (
            &["distillation.alpha=1.5"],
            "expected a number from 0 to 1, found 1.5",
        ),
        (&["distillation.mixup_alpha=0"], "from 0.01 to 4, found 0"),
        (
            &["distillation.lambda=2"],
            "expected \"off\" or a number from 0 to 1, found 2",
        ),
        (
            &["distillation.closed_share=1"],
            "from 0 to below 1, found 1",
        ),
        (
            &["teacher.hidden_size=20", "distillation.weights.rep_kl=1"],
            "equal widths, found 20 of the teacher and 16 of the student",
        ),
        (
            &[
                "distillation.weights.rep_mse=0",
                "distillation.weights.class_kl=0",
            ],
            "at least one of `rep_kl`",
        ),
        (&["teacher.window=1"], "expected at least 2"),
        (&["teacher.steps=0"], "teacher.steps"),
        (
            &[
                "teacher.edges=\"count\"",
                "teacher.aggregation=\"attention\"",
            ],
            "expected \"binary\"",
        ),
        (
            &["preset=\"literal\"", "distillation.on_closed=\"label_mix\""],
            "class_kl",
        ),
        (
            &[
                "distillation.direction=\"one_way\"",
                "distillation.alternate=\"batch\"",
            ],
            "expected \"epoch\"",
        ),
        (
            &["distillation.thresold=1"],
            "did you mean `distillation.threshold`",
        ),
    ] {
        let message = parse(overrides).expect_err(part).to_string();
        assert!(message.contains(part), "{overrides:?}: {message}");
    }
}

#[test]
fn a_transductive_student_is_refused() {
    let text = crate::tiny::TINY.replace(
        "[student]\nhidden_size = 16\nlayers = 1\nheads = 2\nfeed_forward_size = 24\n",
        "[student]\nkind = \"corpus\"\n",
    );
    let error = limbeck_recipes::config::parse("tiny.toml", &text, &[]).expect_err("corpus");
    assert!(error.to_string().contains("student.kind"), "{error}");
}

/// A text that is empty, one token 10,000 times, a class with a single text (absent from most
/// batches), and a text with two labels.
#[test]
fn awkward_texts_are_read_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut train = format!("red\t\nblue\t{}\nrare\tonly once\n", "word ".repeat(10_000));
    for i in 0..40 {
        let _ = writeln!(
            train,
            "red\tthe colour {i} of fire\nblue\tthe colour {i} of water"
        );
    }
    train.push_str("red\ttwice said\nblue\ttwice said\n");
    let test = "red\tfire\nblue\twater\nrare\tnew words alone\n";
    for (name, text) in [("train.tsv", train.as_str()), ("test.tsv", test)] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let place = format!("data.dir={}", folder.path().display());
    let overrides = ["data.format=\"tsv\"", &place];
    let overrides: Vec<_> = overrides.iter().map(|o| o.parse().expect("one")).collect();
    let text = crate::tiny::TINY.replace("[data.corpus]\ntrain_size = 120\ntest_size = 30\n", "");
    let run = match limbeck_recipes::config::parse("tiny.toml", &text, &overrides) {
        Ok(limbeck_recipes::config::Run::GateMixup(run)) => *run,
        other => panic!("{other:?}"),
    };
    let data = RunData::read(&run.data, run.seed).expect("awkward, and allowed");
    for part in ["empty", "label"] {
        assert!(data.report.contains(part), "{part}: {}", data.report);
    }
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
    let done = distill(&run, &data, &mut context).expect("a finished run");
    assert!(done.measured.test.is_some());
}
