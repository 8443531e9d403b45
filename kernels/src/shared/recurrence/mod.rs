//! Recurrent operators: a cell walks over the steps of sequences that stand side by side.
//!
//! ```text
//! a = x W_ih + b                 for all rows at once
//! r_t = h_{t-1} W_hh             step after step; h_0 is given
//! (h_t, c_t) = cell(a_t, r_t, h_{t-1}, c_{t-1})
//! ```
//!
//! x `[rows, in]` in the order of [`TimeMajor`](limbeck_engine::TimeMajor), W_ih `[in, G hidden]`,
//! W_hh `[hidden, G hidden]`, b `[G hidden]`, with G gates side by side. The operators' folders hold
//! the cells; here is what goes for every cell: with da and dr the gradients that the cell gives,
//!
//! ```text
//! dx = da W_ihᵀ      dW_ih = xᵀ da      db = Σ da
//! dh_{t-1} = dr_t W_hhᵀ (+ the cell's own)      dW_hh = Σ_t h_{t-1}ᵀ dr_t
//! ```
//!
//! Products over all rows are one product each; only those with W_hh are taken step by step.

mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod harness;
mod reference;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Tensor,
    TimeMajor, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;

pub(crate) use harness::cases;

// Numbers of the inputs.
const X: usize = 0;
const INPUT_WEIGHT: usize = 1;
const RECURRENT_WEIGHT: usize = 2;
const BIAS: usize = 3;
const INITIAL: usize = 4;
const PREVIOUS: usize = 5;
const LAST: usize = 6;
/// The cell's initial state, or its bias behind the recurrent product.
const EXTRA: usize = 7;

/// What one unit does. Rows are slices of `hidden` numbers per gate.
pub(crate) trait Cell: Debug + Clone + Copy + Send + Sync + 'static {
    /// The operator's name.
    const NAME: &'static str;
    /// Columns of the products, in hidden sizes.
    const GATES: usize;
    /// What the cell has besides its gates.
    const BESIDE: Beside;

    /// One row forward, in f64.
    fn forward_reference(row: ForwardRow<'_, f64>);
    /// One row backward, in f64.
    fn backward_reference(row: BackwardRow<'_, f64>);
    /// One row forward.
    fn forward_cpu(row: ForwardRow<'_, f32>);
    /// One row backward.
    fn backward_cpu(row: BackwardRow<'_, f32>);
    /// The shaders of a step, forward and backward.
    #[cfg(feature = "gpu")]
    const KERNELS: [&'static limbeck_engine::Kernel; 2];
}

/// What a cell keeps for each unit besides gates and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing, and not even the gates: the backward pass reads outputs alone.
    Nothing,
    /// A second state that is carried from step to step, with an initial value and a last one.
    State,
    /// A number for the backward pass; there is a bias behind the recurrent product, and its
    /// gradient is not that of the gates.
    Candidate,
}

/// One row of a step, forward.
pub(crate) struct ForwardRow<'a, T> {
    /// In: a. Out: what the backward pass wants of the gates; nothing with [`Beside::Nothing`].
    pub(crate) gates: &'a mut [T],
    /// r.
    pub(crate) recurrent: &'a [T],
    /// h of the step before.
    pub(crate) h_before: &'a [T],
    /// With [`Beside::State`] c of the step before, with [`Beside::Candidate`] the bias.
    pub(crate) extra: &'a [T],
    /// c, or what is kept.
    pub(crate) beside: &'a mut [T],
    /// h.
    pub(crate) h: &'a mut [T],
}

/// One row of a step, backward.
pub(crate) struct BackwardRow<'a, T> {
    /// Empty with [`Beside::Nothing`].
    pub(crate) gates: &'a [T],
    pub(crate) beside: &'a [T],
    pub(crate) h_before: &'a [T],
    /// With [`Beside::State`] c of the step before.
    pub(crate) extra: &'a [T],
    /// h.
    pub(crate) h: &'a [T],
    /// In: the gradient of h. Out: the part of that of the step before that does not come through
    /// the recurrent product.
    pub(crate) dh: &'a mut [T],
    /// With [`Beside::State`], in: the gradient of c; out: that of the step before.
    pub(crate) dc: &'a mut [T],
    /// Out: da.
    pub(crate) d_gates: &'a mut [T],
    /// Out, with [`Beside::Candidate`]: dr.
    pub(crate) d_recurrent: &'a mut [T],
}

/// The operator of a cell.
#[derive(Clone, Debug)]
pub(crate) struct Recurrence<C> {
    /// Rows of each step.
    batch_sizes: Arc<[usize]>,
    cell: PhantomData<C>,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    rows: usize,
    sequences: usize,
    inputs: usize,
    hidden: usize,
}

/// The parameters of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    pub(crate) input_weight: &'a Var,
    pub(crate) recurrent_weight: &'a Var,
    pub(crate) bias: &'a Var,
}

