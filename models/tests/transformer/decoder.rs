//! The decoder: what its rows see, and that steps give what all rows at once give.

use limbeck_engine::{Device, Packed, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_models::{Decoder, NormPosition};

use crate::{NORMS, WIDTH, devices, distance, rows, stack};

/// Rows of each target sequence, the longest first, and of the memory it reads.
const TARGET: [usize; 4] = [5, 3, 3, 1];
const SOURCE: [usize; 4] = [2, 40, 3, 1];

struct Model {
    store: ParameterStore,
    decoder: Decoder,
}

impl Model {
    fn new(norm: NormPosition, dropout: f64, device: &Device) -> Result<Self> {
        let mut store = StoreBuilder::new(2);
        let decoder = Decoder::new(&mut store, "decoder", stack(norm, dropout))?;
        let store = store.build(device)?;
        Ok(Model { store, decoder })
    }

    /// The states of sequences `first` and after, as many as there are lengths.
    fn forward(
        &self,
        tape: &Tape,
        (x, target): (&[f32], &[usize]),
        (memory, source): (&[f32], &[usize]),
        first: u32,
    ) -> Result<Vec<f64>> {
        let device = tape.device();
        let target = Packed::new(device, target, first)?;
        let source = Packed::new(device, source, first)?;
        let x = tape.constant(device.real(x, target.shape(WIDTH))?);
        let memory = tape.constant(device.real(memory, source.shape(WIDTH))?);
        let (x, memory) = ((&x, &target), (&memory, &source));
        let states = self.decoder.forward(tape, &self.store, x, memory)?;
        states.tensor().read_f64()
    }
}

fn target_rows() -> Vec<f32> {
    rows("target", TARGET.iter().sum())
}

fn memory_rows() -> Vec<f32> {
    rows("memory", SOURCE.iter().sum())
}

/// The first row of each sequence.
fn starts(lengths: &[usize]) -> Vec<usize> {
    let starts = lengths.iter().scan(0, |next, &length| {
        *next += length;
        Some(*next - length)
    });
    starts.collect()
}

/// Row `position` of the sequences that are as long, side by side.
fn step_rows(x: &[f32], position: usize) -> Vec<f32> {
    let sequences = starts(&TARGET).into_iter().zip(TARGET);
    let alive = sequences.filter(|(_, length)| *length > position);
    let rows = alive.map(|(start, _)| &x[(start + position) * WIDTH..][..WIDTH]);
    rows.collect::<Vec<_>>().concat()
}

#[test]
fn steps_give_what_all_rows_at_once_give() -> Result<()> {
    for (device, tolerance) in devices() {
        for norm in NORMS {
            let model = Model::new(norm, 0.3, &device)?;
            let tape = Tape::inference(&device);
            let (x, memory) = (target_rows(), memory_rows());
            let all = model.forward(&tape, (&x, &TARGET), (&memory, &SOURCE), 0)?;
            let source = Packed::new(&device, &SOURCE, 0)?;
            let memory = tape.constant(device.real(&memory, source.shape(WIDTH))?);
            let mut cache = model.decoder.start(&tape, &model.store, &memory, &source)?;
            // Four sequences, then three twice, then one twice.
            for position in 0..TARGET[0] {
                assert_eq!(cache.steps(), position);
                let x = step_rows(&x, position);
                let alive = x.len() / WIDTH;
                let x = tape.constant(device.real(&x, [alive, WIDTH])?);
                let states = model.decoder.step(&tape, &model.store, &mut cache, &x)?;
                assert_eq!(cache.sequences(), alive);
                let states = states.tensor().read_f64()?;
                for (state, start) in states.chunks(WIDTH).zip(starts(&TARGET)) {
                    let expected = &all[(start + position) * WIDTH..][..WIDTH];
                    let error = distance(state, expected);
                    let device = device.name();
                    assert!(
                        error <= tolerance,
                        "{error:.1e}, {norm:?}, {position}, {device}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_later_row_of_the_target_changes_no_earlier_state() -> Result<()> {
    for (device, _) in devices() {
        for norm in NORMS {
            let model = Model::new(norm, 0.3, &device)?;
            let (mut x, memory) = (target_rows(), memory_rows());
            let tape = Tape::training(&device, 1, 0);
            let before = model.forward(&tape, (&x, &TARGET), (&memory, &SOURCE), 0)?;
            // Row 2 of the first sequence, which has five. A norm would undo a shift.
            x[2 * WIDTH..3 * WIDTH].iter_mut().for_each(|x| *x *= -1.0);
            let after = model.forward(&tape, (&x, &TARGET), (&memory, &SOURCE), 0)?;
            let pairs = before.chunks(WIDTH).zip(after.chunks(WIDTH)).enumerate();
            let changed = pairs.filter(|(_, (before, after))| before != after);
            let changed: Vec<usize> = changed.map(|(row, _)| row).collect();
            assert_eq!(changed, [2, 3, 4], "{norm:?}, {}", device.name());
        }
    }
    Ok(())
}

#[test]
fn a_memory_row_reaches_every_state_of_its_sequence_and_no_other() -> Result<()> {
    for (device, _) in devices() {
        let model = Model::new(NormPosition::Pre, 0.0, &device)?;
        let (x, mut memory) = (target_rows(), memory_rows());
        let tape = Tape::inference(&device);
        let before = model.forward(&tape, (&x, &TARGET), (&memory, &SOURCE), 0)?;
        // The last memory row of the second sequence, whose target rows are 5 to 7.
        memory[41 * WIDTH..42 * WIDTH]
            .iter_mut()
            .for_each(|x| *x += 1.0);
        let after = model.forward(&tape, (&x, &TARGET), (&memory, &SOURCE), 0)?;
        let pairs = before.chunks(WIDTH).zip(after.chunks(WIDTH)).enumerate();
        let changed = pairs.filter(|(_, (before, after))| before != after);
        let changed: Vec<usize> = changed.map(|(row, _)| row).collect();
        assert_eq!(changed, [5, 6, 7], "{}", device.name());
    }
    Ok(())
}

#[test]
fn a_batch_gives_what_each_sequence_gives_alone() -> Result<()> {
    for (device, tolerance) in devices() {
        let model = Model::new(NormPosition::Post, 0.3, &device)?;
        let (x, memory) = (target_rows(), memory_rows());
        // With dropout: a sample draws the same masks wherever it stands.
        let tape = Tape::training(&device, 1, 7);
        let all = model.forward(&tape, (&x, &TARGET), (&memory, &SOURCE), 0)?;
        let mut alone = Vec::new();
        for (s, (from, source)) in starts(&TARGET).into_iter().zip(starts(&SOURCE)).enumerate() {
            let x = &x[from * WIDTH..][..TARGET[s] * WIDTH];
            let memory = &memory[source * WIDTH..][..SOURCE[s] * WIDTH];
            let (target, source) = (&TARGET[s..=s], &SOURCE[s..=s]);
            alone.extend(model.forward(&tape, (x, target), (memory, source), s as u32)?);
        }
        let error = distance(&all, &alone);
        assert!(error <= tolerance, "{error:.1e}, {}", device.name());
    }
    Ok(())
}

#[test]
fn steps_that_cannot_be_made_are_refused() -> Result<()> {
    let device = Device::cpu();
    let model = Model::new(NormPosition::Pre, 0.0, &device)?;
    let tape = Tape::inference(&device);
    let source = Packed::new(&device, &[2, 1], 0)?;
    let memory = tape.constant(device.zeros([3, WIDTH])?);
    let message = |found: Result<Var>| match found {
        Ok(states) => format!("accepted, {}", states.shape()),
        Err(error) => error.to_string(),
    };
    let recording = Tape::deterministic(&device);
    let started = model
        .decoder
        .start(&recording, &model.store, &memory, &source);
    let found = message(started.map(|_| memory.clone()));
    assert!(found.contains("the tape records gradients"), "{found}");
    let mut cache = model.decoder.start(&tape, &model.store, &memory, &source)?;
    let mut step = |tape: &Tape, rows: usize| {
        let x = tape.constant(device.zeros([rows, WIDTH])?);
        model.decoder.step(tape, &model.store, &mut cache, &x)
    };
    let found = message(step(&recording, 2));
    assert!(found.contains("the tape records gradients"), "{found}");
    assert_eq!(message(step(&tape, 1)), "accepted, [1, 8]");
    for rows in [2, 0] {
        let found = message(step(&tape, rows));
        let expected = format!("expected 1 to 1 rows, found {rows}");
        assert!(found.contains(&expected), "{found}");
    }
    Ok(())
}

#[test]
fn sizes_that_contradict_each_other_are_refused() {
    let valid = stack(NormPosition::Pre, 0.1);
    let mut without_layers = valid;
    without_layers.layers = 0;
    let mut odd_heads = valid;
    odd_heads.heads = 3;
    for (config, part) in [
        (without_layers, "layers must be at least 1"),
        (
            odd_heads,
            "heads must divide hidden_size, found 3 heads for 8",
        ),
    ] {
        let decoder = Decoder::new(&mut StoreBuilder::new(1), "decoder", config);
        let found = decoder.err().expect("refused").to_string();
        assert!(found.contains(part), "{found}");
    }
}
