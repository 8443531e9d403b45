//! Parts of the forward pass that run again on the way back give the numbers of a tape without them.

#[path = "../common/mod.rs"]
mod common;
mod product;

use common::{hosts, times};
use limbeck_engine::{
    Device, Layout, Line, Meta, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Tensor,
    Var,
};
use product::product;

/// Three parameters of one number, normally distributed.
fn parameters(device: &Device, seed: u64) -> Result<(ParameterStore, [ParameterId; 3])> {
    let mut builder = StoreBuilder::new(seed);
    let ids = ["u", "w", "v"].map(|name| builder.normal(name, [1], 1.0));
    Ok((builder.build(device)?, ids))
}

/// h = x w, y = h x, z = y h v; gives h, z and x. The last is a value that is handed through.
fn part(tape: &Tape, [x, same, w, v]: [&Var; 4]) -> Result<[Var; 3]> {
    let h = product(tape, x, w)?;
    let y = product(tape, &h, same)?;
    let z = product(tape, &product(tape, &y, &h)?, v)?;
    Ok([h, z, x.clone()])
}

/// How the part stands on a tape.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Plain,
    /// Its parameters come from the store.
    Checkpoint,
    /// They are handed in as well.
    HandedIn,
    /// A part within a part.
    Nested,
}

fn on(way: Way, tape: &Tape, store: &ParameterStore, x: &Var) -> Result<[Var; 3]> {
    let [w, v] = ["w", "v"].map(|name| store.find(name).expect("it was added"));
    let read =
        move |tape: &Tape, store: &ParameterStore| [w, v].map(|id| tape.parameter(store, id));
    let both = read(tape, store);
    match way {
        Way::Plain => part(tape, [x, x, &both[0], &both[1]]),
        Way::Checkpoint => tape.checkpoint(store, [x, x], move |tape, store, [x, same]| {
            let [w, v] = read(tape, store);
            part(tape, [x, same, &w, &v])
        }),
        Way::HandedIn => tape.checkpoint(store, [x, x, &both[0], &both[1]], |tape, _, inputs| {
            part(tape, inputs)
        }),
        Way::Nested => tape.checkpoint(store, [x], move |tape, store, [x]| {
            let [h] = tape.checkpoint(store, [x], move |tape, store, [x]| {
                Ok([product(tape, x, &tape.parameter(store, w))?])
            })?;
            let y = product(tape, &h, x)?;
            let [z] = tape.checkpoint(store, [&y, &h], move |tape, store, [y, h]| {
                let v = tape.parameter(store, v);
                Ok([product(tape, &product(tape, y, h)?, &v)?])
            })?;
            Ok([h, z, x.clone()])
        }),
    }
}

/// The loss and all gradients of a graph in which what the part reads and gives has other readers,
/// before it and behind it: sums of several terms, whose bits depend on their order.
fn numbers(device: &Device, way: Way, seed: u64) -> Result<Vec<f64>> {
    let (store, [u, ..]) = parameters(device, seed)?;
    let tape = Tape::training(device, 1, 0);
    let x = times(&tape, 0.7, &tape.parameter(&store, u));
    let before = times(&tape, 0.3, &x);
    let [h, z, through] = on(way, &tape, &store, &x)?;
    let mut loss = before;
    for reader in [&h, &z, &through, &x, &h, &z] {
        loss = product(&tape, &loss, reader)?;
    }
    let mut gradients = store.zeros()?;
    tape.backward(&loss, &mut [&mut gradients])?
        .refuse(&[&store])?;
    let slices = gradients.slices().iter().flatten();
    let values = slices.chain([loss.tensor()]).map(Tensor::item);
    values.collect()
}

#[test]
fn losses_and_gradients_are_the_same_bit_for_bit() -> Result<()> {
    for device in hosts() {
        for seed in 0..30 {
            let plain = numbers(&device, Way::Plain, seed)?;
            assert!(plain.iter().all(|number| *number != 0.0), "{plain:?}");
            for way in [Way::Checkpoint, Way::HandedIn, Way::Nested] {
                let found = numbers(&device, way, seed)?;
                assert_eq!(found, plain, "{way:?} of {seed} on {}", device.name());
            }
        }
    }
    Ok(())
}

