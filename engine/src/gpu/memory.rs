//! GPU buffers by size class, one tensor each, returned to their pool when dropped.
//!
//! wgpu tracks usage per buffer, so that two tensors in one buffer could not be read and written
//! in the same dispatch: tensors therefore never share one (the slices of a parameter store do,
//! and are read in one buffer and their gradients written in another).

use std::sync::{Arc, Mutex, PoisonError};

use crate::host::{FreeBuffers, size_class};
use crate::ledger::InUse;

/// Free buffers and counts.
#[derive(Default)]
pub(super) struct Pool {
    free: FreeBuffers<u64, (u64, wgpu::Buffer)>,
    pub(super) allocated_bytes: u64,
    pub(super) allocations: usize,
    pub(super) in_use: InUse,
}

/// A buffer that goes back to its pool when the last slice of it is dropped.
pub(crate) struct GpuBuffer {
    /// Unique for the life of the device: part of the bind group cache's key.
    pub(super) id: u64,
    pub(super) buffer: wgpu::Buffer,
    /// Bytes asked for: the buffer may be larger.
    asked: usize,
    pool: Arc<Mutex<Pool>>,
}

impl Pool {
    /// A buffer of at least `bytes`, with arbitrary contents.
    pub(super) fn take(pool: &Arc<Mutex<Pool>>, device: &wgpu::Device, bytes: usize) -> GpuBuffer {
        let size = 4 * size_class(bytes.div_ceil(4)) as u64;
        let mut state = pool.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = state.free.take(size, 2 * size);
        state.in_use.add(size as usize);
        let (id, buffer) = reused.unwrap_or_else(|| {
            state.allocations += 1;
            state.allocated_bytes += size;
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage: wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::COPY_SRC
                    | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            (state.allocations as u64, buffer)
        });
        GpuBuffer {
            id,
            buffer,
            asked: size as usize,
            pool: Arc::clone(pool),
        }
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        let mut state = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        state.in_use.subtract(self.asked);
        state
            .free
            .give(self.buffer.size(), (self.id, self.buffer.clone()));
    }
}

/// Part of a buffer: what a kernel binds.
#[derive(Clone)]
pub struct GpuSlice {
    pub(crate) buffer: Arc<GpuBuffer>,
    /// First element (of four bytes); a multiple of 64, as bindings must be.
    pub(crate) offset: usize,
    /// Number of elements.
    pub(crate) len: usize,
}

impl GpuSlice {
    /// Number of four-byte elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes bound: never zero, which WebGPU refuses.
    pub(super) fn bound_bytes(&self) -> u64 {
        4 * self.len.max(1) as u64
    }
}
