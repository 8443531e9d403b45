//! edge_softmax and edge_max: no graph of a batch sees another, and a number that is not finite
//! does not get lost.

use limbeck_engine::{Device, Result, Tape, Var};
use limbeck_kernels::{Edges, edge_max, edge_softmax};

mod devices;

const COLUMNS: usize = 19;

type Operator = fn(&Tape, &Var, &Var, &Edges) -> Result<Var>;
const OPERATORS: [(&str, Operator); 2] = [("edge_softmax", edge_softmax), ("edge_max", edge_max)];

/// Offsets, sources and number of rows.
struct Graph {
    offsets: Vec<u32>,
    sources: Vec<u32>,
    rows: usize,
}

/// A ring with self loops, and a hub that hears and is heard by more rows than one sum takes.
fn graphs() -> [Graph; 2] {
    let ring = Graph {
        offsets: (0..=7).map(|row| 2 * row).collect(),
        sources: (0..7).flat_map(|row| [row, (row + 1) % 7]).collect(),
        rows: 7,
    };
    let hub = Graph {
        offsets: (0..100).chain([199]).collect(),
        sources: vec![99; 99].into_iter().chain(0..100).collect(),
        rows: 100,
    };
    [ring, hub]
}

/// Both graphs as one list of edges.
fn batch([left, right]: &[Graph; 2]) -> Graph {
    let edges = left.sources.len() as u32;
    let shifted = right.offsets[1..].iter().map(|offset| offset + edges);
    let sources = right.sources.iter().map(|row| row + left.rows as u32);
    Graph {
        offsets: left.offsets.iter().copied().chain(shifted).collect(),
        sources: left.sources.iter().copied().chain(sources).collect(),
        rows: left.rows + right.rows,
    }
}

fn numbers(count: usize) -> Vec<f32> {
    let number = |i: usize| ((i * 37 + i / 11) % 101) as f32 / 50.0 - 1.0;
    (0..count).map(number).collect()
}

/// y and the gradients of x and of the edges' numbers, where that of y is y itself.
fn run(
    device: &Device,
    operator: Operator,
    graph: &Graph,
    (x, values): (&[f32], &[f32]),
) -> Result<[Vec<f32>; 3]> {
    let edges = Edges::new(device, &graph.offsets, &graph.sources, graph.rows)?;
    let tape = Tape::deterministic(device);
    let x = tape.watched(device.real(x, [graph.rows, COLUMNS])?);
    let values = tape.watched(device.real(values, [values.len(), 1])?);
    let y = operator(&tape, &x, &values, &edges)?;
    let found = y.tensor().read()?;
    let gradients = tape.gradients(vec![(&y, device.real(&found, y.shape())?)])?;
    Ok([found, gradients[0].read()?, gradients[1].read()?])
}

#[test]
fn a_batch_and_its_graphs_alone_give_the_same_bits() -> Result<()> {
    let graphs = graphs();
    let whole = batch(&graphs);
    let x = numbers(whole.rows * COLUMNS);
    let values = numbers(whole.sources.len());
    let xs = x.split_at(graphs[0].rows * COLUMNS);
    let of_edges = values.split_at(graphs[0].sources.len());
    for device in devices::devices() {
        for (name, operator) in OPERATORS {
            let both = run(&device, operator, &whole, (&x, &values))?;
            let left = run(&device, operator, &graphs[0], (xs.0, of_edges.0))?;
            let right = run(&device, operator, &graphs[1], (xs.1, of_edges.1))?;
            let joined = [0, 1, 2].map(|i| [&left[i][..], &right[i][..]].concat());
            assert_eq!(both, joined, "{name} on {}", device.name());
        }
    }
    Ok(())
}

#[test]
fn equal_scores_give_the_mean() -> Result<()> {
    let [_, hub] = graphs();
    let x = numbers(hub.rows * COLUMNS);
    let scores = vec![-3.0; hub.sources.len()];
    for device in devices::devices() {
        let [y, ..] = run(&device, edge_softmax, &hub, (&x, &scores))?;
        for column in 0..COLUMNS {
            let all = x.iter().skip(column).step_by(COLUMNS);
            let mean = all.sum::<f32>() / hub.rows as f32;
            let found = y[(hub.rows - 1) * COLUMNS + column];
            // A hundred numbers of at most one, each rounded a few times.
            assert!((found - mean).abs() < 1e-6, "{found}, expected {mean}");
        }
    }
    Ok(())
}

#[test]
fn nan_comes_out_where_its_edges_lead_and_takes_the_gradient_of_the_maximum() -> Result<()> {
    let [ring, _] = graphs();
    let mut x = numbers(ring.rows * COLUMNS);
    x[3 * COLUMNS + 5] = f32::NAN;
    let ones = vec![1.0; ring.sources.len()];
    for device in devices::devices() {
        for (name, operator) in OPERATORS {
            let [y, dx, _] = run(&device, operator, &ring, (&x, &ones))?;
            let nan = |values: &[f32]| -> Vec<usize> {
                let places = values.iter().enumerate();
                places
                    .filter(|(_, v)| v.is_nan())
                    .map(|(at, _)| at)
                    .collect()
            };
            let expected = [2 * COLUMNS + 5, 3 * COLUMNS + 5];
            assert_eq!(nan(&y), expected, "{name} on {}", device.name());
            if name == "edge_max" {
                assert_eq!(nan(&dx), expected[1..], "{name} on {}", device.name());
            }
        }
    }
    Ok(())
}
