//! Updates that take time to save memory.

use crate::{RUN_FILE, distill, finish, killed, metrics, weights};

#[test]
fn killed_between_updates_in_parts_and_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = RUN_FILE.replace("length = ", "accumulate = 3\nlength = ");
    std::fs::write(folder.path().join("run.toml"), text).expect("the run file");
    let whole = folder.path().join("whole");
    finish(distill(folder.path(), &whole, false, "1"));
    let models = ["teacher", "student"];
    for (number, after) in [10, 75].into_iter().enumerate() {
        let out = folder.path().join(format!("killed-{number}"));
        killed(distill(folder.path(), &out, false, "2"), &out, after);
        finish(distill(folder.path(), &out, true, "2"));
        assert_eq!(weights(&out, &models), weights(&whole, &models));
        assert_eq!(metrics(&out), metrics(&whole));
    }
}

/// Whether layers are computed again may change from one start to the next: the numbers do not.
#[test]
fn killed_and_resumed_with_gradient_checkpointing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("run.toml"), RUN_FILE).expect("the run file");
    let [whole, out] = ["whole", "killed"].map(|name| folder.path().join(name));
    finish(distill(folder.path(), &whole, false, "1"));
    killed(distill(folder.path(), &out, false, "2"), &out, 10);
    let mut again = distill(folder.path(), &out, true, "2");
    again.args(["-s", "teacher.gradient_checkpointing=true"]);
    finish(again);
    let models = ["teacher", "student"];
    assert_eq!(weights(&out, &models), weights(&whole, &models));
    assert_eq!(metrics(&out), metrics(&whole));
}
