use serde_json::json;

use super::*;
use crate::tensors::{HostTensor, Values};

fn at(step: u64) -> Checkpoint {
    let tensor = |values| HostTensor::new(&[2], values).unwrap();
    Checkpoint {
        step,
        fingerprint: Fingerprint::of(&json!({"seed": 1, "model": {"width": 8}}), &[]).unwrap(),
        tensors: Tensors::from([
            ("w".into(), tensor(Values::F32(vec![step as f32, 0.1]))),
            ("clock".into(), tensor(Values::U32(vec![3, 4]))),
            ("count".into(), tensor(Values::U64(vec![step, u64::MAX]))),
        ]),
        state: json!({"epoch": 2, "loss": 0.1 + 0.2, "seed": u64::MAX}),
    }
}

fn run(steps: &[u64]) -> (tempfile::TempDir, Checkpoints) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(&RunPaths::new(folder.path()));
    for &step in steps {
        checkpoints.write(&at(step)).unwrap();
    }
    (folder, checkpoints)
}

fn steps(checkpoints: &Checkpoints) -> Vec<u64> {
    checkpoints
        .list()
        .unwrap()
        .into_iter()
        .map(|name| name.0)
        .collect()
}

#[test]
fn a_checkpoint_comes_back_bit_for_bit() {
    let (_folder, checkpoints) = run(&[500]);
    assert_eq!(checkpoints.load(CheckpointName(500)).unwrap(), at(500));
    let last = checkpoints.paths.pointer(Pointer::Last).unwrap();
    assert_eq!(last, Some(CheckpointName(500)));
}

#[test]
fn every_f64_of_the_state_survives() {
    // Neighbouring doubles of very different size: a parser that rounds loses the last bit of some.
    let values: Vec<f64> = (0..2000u64)
        .map(|i| f64::from_bits(0x3ff0_0000_0000_0001u64.wrapping_mul(2 * i + 1) >> 1))
        .filter(|value| value.is_finite())
        .collect();
    let (_folder, checkpoints) = run(&[]);
    let checkpoint = Checkpoint {
        state: json!(values),
        ..at(1)
    };
    checkpoints.write(&checkpoint).unwrap();
    assert_eq!(
        checkpoints.load(CheckpointName(1)).unwrap().state,
        json!(values)
    );
}

