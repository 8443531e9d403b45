//! Directed edges from the rows of one matrix to those of another, and what the operators over
//! them share: lists, inputs and checks.

mod graphs;

use limbeck_engine::{Device, Differentiable, Error, Meta, Plan, Result, Tape, Tensor, Var};

pub(crate) use graphs::graphs;

use super::offsets;
use super::segments::{SegmentShape, SegmentTensors, Segments};
use crate::check;
use crate::harness::Case;

// Numbers of the inputs of every operator over edges: x, a number for each edge, and the lists.
pub(crate) const X: usize = 0;
pub(crate) const VALUES: usize = 1;
pub(crate) const OFFSETS: usize = 2;
pub(crate) const SOURCES: usize = 3;
pub(crate) const TARGETS: usize = 4;
pub(crate) const ORDER: usize = 5;
pub(crate) const SEGMENTS: usize = 6;
const INPUTS: usize = 10;

/// The edges of a graph, each from a source row to a target row, in compressed sparse row form by
/// target: target i receives the edges `offsets[i]..offsets[i + 1]`. They are checked once, and
/// sorted by source for the backward passes.
///
/// Sources and targets are numbered apart: the rows of one matrix may be both, or the edges may
/// lead from the words of a text to the text. The graphs of a batch are one list of edges, in
/// which each graph's numbers start where those of the graph before it end.
///
/// ```
/// use limbeck_engine::Device;
/// use limbeck_kernels::Edges;
/// // Edges 0 and 1 lead from rows 2 and 0 to target 0; no edge leads to target 1.
/// let edges = Edges::new(&Device::cpu(), &[0, 2, 2], &[2, 0], 3)?;
/// assert_eq!((edges.targets(), edges.edges(), edges.source_rows()), (2, 2, 3));
/// let error = Edges::new(&Device::cpu(), &[0, 1], &[3], 3).unwrap_err();
/// assert!(error.to_string().contains("edge 0 leads from row 3"));
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Edges {
    /// Where the edges of each target begin, and their end.
    offsets: Tensor,
    /// The row that each edge leads from.
    sources: Tensor,
    /// The target of each edge.
    targets: Tensor,
    /// The edges, by source.
    order: Tensor,
    /// The edges by source; those of one source read the rows of their targets.
    by_source: SegmentTensors,
    shape: EdgeShape,
}

impl Edges {
    /// Edge e, one of `offsets[i]..offsets[i + 1]`, leads from row `sources[e]` of `source_rows`
    /// to target i. An edge may stand there twice, and may lead from a row to the same row.
    ///
    /// # Errors
    /// If the offsets do not run from 0 to the number of edges without falling, a source is not
    /// below `source_rows`, or the device cannot hold the lists.
    pub fn new(
        device: &Device,
        offsets: &[u32],
        sources: &[u32],
        source_rows: usize,
    ) -> Result<Self> {
        EdgeLists::new(offsets, sources, source_rows)?.upload(device)
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.shape.targets
    }

    /// Number of edges.
    pub fn edges(&self) -> usize {
        self.shape.edges
    }

    /// Number of rows that edges may lead from.
    pub fn source_rows(&self) -> usize {
        self.shape.source_rows
    }

    pub(crate) fn shape(&self) -> EdgeShape {
        self.shape
    }

    /// Applies an operator to x and the numbers of the edges.
    pub(crate) fn apply(
        &self,
        tape: &Tape,
        operator: impl Differentiable + 'static,
        x: &Var,
        values: &Var,
    ) -> Result<Var> {
        let lists = [&self.offsets, &self.sources, &self.targets, &self.order];
        let lists = lists.map(|list| tape.constant(list.clone()));
        let segments = self.by_source.constants(tape);
        let mut inputs = vec![x, values];
        inputs.extend(lists.iter().chain(&segments));
        tape.apply_one(operator, &inputs)
    }
}

/// [`Edges`] on the host.
#[derive(Clone, Debug)]
pub(crate) struct EdgeLists {
    offsets: Vec<u32>,
    sources: Vec<u32>,
    targets: Vec<u32>,
    by_source: Segments,
    source_rows: usize,
}

impl EdgeLists {
    pub(crate) fn new(offsets: &[u32], sources: &[u32], source_rows: usize) -> Result<Self> {
        if let Some(message) = problem(offsets, sources, source_rows) {
            return Err(Error::Shape {
                operator: "edges",
                message,
            });
        }
        Ok(EdgeLists {
            offsets: offsets.to_vec(),
            sources: sources.to_vec(),
            targets: offsets::row_of_entry(offsets),
            by_source: Segments::by_key(sources),
            source_rows,
        })
    }

    pub(crate) fn shape(&self) -> EdgeShape {
        EdgeShape {
            targets: self.offsets.len() - 1,
            edges: self.sources.len(),
            source_rows: self.source_rows,
            by_source: self.by_source.shape(),
        }
    }

