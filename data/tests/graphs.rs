//! Graphs of single texts, and the table of their edges, against definitions written out plainly.

use std::collections::{BTreeMap, BTreeSet};

use limbeck_data::graph::{EdgeVocabulary, EdgeWeighting, TextGraph, TextGraphOptions, text_graph};
use proptest::prelude::*;

const UNKNOWN: u32 = 77;

fn raw(window: usize, weighting: EdgeWeighting, self_loops: bool) -> TextGraphOptions {
    TextGraphOptions {
        window,
        weighting,
        self_loops,
        normalise: false,
    }
}

fn graph(tokens: &[u32], options: &TextGraphOptions) -> TextGraph {
    text_graph(tokens, UNKNOWN, options).expect("good options")
}

/// Every edge under its target and source, as tokens.
fn edges(graph: &TextGraph) -> BTreeMap<(u32, u32), f32> {
    let mut edges = BTreeMap::new();
    for (target, &token) in graph.nodes.iter().enumerate() {
        for at in graph.offsets[target] as usize..graph.offsets[target + 1] as usize {
            let source = graph.nodes[graph.sources[at] as usize];
            edges.insert((token, source), graph.weights[at]);
        }
    }
    assert_eq!(edges.len(), graph.sources.len(), "no edge stands twice");
    edges
}

/// The definition: all windows, all pairs of positions in each; a pair of positions counts once.
fn by_windows(tokens: &[u32], window: usize) -> BTreeMap<(u32, u32), f32> {
    let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
    for start in 0..=tokens.len().saturating_sub(window) {
        let end = (start + window).min(tokens.len());
        for p in start..end {
            pairs.extend((start..end).map(|q| (p, q)));
        }
    }
    let mut counts = BTreeMap::new();
    for (p, q) in pairs {
        if tokens[p] != tokens[q] {
            *counts.entry((tokens[p], tokens[q])).or_default() += 1.0;
        }
    }
    counts
}

#[test]
fn a_small_text_by_hand() {
    // a b a c in windows of two: a-b, b-a, a-c.
    let counted = graph(&[4, 9, 4, 2], &raw(2, EdgeWeighting::Count, true));
    assert_eq!(counted.nodes, [4, 9, 2]);
    assert_eq!(counted.offsets, [0, 3, 5, 7]);
    assert_eq!(counted.sources, [0, 1, 2, 0, 1, 0, 2]);
    assert_eq!(counted.weights, [1.0, 2.0, 1.0, 2.0, 1.0, 1.0, 1.0]);
    let binary = graph(&[4, 9, 4, 2], &raw(2, EdgeWeighting::Binary, false));
    assert_eq!(binary.sources, [1, 2, 0, 0]);
    assert_eq!(binary.weights, [1.0; 4]);
}

#[test]
fn normalised_rows_of_a_path() {
    let options = TextGraphOptions {
        window: 2,
        ..TextGraphOptions::default()
    };
    // Degrees 1, 2, 1.
    let path = graph(&[0, 1, 2], &options);
    assert_eq!(path.weights, [0.5f32.sqrt(); 4]);
    // Degrees 2, 3, 2.
    let looped = TextGraphOptions {
        self_loops: true,
        ..options
    };
    let path = graph(&[0, 1, 2], &looped);
    let (third, root) = (1.0 / 3.0, (1.0f64 / 6.0).sqrt() as f32);
    assert_eq!(path.weights, [0.5, root, root, third, root, root, 0.5]);
}

#[test]
fn nothing_and_next_to_nothing_is_a_node() {
    let plain = TextGraphOptions::default();
    for (tokens, node) in [(&[][..], UNKNOWN), (&[UNKNOWN; 9][..], UNKNOWN), (&[3], 3)] {
        let alone = graph(tokens, &plain);
        assert_eq!(
            (&alone.nodes[..], &alone.offsets[..]),
            (&[node][..], &[0, 0][..])
        );
        assert_eq!((alone.sources.len(), alone.weights.len()), (0, 0));
        for normalise in [false, true] {
            let looped = graph(
                tokens,
                &TextGraphOptions {
                    self_loops: true,
                    normalise,
                    ..plain.clone()
                },
            );
            assert_eq!(looped.nodes, [node]);
            assert_eq!(
                (&looped.sources[..], &looped.weights[..]),
                (&[0][..], &[1.0][..])
            );
        }
    }
}

#[test]
fn windows_of_no_token_and_of_one() {
    let error = text_graph(&[1, 2], 0, &raw(0, EdgeWeighting::Binary, true)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "window: expected at least 1 token, found 0"
    );
    let apart = graph(&[1, 2, 1], &raw(1, EdgeWeighting::Count, false));
    assert_eq!((apart.nodes, apart.offsets), (vec![1, 2], vec![0, 0, 0]));
}

