//! The sections of a run file as the options of the data crate.

use std::path::Path;

use limbeck_data::Unit;
use limbeck_data::pairs::Protect;
use limbeck_data::read::{Column, Part};
use limbeck_recipes::config::{self, LayerwiseRun, Override, Run};

fn run(overrides: &[&str]) -> LayerwiseRun {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|text| text.parse().expect("key=value"))
        .collect();
    match config::parse("test.toml", "task = \"layerwise\"", &overrides) {
        Ok(Run::Layerwise(run)) => *run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_folder_is_read_as_the_run_file_says() {
    let options = run(&["data.train=train.clean.tsv"])
        .data
        .folder_options()
        .expect("files");
    assert_eq!(options.train, "train.clean.tsv");
    assert_eq!(
        options.dev,
        Part::Nothing,
        "a dev.tsv that is not named is left aside"
    );
    assert_eq!(options.test, Part::Named("test.tsv".into()));
    let options = run(&["data.format=jsonl", "data.dev=dev.jsonl"])
        .data
        .folder_options();
    let options = options.expect("files");
    assert_eq!(options.dev, Part::Named("dev.jsonl".into()));
    let columns = options.read.columns.expect("columns");
    assert_eq!(columns.label, Some(Column::Name("label".into())));
    assert!(run(&["data.format=corpus"]).data.folder_options().is_none());
}

#[test]
fn pairs_of_a_paraphrase_corpus_are_filtered_by_their_label() {
    let run = run(&[
        "pairs.source=file",
        "pairs.pair_files=[\"pairs.tsv\"]",
        "pairs.pair_columns=[1, 2]",
        "pairs.pair_label=1",
        "data.dir=texts",
    ]);
    assert_eq!(
        run.pairs.pair_paths(&run.data),
        [Path::new("texts/pairs.tsv")]
    );
    let columns = run.pairs.read_options().columns.expect("columns");
    assert_eq!(
        (columns.label, columns.only_label),
        (Some(Column::Index(0)), Some("1".into()))
    );
    assert_eq!(
        (columns.text, columns.pair),
        (Column::Index(1), Some(Column::Index(2)))
    );
}

#[test]
fn protection_follows_the_unit_and_adds_to_it() {
    let run = run(&[
        "pairs.protect=[\"bitter\"]",
        "teacher.tokenizer.kind=character",
    ]);
    assert_eq!(run.teacher.unit(), Unit::Character);
    let options = run.pairs.augment_options(run.teacher.unit());
    assert_eq!(options.protect, Protect::chinese().and(["bitter"]));
}

#[test]
fn a_first_token_is_added_where_it_is_read() {
    assert!(!run(&[]).teacher_needs_first_token());
    assert!(run(&["teacher.pooling=first"]).teacher_needs_first_token());
    let run = run(&["distillation.feature=first", "data.max_length=40"]);
    assert!(run.teacher_needs_first_token() && !run.teacher.reads_first_token());
    let options = run.student.tokenizer.options(&run.data, false);
    assert_eq!(
        (options.max_length, options.min_count, options.first_token),
        (40, 2, false)
    );
}
