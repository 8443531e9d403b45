//! The graph of a corpus against its definition written out plainly.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use limbeck_data::graph::{CorpusGraph, CorpusGraphOptions, corpus_graph};
use limbeck_data::rng::Rng;
use proptest::prelude::*;

fn raw(window: usize) -> CorpusGraphOptions {
    CorpusGraphOptions {
        window,
        normalise: false,
    }
}

fn build(documents: &[Vec<u32>], words: usize, options: &CorpusGraphOptions) -> CorpusGraph {
    corpus_graph(documents, words, options, &|_, _| ()).expect("good documents")
}

/// Every edge under its two nodes. Checks the layout on the way.
fn edges(graph: &CorpusGraph) -> BTreeMap<(usize, usize), f32> {
    let nodes = graph.documents + graph.words;
    assert_eq!((graph.offsets.len(), graph.offsets[0]), (nodes + 1, 0));
    assert_eq!(graph.offsets[nodes] as usize, graph.sources.len());
    let mut edges = BTreeMap::new();
    for node in 0..nodes {
        let row = graph.offsets[node] as usize..graph.offsets[node + 1] as usize;
        assert!(graph.sources[row.clone()].is_sorted_by(|a, b| a < b));
        for at in row {
            edges.insert((node, graph.sources[at] as usize), graph.weights[at]);
        }
    }
    for (&(node, other), weight) in &edges {
        assert_eq!(
            edges[&(other, node)].to_bits(),
            weight.to_bits(),
            "symmetric"
        );
    }
    edges
}

/// How many windows hold a word, how many two words, and how many there are.
#[derive(Default)]
struct Windows {
    single: HashMap<u32, u64>,
    both: HashMap<(u32, u32), u64>,
    all: u64,
}

/// Window by window.
fn by_windows(documents: &[Vec<u32>], window: usize) -> Windows {
    let mut windows = Windows::default();
    for tokens in documents {
        for start in 0..=tokens.len().saturating_sub(window) {
            let end = (start + window).min(tokens.len());
            let held: BTreeSet<u32> = tokens[start..end].iter().copied().collect();
            for &i in &held {
                *windows.single.entry(i).or_default() += 1;
                for &j in held.iter().filter(|&&j| j != i) {
                    *windows.both.entry((i, j)).or_default() += 1;
                }
            }
            windows.all += 1;
        }
    }
    windows
}

/// The definition, without normalisation.
fn by_definition(
    documents: &[Vec<u32>],
    words: usize,
    window: usize,
) -> BTreeMap<(usize, usize), f64> {
    let total = documents.len();
    let mut edges: BTreeMap<_, _> = (0..total + words).map(|node| ((node, node), 1.0)).collect();
    let Windows { single, both, all } = by_windows(documents, window);
    for ((i, j), count) in both {
        // In whole numbers, so that a PMI of 0 is one.
        let (joint, apart) = (count * all, single[&i] * single[&j]);
        if joint > apart {
            let pmi = (joint as f64 / apart as f64).ln();
            edges.insert((total + i as usize, total + j as usize), pmi);
        }
    }
    for word in 0..words as u32 {
        let df = documents
            .iter()
            .filter(|tokens| tokens.contains(&word))
            .count();
        for (document, tokens) in documents.iter().enumerate() {
            let tf = tokens.iter().filter(|&&token| token == word).count();
            if tf > 0 && df < total {
                let weight = tf as f64 * (total as f64 / df as f64).ln();
                edges.insert((document, total + word as usize), weight);
                edges.insert((total + word as usize, document), weight);
            }
        }
    }
    edges
}

fn normalised(edges: &BTreeMap<(usize, usize), f64>) -> BTreeMap<(usize, usize), f64> {
    let mut degrees: HashMap<usize, f64> = HashMap::new();
    for (&(node, _), weight) in edges {
        *degrees.entry(node).or_default() += weight;
    }
    let scaled = |(&(i, j), weight): (&(usize, usize), &f64)| {
        ((i, j), weight / (degrees[&i] * degrees[&j]).sqrt())
    };
    edges.iter().map(scaled).collect()
}

fn agree(documents: &[Vec<u32>], words: usize, window: usize) {
    let raw_edges = by_definition(documents, words, window);
    let options = CorpusGraphOptions {
        window,
        ..CorpusGraphOptions::default()
    };
    for (options, expected) in [
        (raw(window), raw_edges.clone()),
        (options, normalised(&raw_edges)),
    ] {
        let found = edges(&build(documents, words, &options));
        assert!(found.keys().eq(expected.keys()), "{documents:?} {window}");
        for (pair, weight) in found {
            // Rounding to f32, of a weight and of the terms of two degrees.
            let error = (f64::from(weight) / expected[&pair] - 1.0).abs();
            assert!(error < 3e-7, "{pair:?}: {weight} and {}", expected[&pair]);
        }
    }
}

/// Words of falling frequency, as those of a language.
fn corpus(documents: u64, words: usize, longest: usize) -> Vec<Vec<u32>> {
    let document = |number| {
        let mut rng = Rng::new(5, "corpus", &[number]);
        let length = rng.below(longest + 1);
        let mut word = || {
            let most = rng.below(words) + 1;
            rng.below(most) as u32
        };
        (0..length).map(|_| word()).collect()
    };
    (0..documents).map(document).collect()
}

