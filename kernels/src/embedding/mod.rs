//! Rows of a table by token id, with the row of each token's position added.
//!
//! ```text
//! y_r = E[id_r] + P[position_r]        E [vocabulary, d], P [longest text, d], y [rows, d]
//! ```
//!
//! The sum over rows of dy_r · y_r depends on E[v] only through the rows that looked v up, so
//!
//! ```text
//! dE[v] = Σ_{r: id_r = v} dy_r
//! dP[p] = Σ_{r: position_r = p} dy_r
//! ```
//!
//! dE is summed by id over rows that the host has sorted (`shared/segments`): only the table rows
//! that occur are touched, each by one task. dP needs no sorting: row p of text s, if the text is
//! that long, stands at `offsets[s] + p`, and the texts are added in order.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;
mod token_rows;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Packed, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};
use crate::shared::segments::{SegmentShape, Segments};

pub use token_rows::TokenRows;

/// The operator. Inputs: the table, the ids, the four lists of [`Segments`], and with positions
/// the position table, the coordinates of the rows and the offsets of the texts.
#[derive(Clone, Copy, Debug)]
struct Embedding {
    vocabulary_size: usize,
    segments: SegmentShape,
    /// The longest text, if positions are added.
    longest: Option<usize>,
}

// Numbers of the inputs.
const TABLE: usize = 0;
const IDS: usize = 1;
const SEGMENTS: usize = 2;
const POSITIONS: usize = 6;
const COORDINATES: usize = 7;
const OFFSETS: usize = 8;

/// `table[id] + positions[position in its text]` for every row: table `[vocabulary, d]`, position
/// table `[at least the longest text, d]` gives `[rows, d]`.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::{TokenRows, embedding};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let table = tape.constant(device.real(&[1.0, 2.0, 3.0], [3, 1])?);
/// let positions = tape.constant(device.real(&[10.0, 20.0], [2, 1])?);
/// // Two texts, of two tokens and of one.
/// let rows = TokenRows::new(&device, &[2, 0, 1], 3)?;
/// let packed = Packed::new(&device, &[2, 1], 0)?;
/// let y = embedding(&tape, &table, &rows, Some((&positions, &packed)))?;
/// assert_eq!(y.tensor().read()?, [13.0, 21.0, 12.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If a table has not the vocabulary's or the longest text's rows, the ids and the texts differ
/// in their number of rows, or the device failed.
pub fn embedding(
    tape: &Tape,
    table: &Var,
    rows: &TokenRows,
    positions: Option<(&Var, &Packed)>,
) -> Result<Var> {
    let operator = Embedding {
        vocabulary_size: rows.vocabulary_size(),
        segments: rows.segments().shape(),
        longest: positions.map(|(_, packed)| packed.max_length()),
    };
    let ids = tape.constant(rows.ids().clone());
    let lists = rows.segments().constants(tape);
    let mut inputs = vec![table, &ids];
    inputs.extend(&lists);
    let Some((positions, packed)) = positions else {
        return tape.apply_one(operator, &inputs);
    };
    let coordinates = tape.constant(packed.coordinates().clone());
    let offsets = tape.constant(packed.offsets().clone());
    inputs.extend([positions, &coordinates, &offsets]);
    tape.apply_one(operator, &inputs)
}