#[test]
fn what_a_part_does_not_reach_is_named_and_frozen_parameters_are_not() -> Result<()> {
    let device = Device::cpu();
    let unreached = |frozen: &str| -> Result<String> {
        let (mut store, [u, w, _]) = parameters(&device, 1)?;
        store.set_frozen(frozen, true);
        let mut gradients = store.zeros()?;
        let tape = Tape::training(&device, 1, 0);
        let (x, unread) = (tape.parameter(&store, u), tape.watched(device.zeros([1])?));
        let inputs = [&x, &unread];
        let [y, aside] = tape.checkpoint(&store, inputs, move |tape, store, [x, unread]| {
            let y = product(tape, x, &tape.parameter(store, w))?;
            Ok([y, times(tape, 2.0, unread)])
        })?;
        assert!(aside.requires_grad());
        let reached = tape.backward(&y, &mut [&mut gradients])?;
        let found = reached.refuse(&[&store]).err();
        Ok(found.map(|error| error.to_string()).unwrap_or_default())
    };
    let found = unreached("none")?;
    assert!(found.contains("parameter(s) v:"), "{found}");
    assert_eq!(unreached("v")?, "");
    // Whatever is frozen inside is a constant.
    let (mut store, [_, w, _]) = parameters(&device, 1)?;
    store.set_frozen("w", true);
    let tape = Tape::training(&device, 1, 0);
    let [y] = tape.checkpoint(&store, [], move |tape, store, []| {
        Ok([times(tape, 2.0, &tape.parameter(store, w))])
    })?;
    assert!(!y.requires_grad());
    Ok(())
}

#[test]
fn an_input_that_no_output_depends_on_has_a_gradient_of_zero() -> Result<()> {
    for device in hosts() {
        let (store, _) = parameters(&device, 1)?;
        let tape = Tape::deterministic(&device);
        let [x, y] = [2.0, 3.0].map(|number| device.real(&[number], [1]));
        let (x, y) = (tape.watched(x?), tape.watched(y?));
        let [z, one] = tape.checkpoint(&store, [&x, &y], |tape, _, [x, y]| {
            Ok([product(tape, x, x)?, times(tape, 5.0, &y.detach())])
        })?;
        assert!(z.requires_grad() && !one.requires_grad());
        let gradients = tape.gradients(vec![(&z, device.real(&[1.0], [1])?)])?;
        let read = |tensor: &Tensor| tensor.item();
        let gradients = gradients.iter().map(read).collect::<Result<Vec<_>>>()?;
        assert_eq!(gradients, [4.0, 0.0]);
    }
    Ok(())
}

#[test]
fn an_update_between_the_passes_changes_nothing() -> Result<()> {
    let device = Device::cpu();
    let (mut store, [u, w, _]) = parameters(&device, 5)?;
    let before = store.value(w).item()?;
    let mut gradients = store.zeros()?;
    let tape = Tape::training(&device, 1, 0);
    let x = tape.parameter(&store, u);
    let [y] = tape.checkpoint(&store, [&x], move |tape, store, [x]| {
        Ok([product(tape, x, &tape.parameter(store, w))?])
    })?;
    store.values_mut()?.fill_zero()?;
    assert!(!tape.backward(&y, &mut [&mut gradients])?.is_empty());
    let of_u = gradients.get(u).expect("trainable").item()?;
    assert_eq!(of_u, before);
    Ok(())
}

#[test]
fn only_the_inputs_are_kept() -> Result<()> {
    const NUMBERS: usize = 1000;
    let kept_and_peak = |device: &Device, way: bool| -> Result<[usize; 2]> {
        let (store, _) = parameters(device, 1)?;
        let squares =
            |tape: &Tape, x: &Var| (0..8).try_fold(x.clone(), |x, _| product(tape, &x, &x));
        let tape = Tape::training(device, 1, 0);
        let mut x = tape.watched(device.zeros([NUMBERS])?);
        let start = device.used_bytes();
        for _ in 0..4 {
            x = match way {
                false => squares(&tape, &x)?,
                true => {
                    let [x] =
                        tape.checkpoint(&store, [&x], move |tape, _, [x]| Ok([squares(tape, x)?]))?;
                    x
                }
            };
        }
        let kept = device.used_bytes() - start;
        let seed = device.zeros([NUMBERS])?;
        tape.gradients(vec![(&x, seed)])?;
        Ok([kept, device.peak_bytes()])
    };
    // Four parts of eight squares, each of which keeps its input and as many numbers again.
    let size = Layout::Cpu.buffer_bytes(Meta::real([NUMBERS]));
    for device in [Device::cpu(), Device::shapes()] {
        let [kept, peak] = kept_and_peak(&device, false)?;
        assert_eq!(kept, 64 * size);
        let fresh = match device.is_shapes() {
            true => Device::shapes(),
            false => Device::cpu(),
        };
        let [less, lower] = kept_and_peak(&fresh, true)?;
        assert_eq!(less, 4 * size);
        assert!(lower < peak / 2, "{lower} of {peak}");
    }
    Ok(())
}

