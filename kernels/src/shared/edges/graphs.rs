//! The graphs that operators over edges are tried on.

use super::EdgeLists;

/// Edges, and how wide the rows are that they lead from.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub(crate) name: &'static str,
    pub(crate) lists: EdgeLists,
    pub(crate) columns: usize,
}

impl Graph {
    /// A graph in which target i receives edges from the rows `incoming[i]`.
    pub(crate) fn new(
        name: &'static str,
        incoming: &[Vec<u32>],
        [source_rows, columns]: [usize; 2],
    ) -> Self {
        let mut offsets = vec![0];
        for sources in incoming {
            offsets.push(offsets[offsets.len() - 1] + sources.len() as u32);
        }
        let lists = EdgeLists::new(&offsets, &incoming.concat(), source_rows);
        Graph {
            name,
            lists: lists.expect("the sources of the cases are rows"),
            columns,
        }
    }

    pub(crate) fn source_rows(&self) -> usize {
        self.lists.source_rows
    }

    pub(crate) fn edges(&self) -> usize {
        self.lists.sources.len()
    }
}

/// From nothing to hubs and whole batches.
pub(crate) fn graphs() -> Vec<Graph> {
    let none = Vec::new;
    let batch = batch();
    vec![
        Graph::new("one edge", &[vec![0]], [1, 1]),
        Graph::new("no edge", &[none(), none(), none()], [4, 5]),
        Graph::new("no target", &[], [3, 4]),
        Graph::new("no source", &[none(), none()], [0, 3]),
        Graph::new("no column", &[vec![1, 0], none(), vec![1]], [2, 0]),
        Graph::new(
            "targets without edges first, between and last; a source without edges",
            &[none(), vec![4, 0, 3], none(), none(), vec![1, 3], none()],
            [5, 33],
        ),
        Graph::new("edges that stand twice", &repeated(), [3, 9]),
        Graph::new("every row with itself and the next", &ring(9, 0), [9, 17]),
        Graph::new("many small graphs", &batch, [batch.len(), 33]),
        // More edges than a piece of `Segments` has entries, and no multiple of it.
        Graph::new("a target of many edges", &many_into_one(), [421, 17]),
        Graph::new("a source of many edges", &many_out_of_one(), [11, 33]),
    ]
}

fn repeated() -> Vec<Vec<u32>> {
    vec![vec![2, 2, 0, 2], vec![1, 1], vec![0, 2, 0]]
}

/// Self loops and a ring over the rows from `first` on.
fn ring(rows: u32, first: u32) -> Vec<Vec<u32>> {
    let edges = |row: u32| vec![first + row, first + (row + 1) % rows];
    (0..rows).map(edges).collect()
}

/// Rings of 3 to 7 rows, as a batch of texts would give.
fn batch() -> Vec<Vec<u32>> {
    let mut incoming = Vec::new();
    for graph in 0..42 {
        incoming.extend(ring(3 + graph % 5, incoming.len() as u32));
    }
    incoming
}

fn many_into_one() -> Vec<Vec<u32>> {
    // Of distinct rows: 419 is prime.
    let many = (0..413).map(|e| e * 37 % 419).collect();
    vec![vec![420, 3], many, vec![], vec![3, 4, 5, 419, 0]]
}

/// Every target has an edge from row 5 and one from another row.
fn many_out_of_one() -> Vec<Vec<u32>> {
    let edges = |target: u32| vec![target * target % 11, 5];
    (0..401).map(edges).collect()
}