impl Embedding {
    /// Rows and columns of the result.
    fn sizes(&self, inputs: &[Meta]) -> Result<(usize, usize)> {
        let refuse = |message| {
            Err(Error::Shape {
                operator: "embedding",
                message,
            })
        };
        let expected = if self.longest.is_some() { 9 } else { 6 };
        if inputs.len() != expected {
            return refuse(format!(
                "expected {expected} inputs, found {}",
                inputs.len()
            ));
        }
        let (vocabulary, columns) = check::matrix("embedding", "the table", inputs[TABLE])?;
        if vocabulary != self.vocabulary_size {
            return refuse(format!(
                "the ids were checked against a vocabulary of {}, but the table {} has \
                 {vocabulary} rows",
                self.vocabulary_size, inputs[TABLE].shape
            ));
        }
        let rows = self.segments.entries;
        check::exactly("embedding", "the ids", inputs[IDS], Meta::ids([rows]))?;
        self.segments
            .check("embedding", &inputs[SEGMENTS..POSITIONS])?;
        let Some(longest) = self.longest else {
            return Ok((rows, columns));
        };
        let (positions, width) =
            check::matrix("embedding", "the position table", inputs[POSITIONS])?;
        if width != columns {
            return refuse(format!(
                "the table {} and the position table {} must have as many columns",
                inputs[TABLE].shape, inputs[POSITIONS].shape
            ));
        }
        if positions < longest {
            return refuse(format!(
                "the longest text has {longest} tokens, but the position table {} has only \
                 {positions} rows: cut the texts or enlarge the table",
                inputs[POSITIONS].shape
            ));
        }
        let coordinates = Meta::ids([rows, 2]);
        check::exactly(
            "embedding",
            "the coordinates of the texts' rows",
            inputs[COORDINATES],
            coordinates,
        )?;
        check::ids("embedding", "the offsets of the texts", inputs[OFFSETS])?;
        Ok((rows, columns))
    }

    /// The columns of inputs that `infer` has accepted.
    fn columns(inputs: &[Meta]) -> usize {
        inputs[TABLE].shape.columns()
    }
}

impl Operator for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, columns) = self.sizes(inputs)?;
        let output = Meta::real([rows, columns]);
        let mut plan = Plan::new(&inputs[IDS..], output)
            .keep_inputs(IDS..inputs.len())
            .backward_scratch(self.segments.scratch(columns));
        // Only the rows that are looked up are read.
        plan.bytes += output.bytes() as u64;
        plan.keep_inputs.retain(|&input| input != POSITIONS);
        if self.longest.is_some() {
            plan = plan.flops(rows * columns);
        }
        Ok(plan)
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, Self::columns(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, Self::columns(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, Self::columns(io.metas()), io)
    }
}

