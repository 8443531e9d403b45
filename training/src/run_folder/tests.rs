use std::collections::BTreeMap;
use std::fs;

use super::*;

fn started(root: &Path) -> RunFolder {
    let run = RunFolder::create(root, Existing::Refuse).unwrap();
    RunInfo::new("distill", "layerwise", 7)
        .write(run.paths())
        .unwrap();
    run
}

fn refusal(result: Result<RunFolder>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

#[test]
fn a_new_run_starts_in_a_missing_or_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    drop(started(&folder.path().join("a/b")));
    drop(started(folder.path().join("a/b/../c").as_path()));
    assert!(folder.path().join("a/c/checkpoints").is_dir());
}

#[test]
fn a_foreign_folder_is_refused_and_left_alone_even_when_replacing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "x").unwrap();
    for existing in [Existing::Refuse, Existing::Replace] {
        let message = refusal(RunFolder::create(folder.path(), existing));
        assert!(message.contains("thesis.tex"), "{message}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::write(
        folder.path().join("run.json"),
        r#"{"format": "other", "format_version": 1}"#,
    )
    .unwrap();
    let message = refusal(RunFolder::create(folder.path(), Existing::Replace));
    assert!(message.contains("not written by Limbeck"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_run_killed_before_its_first_file_does_not_block_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunFolder::create(folder.path(), Existing::Refuse).unwrap());
    fs::write(folder.path().join(".run.json.1-0.partial"), "{").unwrap();
    drop(started(folder.path()));
    assert!(!folder.path().join(".run.json.1-0.partial").exists());
}

#[test]
fn an_unfinished_run_points_to_resume_and_a_finished_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = started(folder.path());
    run.paths()
        .set_pointer(Pointer::Last, CheckpointName(500))
        .unwrap();
    drop(run);
    let message = refusal(RunFolder::create(folder.path(), Existing::Refuse));
    assert!(
        message.contains("step-000500") && message.contains("--resume"),
        "{message}"
    );

    Results::default()
        .write(&RunPaths::new(folder.path()))
        .unwrap();
    let message = refusal(RunFolder::create(folder.path(), Existing::Refuse));
    assert!(message.contains("finished run"), "{message}");
}

#[test]
fn replacing_removes_the_run_and_nothing_of_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let run = started(folder.path());
    let paths = run.paths().clone();
    fs::create_dir_all(paths.checkpoint(CheckpointName(5))).unwrap();
    Results::default().write(&paths).unwrap();
    fs::write(folder.path().join("notes.md"), "mine").unwrap();
    drop(run);
    drop(RunFolder::create(folder.path(), Existing::Replace).unwrap());
    assert!(!paths.run_info().exists() && !paths.results().exists());
    assert!(!paths.checkpoint(CheckpointName(5)).exists());
    assert!(folder.path().join("notes.md").exists());
}

#[test]
fn two_writers_are_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let first = started(folder.path());
    let message = refusal(RunFolder::resume(folder.path()));
    assert!(message.contains("another process"), "{message}");
    drop(first);
    assert!(RunFolder::resume(folder.path()).is_ok());
}

#[test]
fn resuming_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let message = refusal(RunFolder::resume(folder.path()));
    assert!(message.contains("no run to resume"), "{message}");
}

#[test]
fn a_later_format_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(started(folder.path()));
    let paths = RunPaths::new(folder.path());
    let text = fs::read_to_string(paths.run_info()).unwrap();
    fs::write(
        paths.run_info(),
        text.replace("\"format_version\": 1", "\"format_version\": 9"),
    )
    .unwrap();
    let message = refusal(RunFolder::resume(folder.path()));
    assert!(message.contains("format 9"), "{message}");
}

#[test]
fn run_info_survives_and_names_its_data_by_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let run = started(folder.path());
    let data = folder.path().join("train.tsv");
    fs::write(&data, "abc").unwrap();
    let mut info = RunInfo::new("train", "text_cnn", u64::MAX);
    info.data.push(DataFile::measure("train", &data).unwrap());
    info.write(run.paths()).unwrap();
    let read = RunInfo::read(run.paths()).unwrap();
    assert_eq!(read, info);
    assert_eq!(
        (read.data[0].bytes, &read.data[0].sha256[..8]),
        (3, "ba7816bf")
    );
}

#[test]
fn pointers_name_checkpoints_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    assert_eq!(paths.pointer(Pointer::Best).unwrap(), None);
    paths
        .set_pointer(Pointer::Best, CheckpointName(1_234_567))
        .unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("best")).unwrap(),
        "step-1234567\n"
    );
    assert_eq!(
        paths.pointer(Pointer::Best).unwrap(),
        Some(CheckpointName(1_234_567))
    );
    for bad in [
        "",
        "step-5",
        "step-+00005",
        "../../etc",
        "step-99999999999999999999999",
    ] {
        fs::write(folder.path().join("best"), bad).unwrap();
        assert!(paths.pointer(Pointer::Best).is_err(), "{bad:?}");
    }
}