#[test]
fn a_checkpoint_cut_at_any_byte_is_named_and_the_one_before_is_taken() {
    let (_folder, checkpoints) = run(&[1, 2]);
    for file in [STATE, TENSORS, SUMS] {
        let path = checkpoints.paths.checkpoint(CheckpointName(2)).join(file);
        let whole = fs::read(&path).unwrap();
        // Without its last line break the list of checksums still says the same.
        let shortest_intact = if file == SUMS {
            whole.len() - 1
        } else {
            whole.len()
        };
        for length in 0..shortest_intact {
            fs::write(&path, &whole[..length]).unwrap();
            let (found, skipped) = checkpoints.latest_intact().unwrap().unwrap();
            assert_eq!(found, at(1), "{file} cut to {length} bytes");
            assert_eq!(skipped[0].name, CheckpointName(2));
            let reason = skipped[0].reason.to_string();
            assert!(reason.contains("step-000002 is damaged"), "{reason}");
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(checkpoints.latest_intact().unwrap().unwrap().0, at(2));
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let (_folder, checkpoints) = run(&[1, 2]);
    for file in [STATE, TENSORS, SUMS] {
        let path = checkpoints.paths.checkpoint(CheckpointName(2)).join(file);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut altered = whole.clone();
            altered[place] ^= 1 << (place % 8);
            fs::write(&path, &altered).unwrap();
            // Either it is noticed, or (a line break of the checksum list) nothing was lost.
            let (found, skipped) = checkpoints.latest_intact().unwrap().unwrap();
            let intact = if skipped.is_empty() { at(2) } else { at(1) };
            assert_eq!(found, intact, "{file}, byte {place}");
            assert!(
                file == SUMS || skipped.len() == 1,
                "{file}, byte {place} went unnoticed"
            );
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_missing_file_skips_the_checkpoint_too() {
    let (_folder, checkpoints) = run(&[1, 2]);
    fs::remove_file(
        checkpoints
            .paths
            .checkpoint(CheckpointName(2))
            .join(TENSORS),
    )
    .unwrap();
    let (found, skipped) = checkpoints.latest_intact().unwrap().unwrap();
    assert_eq!((found.step, skipped.len()), (1, 1));
    assert!(skipped[0].reason.to_string().contains("state.safetensors"));
}

#[test]
fn without_an_intact_checkpoint_every_reason_is_given() {
    let (_folder, checkpoints) = run(&[]);
    assert!(checkpoints.latest_intact().unwrap().is_none());
    let (_folder, checkpoints) = run(&[1, 2]);
    for name in checkpoints.list().unwrap() {
        fs::write(checkpoints.paths.checkpoint(name).join(STATE), "{}").unwrap();
    }
    let message = checkpoints.latest_intact().unwrap_err().to_string();
    for part in [
        "none of its 2 checkpoints",
        "step-000001",
        "step-000002",
        "state.json",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn another_configuration_is_refused_by_its_first_differing_key() {
    let now = Fingerprint::of(&json!({"seed": 1, "model": {"width": 16}}), &[]).unwrap();
    let error = at(3).require(&now).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let message = error.to_string();
    assert!(message.contains("step-000003"), "{message}");
    assert!(
        message.contains("`model.width` is 16 now, but was 8"),
        "{message}"
    );
    at(3).require(&at(3).fingerprint).unwrap();
}

#[test]
fn checkpoints_are_never_changed_but_a_damaged_one_may_be_written_again() {
    let (_folder, checkpoints) = run(&[1]);
    checkpoints.write(&at(1)).unwrap();
    let other = Checkpoint {
        state: json!("other"),
        ..at(1)
    };
    assert!(
        checkpoints
            .write(&other)
            .unwrap_err()
            .to_string()
            .contains("never changed")
    );
    assert_eq!(checkpoints.load(CheckpointName(1)).unwrap(), at(1));
    fs::write(
        checkpoints
            .paths
            .checkpoint(CheckpointName(1))
            .join(TENSORS),
        "",
    )
    .unwrap();
    checkpoints.write(&other).unwrap();
    assert_eq!(checkpoints.load(CheckpointName(1)).unwrap(), other);
}

#[test]
fn pruning_keeps_the_newest_the_best_and_the_last() {
    let (_folder, checkpoints) = run(&[1, 2, 3, 4, 5]);
    checkpoints
        .paths
        .set_pointer(Pointer::Best, CheckpointName(2))
        .unwrap();
    checkpoints.prune(2).unwrap();
    assert_eq!(steps(&checkpoints), [2, 4, 5]);
    checkpoints.prune(0).unwrap();
    assert_eq!(steps(&checkpoints), [2, 5]);
    checkpoints.prune(9).unwrap();
    assert_eq!(steps(&checkpoints), [2, 5]);
}

#[test]
fn an_unreadable_pointer_stops_pruning_before_anything_is_lost() {
    let (folder, checkpoints) = run(&[1, 2, 3]);
    fs::write(folder.path().join("best"), "garbage").unwrap();
    assert!(checkpoints.prune(1).is_err());
    assert_eq!(steps(&checkpoints), [1, 2, 3]);
}

#[test]
fn going_back_discards_what_came_after() {
    let (folder, checkpoints) = run(&[1, 2, 3]);
    let paths = &checkpoints.paths;
    let best_after_going_back_to_2 = |best: &str| {
        fs::write(folder.path().join("best"), best).unwrap();
        checkpoints.discard_after(CheckpointName(2)).unwrap();
        paths.pointer(Pointer::Best).unwrap()
    };
    assert_eq!(best_after_going_back_to_2("step-000003"), None);
    assert_eq!(steps(&checkpoints), [1, 2]);
    assert_eq!(
        paths.pointer(Pointer::Last).unwrap(),
        Some(CheckpointName(2))
    );
    assert_eq!(
        best_after_going_back_to_2("step-000001"),
        Some(CheckpointName(1))
    );
    assert_eq!(best_after_going_back_to_2("step-000000"), None); // never existed
    assert_eq!(best_after_going_back_to_2("garbage"), None);
}

#[test]
fn a_later_format_is_refused_by_number() {
    let (_folder, checkpoints) = run(&[1]);
    let folder = checkpoints.paths.checkpoint(CheckpointName(1));
    let text = fs::read_to_string(folder.join(STATE)).unwrap();
    let contents = Contents {
        state: text
            .replace("\"format_version\": 1", "\"format_version\": 2")
            .into_bytes(),
        tensors: fs::read(folder.join(TENSORS)).unwrap(),
    };
    contents.write(&folder).unwrap();
    let message = checkpoints.load(CheckpointName(1)).unwrap_err().to_string();
    assert!(message.contains("format 2 by a later version"), "{message}");
}

#[test]
fn strangers_among_the_checkpoints_are_passed_over() {
    let (_folder, checkpoints) = run(&[1]);
    for name in ["step-1", "notes", ".step-000002.7-0.partial"] {
        fs::create_dir(checkpoints.paths.checkpoints().join(name)).unwrap();
    }
    assert_eq!(steps(&checkpoints), [1]);
}
