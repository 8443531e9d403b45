//! `-s key=value`: how values are read, and that they win over the file.

use std::path::Path;

use limbeck_recipes::config::{self, LayerwiseRun, Model, Override, Run};

fn run(text: &str, overrides: &[&str]) -> LayerwiseRun {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|text| text.parse().expect("key=value"))
        .collect();
    match config::parse(
        "run.toml",
        &format!("task = \"layerwise\"\n{text}"),
        &overrides,
    ) {
        Ok(Run::Layerwise(run)) => *run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_are_toml_or_else_plain_words() {
    let run = run(
        "",
        &[
            "data.dir=texts/trec = new",
            "seed=7",
            "student.kernel_sizes=[2, 4, 6]",
            "student.pooling=mean",
            "data.lower_case=false",
            "training.student.length=12 steps",
            "training.teacher.length=9",
        ],
    );
    assert_eq!(run.data.dir, Path::new("texts/trec = new"));
    assert_eq!(run.seed, 7);
    assert_eq!(run.student.kernel_sizes, [2, 4, 6]);
    assert!(!run.data.lower_case);
    assert_eq!(run.training.student.length.steps(0, 100), 12);
    assert_eq!(run.training.teacher.length.steps(0, 100), 9);
}

#[test]
fn a_folder_may_be_called_by_a_number() {
    assert_eq!(run("", &["data.dir=2024"]).data.dir, Path::new("2024"));
    assert_eq!(
        run("", &["data.dir=1979-05-27"]).data.dir,
        Path::new("1979-05-27")
    );
}

#[test]
fn the_last_override_wins_over_the_earlier_and_over_the_file() {
    let run = run("seed = \"not even a number\"", &["seed=2", "seed=3"]);
    assert_eq!(run.seed, 3);
}

#[test]
fn a_section_can_be_replaced_and_switched_off() {
    let text = "[beside_teacher]\nkind = \"bag_of_ngrams\"\nhidden_size = 64\n";
    let with = run(text, &[]);
    let beside = with.beside_teacher.expect("a second teacher");
    let Model::BagOfNgrams(bag) = beside.model else {
        panic!("{beside:?}")
    };
    assert_eq!(bag.hidden_size, 64);
    assert!(with.training.beside_teacher.is_some());
    let without = run(text, &["beside_teacher.kind=none"]);
    assert_eq!(
        (without.beside_teacher, without.training.beside_teacher),
        (None, None)
    );
    let other = run(
        text,
        &["beside_teacher={ kind = \"text_cnn\", channels = 32 }"],
    );
    let Some(Model::TextCnn(cnn)) = other.beside_teacher.map(|beside| beside.model) else {
        panic!("a TextCNN beside the teacher")
    };
    assert_eq!(cnn.channels, 32);
}

#[test]
fn an_override_needs_a_key_and_a_value() {
    for wrong in ["seed", "=1", "data..dir=x", " =1", ".=1"] {
        let message = wrong.parse::<Override>().expect_err(wrong);
        assert!(message.starts_with("expected"), "{message}");
    }
}

#[test]
fn a_line_break_does_not_smuggle_in_a_second_key() {
    let run = run("", &["data.train=\"a\"\nseed = 9"]);
    assert_eq!(run.seed, 1);
    assert_eq!(run.data.train, "\"a\"\nseed = 9");
}

#[test]
fn a_stage_knows_its_steps_and_its_learning_rates() {
    let run = run(
        "",
        &[
            "training.teacher.length=10 epochs",
            "training.teacher.warm_up=1 epoch",
        ],
    );
    let stage = &run.training.teacher;
    assert_eq!(stage.steps(20), 200);
    let schedule = stage.schedule(20);
    // A straight line to 0, scaled by 10 of 20 steps of warm-up.
    assert!((schedule.multiplier(9) - 0.5 * (1.0 - 9.0 / 200.0)).abs() < 1e-12);
    assert!((schedule.multiplier(100) - 0.5).abs() < 1e-12);
}

#[test]
fn a_preset_section_holds_for_that_preset_alone() {
    let file = "[pairs]\ndelete = 0.3\nwordings = 2\n[tuned.pairs]\nwordings = 5\n\
                [literal.distillation.weights]\nw8 = 0.25\n";
    let tuned = run(file, &[]);
    assert_eq!((tuned.pairs.delete, tuned.pairs.wordings), (0.3, 5));
    assert_eq!(tuned.distillation.weights.w8, 0.5);
    let literal = run(file, &["preset=literal"]);
    assert_eq!((literal.pairs.delete, literal.pairs.wordings), (0.3, 2));
    assert_eq!(literal.distillation.weights.w8, 0.25);
    // The command line wins over it, whether it names the key alone or in the section.
    assert_eq!(run(file, &["pairs.wordings=4"]).pairs.wordings, 4);
    assert_eq!(run(file, &["tuned.pairs.wordings=4"]).pairs.wordings, 4);
    // A second teacher of a preset can be switched off like any other.
    let beside = "[tuned.beside_teacher]\nkind = \"bag_of_ngrams\"\nweight = 0.7\n";
    assert_eq!(run(beside, &[]).beside_teacher.map(|b| b.weight), Some(0.7));
    assert_eq!(
        run(beside, &["beside_teacher.kind=none"]).beside_teacher,
        None
    );
    assert_eq!(run(beside, &["preset=literal"]).beside_teacher, None);
    let weight = run(beside, &["beside_teacher.weight=0.2"]).beside_teacher;
    assert_eq!(weight.map(|b| b.weight), Some(0.2));
}

#[test]
fn the_section_of_the_other_preset_is_checked_too() {
    let text = "task = \"layerwise\"\n[literal.pairs]\nwordigs = 2\n";
    let error = config::parse("run.toml", text, &[]).expect_err("a misspelt key");
    let message = error.to_string();
    assert!(message.starts_with("run.toml:3: "), "{message}");
    assert!(
        message.contains("did you mean") && message.contains("wordings"),
        "{message}"
    );
}