#[test]
fn long_texts_are_no_work() {
    // Pairs of positions that share a window: 50 million with equal tokens, none of which is an
    // edge. The one other token stands with all of them.
    let mut tokens = vec![5; 10_000];
    tokens.push(6);
    for window in [20_000, usize::MAX] {
        let repeated = graph(&tokens, &raw(window, EdgeWeighting::Count, false));
        let expected = BTreeMap::from([((5, 6), 10_000.0), ((6, 5), 10_000.0)]);
        assert_eq!(edges(&repeated), expected);
    }
    // Eight neighbours each, but for the ends, which lack 4 + 3 + 2 + 1 each.
    let distinct: Vec<u32> = (0..100_000).map(|id| u32::MAX - id).collect();
    let graph = graph(&distinct, &raw(5, EdgeWeighting::Binary, false));
    assert_eq!(graph.nodes, distinct);
    assert_eq!(graph.sources.len(), 800_000 - 20);
    assert_eq!(
        graph.sources[graph.offsets[500] as usize..][..4],
        [496, 497, 498, 499]
    );
}

#[test]
fn options_are_read_strictly() {
    let read = |json| serde_json::from_str::<TextGraphOptions>(json);
    let expected = raw(3, EdgeWeighting::Count, false);
    assert_eq!(
        read(r#"{"weighting": "count", "normalise": false}"#).unwrap(),
        expected
    );
    assert!(read(r#"{"windows": 3}"#).is_err());
}

fn learn(texts: &[Vec<u32>], reach: usize, min_count: u64) -> EdgeVocabulary {
    let texts = texts.iter().map(Vec::as_slice);
    EdgeVocabulary::learn(texts, reach, min_count).expect("few pairs")
}

fn pairs(table: &EdgeVocabulary) -> Vec<(u32, u32)> {
    (1..table.len() as u32)
        .map(|edge| table.pair(edge).expect("an edge of the table"))
        .collect()
}

#[test]
fn edges_stand_by_falling_count_and_then_by_ids() {
    let texts = [vec![3, 1, 3], vec![1, 2]];
    // Seen: (1,1) and (3,3) twice, (1,3) and (3,1) twice, (2,2), (1,2) and (2,1) once.
    let table = learn(&texts, 1, 1);
    let expected = [(1, 1), (1, 3), (3, 1), (3, 3), (1, 2), (2, 1), (2, 2)];
    assert_eq!(pairs(&table), expected);
    assert_eq!((table.len(), table.reach()), (8, 1));
    for (&(source, target), edge) in expected.iter().zip(1..) {
        assert_eq!(table.edge(source, target), edge);
    }
    assert_eq!(table.edge(2, 3), EdgeVocabulary::PUBLIC);
    assert_eq!((table.pair(0), table.pair(8)), (None, None));
    let frequent = learn(&texts, 1, 2);
    assert_eq!(pairs(&frequent), expected[..4]);
    // Within two, 3 is near itself: four pairs of positions in place of two.
    assert_eq!(pairs(&learn(&texts, 2, 3)), [(3, 3)]);
    let none = learn(&[], 1, 1);
    assert_eq!(
        (none.len(), none.is_empty(), none.edge(0, 0)),
        (1, false, 0)
    );
    assert_eq!(learn(&texts, 1, u64::MAX).len(), 1);
}

#[test]
fn a_reach_of_nothing_and_of_everything() {
    let texts = [vec![3, 1, 3]];
    assert_eq!(pairs(&learn(&texts, 0, 1)), [(3, 3), (1, 1)]);
    let all = learn(&texts, usize::MAX, 1);
    assert_eq!(pairs(&all), [(3, 3), (1, 3), (3, 1), (1, 1)]);
    let graph = graph(&[1, 3], &all.graph_options());
    assert_eq!(all.edges_of(&graph), [4, 3, 2, 1]);
    let repeated = learn(&[vec![8; 10_000]], 10_000, 100_000_000);
    assert_eq!(pairs(&repeated), [(8, 8)]);
}

#[test]
fn an_edge_vocabulary_survives_a_file_and_a_change_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edges.json");
    let table = learn(&[vec![3, 1, 3], vec![1, 2]], 1, 1);
    table.save(&path).unwrap();
    let loaded = EdgeVocabulary::load(&path).unwrap();
    assert_eq!(loaded, table);
    assert_eq!(loaded.fingerprint(), table.fingerprint());
    let json = serde_json::to_string(&table).unwrap();
    assert_eq!(
        serde_json::from_str::<EdgeVocabulary>(&json).unwrap(),
        table
    );

    let whole = std::fs::read_to_string(&path).unwrap();
    for (content, words) in [
        (whole.replace("\"reach\":1", "\"reach\":2"), "fingerprint"),
        (
            whole.replace("\"sources\":[1,", "\"sources\":[9,"),
            "fingerprint",
        ),
        (
            whole.replace("\"sources\":[1,", "\"sources\":[1,1,"),
            "7 for 8",
        ),
        (
            whole.replace("\"sources\":[1,1,", "\"sources\":[1,3,"),
            "repeated",
        ),
        (whole.replace("edge vocabulary", "tokenizer"), "the format"),
        (whole[..whole.len() / 2].to_string(), "broken JSON"),
    ] {
        assert_ne!(content, whole, "{words}");
        std::fs::write(&path, content).unwrap();
        let error = EdgeVocabulary::load(&path).expect_err(words);
        assert!(error.to_string().contains(words), "{words:?}: {error}");
        assert_eq!(error.path(), Some(path.as_path()));
    }
}

#[test]
fn fingerprints_tell_tables_apart() {
    let texts = [vec![3, 1, 3], vec![1, 2]];
    let tables = [
        learn(&texts, 1, 1),
        learn(&texts, 1, 2),
        learn(&texts, 2, 1),
        learn(&[], 1, 1),
        learn(&[], 2, 1),
    ];
    let prints: BTreeSet<u64> = tables.iter().map(|table| table.fingerprint().0).collect();
    assert_eq!(prints.len(), tables.len());
}

fn some_text() -> impl Strategy<Value = Vec<u32>> {
    (1u32..12).prop_flat_map(|ids| prop::collection::vec(0..ids, 0..40))
}

proptest! {
    #[test]
    fn text_graphs_are_their_definition(
        text in some_text(),
        window in 1usize..50,
        self_loops in any::<bool>(),
    ) {
        let mut expected = by_windows(&text, window);
        let counted = graph(&text, &raw(window, EdgeWeighting::Count, self_loops));
        let tokens = if text.is_empty() { vec![UNKNOWN] } else { text.clone() };
        if self_loops {
            expected.extend(tokens.iter().map(|&token| ((token, token), 1.0)));
        }
        prop_assert_eq!(&edges(&counted), &expected);
        let ones = expected.keys().map(|&pair| (pair, 1.0)).collect();
        let binary = graph(&text, &raw(window, EdgeWeighting::Binary, self_loops));
        prop_assert_eq!(edges(&binary), ones);

        let mut first = Vec::new();
        for token in tokens {
            if !first.contains(&token) {
                first.push(token);
            }
        }
        prop_assert_eq!(&counted.nodes, &first);
        for ends in counted.offsets.windows(2) {
            let row = &counted.sources[ends[0] as usize..ends[1] as usize];
            prop_assert!(row.is_sorted_by(|a, b| a < b));
        }

        let options = TextGraphOptions {
            normalise: true,
            ..raw(window, EdgeWeighting::Count, self_loops)
        };
        let normalised = edges(&graph(&text, &options));
        let degree = |node: u32| -> f64 {
            let row = expected.iter().filter(|((target, _), _)| *target == node);
            row.map(|(_, &weight)| f64::from(weight)).sum()
        };
        prop_assert_eq!(normalised.len(), expected.len());
        for (&(target, source), &weight) in &normalised {
            let scale = (degree(target) * degree(source)).sqrt();
            let exact = f64::from(expected[&(target, source)]) / scale;
            // Rounding to f32 is the only difference.
            prop_assert!((f64::from(weight) / exact - 1.0).abs() < 1e-7);
            prop_assert_eq!(weight, normalised[&(source, target)]);
        }
    }

    #[test]
    fn edge_vocabularies_are_their_definition(
        texts in prop::collection::vec(some_text(), 0..6),
        reach in 0usize..8,
        min_count in 0u64..6,
    ) {
        let mut counts: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for text in &texts {
            for (p, &source) in text.iter().enumerate() {
                for (q, &target) in text.iter().enumerate() {
                    if p.abs_diff(q) <= reach {
                        *counts.entry((source, target)).or_default() += 1;
                    }
                }
            }
        }
        let mut kept: Vec<_> = counts.into_iter().filter(|entry| entry.1 >= min_count).collect();
        // The sort is stable, and the entries stood by ids.
        kept.sort_by_key(|entry| std::cmp::Reverse(entry.1));
        let table = learn(&texts, reach, min_count);
        let kept: Vec<(u32, u32)> = kept.into_iter().map(|entry| entry.0).collect();
        prop_assert_eq!(pairs(&table), kept);

        for text in &texts {
            let graph = graph(text, &table.graph_options());
            let found = table.edges_of(&graph);
            prop_assert_eq!(found.len(), graph.sources.len());
            let edge = |(target, source)| table.edge(source, target);
            let expected = edges_in_order(&graph).map(edge);
            prop_assert!(found.into_iter().eq(expected));
        }
    }
}

/// Target and source of every entry, as tokens.
fn edges_in_order(graph: &TextGraph) -> impl Iterator<Item = (u32, u32)> {
    let row = |node: usize| graph.offsets[node] as usize..graph.offsets[node + 1] as usize;
    let target = move |node| row(node).map(move |at| (graph.nodes[node], at));
    let entries = (0..graph.nodes.len()).flat_map(target);
    entries.map(|(target, at)| (target, graph.nodes[graph.sources[at] as usize]))
}
