//! What a page shows where the answers to every sample are known.

use super::*;
use crate::compare::Finished;
use crate::metrics::SpanHits;
use crate::predictions::{Answer, AnswerKind, Sample, Units};

const TRUTH: [u32; 6] = [0, 0, 0, 1, 1, 1];

/// Six texts of two classes; the student is wrong about the last, the teacher about the last three.
fn classes() -> Predictions {
    let sample = |(number, &truth): (usize, &u32)| Sample {
        truth: Some(truth),
        text: Some(format!("<text {number}>")),
        ..Sample::default()
    };
    let samples = TRUTH.iter().enumerate().map(sample).collect();
    let labels = ["solvent & co", "pigment"].map(String::from).to_vec();
    let truths = TRUTH.map(|truth| truth.to_string());
    let mut test = Predictions::new("test", AnswerKind::Classes, labels, samples, &truths);
    let answers = |decided: [u32; 6]| -> Vec<Answer> {
        let all = decided.iter().zip(TRUTH);
        all.map(|(&class, truth)| match class == truth {
            true => Answer::of_class(class, 0.75, 0.25),
            false => Answer::of_class(class, 0.9, 2.5),
        })
        .collect()
    };
    test.models.set("teacher", answers([0, 0, 0, 0, 0, 0]));
    test.models.set("student", answers([0, 0, 0, 1, 1, 0]));
    test
}

fn row(accuracy: f64, parameters: u64, micros: f64) -> Metrics {
    let row = Metrics::new().rate("accuracy", accuracy);
    row.count("parameters", parameters)
        .rate("us_per_text", micros)
}

/// The run that those answers are of.
fn judged() -> Report {
    let mut report = finished();
    let rows = [
        ("teacher", row(0.5, 1000, 80.0)),
        ("student", row(5.0 / 6.0, 250, 8.0)),
    ];
    let results = report.results.as_mut().unwrap();
    results.test = Some(ModelResults::Models(Named::from_iter(rows)));
    report.predictions = vec![classes()];
    report
}

fn has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "no {part:?}");
    }
}

#[test]
fn figures_have_intervals_and_students_are_held_against_the_teacher() {
    let page = judged().to_html();
    has(
        &page,
        &[
            "<td>83.3 %<small>50.0 – 100.0</small></td>",
            "1,000 draws of 6 samples",
            "<td>250</td><td>4.0 ×</td>",
            "<td>8</td><td>10.0 ×</td>",
            // Right in two where the teacher is wrong: 2 / 2^2.
            "<td>0.500<small>2 : 0</small></td>",
            // Binomial with n = 6 and p = 1/3: 0 with probability 0.09, 5 or more with 0.018.
            "<td>+33.3<small>+0.0 to +66.7</small></td>",
        ],
    );
    assert!(!page.contains("keeps no predictions"));
}

#[test]
fn confidence_is_held_against_what_is_right() {
    let page = judged().to_html();
    // The teacher: 3 right with 0.75, 3 wrong with 0.9: (0.25 + 0.9) / 2.
    has(&page, &["ECE 57.5 %", "<svg class=\"reliability\""]);
    // The student: 5/6 * 0.25 + 1/6 * 0.9.
    has(&page, &["ECE 35.8 %"]);
}

#[test]
fn the_hardest_samples_are_shown_as_text() {
    let page = judged().to_html();
    has(
        &page,
        &[
            "<th scope=\"row\">6</th><td class=\"text\">&lt;text 5&gt;</td><td class=\"text\">pigment</td>\
             <td class=\"text\">solvent &amp; co</td><td>90.0 %</td><td>2.5</td>",
            "<details open><summary>student</summary>",
            "<details><summary>teacher</summary>",
        ],
    );
    assert!(!page.contains("<text 5>"));
}

#[test]
fn a_page_with_samples_needs_nothing_else_either() {
    let page = judged().to_html();
    for word in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    let tables = page.matches("<table").count();
    assert_eq!(
        page.matches("<caption>").count(),
        tables,
        "every table has one"
    );
    assert!(!page.contains("<th>"), "every heading has a scope");
}

