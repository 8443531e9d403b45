//! The largest weighted row over the edges of a graph, column by column: how a node of a
//! text-level graph hears its neighbours (Huang et al. 2019, text level graph neural network).
//!
//! ```text
//! y_ic = max_{e into i} w_e x_{j_e c}          edge e leads from row j_e to target i_e
//! a_ic = the edge of the maximum
//! ```
//!
//! x `[source rows, d]`, w `[edges, 1]`, y `[targets, d]`. A target that no edge leads to gets
//! zeros. Of equal products that of the first edge is taken; a NaN counts as larger than any
//! number, so that it comes out.
//!
//! y_ic equals the product of one edge, so
//!
//! ```text
//! dx_jc = Σ_{e out of j, a_{i_e c} = e} w_e dy_{i_e c}
//! dw_e  = Σ_{c: a_{i_e c} = e} x_{j_e c} dy_{i_e c}
//! ```
//!
//! The edges a are saved as ids. dx is summed over edges that the host has sorted by source
//! (`shared/segments`).

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::harness::{Case, Entry};
use crate::shared::edges::{
    EdgeLists, EdgeShape, Edges, ORDER, SEGMENTS, SOURCES, TARGETS, VALUES, X, graphs,
};

/// Number of the input with the weights.
const WEIGHTS: usize = VALUES;

/// The edge of the maximum where there is no edge.
const NO_EDGE: u32 = u32::MAX;

/// The operator; inputs are x, the weights and the lists of [`Edges`].
#[derive(Clone, Copy, Debug)]
struct EdgeMax {
    edges: EdgeShape,
}

/// For each target and column the largest of the rows of x that its edges lead from, each row
/// times its edge's weight: x `[source rows, d]` and weights `[edges, 1]` give `[targets, d]`. A
/// target without edges gets zeros.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Edges, edge_max};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, -1.0, 3.0, -4.0], [2, 2])?);
/// // Rows 0 and 1 to target 0, nothing to target 1.
/// let edges = Edges::new(&device, &[0, 2, 2], &[0, 1], 2)?;
/// let weights = tape.constant(device.real(&[2.0, 0.5], [2, 1])?);
/// let y = edge_max(&tape, &x, &weights, &edges)?;
/// assert_eq!(y.tensor().read()?, [2.0, -2.0, 0.0, 0.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x has not the rows that the edges were checked against, there is not one weight for each
/// edge, or the device failed.
pub fn edge_max(tape: &Tape, x: &Var, weights: &Var, edges: &Edges) -> Result<Var> {
    let operator = EdgeMax {
        edges: edges.shape(),
    };
    edges.apply(tape, operator, x, weights)
}

/// The length of a row of x.
fn columns(inputs: &[Meta]) -> usize {
    inputs[X].shape.columns()
}

impl Operator for EdgeMax {
    fn name(&self) -> &'static str {
        "edge_max"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let plan = self.edges.plan("edge_max", "the weights", inputs)?;
        let EdgeShape { targets, edges, .. } = self.edges;
        let kept = [X, WEIGHTS, SOURCES, TARGETS, ORDER].into_iter();
        Ok(plan
            .save(Meta::ids([targets, columns(inputs)]))
            .keep_inputs(kept.chain(SEGMENTS..inputs.len()))
            .flops(2 * edges * columns(inputs)))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(io)
    }
}

impl Differentiable for EdgeMax {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(io);
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
        name: "edge_max",
        formula: "y_ic = max over the edges e into i of w_e x_{j_e c}, a_ic its edge; dx_jc = \
                  Σ_{a_{i_e c} = e} w_e dy_{i_e c}, dw_e = Σ_{a_{i_e c} = e} x_{j_e c} dy_{i_e c}",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

/// Numbers for x: in each column the products with [`weights`] are never equal, nor close to each
/// other. In units of 1/64 they are odd, no multiples of 3, and of distinct size.
fn numbers([rows, columns]: [usize; 2]) -> Vec<f64> {
    let number = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        // A large prime, so that the sizes come in no order.
        let size = (row * 7919 + column * 31) % rows;
        let odd = 6 * size + if size % 4 < 2 { 1 } else { 5 };
        let sign = if at % 5 < 2 { -1.0 } else { 1.0 };
        sign * odd as f64 / 64.0
    };
    (0..rows * columns).map(number).collect()
}

