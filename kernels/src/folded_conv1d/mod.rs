//! Convolution over tokens whose word vectors have been multiplied with the kernel beforehand.
//!
//! ```text
//! F[v, j·out + o] = Σ_i E[v, i] W[j·in + i, o]        once, when a model is loaded
//! y_t = f(b + Σ_j F[id_{t+j-left}, j])                 j = 0 .. w, F[v, j]: the j-th part of row v
//! ```
//!
//! is what conv1d gives for x_t = E[id_t], in another order of additions: a window is a sum of w
//! rows of F instead of a product with w·in rows of W. F has w·out/in times the size of E. Rows
//! outside the sequence count as zero, as in conv1d.
//!
//! For models that are no longer trained: it has no gradient.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

#[cfg(feature = "gpu")]
use limbeck_engine::GpuForward;
use limbeck_engine::{
    Error, Forward, Meta, NonDifferentiable, Operator, Packed, Plan, Result, Tape, Var,
};

use crate::activation::Activation;
use crate::check;
use crate::conv1d::Conv1d;
use crate::embedding::TokenRows;
use crate::harness::{Case, Draw, Entry, packed_ids};

/// The operator; inputs are F, the ids, the coordinates of the rows and b.
#[derive(Clone, Debug)]
struct FoldedConv1d {
    convolution: Conv1d,
    /// The ids are below this.
    vocabulary_size: usize,
}

/// Inputs by position.
const TABLE: usize = 0;
const IDS: usize = 1;
const COORDINATES: usize = 2;
const BIAS: usize = 3;

/// Convolution over the positions of token ids, from a folded table `[vocabulary, kernel_size * out]`
/// and b `[out]`: gives `[rows, out]`. The result is a constant.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::{TokenRows, folded_conv1d};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // Token v counts v at the tap before, and 10 v at its own.
/// let table = tape.constant(device.real(&[0.0, 0.0, 10.0, 1.0, 20.0, 2.0], [3, 2])?);
/// let b = tape.constant(device.real(&[0.5], [1])?);
/// let packed = Packed::new(&device, &[3, 1], 0)?;
/// let rows = TokenRows::new(&device, &[1, 2, 2, 1], 3)?;
/// let y = folded_conv1d(&tape, &table, &rows, &b, None, &packed, 2)?;
/// assert_eq!(y.tensor().read()?, [12.5, 22.5, 20.5, 10.5]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, `kernel_size` is 0, or the device failed.
pub fn folded_conv1d(
    tape: &Tape,
    table: &Var,
    rows: &TokenRows,
    bias: &Var,
    activation: Option<Activation>,
    packed: &Packed,
    kernel_size: usize,
) -> Result<Var> {
    let operator = FoldedConv1d {
        convolution: Conv1d {
            lengths: packed.lengths().clone(),
            kernel_size,
            bias: true,
            activation,
        },
        vocabulary_size: rows.vocabulary_size(),
    };
    let ids = tape.constant(rows.ids().clone());
    let coordinates = tape.constant(packed.coordinates().clone());
    let mut outputs = tape.apply_constant(&operator, &[table, &ids, &coordinates, bias])?;
    Ok(outputs.swap_remove(0))
}

impl FoldedConv1d {
    /// Rows and columns of the result.
    fn sizes(&self, inputs: &[Meta]) -> Result<(usize, usize)> {
        let [table, ids, coordinates, bias] = check::inputs("folded_conv1d", inputs)?;
        let (vocabulary, width) = check::matrix("folded_conv1d", "the table", table)?;
        let kernel_size = self.convolution.kernel_size;
        if kernel_size == 0 || width % kernel_size != 0 || vocabulary != self.vocabulary_size {
            return Err(Error::Shape {
                operator: "folded_conv1d",
                message: format!(
                    "the table must have {} rows and a multiple of kernel_size {kernel_size} \
                     columns, found {}",
                    self.vocabulary_size, table.shape
                ),
            });
        }
        let rows = self.convolution.lengths.iter().sum();
        check::exactly("folded_conv1d", "the ids", ids, Meta::ids([rows]))?;
        let expected = Meta::ids([rows, 2]);
        check::exactly("folded_conv1d", "the coordinates", coordinates, expected)?;
        let outputs = width / kernel_size;
        check::exactly("folded_conv1d", "the bias", bias, Meta::real([outputs]))?;
        Ok((rows, outputs))
    }
}

impl Operator for FoldedConv1d {
    fn name(&self) -> &'static str {
        "folded_conv1d"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, outputs) = self.sizes(inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows, outputs]))
            .flops(rows * self.convolution.kernel_size * outputs))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(&self.convolution, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(&self.convolution, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(&self.convolution, self.sizes(io.metas())?, io)
    }
}

