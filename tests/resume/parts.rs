//! Updates in several parts.

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