fn record(step: u64, loss: f64) -> MetricRecord {
    MetricRecord {
        step,
        epoch: 1 + step / 10,
        stage: "student".into(),
        split: "train".into(),
        values: BTreeMap::from([("loss".to_owned(), loss), ("L4".to_owned(), 0.1 + 0.2)]),
    }
}

#[test]
fn measurements_after_the_checkpoint_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    let mut log = MetricsLog::open_at(&paths, 0).unwrap();
    for step in [5, 10, 15] {
        log.append(&record(step, 1.0 / step as f64)).unwrap();
    }
    log.sync().unwrap();
    let mut log = MetricsLog::open_at(&paths, 10).unwrap();
    log.append(&record(15, 0.25)).unwrap();
    let read = read_metrics(&paths).unwrap();
    assert_eq!(read, [record(5, 0.2), record(10, 0.1), record(15, 0.25)]);
}

#[test]
fn a_torn_line_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    let whole = serde_json::to_string(&record(5, 0.5)).unwrap();
    fs::write(paths.metrics(), format!("{whole}\n\0\0\0{}", &whole[..20])).unwrap();
    let mut log = MetricsLog::open_at(&paths, 100).unwrap();
    log.append(&record(6, 0.5)).unwrap();
    assert_eq!(
        read_metrics(&paths).unwrap(),
        [record(5, 0.5), record(6, 0.5)]
    );
}

#[test]
fn a_record_is_one_flat_object_and_nan_survives() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    MetricsLog::open_at(&paths, 0)
        .unwrap()
        .append(&record(5, f64::NAN))
        .unwrap();
    let text = fs::read_to_string(paths.metrics()).unwrap();
    let start = r#"{"step":5,"epoch":1,"stage":"student","split":"train","L4":0.30000000000000004,"loss":null}"#;
    assert_eq!(text.trim_end(), start);
    assert!(read_metrics(&paths).unwrap()[0].values["loss"].is_nan());
}

#[test]
fn results_have_the_promised_names() {
    let promised = r#"{"seed": 1, "device": "cpu", "adapter": null, "dispatches": 0, "seconds": 93.1,
        "dev": {"teacher": {"accuracy": 0.75}},
        "test": {"teacher": {"accuracy": 0.5, "macro_f1": 0.25, "parameters": 10, "us_per_text": 8.5},
                 "student_alone": {"accuracy": 0.5}, "student": {"accuracy": 1.0}}}"#;
    let results: Results = serde_json::from_str(promised).unwrap();
    assert!(results.more.is_empty());
    let test = results.test.as_ref().unwrap();
    let rows: Vec<&str> = test.rows().iter().map(|(name, _)| *name).collect();
    assert_eq!(rows, ["teacher", "student_alone", "student"]);
    assert_eq!(test.rows()[0].1.get("parameters"), Some(10.0));
    let compact: String = promised.split_whitespace().collect();
    assert_eq!(serde_json::to_string(&results).unwrap(), compact);
}

#[test]
fn the_metrics_of_a_single_model_stand_directly_in_test() {
    let matrix = crate::metrics::ConfusionMatrix::from_labels(&[0, 1], &[0, 1], 2).unwrap();
    let metrics = Metrics::of_classifier(&matrix).rate("perplexity", f64::INFINITY);
    let mut results = Results {
        test: Some(ModelResults::Model(metrics)),
        ..Results::default()
    };
    results
        .more
        .insert("perplexity".into(), serde_json::json!({"per_word": 0.5}));
    let text = serde_json::to_string(&results).unwrap();
    let test = r#""test":{"accuracy":1.0,"macro_f1":1.0,"perplexity":null}"#;
    assert!(text.contains(test), "{text}");
    assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
    assert_eq!(results.test.unwrap().rows()[0].0, "model");
}

#[test]
fn a_run_that_has_not_read_test_has_no_such_object() {
    let dev = Metrics::new().rate("accuracy", 0.5);
    let results = Results {
        dev: Some(ModelResults::Model(dev)),
        ..Results::default()
    };
    let text = serde_json::to_string(&results).unwrap();
    assert!(text.ends_with(r#""dev":{"accuracy":0.5}}"#), "{text}");
    assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
}

#[test]
fn damaged_results_name_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    assert_eq!(Results::read(&paths).unwrap(), None);
    fs::write(paths.results(), "{\n  \"seed\": 1,\n").unwrap();
    let message = Results::read(&paths).unwrap_err().to_string();
    assert!(
        message.contains("results.json") && message.contains("line 3"),
        "{message}"
    );
}

#[test]
fn the_evaluation_survives() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    let matrix = crate::metrics::ConfusionMatrix::from_labels(&[0, 1, 1], &[0, 1, 0], 2).unwrap();
    let evaluation = Evaluation {
        labels: vec!["solvent".into(), "颜料".into()],
        confusion: Named::from_iter([("student", matrix)]),
    };
    evaluation.write(&paths).unwrap();
    assert_eq!(Evaluation::read(&paths).unwrap(), Some(evaluation));
}