#[test]
fn an_old_run_names_what_is_missing() {
    has(
        &finished().to_html(),
        &["This run folder keeps no predictions"],
    );
    let mut language = finished();
    let perplexity = Metrics::new().rate("perplexity", 80.0);
    language.results.as_mut().unwrap().test = Some(ModelResults::Model(perplexity));
    assert!(
        !language.to_html().contains("keeps no predictions"),
        "there are no samples"
    );
}

/// A report of parts of samples, as of a tagger.
fn of_parts(kind: AnswerKind) -> String {
    let sample = Sample {
        name: Some("slice-7".into()),
        gold: Some("PER: Ada".into()),
        ..Sample::default()
    };
    let mut test = Predictions::new("test", kind, Vec::new(), vec![sample], &["1"]);
    let hits = SpanHits {
        correct: 1,
        gold: 2,
        predicted: 2,
    };
    let units = Units {
        right: 3,
        all: 4,
        errors: 2,
    };
    let answer = Answer {
        said: Some("PER: Ida".into()),
        ..Answer::of_parts(BTreeMap::from([("PER".into(), hits)]), units, 0.5)
    };
    test.models.set("student", vec![answer]);
    let mut report = finished();
    report.evaluation = None;
    report.predictions = vec![test];
    report.to_html()
}

#[test]
fn taggers_have_types_pictures_a_line_each_and_nobody_an_empty_box() {
    let page = of_parts(AnswerKind::Spans);
    has(
        &page,
        &[
            "Types on test",
            "<th scope=\"row\">PER</th><td>2</td><td>2</td><td>50.0 %</td>",
        ],
    );
    has(
        &page,
        &["<td class=\"text\">PER: Ada</td><td class=\"text\">PER: Ida</td><td>0.5</td>"],
    );
    assert!(!page.contains("Calibration") && !page.contains("Classes on test"));
    let page = of_parts(AnswerKind::Pixels);
    has(
        &page,
        &[
            "Pictures of test",
            "<th scope=\"row\">slice-7</th><td>50.0 %</td><td>25.0 %</td>",
        ],
    );
    assert!(!page.contains("Hardest") && !page.contains("Types on test"));
    let page = of_parts(AnswerKind::Speech);
    has(&page, &["Hardest samples of test", "slice-7"]);
}

fn comparison(baseline: &str) -> Comparison {
    let run = |arm: &str, seed, report: Report| {
        let rows = report
            .results
            .as_ref()
            .unwrap()
            .test
            .as_ref()
            .unwrap()
            .rows();
        let models = rows
            .iter()
            .map(|(name, row)| (name.to_string(), (*row).clone()));
        ComparedRun {
            name: format!("runs/{arm}-{seed}"),
            finished: Finished {
                arm: arm.into(),
                seed,
                models: models.collect(),
            },
            report: report.clone(),
        }
    };
    let mut old = judged();
    old.predictions.clear();
    Comparison {
        runs: vec![run("mine", 1, judged()), run("old", 1, old)],
        split: "test",
        baseline: baseline.into(),
    }
}

#[test]
fn several_runs_stand_side_by_side_with_their_tests() {
    let page = comparison("mine/teacher").to_html();
    has(
        &page,
        &[
            "<h1>2 runs</h1>",
            "Gains are over mine/teacher",
            "<td>+33.3</td>",
            "<td>0.500</td><td>2 : 0</td>",
            "the folder of old, seed 1, keeps no predictions",
            "<summary>runs/mine-1</summary>",
            "<summary>runs/old-1</summary>",
        ],
    );
    assert_eq!(page.matches("<h1>").count(), 1);
    // Everything that a page about one run has.
    has(
        &page,
        &[
            "Calibration on test",
            "Provenance",
            "This run folder keeps no predictions",
        ],
    );
}

#[test]
fn a_baseline_that_nobody_is_called_is_the_first_model() {
    let comparison = comparison("student_alone");
    assert_eq!(&comparison.paired_rows()[0].against_model, "teacher");
    has(&comparison.to_html(), &["Gains are over mine/teacher"]);
    assert!(comparison.rows()[1].gain.is_some());
}
