//! Corpus graphs that are kept in files.
//!
//! A file is the magic, then as `u64` version, number of documents, of words and of edges, then the
//! 32 bytes of the SHA-256 of what the graph was made from; offsets and sources as `u32`, weights
//! as `f32`; and the SHA-256 of all that. All numbers are little-endian.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::corpus::{CorpusGraph, CorpusGraphOptions, corpus_graph};
use crate::error::{DataError, Result};
use crate::read::hex;

const MAGIC: &[u8; 8] = b"limbecCG";
const VERSION: u64 = 1;
const HASH: usize = 32;
/// Bytes read or written at once.
const PIECE: usize = 1 << 18;

type Key = [u8; HASH];

impl CorpusGraph {
    /// The graph that [`corpus_graph`] makes, kept in a file of `folder` if one is given. The file
    /// is named after options, sizes and ids, so that a graph is never taken for that of other
    /// documents, and a folder can hold many. It is read if it is whole, in which case `progress`
    /// is not called; otherwise the graph is made again and the file replaced. Several runs may
    /// share a folder: a file appears only when it is complete.
    ///
    /// ```
    /// use limbeck_data::graph::{CorpusGraph, CorpusGraphOptions, corpus_graph};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path();
    /// let documents = [vec![0, 1, 2], vec![1, 2]];
    /// let options = CorpusGraphOptions::default();
    /// let graph = corpus_graph(&documents, 3, &options, &|_, _| ())?;
    /// for _ in 0..2 {
    ///     let (folder, quiet) = (Some(folder), &|_, _| ());
    ///     let kept = CorpusGraph::load_or_build(folder, &documents, 3, &options, quiet)?;
    ///     assert_eq!(kept, graph);
    /// }
    /// assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    /// # Ok::<(), limbeck_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// As [`corpus_graph`]; the folder or the file cannot be written.
    pub fn load_or_build<T: AsRef<[u32]>>(
        folder: Option<&Path>,
        documents: &[T],
        words: usize,
        options: &CorpusGraphOptions,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Self> {
        let Some(folder) = folder else {
            return corpus_graph(documents, words, options, progress);
        };
        let key = key(documents, words, options);
        let path = folder.join(format!("corpus-graph-{}.bin", hex(&key[..8])));
        if let Some(graph) = read(&path, &key, documents.len(), words) {
            return Ok(graph);
        }
        // Before the work: a folder that cannot be made is better known at once.
        std::fs::create_dir_all(folder).map_err(|error| DataError::io(folder, error))?;
        let graph = corpus_graph(documents, words, options, progress)?;
        replace(&path, &key, &graph).map_err(|error| DataError::io(&path, error))?;
        Ok(graph)
    }

    /// Whether it is a graph at all, which a right checksum does not prove.
    fn is_sound(&self) -> bool {
        let nodes = self.documents + self.words;
        let rising = |ends: &[u32]| {
            let row = self.sources.get(ends[0] as usize..ends[1] as usize);
            row.is_some_and(|row| row.is_sorted_by(|a, b| a < b))
        };
        self.offsets.first() == Some(&0)
            && self.offsets.last().map(|&end| end as usize) == Some(self.sources.len())
            && self.offsets.windows(2).all(rising)
            && self.sources.iter().all(|&node| (node as usize) < nodes)
            && self.weights.iter().all(|weight| weight.is_finite())
    }
}

/// The SHA-256 of everything that a graph depends on.
fn key<T: AsRef<[u32]>>(documents: &[T], words: usize, options: &CorpusGraphOptions) -> Key {
    let mut hash = Sha256::new();
    let sizes = [words, options.window, usize::from(options.normalise)];
    for size in sizes.into_iter().chain([documents.len()]) {
        hash.update((size as u64).to_le_bytes());
    }
    for document in documents {
        let tokens = document.as_ref();
        hash.update((tokens.len() as u64).to_le_bytes());
        for token in tokens {
            hash.update(token.to_le_bytes());
        }
    }
    hash.finalize().into()
}

fn header(key: &Key, documents: usize, words: usize, edges: u64) -> Vec<u8> {
    let numbers = [VERSION, documents as u64, words as u64, edges];
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
    let magic = MAGIC.iter().copied();
    magic.chain(numbers).chain(key.iter().copied()).collect()
}

/// The graph in a file; `None` if there is no file, or one that is not whole, of another version or
/// of another graph. Why does not matter: it is made again.
fn read(path: &Path, key: &Key, documents: usize, words: usize) -> Option<CorpusGraph> {
    let file = File::open(path).ok()?;
    let nodes = documents.checked_add(words)? as u64;
    let bytes = file.metadata().ok()?.len();
    // What stands in the file besides 8 bytes for each edge: memory is asked for only if the number
    // of edges is that of the file's size.
    let rest = header(key, documents, words, 0).len() as u64 + 4 * (nodes + 1) + HASH as u64;
    let edges = bytes.checked_sub(rest)? / 8;
    let expected = header(key, documents, words, edges);
    let mut reader = Reader::new(file);
    if edges * 8 + rest != bytes || reader.bytes(expected.len())? != expected {
        return None;
    }
    let graph = CorpusGraph {
        documents,
        words,
        offsets: reader.numbers(nodes as usize + 1, |number| number)?,
        sources: reader.numbers(edges as usize, |number| number)?,
        weights: reader.numbers(edges as usize, f32::from_bits)?,
    };
    let whole = reader.hash.finalize_reset();
    (*reader.bytes(HASH)? == whole[..] && graph.is_sound()).then_some(graph)
}

/// A file, and the hash of what was read of it.
struct Reader {
    file: File,
    hash: Sha256,
    buffer: Vec<u8>,
}

impl Reader {
    fn new(file: File) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            buffer: Vec::new(),
        }
    }

    fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        self.buffer.resize(count, 0);
        self.file.read_exact(&mut self.buffer).ok()?;
        self.hash.update(&self.buffer);
        Some(&self.buffer)
    }

    fn numbers<T>(&mut self, count: usize, convert: fn(u32) -> T) -> Option<Vec<T>> {
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count {
            let bytes = self.bytes(4 * (count - numbers.len()).min(PIECE / 4))?;
            let number = |bytes: &[u8]| {
                let mut number = [0; 4];
                number.copy_from_slice(bytes);
                convert(u32::from_le_bytes(number))
            };
            numbers.extend(bytes.chunks_exact(4).map(number));
        }
        Some(numbers)
    }
}

/// Writes to a temporary name, then renames: a reader never sees half a file. The name is one that
/// no other run and no other thread uses, since several may make the same graph at a time.
fn replace(path: &Path, key: &Key, graph: &CorpusGraph) -> std::io::Result<()> {
    static WRITERS: AtomicU64 = AtomicU64::new(0);
    let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}-{writer}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = write(&temporary, key, graph).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell of, and an unfinished file does no harm.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write(path: &Path, key: &Key, graph: &CorpusGraph) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes)
    };
    let edges = graph.sources.len() as u64;
    put(&header(key, graph.documents, graph.words, edges))?;
    for numbers in [&graph.offsets, &graph.sources] {
        for piece in numbers.chunks(PIECE / 4) {
            let bytes = piece.iter().flat_map(|number| number.to_le_bytes());
            put(&bytes.collect::<Vec<u8>>())?;
        }
    }
    for piece in graph.weights.chunks(PIECE / 4) {
        let bytes = piece.iter().flat_map(|weight| weight.to_le_bytes());
        put(&bytes.collect::<Vec<u8>>())?;
    }
    file.write_all(&hash.finalize())?;
    file.sync_all()
}