/// Weights of both signs: products of powers of 2 and 3.
fn weights(edges: usize) -> Vec<f64> {
    const WEIGHTS: [f64; 7] = [1.0, -0.5, 0.75, 2.0, -1.5, 0.25, 3.0];
    (0..edges).map(|e| WEIGHTS[e % 7]).collect()
}

fn cases() -> Vec<Case> {
    let operator = |lists: &EdgeLists| EdgeMax {
        edges: lists.shape(),
    };
    let mut cases = Vec::new();
    for graph in graphs() {
        let shape = [graph.source_rows(), graph.columns];
        let case = Case::new(graph.name, operator(&graph.lists))
            .fixed(&numbers(shape), shape)
            .fixed(&weights(graph.edges()), [graph.edges(), 1]);
        cases.push(graph.lists.inputs(case));
    }
    let lists = EdgeLists::new(&[0, 3, 3, 7], &[0, 1, 2, 2, 1, 0, 1], 3)
        .expect("the sources of the cases are rows");
    let case = |name: &str| Case::new(name, operator(&lists));
    let (x, w) = (numbers([3, 17]), weights(7));
    // Columns: equal products, zeros of both signs, and a tie that is not of the first edge.
    let tied = [2.0, 0.0, -1.0, 1.0, -0.0, 5.0, 2.0, 0.0, 2.5];
    let halves = [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 4.0];
    let infinite = [f64::NEG_INFINITY, f64::NEG_INFINITY, 3e30];
    cases.extend(
        [
            case("x alone wants a gradient")
                .fixed(&x, [3, 17])
                .fixed_constant(&w, [7, 1]),
            case("the weights alone want a gradient")
                .fixed_constant(&x, [3, 17])
                .fixed(&w, [7, 1]),
            case("ties, zeros of both signs among them")
                .fixed(&tied, [3, 3])
                .fixed(&halves, [7, 1])
                .without_finite_differences("the derivative at a tie is a convention"),
            case("infinities and large numbers")
                .fixed(&infinite, [3, 1])
                .fixed(&[1.0, 2.0, -1.0, -1e4, 1.0, 1.0, 1.0], [7, 1])
                .without_finite_differences("an infinity has no neighbours"),
        ]
        .map(|case| lists.inputs(case)),
    );
    cases
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn what_does_not_fit_the_edges_is_refused() -> Result<()> {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let edges = Edges::new(&device, &[0, 2], &[1, 0], 3)?;
        let refusal = |x: [usize; 2], weights: [usize; 2]| -> Result<String> {
            let (x, weights) = (device.zeros(x)?, device.zeros(weights)?);
            let (x, weights) = (tape.constant(x), tape.constant(weights));
            let refused = edge_max(&tape, &x, &weights, &edges);
            Ok(refused.expect_err("the shapes do not fit").to_string())
        };
        assert_eq!(
            refusal([2, 2], [2, 1])?,
            "edge_max: the edges were checked against 3 source rows, but x [2, 2] has 2"
        );
        assert_eq!(
            refusal([3, 2], [1, 2])?,
            "edge_max: the weights must be Real [2, 1], found Real [1, 2]"
        );
        Ok(())
    }

    #[test]
    fn products_of_the_cases_are_never_close() {
        let numbers = numbers([50, 4]);
        for column in 0..4 {
            let column = numbers[column..].iter().step_by(4);
            let products = column.flat_map(|x| weights(7).into_iter().map(move |w| w * x));
            let mut sizes: Vec<f64> = products.map(f64::abs).collect();
            sizes.sort_by(f64::total_cmp);
            // The weights are multiples of 1/4.
            let close = sizes
                .windows(2)
                .find(|pair| pair[1] - pair[0] < 1.0 / 256.0);
            assert_eq!(close, None);
        }
    }
}