impl NonDifferentiable for FoldedConv1d {
    fn reason(&self) -> &'static str {
        "the table is made of the parameters once, for inference; train with conv1d"
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "folded_conv1d",
        formula: "y_t = f(b + Σ_j F[id_{t+j-left}, j]), F[v, j] = E[v] W_j",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |lengths: &[usize], kernel_size: usize, outputs: usize, activation| {
        let vocabulary_size = 11;
        let rows = lengths.iter().sum::<usize>();
        let ids: Vec<u32> = (0..rows)
            .map(|i| (i * i % vocabulary_size) as u32)
            .collect();
        let operator = FoldedConv1d {
            convolution: Conv1d {
                lengths: lengths.into(),
                kernel_size,
                bias: true,
                activation,
            },
            vocabulary_size,
        };
        let name = format!("lengths {lengths:?}, {kernel_size} x {outputs}, {activation:?}");
        let table = [vocabulary_size, kernel_size * outputs];
        Case::constant(name, operator)
            .without_gradient(Draw::new("table"), table)
            .ids(&ids, [rows])
            .ids(&packed_ids(lengths).coordinates, [rows, 2])
            .without_gradient(Draw::new("b"), [outputs])
    };
    vec![
        case(&[1], 1, 1, None),
        case(&[5], 3, 3, None),
        case(&[3, 1, 4], 2, 5, Some(Activation::Relu)),
        // Windows that reach beyond both ends of their sequence.
        case(&[2, 1, 3, 1, 1], 9, 3, Some(Activation::Gelu)),
        case(&[1, 70, 2, 33], 5, 21, Some(Activation::Tanh)),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_engine::{Device, Stream};

    use super::*;
    use crate::{conv1d, embedding, linear};

    #[test]
    fn it_is_conv1d_over_an_embedding() -> Result<()> {
        let device = Device::cpu();
        let (vocabulary, inputs, outputs, kernel_size) = (30, 7, 5, 4);
        let random = Stream::new(5, "folded_conv1d", 0);
        let draw = |name: u32, shape: [usize; 2]| {
            let values = (0..(shape[0] * shape[1]) as u32).map(|i| random.normal(name, i) as f32);
            device.real(&values.collect::<Vec<_>>(), shape)
        };
        let tape = Tape::inference(&device);
        let words = tape.constant(draw(0, [vocabulary, inputs])?);
        let weight = draw(1, [kernel_size * inputs, outputs])?;
        let bias = tape.constant(device.real(&[0.1, -0.2, 0.3, 0.0, 1.0], [outputs])?);
        let lengths = [9, 1, 20];
        let packed = Packed::new(&device, &lengths, 0)?;
        let ids: Vec<u32> = (0..30).map(|i| random.word(i, 0, 2) % 30).collect();
        let rows = TokenRows::new(&device, &ids, vocabulary)?;
        // Row i, column j * outputs + o of the folded kernel is row j * inputs + i, column o.
        let values = weight.read()?;
        let folded: Vec<f32> = (0..values.len())
            .map(|at| {
                let (i, rest) = (at / (kernel_size * outputs), at % (kernel_size * outputs));
                values[(rest / outputs * inputs + i) * outputs + rest % outputs]
            })
            .collect();
        let folded = tape.constant(device.real(&folded, [inputs, kernel_size * outputs])?);
        let table = linear(&tape, &words, &folded, None, None)?;
        let relu = Some(Activation::Relu);
        let found = folded_conv1d(&tape, &table, &rows, &bias, relu, &packed, kernel_size)?;
        let x = embedding(&tape, &words, &rows, None)?;
        let weight = tape.constant(weight);
        let expected = conv1d(&tape, &x, &weight, Some(&bias), relu, &packed, kernel_size)?;
        let pairs = found
            .tensor()
            .read()?
            .into_iter()
            .zip(expected.tensor().read()?);
        for (found, expected) in pairs {
            assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0));
        }
        Ok(())
    }

    #[test]
    fn a_table_of_another_vocabulary_is_refused() -> Result<()> {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let table = tape.constant(device.zeros([4, 6])?);
        let bias = tape.constant(device.zeros([2])?);
        let packed = Packed::new(&device, &[2], 0)?;
        let rows = TokenRows::new(&device, &[0, 4], 5)?;
        let error = folded_conv1d(&tape, &table, &rows, &bias, None, &packed, 3);
        let message = error.expect_err("five rows expected").to_string();
        assert!(message.contains("must have 5 rows"), "{message}");
        Ok(())
    }
}