impl Differentiable for Embedding {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(Self::columns(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, Self::columns(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, Self::columns(io.metas()), io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "embedding",
        formula: "y_r = E[id_r] + P[position_r]; dE[v] = Σ_{id_r = v} dy_r, dP[p] = Σ_{position_r = p} dy_r",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::kernels(),
    }
}

fn cases() -> Vec<Case> {
    let spread = |rows: u32, size: u32| (0..rows).map(|r| r * r % size).collect::<Vec<_>>();
    let mut skewed = spread(300, 9);
    skewed.iter_mut().skip(5).step_by(3).for_each(|id| *id = 4);
    vec![
        case("one token", &[0], (1, 1), None),
        case("no token", &[], (3, 4), None),
        case("ids that repeat", &spread(70, 23), (23, 33), None),
        case("every third row has one id", &skewed, (9, 5), None).tolerance(Tolerance::LONG),
        case("one id only, 5000 rows", &[2; 5000], (4, 2), None).tolerance(Tolerance::LONG),
        case(
            "exactly one chunk, and one more",
            &[[1; 64].as_slice(), &[3; 65]].concat(),
            (5, 3),
            None,
        ),
        case(
            "positions",
            &spread(12, 7),
            (7, 6),
            Some((5, &[3, 1, 5, 1, 2])),
        ),
        case(
            "positions beyond the longest text",
            &spread(6, 4),
            (4, 17),
            Some((9, &[2, 4])),
        ),
        case(
            "positions of many texts",
            &spread(150, 40),
            (40, 18),
            Some((2, &[[1; 50], [2; 50]].concat())),
        ),
        frozen_table(),
    ]
}

/// A case; `positions` are the rows of the position table and the lengths of the texts.
fn case(
    name: &str,
    ids: &[u32],
    (vocabulary_size, columns): (usize, usize),
    positions: Option<(usize, &[u32])>,
) -> Case {
    with_table(name, ids, vocabulary_size, positions, columns, |case| {
        case.real(Draw::new("table"), [vocabulary_size, columns])
    })
}

/// Only the positions are trained.
fn frozen_table() -> Case {
    let positions = Some((3, [3, 1].as_slice()));
    with_table("frozen table", &[1, 0, 1, 1], 2, positions, 5, |case| {
        case.without_gradient(Draw::new("table"), [2, 5])
    })
}

fn with_table(
    name: &str,
    ids: &[u32],
    vocabulary_size: usize,
    positions: Option<(usize, &[u32])>,
    columns: usize,
    table: impl FnOnce(Case) -> Case,
) -> Case {
    let segments = Segments::by_key(ids);
    let operator = Embedding {
        vocabulary_size,
        segments: segments.shape(),
        longest: positions
            .and_then(|(_, lengths)| lengths.iter().max())
            .map(|&longest| longest as usize),
    };
    let case = table(Case::new(name, operator)).ids(ids, [ids.len()]);
    let case = segments.inputs(case, |row| row);
    let Some((size, lengths)) = positions else {
        return case;
    };
    let (mut coordinates, mut offsets) = (Vec::new(), vec![0]);
    for (text, &length) in (0..).zip(lengths) {
        coordinates.extend((0..length).flat_map(|position| [text, position]));
        offsets.push(coordinates.len() as u32 / 2);
    }
    case.real(Draw::new("positions"), [size, columns])
        .ids(&coordinates, [ids.len(), 2])
        .ids(&offsets, [offsets.len()])
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    fn refusal(table: [usize; 2], positions: [usize; 2], lengths: &[usize]) -> String {
        let device = Device::shapes();
        let tape = Tape::inference(&device);
        let zeros = |shape| tape.constant(device.zeros(shape).expect("shapes only"));
        let rows = TokenRows::new(&device, &[1, 0, 1], 2).expect("ids are in range");
        let packed = Packed::new(&device, lengths, 0).expect("no empty text");
        let (table, positions) = (zeros(table), zeros(positions));
        match embedding(&tape, &table, &rows, Some((&positions, &packed))) {
            Ok(y) => format!("accepted, {}", y.shape()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn tables_and_texts_that_do_not_fit_are_refused() {
        let accepted = refusal([2, 4], [2, 4], &[2, 1]);
        assert!(accepted.starts_with("accepted"), "{accepted}");
        for (table, positions, lengths, part) in [
            ([3, 4], [2, 4], [2, 1].as_slice(), "vocabulary of 2"),
            ([2, 4], [2, 5], &[2, 1], "as many columns"),
            ([2, 4], [2, 4], &[3], "longest text has 3 tokens"),
            ([2, 4], [2, 4], &[2, 2], "coordinates"),
        ] {
            let message = refusal(table, positions, lengths);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_gradient_that_holds_something_already_is_added_to() {
        for device in [Device::cpu(), Device::reference()] {
            let tape = Tape::deterministic(&device);
            let table = device.real(&[1.0, 2.0, 3.0], [3, 1]).expect("on the host");
            let table = tape.watched(table);
            let rows = |ids| TokenRows::new(&device, ids, 3).expect("ids are in range");
            let first = embedding(&tape, &table, &rows(&[2, 0, 2]), None).expect("fits");
            let second = embedding(&tape, &table, &rows(&[1, 2]), None).expect("fits");
            let ones = |n: usize| device.real(&vec![1.0; n], [n, 1]).expect("on the host");
            let gradients = tape
                .gradients(vec![(&first, ones(3)), (&second, ones(2))])
                .expect("on the host");
            assert_eq!(gradients[0].read().expect("on the host"), [1.0, 1.0, 3.0]);
        }
    }
}