#[test]
fn a_summary_has_the_lines_of_a_part_once_and_marks_them() -> Result<()> {
    let device = Device::shapes();
    let (store, [u, ..]) = parameters(&device, 1)?;
    let lines = |way: Way| -> Result<Vec<Line>> {
        let tape = Tape::training(&device, 1, 0);
        tape.summarise();
        let x = times(&tape, 0.7, &tape.parameter(&store, u));
        let [h, z, _] = tape.scope("part", || on(way, &tape, &store, &x))?;
        product(&tape, &h, &z)?;
        Ok(tape.summary())
    };
    let plain = lines(Way::Plain)?;
    assert_eq!(plain.len(), 6);
    for way in [Way::Checkpoint, Way::Nested] {
        let found = lines(way)?;
        for (number, (line, plain)) in found.iter().zip(&plain).enumerate() {
            let what = format!("{way:?}, {number}");
            assert_eq!(
                (&line.scope, line.operator),
                (&plain.scope, plain.operator),
                "{what}"
            );
            assert_eq!(line.sources, plain.sources, "{what}");
            assert_eq!(line.recomputed, (1..5).contains(&number), "{what}");
        }
        assert_eq!(found.len(), plain.len());
    }
    Ok(())
}

#[test]
fn a_traced_part_names_what_is_not_finite_on_either_way() -> Result<()> {
    let device = Device::cpu();
    let (store, _) = parameters(&device, 1)?;
    let trace = |seed: f32, factor: f64| -> Result<()> {
        let tape = Tape::deterministic(&device);
        tape.trace();
        let x = tape.watched(device.real(&[1.0], [1])?);
        let [y] = tape.scope("layer 1", || {
            tape.checkpoint(&store, [&x], move |tape, _, [x]| {
                tape.scope("inner", || Ok([times(tape, 1e30, &times(tape, factor, x))]))
            })
        })?;
        tape.gradients(vec![(&y, device.real(&[seed], [1])?)])?;
        Ok(())
    };
    trace(1.0, 1e-10)?;
    let found = trace(1e20, 1e-10).expect_err("1e50 is no f32").to_string();
    for part in ["times", "\"layer 1/inner\"", "gradient", "row 0", "inf"] {
        assert!(found.contains(part), "{part}: {found}");
    }
    Ok(())
}

#[test]
fn what_could_lose_a_gradient_is_refused() -> Result<()> {
    let device = Device::cpu();
    let (store, _) = parameters(&device, 1)?;
    let tape = Tape::deterministic(&device);
    let x = tape.watched(device.real(&[1.0], [1])?);
    let refused = |found: Result<[Var; 1]>, part: &str| {
        let found = found.expect_err("refused").to_string();
        assert!(found.contains(part), "{part}: {found}");
    };
    let captured = x.clone();
    let found = tape.checkpoint(&store, [], move |tape, _, []| {
        Ok([product(tape, &captured, &captured)?])
    });
    refused(found, "another tape");
    let captured = x.clone();
    let found = tape.checkpoint(&store, [], move |_, _, []| Ok([captured.clone()]));
    refused(found, "another tape");
    let found = tape.checkpoint(&store, [&x], |tape, _, [x]| {
        let watched = tape.watched(x.tensor().clone());
        Ok([product(tape, x, &watched)?])
    });
    refused(found, "hand it in");
    // A body that changes its mind.
    let again = std::sync::atomic::AtomicBool::new(false);
    let [y] = tape.checkpoint(&store, [&x], move |tape, _, [x]| {
        let again = again.swap(true, std::sync::atomic::Ordering::Relaxed);
        Ok([times(
            tape,
            2.0,
            &if again { x.detach() } else { x.clone() },
        )])
    })?;
    let found = tape.gradients(vec![(&y, device.real(&[1.0], [1])?)]);
    let found = found.expect_err("no gradient the second time").to_string();
    assert!(found.contains("other outputs"), "{found}");
    Ok(())
}

#[test]
fn without_a_way_back_a_part_just_runs() -> Result<()> {
    let device = Device::cpu();
    let (store, [u, ..]) = parameters(&device, 1)?;
    let tape = Tape::inference(&device);
    let x = tape.parameter(&store, u);
    for way in [Way::Checkpoint, Way::Nested] {
        let plain = on(Way::Plain, &tape, &store, &x)?;
        for (found, plain) in on(way, &tape, &store, &x)?.iter().zip(&plain) {
            assert!(!found.requires_grad());
            assert_eq!(found.tensor().item()?, plain.tensor().item()?);
        }
    }
    Ok(())
}