/// Applies the operator: the outputs of all rows, the last ones of all sequences, and with
/// [`Beside::State`] the last states.
pub(crate) fn apply<C: Cell>(
    tape: &Tape,
    x: &Var,
    layer: Layer<'_>,
    initial: &Var,
    extra: Option<&Var>,
    steps: &TimeMajor,
) -> Result<Vec<Var>> {
    let operator = Recurrence::<C>::over(steps.batch_sizes());
    let constant = |tensor: &Tensor| tape.constant(tensor.clone());
    let (previous, last) = (constant(steps.previous()), constant(steps.last()));
    let mut inputs = vec![
        x,
        layer.input_weight,
        layer.recurrent_weight,
        layer.bias,
        initial,
        &previous,
        &last,
    ];
    inputs.extend(extra);
    tape.apply(operator, &inputs)
}

/// As many outputs as the operator has.
pub(crate) fn outputs<const N: usize>(outputs: Vec<Var>) -> [Var; N] {
    outputs.try_into().expect("`infer` plans that many outputs")
}

impl<C: Cell> Recurrence<C> {
    fn over(batch_sizes: &Arc<[usize]>) -> Self {
        Recurrence {
            batch_sizes: Arc::clone(batch_sizes),
            cell: PhantomData,
        }
    }

    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let (x, extra) = match C::BESIDE {
            Beside::Nothing => (check::inputs::<7>(C::NAME, inputs)?[X], None),
            _ => {
                let inputs = check::inputs::<8>(C::NAME, inputs)?;
                (inputs[X], Some(inputs[EXTRA]))
            }
        };
        let (rows, width) = check::matrix(C::NAME, "x", x)?;
        let (hidden, columns) =
            check::matrix(C::NAME, "the recurrent weight", inputs[RECURRENT_WEIGHT])?;
        let sequences = self.batch_sizes.first().copied().unwrap_or(0);
        let steps: usize = self.batch_sizes.iter().sum();
        let expected = [
            (X, "x", Meta::real([steps, width])),
            (
                RECURRENT_WEIGHT,
                "the recurrent weight",
                Meta::real([hidden, C::GATES * hidden]),
            ),
            (
                INPUT_WEIGHT,
                "the input weight",
                Meta::real([width, columns]),
            ),
            (BIAS, "the bias", Meta::real([columns])),
            (
                INITIAL,
                "the initial output",
                Meta::real([sequences, hidden]),
            ),
            (PREVIOUS, "the rows before", Meta::ids([rows])),
            (LAST, "the last rows", Meta::ids([sequences])),
        ];
        for (input, what, expected) in expected {
            check::exactly(C::NAME, what, inputs[input], expected)?;
        }
        if hidden == 0 {
            return Err(Error::Shape {
                operator: C::NAME,
                message: "the hidden size must be at least 1, found 0".into(),
            });
        }
        if let Some(extra) = extra {
            let (what, expected) = match C::BESIDE {
                Beside::State => ("the initial state", Meta::real([sequences, hidden])),
                _ => ("the hidden bias", Meta::real([hidden])),
            };
            check::exactly(C::NAME, what, extra, expected)?;
        }
        Ok(Sizes {
            rows,
            sequences,
            inputs: width,
            hidden,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }
}

impl<C: Cell> Operator for Recurrence<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let Sizes { rows, hidden, .. } = sizes;
        let columns = C::GATES * hidden;
        let per_row = Meta::real([rows, hidden]);
        let per_sequence = Meta::real([sizes.sequences, hidden]);
        let mut plan = Plan::new(inputs, per_row)
            .keep_inputs([
                X,
                INPUT_WEIGHT,
                RECURRENT_WEIGHT,
                INITIAL,
                PREVIOUS,
                LAST,
                EXTRA,
            ])
            .keep_outputs([0])
            .flops(2 * rows * columns * (sizes.inputs + hidden));
        plan.keep_inputs.retain(|&input| input < inputs.len());
        plan.outputs.push(per_sequence);
        if C::BESIDE == Beside::State {
            plan.outputs.push(per_sequence);
        }
        let of_gates = Meta::real([rows, columns]);
        let (gates, beside) = match C::BESIDE {
            Beside::Nothing => (Meta::real([0]), Meta::real([0])),
            _ => (of_gates, per_row),
        };
        let d_recurrent = match C::BESIDE {
            Beside::Candidate => of_gates,
            _ => Meta::real([1]),
        };
        let plan = plan.save(gates).save(beside);
        let mut plan = plan
            .backward_scratch(of_gates)
            .backward_scratch(d_recurrent)
            .backward_scratch(per_row)
            .backward_scratch(per_sequence)
            .backward_scratch(per_sequence);
        plan.workspace.cpu = vec![Meta::real([sizes.sequences, columns])];
        plan.workspace.gpu = vec![Meta::real([1])];
        if C::BESIDE == Beside::Nothing {
            plan.workspace.cpu.push(of_gates);
            plan.workspace.gpu.push(of_gates);
        }
        Ok(plan)
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward::<C>(&self.batch_sizes, self.known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward::<C>(&self.batch_sizes, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward::<C>(&self.batch_sizes, self.sizes(io.metas())?, io)
    }
}

impl<C: Cell> Differentiable for Recurrence<C> {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward::<C>(&self.batch_sizes, self.known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward::<C>(&self.batch_sizes, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward::<C>(&self.batch_sizes, self.sizes(io.metas())?, io)
    }
}
