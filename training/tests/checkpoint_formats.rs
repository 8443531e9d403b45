//! Checkpoints of every format version ever written can still be read. When the format changes,
//! a fixture of the new version joins the old ones here; none is ever written anew.

use std::path::Path;

use limbeck_training::checkpoint::{Checkpoints, Fingerprint};
use limbeck_training::run_folder::{CheckpointName, RunPaths};
use limbeck_training::tensors::Values;
use serde_json::json;

#[test]
fn format_1() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    let checkpoints = Checkpoints::new(&RunPaths::new(root));
    let checkpoint = checkpoints.load(CheckpointName(3)).unwrap();

    let configuration = json!({"seed": 7, "model": {"width": 2}});
    checkpoint
        .require(&Fingerprint::of(&configuration, &[]).unwrap())
        .unwrap();
    assert_eq!(checkpoint.state, json!({"epoch": 1, "dev_loss": 0.1 + 0.2}));

    let tensors = &checkpoint.tensors;
    assert_eq!(tensors.len(), 4);
    assert_eq!(tensors["weight"].shape(), [2, 2]);
    assert_eq!(
        tensors["weight"].as_f32().unwrap(),
        [1.0, -0.5, 0.25, 3.0e-8]
    );
    assert_eq!(*tensors["moment"].values(), Values::F64(vec![0.1]));
    assert_eq!(*tensors["clock"].values(), Values::U32(vec![0, 2, 3]));
    assert_eq!(*tensors["counter"].values(), Values::U64(vec![u64::MAX]));
    assert!(tensors["counter"].shape().is_empty());
}
