use std::time::Duration;

use limbeck_engine::{Cost, Layout, Pass};
use limbeck_recipes::config::{self, Override};
use limbeck_recipes::{RunData, rehearse_run};
use limbeck_training::stage::StageTimes;

use super::stage::{Stage, short};
use super::{graph, html, text};

fn stages() -> Vec<Stage> {
    stages_with(&[])
}

fn stages_with(overrides: &[Override]) -> Vec<Stage> {
    let run =
        "task = \"layerwise\"\n[data]\nformat = \"corpus\"\n[data.corpus]\ntrain_size = 100\n";
    let run = config::parse("run.toml", run, overrides).expect("a run file");
    let data = RunData::read(run.data().expect("labelled texts"), 1).expect("the corpus");
    let rehearsal = rehearse_run(&run, &data, Layout::Cpu).expect("a rehearsal");
    rehearsal.stages.iter().map(Stage::new).collect()
}

#[test]
fn every_operator_has_its_formula_and_its_sources() {
    let stages = stages();
    assert!(stages.len() > 2, "a teacher and students");
    for stage in &stages {
        for (number, row) in stage.rows.iter().enumerate() {
            assert!(!row.formula.is_empty(), "{} has no formula", row.operator);
            assert_eq!(row.sources.len(), row.inputs.len(), "{}", row.operator);
            let from_above = |source: &usize| *source < number;
            assert!(row.sources.iter().flatten().all(from_above), "row {number}");
        }
        // All but the first row hang together: a step has one loss.
        let read = |row: usize| stage.rows.iter().any(|r| r.sources.contains(&Some(row)));
        let unread = (0..stage.rows.len()).filter(|row| !read(*row)).count();
        assert_eq!(unread, 1, "{}: only the loss is read by nobody", stage.name);
    }
}

#[test]
fn totals_add_up_and_shares_are_those_of_the_whole() {
    for stage in stages() {
        let totals = stage.totals();
        let flops: u64 = totals.iter().map(|total| total.flops).sum();
        assert_eq!(flops, stage.flops());
        assert!(flops > 0 && totals.windows(2).all(|t| t[0].flops >= t[1].flops));
        let calls: usize = totals.iter().map(|total| total.calls).sum();
        assert_eq!(calls, stage.rows.len());
        let shares: f64 = stage.rows.iter().map(|row| stage.share(row.flops)).sum();
        assert!((shares - 1.0).abs() < 1e-9, "a sum of {} shares", calls);
    }
}

#[test]
fn tables_and_graphs_show_every_operator() {
    let stages = stages();
    let (text, page) = (
        text::text("a title", &stages, false),
        html::page("a title", &stages),
    );
    let picture = graph::picture(&stages);
    let rows: usize = stages.iter().map(|stage| stage.rows.len()).sum();
    assert_eq!(picture.matches("<title>").count(), rows);
    assert_eq!(
        picture.matches("<g").count(),
        picture.matches("</g>").count()
    );
    for row in stages.iter().flat_map(|stage| &stage.rows) {
        for shown in [&text, &page, &picture] {
            assert!(shown.contains(row.operator), "{} is missing", row.operator);
        }
    }
    assert!(!text.contains("forward ms"), "nothing was measured");
}

#[test]
fn what_runs_twice_is_marked_and_counted() {
    let stages = stages_with(&[Override::new("teacher.gradient_checkpointing", true)]);
    let (teacher, student) = (&stages[0], &stages[1]);
    let again = teacher.rows.iter().filter(|row| row.recomputed);
    assert!(again.clone().all(|row| row.scope.contains("layer ")));
    let flops: u64 = again.map(|row| row.flops).sum();
    // Nearly all that a Transformer computes is in its layers.
    assert!(2 * flops > teacher.flops() && flops < teacher.flops());
    assert_eq!(teacher.as_json()["recomputed_flops"], flops);
    assert_eq!(student.as_json()["recomputed_flops"], 0);
    let text = text::text("a title", &stages, false);
    let shown = format!(
        "run again on the way back, {} operations more",
        short(flops)
    );
    assert!(text.contains(&shown), "{text}");
    for shown in [
        &text,
        &html::page("a title", &stages),
        &graph::picture(&stages),
    ] {
        assert!(shown.contains("(twice)"));
    }
    assert!(!text::text("a title", &self::stages(), false).contains("(twice)"));
}

#[test]
fn times_are_those_of_one_update() {
    let mut stages = stages();
    let operator = stages[0].rows[0].operator;
    let cost = Cost {
        time: Duration::from_millis(6),
        ..Cost::default()
    };
    stages[0].times = Some(StageTimes {
        name: "teacher".into(),
        updates: 3,
        time: Duration::from_millis(30),
        costs: vec![(operator, Pass::Forward, cost)],
        dispatches: 60,
        submissions: 3,
    });
    let totals = stages[0].totals();
    let own = totals.iter().find(|total| total.operator == operator);
    let [forward, backward] = own.and_then(|total| total.times).expect("measured");
    assert!((forward - 2.0).abs() < 1e-9 && backward == 0.0, "6 ms / 3");
    let measured = &stages[0].as_json()["measured"];
    assert_eq!(measured["ms"], 10.0);
    assert_eq!(measured["dispatches"], 20.0);
    let text = text::text("a title", &stages, true);
    assert!(
        text.contains("10.00 ms each, 20 dispatches, 1.0 submissions"),
        "{text}"
    );
}

#[test]
fn counts_are_short() {
    let pairs = [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (2_345_678, "2.35 M"),
    ];
    for (count, expected) in pairs {
        assert_eq!(short(count), expected);
    }
}
