//! Corpus graphs in files: read when they are whole, made again when they are not.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use limbeck_data::graph::{CorpusGraph, CorpusGraphOptions, corpus_graph};
use limbeck_data::rng::Rng;
use sha2::{Digest, Sha256};

const WORDS: usize = 40;

fn corpus(documents: u64) -> Vec<Vec<u32>> {
    let document = |number| {
        let mut rng = Rng::new(5, "corpus", &[number]);
        let length = rng.below(40);
        (0..length).map(|_| rng.below(WORDS) as u32).collect()
    };
    (0..documents).map(document).collect()
}

fn raw(window: usize) -> CorpusGraphOptions {
    CorpusGraphOptions {
        window,
        normalise: false,
    }
}

fn build(documents: &[Vec<u32>], options: &CorpusGraphOptions) -> CorpusGraph {
    corpus_graph(documents, WORDS, options, &|_, _| ()).expect("good documents")
}

/// What a call with a folder gave, and whether the graph was made.
fn cached(
    folder: &Path,
    documents: &[Vec<u32>],
    options: &CorpusGraphOptions,
) -> (CorpusGraph, bool) {
    let made = Mutex::new(false);
    let tell = |_, _| *made.lock().unwrap() = true;
    let graph = CorpusGraph::load_or_build(Some(folder), documents, WORDS, options, &tell).unwrap();
    (graph, made.into_inner().unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_kept_graph_is_read_and_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("graphs/of/words");
    let (documents, options) = (corpus(50), CorpusGraphOptions::default());
    let graph = build(&documents, &options);
    assert_eq!(cached(&folder, &documents, &options), (graph.clone(), true));
    let written = files(&folder);
    assert_eq!(written.len(), 1, "no temporary file is left: {written:?}");
    let when = || std::fs::metadata(&written[0]).unwrap().modified().unwrap();
    let before = when();
    assert_eq!(
        cached(&folder, &documents, &options),
        (graph.clone(), false)
    );
    assert_eq!((files(&folder), when()), (written.clone(), before));

    let none = |options| CorpusGraph::load_or_build(None, &documents, WORDS, options, &|_, _| ());
    assert_eq!(none(&options).unwrap(), graph);
    assert!(none(&raw(0)).is_err());
    assert_eq!(files(&folder), written);
}

#[test]
fn every_graph_has_its_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = CorpusGraphOptions::default();
    let graphs = [
        (vec![vec![0, 1], vec![2]], options.clone()),
        (vec![vec![0], vec![1, 2]], options.clone()),
        (vec![vec![0, 1], vec![3]], options.clone()),
        (vec![vec![0, 1], vec![2], vec![]], options.clone()),
        (vec![vec![0, 1], vec![2]], raw(20)),
        (vec![vec![0, 1], vec![2]], raw(2)),
    ];
    for round in [true, false] {
        for (documents, options) in &graphs {
            let expected = (build(documents, options), round);
            assert_eq!(cached(folder.path(), documents, options), expected);
        }
    }
    assert_eq!(files(folder.path()).len(), graphs.len());
}

#[test]
fn damaged_and_foreign_files_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (documents, options) = (corpus(20), raw(5));
    let (other, _) = cached(folder, &documents[1..], &options);
    let foreign = std::fs::read(&files(folder)[0]).unwrap();
    std::fs::remove_file(&files(folder)[0]).unwrap();
    let (graph, _) = cached(folder, &documents, &options);
    assert_ne!(graph, other);
    let path = files(folder).remove(0);
    let whole = std::fs::read(&path).unwrap();

    let mut spoilt = vec![
        foreign,
        vec![],
        b"earn\ta text\n".to_vec(),
        whole[..100].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        whole[..whole.len() - 8].to_vec(),
        [&whole[..], &[0; 8]].concat(),
    ];
    // One bit in each part: magic, version, sizes, key, offsets, sources, weights, checksum.
    let last = whole.len() - 1;
    let weights = whole.len() - 32 - 4 * graph.weights.len();
    for at in [
        0,
        8,
        16,
        24,
        32,
        39,
        40,
        80,
        weights - 2,
        weights,
        last - 32,
        last,
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        spoilt.push(bytes);
    }
    for bytes in spoilt {
        assert_ne!(bytes, whole);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(cached(folder, &documents, &options), (graph.clone(), true));
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
    assert_eq!(files(folder), [path]);
}

#[test]
fn a_right_checksum_over_no_graph_is_not_enough() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (documents, options) = (corpus(20), raw(5));
    let (graph, _) = cached(folder, &documents, &options);
    let path = files(folder).remove(0);
    let whole = std::fs::read(&path).unwrap();
    let body = whole.len() - 32;
    let weights = body - 4 * graph.weights.len();
    let sources = weights - 4 * graph.sources.len();
    let offsets = sources - 4 * graph.offsets.len();
    let forged = |at: usize, number: u32| {
        let mut bytes = whole[..body].to_vec();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        let checksum = Sha256::digest(&bytes);
        bytes.extend(checksum);
        bytes
    };
    // This one is a graph: it shows that a file is read, and that the checksum is right.
    std::fs::write(&path, forged(weights, 7f32.to_bits())).unwrap();
    let (read, made) = cached(folder, &documents, &options);
    assert_eq!((read.weights[0], made), (7.0, false));
    for bytes in [
        forged(offsets, 1),
        forged(offsets + 4, u32::MAX),
        forged(sources - 4, 3),
        forged(weights - 4, 60),
        forged(sources, graph.sources[1]),
        forged(weights, f32::NAN.to_bits()),
    ] {
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(cached(folder, &documents, &options), (graph.clone(), true));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let documents = [vec![0, 1]];
    let build = |folder: &Path| {
        let options = CorpusGraphOptions::default();
        CorpusGraph::load_or_build(Some(folder), &documents, 2, &options, &|_, _| ())
    };
    assert_eq!(build(&file).unwrap_err().path(), Some(file.as_path()));
    // A folder in the place of the file: nothing can be renamed over it.
    build(folder.path()).unwrap();
    let path = files(folder.path())
        .into_iter()
        .find(|path| *path != file)
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(
        build(folder.path()).unwrap_err().path(),
        Some(path.as_path())
    );
    assert_eq!(files(folder.path()).len(), 2, "no temporary file is left");
}