    fn upload(&self, device: &Device) -> Result<Edges> {
        let upload = |ids: &[u32]| device.ids(ids, [ids.len()]);
        Ok(Edges {
            offsets: upload(&self.offsets)?,
            sources: upload(&self.sources)?,
            targets: upload(&self.targets)?,
            order: upload(&self.by_source.order)?,
            by_source: self.by_source.upload(device, |edge| self.target(edge))?,
            shape: self.shape(),
        })
    }

    /// Adds the lists as inputs of a case that has x and the numbers of the edges.
    pub(crate) fn inputs(&self, case: Case) -> Case {
        let order = &self.by_source.order;
        let lists = [&self.offsets, &self.sources, &self.targets, order];
        let case = lists
            .into_iter()
            .fold(case, |case, ids| case.ids(ids, [ids.len()]));
        self.by_source.inputs(case, |edge| self.target(edge))
    }

    fn target(&self, edge: u32) -> u32 {
        self.targets[edge as usize]
    }
}

/// What is wrong with the lists, if anything.
fn problem(offsets: &[u32], sources: &[u32], source_rows: usize) -> Option<String> {
    if let Some(message) = offsets::problem(offsets, sources.len(), ["target", "edges"]) {
        return Some(message);
    }
    let outside = |&source: &u32| source as usize >= source_rows;
    let edge = sources.iter().position(outside)?;
    Some(format!(
        "edge {edge} leads from row {}, but there are {source_rows} source rows, numbered from 0",
        sources[edge]
    ))
}

/// Sizes of the lists: what `infer` needs to know of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeShape {
    pub(crate) targets: usize,
    pub(crate) edges: usize,
    pub(crate) source_rows: usize,
    pub(crate) by_source: SegmentShape,
}

impl EdgeShape {
    /// Checks all inputs of an operator and starts its plan: x `[source rows, d]` and `values`
    /// `[edges, 1]` give `[targets, d]`. The first scratch memory of the backward pass is that of
    /// the sums by source.
    pub(crate) fn plan(
        &self,
        operator: &'static str,
        values: &str,
        inputs: &[Meta],
    ) -> Result<Plan> {
        let all: [Meta; INPUTS] = check::inputs(operator, inputs)?;
        let (rows, columns) = check::matrix(operator, "x", all[X])?;
        if rows != self.source_rows {
            return Err(Error::Shape {
                operator,
                message: format!(
                    "the edges were checked against {} source rows, but x {} has {rows}",
                    self.source_rows, all[X].shape
                ),
            });
        }
        for (what, input, expected) in [
            (values, VALUES, Meta::real([self.edges, 1])),
            ("the offsets", OFFSETS, Meta::ids([self.targets + 1])),
            ("the sources", SOURCES, Meta::ids([self.edges])),
            ("the targets", TARGETS, Meta::ids([self.edges])),
            ("the order by source", ORDER, Meta::ids([self.edges])),
        ] {
            check::exactly(operator, what, all[input], expected)?;
        }
        self.by_source.check(operator, &all[SEGMENTS..])?;
        let mut plan = Plan::new(&all[VALUES..], Meta::real([self.targets, columns]))
            .backward_scratch(self.by_source.scratch(columns));
        // Of x the rows that edges name are read, once for each edge.
        plan.bytes += Meta::real([self.edges, columns]).bytes() as u64;
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let check = |offsets: &[u32], sources: &[u32]| match Edges::new(
            &Device::shapes(),
            offsets,
            sources,
            4,
        ) {
            Ok(edges) => format!("accepted {} of {}", edges.edges(), edges.targets()),
            Err(error) => error.to_string(),
        };
        assert_eq!(check(&[0, 2, 2], &[3, 0]), "accepted 2 of 2");
        assert_eq!(check(&[0], &[]), "accepted 0 of 0");
        for (message, part) in [
            (check(&[], &[]), "edges: the offsets must run from 0"),
            (check(&[1, 2], &[0, 0]), "must run from 0"),
            (check(&[0, 1], &[0, 0]), "number of edges, 2"),
            (check(&[0, 2, 1, 2], &[0, 0]), "target 1 fall from 2 to 1"),
            (
                check(&[0, 2], &[0, 4]),
                "edge 1 leads from row 4, but there are 4 source rows",
            ),
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn edges_of_a_source_keep_their_order() -> Result<()> {
        let lists = EdgeLists::new(&[0, 2, 2, 5], &[1, 0, 1, 1, 0], 2)?;
        assert_eq!(lists.targets, [0, 0, 2, 2, 2]);
        assert_eq!(lists.by_source.order, [1, 4, 0, 2, 3]);
        Ok(())
    }
}
