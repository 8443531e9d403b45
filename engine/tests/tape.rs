//! The tape with an operator that the engine does not know: y = a x.

mod common;

use common::{Times, hosts, times};
use limbeck_engine::{Device, Layout, Packed, StoreBuilder, Tape};

#[test]
fn gradients_multiply_along_a_path_and_add_over_paths() {
    for device in hosts() {
        let tape = Tape::deterministic(&device);
        let x = tape.watched(device.real(&[1.0, 2.0], [2]).expect("memory"));
        let once = times(&tape, 3.0, &x);
        let twice = times(&tape, 5.0, &once);
        let seed = |v: &[f32]| device.real(v, [2]).expect("memory");
        // Both the end and the middle of the chain are read.
        let seeds = vec![(&twice, seed(&[1.0, 10.0])), (&once, seed(&[1.0, 1.0]))];
        let gradients = tape.gradients(seeds).expect("gradients");
        assert_eq!(gradients[0].read().expect("numbers"), [18.0, 153.0]);
    }
}

#[test]
fn gradients_accumulate_over_micro_batches() {
    for device in hosts() {
        let mut builder = StoreBuilder::new(1);
        let w = builder.constant("w", [1], 2.0);
        let store = builder.build(&device).expect("memory");
        let mut gradients = store.zeros().expect("memory");
        for factor in [3.0, 4.0] {
            let tape = Tape::deterministic(&device);
            let loss = times(&tape, factor, &tape.parameter(&store, w));
            let unreached = tape
                .backward(&loss, &mut [&mut gradients])
                .expect("gradients");
            assert!(unreached.is_empty());
        }
        assert_eq!(
            gradients
                .get(w)
                .expect("trainable")
                .read()
                .expect("numbers"),
            [7.0]
        );
    }
}

#[test]
fn parameters_without_a_gradient_are_named_and_frozen_ones_are_not() {
    let device = Device::cpu();
    let mut builder = StoreBuilder::new(1);
    let used = builder.constant("used", [1], 1.0);
    builder.constant("forgotten", [1], 1.0);
    builder.constant("resting", [1], 1.0);
    let mut store = builder.build(&device).expect("memory");
    assert_eq!(store.set_frozen("resting", true), 1);
    let mut gradients = store.zeros().expect("memory");
    let tape = Tape::deterministic(&device);
    let loss = times(&tape, 1.0, &tape.parameter(&store, used));
    let unreached = tape
        .backward(&loss, &mut [&mut gradients])
        .expect("gradients");
    let message = unreached
        .refuse(&[&store])
        .expect_err("one is forgotten")
        .to_string();
    assert!(
        message.contains("forgotten") && !message.contains("resting"),
        "{message}"
    );
}

#[test]
fn a_detached_value_passes_no_gradient_back() {
    let device = Device::cpu();
    let tape = Tape::deterministic(&device);
    let x = tape.watched(device.real(&[1.0], [1]).expect("memory"));
    let y = times(&tape, 2.0, &times(&tape, 2.0, &x).detach());
    assert!(!y.requires_grad());
    let one = device.real(&[1.0], [1]).expect("memory");
    let gradients = tape.gradients(vec![(&y, one)]).expect("gradients");
    assert_eq!(gradients[0].read().expect("numbers"), [0.0]);
}

#[test]
fn values_of_another_tape_or_device_are_refused() {
    let device = Device::cpu();
    let (one, other) = (Tape::deterministic(&device), Tape::deterministic(&device));
    let x = one.watched(device.real(&[1.0], [1]).expect("memory"));
    let message = other
        .apply(Times(1.0), &[&x])
        .expect_err("another tape")
        .to_string();
    assert!(message.contains("another tape"), "{message}");
    let foreign = Device::reference().real(&[1.0], [1]).expect("memory");
    let message = one
        .apply(Times(1.0), &[&one.constant(foreign)])
        .expect_err("device")
        .to_string();
    assert!(
        message.contains("reference") && message.contains("cpu"),
        "{message}"
    );
}

