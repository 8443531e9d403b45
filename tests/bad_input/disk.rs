//! A disk that refuses.

use super::Folder;

#[test]
fn a_file_in_the_way_of_the_run_folder() {
    let folder = Folder::new();
    folder.write("taken", "mine");
    for out in ["taken", "taken/run"] {
        let arguments = ["train", "run.toml", "--out", out];
        folder.limbeck(&arguments).fails(1, &["cannot ", out]);
    }
    let kept = std::fs::read(folder.path("taken")).expect("the file");
    assert_eq!(kept, b"mine");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_stdout() {
    use std::fs::File;
    use std::process::{Command, Stdio};

    use assert_cmd::cargo::cargo_bin;

    use super::Outcome;

    let folder = Folder::new();
    folder.train(&["--quiet"]).succeeds(&[]);
    for arguments in [
        &["predict", "run", "test.tsv"][..],
        &["eval", "run", "test.tsv"],
        &["check", "run.toml"],
    ] {
        let full = File::options().write(true).open("/dev/full");
        let child = Command::new(cargo_bin!("limbeck"))
            .current_dir(folder.path("."))
            .args(arguments)
            .stdout(full.expect("the device that is always full"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("a child");
        let stderr = child.wait_with_output().expect("its end");
        let outcome = Outcome {
            code: stderr.status.code(),
            stdout: String::new(),
            stderr: String::from_utf8(stderr.stderr).expect("UTF-8"),
        };
        outcome.fails(1, &["cannot write to stdout", "No space left"]);
    }
}

/// A limit on the size of files stands for a full disk: the checkpoint of step 20 is refused
/// halfway. Once there is room again, the run ends with the bits of a run that had it always.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_last_checkpoint_intact() {
    use std::process::Command;

    use assert_cmd::cargo::cargo_bin;

    use super::Outcome;
    use super::checkpoints::Finished;

    // 10 blocks of 512 or 1,024 bytes: more than the measurements need, less than a checkpoint.
    // Without the trap the system would end the program before it can say anything.
    const LIMITED: &str = "trap '' XFSZ; ulimit -f 10; exec \"$0\" \"$@\"";
    let finished = Finished::new();
    finished.stopped_after(15);
    let mut command = Command::new("sh");
    command
        .current_dir(finished.folder.path("."))
        .args(["-c", LIMITED])
        .arg(cargo_bin!("limbeck"))
        .args(["train", "run.toml", "--out", "run", "--resume"]);
    let outcome = Outcome::of(&mut command);
    outcome.fails(1, &["cannot write", "step-000020"]);
    assert!(!finished.checkpoint(20).exists());
    finished.resume().succeeds(&[]);
    finished.assert_same_end("after the full disk");
}
