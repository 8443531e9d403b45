//! What a decoder keeps from step to step.

use limbeck_engine::{Error, Packed, Result, Tape, Var};
use limbeck_kernels::{concat, gather_rows};

/// The keys and values that the rows so far and the memory have in each layer of a decoder, for the
/// sequences that are still alive.
pub struct DecoderCache {
    pub(super) layers: Vec<LayerCache>,
    /// The memory's sequences, of the alive ones alone.
    source: Packed,
    /// Steps that were made.
    steps: usize,
}

/// Keys and values of one layer.
pub(super) struct LayerCache {
    /// Of the rows so far, `[sequences, steps * 2 d]`: the rows of a sequence are one row, so that
    /// another is appended by columns. None before the first step.
    target: Option<Var>,
    /// Of the memory, `[source rows, 2 d]`.
    pub(super) memory: Var,
}

/// The sequences of a step.
pub(super) struct Alive {
    /// One row of each.
    pub(super) queries: Packed,
    /// Their rows so far, the new one among them.
    pub(super) target: Packed,
    /// Their memory.
    pub(super) source: Packed,
}

impl DecoderCache {
    /// A cache without steps; `memory` holds the keys and values of each layer.
    pub(super) fn new(memory: Vec<Var>, source: &Packed) -> Self {
        let layer = |memory| LayerCache {
            target: None,
            memory,
        };
        DecoderCache {
            layers: memory.into_iter().map(layer).collect(),
            source: source.clone(),
            steps: 0,
        }
    }

    /// Number of steps that were made: the position of the next row.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Number of sequences that were alive at the last step.
    pub fn sequences(&self) -> usize {
        self.source.sequences()
    }

    /// Forgets all but the first `alive` sequences, and counts a step of them.
    pub(super) fn begin_step(&mut self, tape: &Tape, alive: usize) -> Result<Alive> {
        if alive == 0 || alive > self.sequences() {
            return Err(Error::Shape {
                operator: "decoder",
                message: format!(
                    "a step needs a row for each of the first sequences that are left: expected 1 \
                     to {} rows, found {alive}",
                    self.sequences()
                ),
            });
        }
        if alive < self.sequences() {
            self.keep(tape, alive)?;
        }
        self.steps += 1;
        let (device, first) = (tape.device(), self.source.first_sample());
        Ok(Alive {
            queries: Packed::new(device, &vec![1; alive], first)?,
            target: Packed::new(device, &vec![self.steps; alive], first)?,
            source: self.source.clone(),
        })
    }

    fn keep(&mut self, tape: &Tape, alive: usize) -> Result<()> {
        let lengths = &self.source.lengths()[..alive];
        let source = Packed::new(tape.device(), lengths, self.source.first_sample())?;
        let first =
            |x: &Var, rows: usize| gather_rows(tape, x, &(0..rows as u32).collect::<Vec<_>>());
        for layer in &mut self.layers {
            layer.memory = first(&layer.memory, source.rows())?;
            if let Some(target) = &mut layer.target {
                *target = first(target, alive)?;
            }
        }
        self.source = source;
        Ok(())
    }
}

impl LayerCache {
    /// Adds a row of keys and values to each sequence, and gives all of them: `[sequences, 2 d]` to
    /// `[sequences * steps, 2 d]`.
    pub(super) fn append(&mut self, tape: &Tape, rows: &Var) -> Result<Var> {
        let width = rows.shape().columns();
        let all = match &self.target {
            Some(target) => concat(tape, &[target, rows])?,
            None => rows.clone(),
        };
        // No gradient is lost with the reshaping: a decoder steps on tapes that record none.
        let packed = all.shape().elements() / width;
        let packed = all.tensor().reshape([packed, width])?;
        self.target = Some(all);
        Ok(tape.constant(packed))
    }
}