#[test]
fn a_traced_tape_names_the_first_value_that_is_not_finite() {
    let device = Device::cpu();
    let tape = Tape::deterministic(&device);
    tape.trace();
    let x = tape.watched(device.real(&[1.0, 1e30, 1.0, 1.0], [2, 2]).expect("memory"));
    let scoped = tape.scope("layer 1", || {
        let large = tape.apply_one(Times(1e5), &[&x])?;
        tape.apply_one(Times(1e5), &[&large])
    });
    let message = scoped.expect_err("1e40 is no f32").to_string();
    for part in ["times", "layer 1", "row 0", "column 1", "inf"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn what_was_read_of_a_store_does_not_change_with_an_update() {
    for device in hosts() {
        let mut builder = StoreBuilder::new(1);
        let w = builder.constant("w", [3], 1.5);
        let mut store = builder.build(&device).expect("memory");
        let before = store.value(w).clone();
        store
            .values_mut()
            .expect("memory")
            .restore(&[vec![0.0; 3]])
            .expect("same shape");
        assert_eq!(before.read().expect("numbers"), [1.5; 3]);
        assert_eq!(store.value(w).read().expect("numbers"), [0.0; 3]);
    }
}

#[test]
fn loading_names_every_fault_and_changes_nothing() {
    let device = Device::cpu();
    let mut builder = StoreBuilder::new(1);
    let w = builder.constant("w", [2], 1.0);
    builder.constant("b", [1], 1.0);
    let mut store = builder.build(&device).expect("memory");
    let named = [("w", vec![0.0; 3]), ("x", vec![0.0])]
        .map(|(n, v)| (n.to_string(), v))
        .into();
    let message = store.load(&named).expect_err("three faults").to_string();
    for part in [
        "w: expected 2 elements, found 3",
        "b: missing",
        "x: not a parameter",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(store.value(w).read().expect("numbers"), [1.0, 1.0]);
}

#[test]
fn the_shape_device_infers_and_has_no_numbers() {
    let device = Device::shapes();
    let tape = Tape::deterministic(&device);
    tape.summarise();
    let x = tape.watched(device.zeros([1000, 1000]).expect("no memory needed"));
    let y = times(&tape, 2.0, &x);
    assert_eq!(y.shape().dims(), [1000, 1000]);
    assert!(y.tensor().read().is_err(), "there is nothing to read");
    assert_eq!(tape.summary().len(), 1);
}

#[test]
fn a_summary_says_which_line_produced_each_input() {
    let device = Device::shapes();
    let tape = Tape::deterministic(&device);
    tape.summarise();
    let x = tape.watched(device.zeros([4]).expect("no memory needed"));
    let y = times(&tape, 2.0, &x);
    times(&tape, 3.0, &y.detach());
    times(&tape, 3.0, &tape.constant(y.tensor().clone()));
    let other = Tape::deterministic(&device);
    times(&other, 3.0, &y.detach());
    let sources: Vec<_> = tape
        .summary()
        .into_iter()
        .map(|line| line.sources)
        .collect();
    assert_eq!(sources, [[None], [Some(0)], [None]]);
    other.summarise();
    times(&other, 3.0, &y.detach());
    assert_eq!(other.summary()[0].sources, [None], "a line of another tape");
}

/// The books of a shape device are those of the device it stands for, byte for byte.
#[test]
fn the_shape_device_counts_the_memory_of_another() {
    let work = |device: &Device| {
        let mut builder = StoreBuilder::new(1);
        let w = builder.normal("w", [33, 20], 0.1);
        builder.constant("b", [20], 0.0);
        let mut store = builder.build(device).expect("memory");
        for rows in [5, 40, 17] {
            let tape = Tape::deterministic(device);
            let x = tape.watched(device.zeros([rows, 20]).expect("memory"));
            let y = times(&tape, 2.0, &times(&tape, 2.0, &x));
            let weight = times(&tape, 3.0, &tape.parameter(&store, w));
            let seeds = [&y, &weight].map(|v| (v, device.zeros(v.shape()).expect("memory")));
            tape.gradients(seeds.into()).expect("gradients");
        }
        let held = store.value(w).clone();
        store.values_mut().expect("a copy");
        let ids = device.ids(&[1, 2, 3], [3]).expect("memory");
        drop((held, ids));
        [
            device.used_bytes(),
            device.peak_bytes(),
            device.allocated_bytes(),
        ]
    };
    let cpu = work(&Device::cpu());
    assert!(0 < cpu[0] && cpu[0] < cpu[1] && cpu[1] <= cpu[2], "{cpu:?}");
    assert_eq!(work(&Device::shapes()), cpu);
    let reference = work(&Device::reference());
    assert_eq!(work(&Device::shapes_of(Layout::Reference)), reference);
}

#[test]
fn memory_is_reused_step_after_step() {
    let device = Device::cpu();
    let step = || {
        let tape = Tape::deterministic(&device);
        let x = tape.watched(device.zeros([64, 64]).expect("memory"));
        let y = times(&tape, 2.0, &times(&tape, 2.0, &x));
        let seed = device.zeros([64, 64]).expect("memory");
        tape.gradients(vec![(&y, seed)]).expect("gradients")
    };
    drop(step());
    let after_one = device.allocated_bytes();
    for _ in 0..20 {
        drop(step());
    }
    assert_eq!(device.allocated_bytes(), after_one);
}

#[test]
fn a_batch_and_its_two_halves_have_the_same_coordinates() {
    let device = Device::cpu();
    let whole = Packed::new(&device, &[2, 1, 3, 1], 0).expect("lengths");
    let first = Packed::new(&device, &[2, 1], 0).expect("lengths");
    let second = Packed::new(&device, &[3, 1], 2).expect("lengths");
    let read = |packed: &Packed| packed.coordinates().read_ids().expect("ids");
    assert_eq!(read(&whole), [read(&first), read(&second)].concat());
    assert!(
        Packed::new(&device, &[2, 0], 0).is_err(),
        "no sequence is empty"
    );
}
