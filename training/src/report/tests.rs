mod samples;

use std::collections::BTreeMap;

use super::*;
use crate::metrics::ConfusionMatrix;
use crate::run_folder::{DataFile, Metrics, ModelResults, Named};

fn records() -> Vec<MetricRecord> {
    let record = |step: u64, split: &str, values: &[(&str, f64)]| MetricRecord {
        step,
        epoch: 1,
        stage: if step <= 20 { "teacher" } else { "student" }.into(),
        split: split.into(),
        values: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
    };
    vec![
        record(10, "train", &[("L1", 1.0), ("L2", f64::NAN)]),
        record(20, "train", &[("L1", 0.5), ("L2", f64::NAN)]),
        record(20, "dev", &[("L1", 0.75), ("accuracy", 0.5)]),
        record(30, "train", &[("L4", 0.25)]),
    ]
}

fn finished() -> Report {
    let mut info = RunInfo::new("distill", "layerwise", 7);
    info.data.push(DataFile {
        role: "train".into(),
        path: "data/train.tsv".into(),
        bytes: 12_345,
        sha256: "ab".repeat(32),
    });
    let matrix = ConfusionMatrix::from_labels(&[0, 0, 1, 1], &[0, 1, 1, 1], 2).unwrap();
    let metrics = Metrics::of_classifier(&matrix).count("parameters", 98_765);
    Report {
        info,
        configuration: "seed = 7\n[data]\ndir = \"<data>\"\n".into(),
        results: Some(Results {
            seconds: 93.1,
            test: Some(ModelResults::Models(Named::from_iter([
                ("teacher", Metrics::new().rate("accuracy", 0.5)),
                ("student_alone", metrics),
            ]))),
            ..Results::default()
        }),
        evaluation: Some(Evaluation {
            labels: vec!["solvent & co".into(), "<b>颜料</b>".into()],
            confusion: Named::from_iter([("student_alone", matrix)]),
        }),
        metrics: records(),
        predictions: Vec::new(),
    }
}

#[test]
fn a_report_shows_what_the_run_has() {
    let page = finished().to_html();
    for part in [
        "<h1>layerwise, seed 7</h1>",
        "<td>distill</td>",
        "student alone",
        "<td>75.0 %</td>",
        "98,765",
        "<td>–</td>", // the teacher's parameters are not given
        "Learning curves: teacher",
        "Learning curves: student",
        "<svg",
        "12,345 bytes",
        "dir = &quot;&lt;data&gt;&quot;",
    ] {
        assert!(page.contains(part), "no {part:?}");
    }
    // L1 and accuracy of the teacher, L4 of the student; L2 never had a finite value.
    assert_eq!(page.matches("<figure>").count(), 3);
}

#[test]
fn a_report_needs_nothing_else_and_runs_nothing() {
    let page = finished().to_html();
    for word in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    // The only address is the name of the SVG format.
    let addresses = page.matches("http").count();
    assert_eq!(
        addresses,
        page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
    );
    for needed in ["prefers-color-scheme: dark", "width=device-width"] {
        assert!(page.contains(needed), "{needed}");
    }
}

#[test]
fn dev_is_shown_beside_test_and_alone_where_test_was_not_read() {
    let mut report = finished();
    let results = report.results.as_mut().unwrap();
    results.dev = Some(ModelResults::Model(Metrics::new().rate("accuracy", 0.625)));
    let page = report.to_html();
    assert!(page.contains("Results on test") && page.contains("<td>62.5 %</td>"));
    assert!(!page.contains("not read"));
    report.results.as_mut().unwrap().test = None;
    let page = report.to_html();
    assert!(page.contains("Test was not read") && page.contains("<td>62.5 %</td>"));
    assert!(!page.contains("<td>75.0 %</td>"));
}

#[test]
fn labels_are_text_and_never_markup() {
    let page = finished().to_html();
    assert!(page.contains("solvent &amp; co") && page.contains("&lt;b&gt;颜料"));
    assert!(!page.contains("<b>"));
}

#[test]
fn shades_are_shares_of_the_row() {
    let page = finished().to_html();
    assert_eq!(page.matches("--share:0.500").count(), 2);
    assert_eq!(page.matches("--share:1.000").count(), 1);
}

#[test]
fn every_colour_of_the_charts_is_known_to_the_style_sheet() {
    let page = finished().to_html();
    let style = include_str!("style.css");
    for colour in page
        .match_indices("stroke=\"#")
        .map(|(at, _)| &page[at..at + 16])
    {
        assert!(style.contains(&format!("[{colour}]")), "{colour}");
    }
}

#[test]
fn a_run_that_has_just_begun_has_a_report_too() {
    let folder = tempfile::tempdir().unwrap();
    let paths = RunPaths::new(folder.path());
    assert!(Report::read(&paths).is_err());
    RunInfo::new("train", "text_cnn", 1).write(&paths).unwrap();
    let report = Report::read(&paths).unwrap();
    assert_eq!((&report.results, report.metrics.len()), (&None, 0));
    report.write(&paths).unwrap();
    let page = std::fs::read_to_string(paths.report()).unwrap();
    assert!(page.contains("not finished") && page.ends_with("</html>"));
}

#[test]
fn a_missing_label_falls_back_to_its_index() {
    let mut report = finished();
    report.evaluation.as_mut().unwrap().labels.clear();
    assert!(report.to_html().contains("class 1"));
}

#[test]
fn a_record_of_an_unknown_split_is_drawn_like_an_axis() {
    let values = BTreeMap::from([("loss".to_owned(), 0.5)]);
    let record = |step| MetricRecord {
        step,
        epoch: 1,
        stage: "s".into(),
        split: "held_out".into(),
        values: values.clone(),
    };
    let report = Report {
        metrics: vec![record(1), record(2)],
        ..finished()
    };
    assert!(
        report
            .to_html()
            .contains("<polyline fill=\"none\" opacity=\"1\" stroke=\"#010101\"")
    );
}