#[test]
fn a_small_corpus_by_hand() {
    // One window each. Words 0 and 1 share two of four windows, and stand nowhere else; word 2 is
    // everywhere, so that it tells nothing.
    let documents = [vec![0, 1, 2], vec![2, 1, 0], vec![2], vec![2, 3]];
    let graph = build(&documents, 5, &raw(20));
    let ln2 = 2f32.ln();
    let row = |node: usize| {
        let row = graph.offsets[node] as usize..graph.offsets[node + 1] as usize;
        let sources = graph.sources[row.clone()].iter().copied();
        sources
            .zip(graph.weights[row].iter().copied())
            .collect::<Vec<_>>()
    };
    assert_eq!(row(0), [(0, 1.0), (4, ln2), (5, ln2)]);
    assert_eq!(row(2), [(2, 1.0)]);
    assert_eq!(row(3), [(3, 1.0), (7, 4f32.ln())]);
    // PMI(0, 1) = ln(2 · 4 / (2 · 2)).
    assert_eq!(row(4), [(0, ln2), (1, ln2), (4, 1.0), (5, ln2)]);
    assert_eq!(row(6), [(6, 1.0)]);
    assert_eq!(row(8), [(8, 1.0)], "a word that occurs nowhere");
    assert_eq!((graph.documents, graph.words), (4, 5));
}

#[test]
fn normalised_rows_by_hand() {
    let graph = build(&[vec![0], vec![1]], 2, &CorpusGraphOptions::default());
    // Every node has the degree 1 + ln 2.
    let ln2 = f64::from(2f32.ln());
    let (own, other) = ((1.0 / (1.0 + ln2)) as f32, (ln2 / (1.0 + ln2)) as f32);
    assert_eq!(graph.sources, [0, 2, 1, 3, 0, 2, 1, 3]);
    assert_eq!(
        graph.weights,
        [own, other, own, other, other, own, other, own]
    );
}

#[test]
fn awkward_corpora_are_their_definition() {
    let mut repeated = vec![3; 10_000];
    repeated[7] = 1;
    repeated[5000] = 1;
    repeated[5003] = 2;
    let corpora: [Vec<Vec<u32>>; 8] = [
        vec![],
        vec![vec![]],
        vec![vec![], vec![0, 1], vec![]],
        vec![vec![2, 0, 2, 1, 2]],
        vec![vec![0; 30], vec![0; 3], vec![0, 1]],
        vec![vec![0, 1, 0, 1, 0, 1, 0, 1], vec![1, 2, 2, 1, 2]],
        vec![repeated, vec![1], vec![2, 3, 2]],
        corpus(40, 12, 60),
    ];
    for documents in &corpora {
        for window in [1, 2, 3, 20] {
            agree(documents, 12, window);
        }
    }
    for window in [70, usize::MAX] {
        let documents = corpus(40, 12, 60);
        assert_eq!(
            build(&documents, 12, &raw(window)),
            build(&documents, 12, &raw(61))
        );
    }
    let nothing = build(&[], 0, &raw(20));
    assert_eq!((nothing.offsets, nothing.sources), (vec![0], vec![]));
}

#[test]
fn any_number_of_threads_makes_the_same_graph() {
    let documents = corpus(400, 300, 90);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let calls = Mutex::new(Vec::new());
        let tell = |done, total| calls.lock().unwrap().push((done, total));
        let options = CorpusGraphOptions::default();
        let graph = pool
            .install(|| corpus_graph(&documents, 300, &options, &tell))
            .unwrap();
        let calls = calls.into_inner().unwrap();
        assert!(calls.len() > 100, "{} calls", calls.len());
        assert!(calls.is_sorted_by(|a, b| a.0 < b.0 && a.1 == b.1));
        assert!(calls.last().is_some_and(|(done, total)| done == total));
        graph
    };
    let graph = with(1);
    assert!(graph.sources.len() > 30_000);
    for threads in [2, 3, 7] {
        assert_eq!(with(threads), graph);
    }
}

#[test]
fn what_cannot_be_a_graph_is_refused_by_name() {
    let refused = |documents: &[&[u32]], words, window| {
        let built = corpus_graph(documents, words, &raw(window), &|_, _| ());
        built.expect_err("no graph").to_string()
    };
    let window = refused(&[&[0]], 1, 0);
    assert_eq!(window, "window: expected at least 1 token, found 0");
    let id = refused(&[&[0], &[2, 3, 9]], 3, 20);
    assert!(
        id.contains("ids below 3") && id.contains("3 in document 1"),
        "{id}"
    );
    for words in [u32::MAX as usize, usize::MAX] {
        let error = refused(&[&[0]], words, 20);
        assert!(
            error.starts_with("words: expected fewer than 2^32"),
            "{error}"
        );
    }
    // One slice many times: as many tokens as 32 bits cannot count, in little memory.
    let long = vec![0; 1 << 20];
    let error = refused(&vec![&long[..]; 1 << 12], 1, 20);
    assert!(
        error.starts_with("documents: expected fewer than 2^32"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn corpus_graphs_are_their_definition(
        documents in prop::collection::vec(prop::collection::vec(0u32..8, 0..30), 0..10),
        window in 1usize..35,
    ) {
        agree(&documents, 8, window);
    }
}
