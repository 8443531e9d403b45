//! What `limbeck check` says of a run before it starts.

use limbeck_engine::{Device, Layout};
use limbeck_recipes::config::RelayRun;
use limbeck_recipes::relay::distill;
use limbeck_recipes::{RunContext, rehearse_relay};
use limbeck_training::interrupt::Interrupt;

use crate::tiny::{CLASSES, KEYWORDS, TAGS, data, parse, write_documents, write_sentences};

/// Never too little memory is predicted. By how much too much depends on what is below the threshold,
/// which nobody knows before: the rehearsal lets B read everything.
fn enough_is_predicted(name: &str, run: &RelayRun) {
    let data = data(run);
    let rehearsal = rehearse_relay(run, &data, Layout::Cpu).expect("a rehearsal");
    let stages: Vec<&str> = rehearsal.stages.iter().map(|s| s.name.as_str()).collect();
    for stage in ["teacher_a", "teacher_b", "student_initial", "student"] {
        assert!(stages.contains(&stage), "{name}: {stages:?}");
    }
    let (device, interrupt) = (Device::cpu(), Interrupt::new());
    let mut context = RunContext::in_memory(&device, run.seed, &interrupt);
    distill(run, &data, &mut context).expect("a finished run");
    let (predicted, found) = (rehearsal.peak_bytes, device.peak_bytes());
    assert!(
        predicted >= found,
        "{name}: {predicted} predicted, {found} found"
    );
}

#[test]
fn the_memory_of_a_run_is_predicted() {
    let run = parse(CLASSES, &["preset=literal"]).expect("a run file");
    enough_is_predicted("classes", &run);
    let folder = tempfile::tempdir().expect("a folder");
    write_sentences(folder.path());
    write_documents(folder.path());
    let dir = format!("data.dir={:?}", folder.path());
    let run = parse(TAGS, &[&dir]).expect("a run file");
    enough_is_predicted("tags", &run);
    let run = parse(KEYWORDS, &[&dir, "student_alone=false"]).expect("a run file");
    enough_is_predicted("keywords", &run);
}
