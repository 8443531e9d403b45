//! Ctrl-C as a user presses it: on a process of its own.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use limbeck_training::interrupt::Interrupt;

const IN_CHILD: &str = "LIMBECK_TEST_INTERRUPT_CHILD";

/// The child's part: says when it is ready and when it was asked to stop, then hangs.
#[test]
fn child() {
    if std::env::var_os(IN_CHILD).is_none() {
        return;
    }
    let say = |line: &str| {
        // Straight to the stream: the test harness captures what println! writes.
        let mut out = std::io::stdout();
        writeln!(out, "\n{line}")
            .and_then(|()| out.flush())
            .unwrap();
    };
    let interrupt = Interrupt::on_ctrl_c().unwrap();
    let same = Interrupt::on_ctrl_c().unwrap();
    say("ready");
    while !interrupt.is_requested() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(same.is_requested());
    say("asked to stop");
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn the_first_press_asks_and_the_second_ends() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(IN_CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut wait_for = |wanted: &str| {
        let found = lines.by_ref().any(|line| line.unwrap() == wanted);
        assert!(found, "the child ended without saying {wanted:?}");
    };
    wait_for("ready");
    press_ctrl_c(&child);
    wait_for("asked to stop");
    press_ctrl_c(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("Ctrl-C again"), "{message}");
}

fn press_ctrl_c(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
}
