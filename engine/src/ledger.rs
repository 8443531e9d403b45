//! Counting memory without taking any: what the pool of a device would do with the same requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::{FreeBuffers, size_class, words_of};
use crate::shape::{DType, Meta};

/// How the device that a [`Ledger`] stands for keeps its tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// f32 on the host, a buffer per parameter.
    #[default]
    Cpu,
    /// f64 on the host.
    Reference,
    /// f32 on a GPU, all parameters of a store in one buffer.
    Gpu,
}

impl Layout {
    /// Bytes of the smallest buffer that the pool of the device has for a tensor.
    pub fn buffer_bytes(self, meta: Meta) -> usize {
        let elements = meta.shape.elements();
        match (self, meta.dtype) {
            (Layout::Gpu, _) => 4 * size_class(elements),
            (Layout::Reference, DType::Real) => 8 * words_of::<f64>(elements),
            (Layout::Cpu, DType::Real) => 8 * words_of::<f32>(elements),
            (Layout::Cpu | Layout::Reference, DType::Ids) => 8 * words_of::<u32>(elements),
        }
    }
}

/// Bytes asked of a pool, now and at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InUse {
    pub(crate) now: usize,
    pub(crate) peak: usize,
}

impl InUse {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.now += bytes;
        self.peak = self.peak.max(self.now);
    }

    pub(crate) fn subtract(&mut self, bytes: usize) {
        self.now -= bytes;
    }
}

/// The books of a shape device.
#[derive(Debug, Default)]
pub struct Ledger {
    layout: Layout,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    in_use: InUse,
    /// The sizes of buffers that were given back.
    free: FreeBuffers<usize, usize>,
    allocated: usize,
    /// Most in use since [`Ledger::mark`].
    since_mark: usize,
}

impl Ledger {
    pub(crate) fn new(layout: Layout) -> Self {
        Ledger {
            layout,
            books: Mutex::default(),
        }
    }

    /// How the device it stands for keeps its tensors.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on [`Ledger::peak_since_mark`] counts afresh.
    pub fn mark(&self) {
        let mut books = self.books();
        books.since_mark = books.in_use.now;
    }

    /// The most bytes in use since the mark.
    pub fn peak_since_mark(&self) -> usize {
        self.books().since_mark
    }

    pub(crate) fn in_use(&self) -> InUse {
        self.books().in_use
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.books().allocated
    }

    pub(crate) fn reserve(self: &Arc<Self>, meta: Meta) -> Reservation {
        let bytes = self.layout.buffer_bytes(meta);
        let mut books = self.books();
        books.in_use.add(bytes);
        books.since_mark = books.since_mark.max(books.in_use.now);
        let buffer = books.free.take(bytes, 2 * bytes).unwrap_or_else(|| {
            books.allocated += bytes;
            bytes
        });
        Reservation {
            ledger: Arc::clone(self),
            bytes,
            buffer,
        }
    }
}

/// The place of one buffer in the books.
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    /// Asked for.
    bytes: usize,
    /// Of the buffer.
    buffer: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut books = self.ledger.books();
        books.in_use.subtract(self.bytes);
        books.free.give(self.buffer, self.buffer);
    }
}
