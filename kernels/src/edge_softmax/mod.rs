//! Attention over the edges of a graph: each target takes the mean of the rows that edges lead
//! from, weighted by a softmax of the edges' scores (Veličković et al. 2018, graph attention
//! networks).
//!
//! ```text
//! α_e = exp(s_e - m_i) / Σ_{f into i} exp(s_f - m_i)       edge e leads from row j_e to target i
//! y_i = Σ_{e into i} α_e x_{j_e}                           m_i = max_{f into i} s_f
//! ```
//!
//! x `[source rows, d]`, s `[edges, 1]`, y `[targets, d]`. A target that no edge leads to gets
//! zeros.
//!
//! y is linear in x, and ∂α_e/∂s_f = α_e (1[e = f] - α_f) for edges into one target. So
//!
//! ```text
//! dx_j = Σ_{e out of j} α_e dy_{i_e}
//! dα_e = dy_i · x_{j_e}
//! ds_e = α_e (dα_e - Σ_{f into i} α_f dα_f)
//! ```
//!
//! The last sum is dy_i · Σ_f α_f x_{j_f} = dy_i · y_i, so that
//!
//! ```text
//! ds_e = α_e dy_i · (x_{j_e} - y_i)
//! ```
//!
//! With y kept, no edge needs another one, however many lead to one target. dx is summed over
//! edges that the host has sorted by source (`shared/segments`). The coefficients α are saved.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::harness::{Case, Draw, Entry};
use crate::shared::edges::{
    EdgeLists, EdgeShape, Edges, ORDER, SEGMENTS, SOURCES, TARGETS, VALUES, X, graphs,
};

/// Number of the input with the scores.
const SCORES: usize = VALUES;

/// The operator; inputs are x, the scores and the lists of [`Edges`].
#[derive(Clone, Copy, Debug)]
struct EdgeSoftmax {
    edges: EdgeShape,
}

/// For each target the mean of the rows of x that its edges lead from, weighted by the softmax of
/// these edges' scores: x `[source rows, d]` and scores `[edges, 1]` give `[targets, d]`. A target
/// without edges gets zeros.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Edges, edge_softmax};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 3.0, 8.0], [3, 1])?);
/// // Rows 0 and 1 to target 0, row 2 to target 1, nothing to target 2.
/// let edges = Edges::new(&device, &[0, 2, 3, 3], &[0, 1, 2], 3)?;
/// let scores = tape.constant(device.real(&[0.5, 0.5, -7.0], [3, 1])?);
/// let y = edge_softmax(&tape, &x, &scores, &edges)?;
/// assert_eq!(y.tensor().read()?, [2.0, 8.0, 0.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x has not the rows that the edges were checked against, there is not one score for each
/// edge, or the device failed.
pub fn edge_softmax(tape: &Tape, x: &Var, scores: &Var, edges: &Edges) -> Result<Var> {
    let operator = EdgeSoftmax {
        edges: edges.shape(),
    };
    edges.apply(tape, operator, x, scores)
}

/// The length of a row of x.
fn columns(inputs: &[Meta]) -> usize {
    inputs[X].shape.columns()
}

impl Operator for EdgeSoftmax {
    fn name(&self) -> &'static str {
        "edge_softmax"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let plan = self.edges.plan("edge_softmax", "the scores", inputs)?;
        let EdgeShape { edges, .. } = self.edges;
        let kept = [X, SOURCES, TARGETS, ORDER].into_iter();
        // The second scratch memory holds the coefficients by source.
        Ok(plan
            .save(Meta::real([edges]))
            .backward_scratch(Meta::real([edges]))
            .keep_inputs(kept.chain(SEGMENTS..inputs.len()))
            .keep_outputs([0])
            .flops(2 * edges * (columns(inputs) + 2)))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, io)
    }
}

impl Differentiable for EdgeSoftmax {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "edge_softmax",
        formula: "α = softmax of s over the edges into i, y_i = Σ α_e x_{j_e}; \
                  dx_j = Σ α_e dy_{i_e}, ds_e = α_e dy_i · (x_{j_e} - y_i)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let operator = |lists: &EdgeLists| EdgeSoftmax {
        edges: lists.shape(),
    };
    let mut cases = Vec::new();
    for graph in graphs() {
        let case = Case::new(graph.name, operator(&graph.lists))
            .real(Draw::new("x"), [graph.source_rows(), graph.columns])
            .real(Draw::new("scores"), [graph.edges(), 1]);
        cases.push(graph.lists.inputs(case));
    }
    let lists = EdgeLists::new(&[0, 3, 3, 8], &[0, 1, 2, 4, 3, 2, 1, 0], 5)
        .expect("the sources of the case are rows");
    let case = |name: &str| Case::new(name, operator(&lists));
    let (x, scores) = (Draw::new("x"), Draw::new("scores"));
    let large = [1e4, -1e4, 1e4, -3e4, -3e4, -3e4, -2.9998e4, -3e4];
    cases.extend(
        [
            case("x alone wants a gradient")
                .real(x, [5, 17])
                .without_gradient(scores, [8, 1]),
            case("the scores alone want a gradient")
                .without_gradient(x, [5, 17])
                .real(scores, [8, 1]),
            case("large scores and ties")
                .real(x, [5, 3])
                .fixed(&large, [8, 1]),
            case("scores of 6")
                .real(x, [5, 33])
                .real(scores.scaled(6.0), [8, 1]),
        ]
        .map(|case| lists.inputs(case)),
    );
    cases
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    /// The message with which inputs of these shapes are refused.
    fn refusal(x: [usize; 2], scores: [usize; 2]) -> Result<String> {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let edges = Edges::new(&device, &[0, 2], &[1, 0], 3)?;
        let [x, scores] = [device.zeros(x)?, device.zeros(scores)?].map(|t| tape.constant(t));
        let refused = edge_softmax(&tape, &x, &scores, &edges);
        Ok(refused.expect_err("the shapes do not fit").to_string())
    }

    #[test]
    fn what_does_not_fit_the_edges_is_refused() -> Result<()> {
        assert_eq!(
            refusal([4, 2], [2, 1])?,
            "edge_softmax: the edges were checked against 3 source rows, but x [4, 2] has 4"
        );
        assert_eq!(
            refusal([3, 2], [3, 1])?,
            "edge_softmax: the scores must be Real [2, 1], found Real [3, 1]"
        );
        Ok(())
    }
}
