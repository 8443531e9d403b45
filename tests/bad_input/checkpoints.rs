//! Checkpoints that are truncated, altered, gone, or of another run.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Folder, Outcome, copy_folder};

/// A finished run in `whole`, from which unfinished ones are made.
pub(super) struct Finished {
    pub(super) folder: Folder,
    weights: Vec<u8>,
}

impl Finished {
    pub(super) fn new() -> Self {
        let folder = Folder::new();
        folder.train(&["--quiet"]).succeeds(&[]);
        fs::rename(folder.path("run"), folder.path("whole")).expect("a new name");
        let weights = weights(&folder.path("whole"));
        Finished { folder, weights }
    }

    /// In `run`, the run as it was just after a checkpoint (15 or 20), the model not yet written.
    pub(super) fn stopped_after(&self, step: u64) {
        let run = self.folder.path("run");
        if run.exists() {
            fs::remove_dir_all(&run).expect("the former run");
        }
        copy_folder(&self.folder.path("whole"), &run);
        fs::remove_file(run.join("results.json")).expect("results");
        fs::remove_dir_all(run.join("model")).expect("the model");
        if step < 20 {
            fs::remove_dir_all(self.checkpoint(20)).expect("a checkpoint");
        }
    }

    pub(super) fn checkpoint(&self, step: u64) -> PathBuf {
        self.folder.path(&format!("run/checkpoints/step-{step:06}"))
    }

    pub(super) fn resume(&self) -> Outcome {
        self.folder.train(&["--resume"])
    }

    /// The run in `run` has come to the very bits and measurements of the one never stopped.
    pub(super) fn assert_same_end(&self, what: &str) {
        let run = self.folder.path("run");
        assert!(weights(&run) == self.weights, "{what}: other weights");
        let metrics = ["run/metrics.jsonl", "whole/metrics.jsonl"]
            .map(|path| fs::read_to_string(self.folder.path(path)).expect("metrics"));
        assert_eq!(metrics[0], metrics[1], "{what}");
    }
}

fn weights(run: &Path) -> Vec<u8> {
    fs::read(run.join("model/model/model.safetensors")).expect("finished weights")
}

fn truncate(file: &Path, length: usize) {
    let bytes = fs::read(file).expect("a file");
    fs::write(file, &bytes[..length]).expect("a shorter file");
}

fn read_line(path: &Path) -> String {
    fs::read_to_string(path).expect("a line").trim().to_owned()
}

/// The checkpoint before needs its own best weights, which an even earlier one holds.
#[test]
fn a_truncated_checkpoint_is_passed_over_for_the_one_before() {
    let finished = Finished::new();
    let best = read_line(&finished.folder.path("whole/best"));
    assert_eq!(best, "step-000020", "or this tests less than it should");
    for name in ["state.safetensors", "state.json", "SHA256SUMS"] {
        let length = fs::metadata(
            finished
                .folder
                .path("whole/checkpoints/step-000020")
                .join(name),
        )
        .expect("a file")
        .len() as usize;
        for kept in [0, 1, 9, length / 2, length - 1] {
            finished.stopped_after(20);
            truncate(&finished.checkpoint(20).join(name), kept);
            let outcome = finished.resume();
            if name == "SHA256SUMS" && kept == length - 1 {
                // Both checksums are there: nothing is lost with the line break.
                outcome.succeeds(&[]);
            } else {
                outcome.succeeds(&["checkpoint step-000020 is passed over", name]);
            }
            finished.assert_same_end(&format!("{name} cut at {kept} of {length}"));
        }
    }
}

#[test]
fn an_altered_byte_or_a_missing_file_is_noticed() {
    let finished = Finished::new();
    finished.stopped_after(20);
    let file = finished.checkpoint(20).join("state.safetensors");
    let mut bytes = fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("an altered file");
    finished.resume().succeeds(&["step-000020 is passed over"]);
    finished.assert_same_end("an altered byte");

    finished.stopped_after(20);
    fs::remove_file(finished.checkpoint(20).join("state.json")).expect("a file");
    finished.resume().succeeds(&["step-000020 is passed over"]);
    finished.assert_same_end("a missing file");
}

#[test]
fn damaged_or_missing_pointers_do_not_matter() {
    let finished = Finished::new();
    finished.stopped_after(15);
    finished.folder.write("run/last", "step-0");
    finished.folder.write("run/best", "");
    finished.resume().succeeds(&[]);
    finished.assert_same_end("pointers");
}

#[test]
fn without_an_intact_checkpoint_the_run_cannot_go_on() {
    let finished = Finished::new();
    finished.stopped_after(20);
    for step in [10, 15, 20] {
        truncate(&finished.checkpoint(step).join("state.safetensors"), 100);
    }
    let parts = ["none of its 3 checkpoints is intact", "start a new run"];
    finished.resume().fails(1, &parts);
}

#[test]
fn without_the_best_weights_the_run_cannot_go_on() {
    let finished = Finished::new();
    finished.stopped_after(15);
    truncate(&finished.checkpoint(10).join("state.safetensors"), 100);
    let parts = ["step-000010", "best weights", "start a new run"];
    finished.resume().fails(1, &parts);
}

#[test]
fn another_configuration_is_refused_with_the_key_and_nothing_is_touched() {
    let finished = Finished::new();
    for finish_first in [false, true] {
        finished.stopped_after(15);
        if finish_first {
            finished.resume().succeeds(&[]);
        }
        let last = read_line(&finished.folder.path("run/last"));
        let other = ["--resume", "-s", "model.channels=24"];
        let parts = ["`model.channels` is 24 now, but was 16", "start a new run"];
        finished.folder.train(&other).fails(3, &parts);
        let parts = ["`seed` is 9 now, but was 1"];
        let outcome = finished.folder.train(&["--resume", "--seed", "9"]);
        outcome.fails(3, &parts);
        assert_eq!(read_line(&finished.folder.path("run/last")), last);
    }
    finished.assert_same_end("after the refusals");
}

#[test]
fn a_checkpoint_brought_from_another_run_is_refused() {
    let finished = Finished::new();
    let folder = &finished.folder;
    let more = ["--quiet", "-s", "training.learning_rate=0.02"];
    folder.train(&more).succeeds(&[]);
    fs::rename(folder.path("run"), folder.path("other")).expect("a new name");
    finished.stopped_after(15);
    let theirs = folder.path("other/checkpoints/step-000020");
    copy_folder(&theirs, &finished.checkpoint(20));
    let parts = [
        "step-000020",
        "`training.learning_rate` is 0.01 now, but was 0.02",
    ];
    finished.resume().fails(3, &parts);
}

#[test]
fn other_data_under_the_same_name_are_refused() {
    let finished = Finished::new();
    finished.stopped_after(15);
    finished
        .folder
        .append("train.tsv", b"pigment\tgreen powder\n");
    let parts = ["train.tsv: the train data are not those", "start a new run"];
    finished.resume().fails(3, &parts);
}

#[test]
fn a_folder_with_a_run_is_not_overwritten() {
    let finished = Finished::new();
    finished.stopped_after(15);
    let parts = ["holds an unfinished run", "--resume"];
    finished.folder.train(&[]).fails(2, &parts);
    finished.resume().succeeds(&[]);
    let parts = ["holds a finished run"];
    finished.folder.train(&[]).fails(2, &parts);
    finished.assert_same_end("after the refusals");
}

#[test]
fn there_is_nothing_to_resume_in_an_empty_folder() {
    let folder = Folder::new();
    let parts = ["run: ", "no run to resume", "without --resume"];
    folder.train(&["--resume"]).fails(2, &parts);
    assert!(!folder.path("run").exists());
}
