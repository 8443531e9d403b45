//! Host buffers by size class, aligned to a cache line, returned to their pool when dropped.
//!
//! Training repeats the same shapes, so after the first epoch every request is served from the
//! pool and nothing is allocated. Where texts differ in length so do the batches: a request takes
//! the smallest free buffer that fits and is less than twice its class, so that the buffers of the
//! largest batch serve the smaller ones too. A buffer is owned by its tensor and goes back when the last
//! tensor that uses it is gone: use after release cannot be written.

use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::ledger::InUse;

/// Words in a cache line, which is also an AVX-512 register.
const LINE: usize = 8;

/// The free buffers of one host device, by size class.
#[derive(Default)]
pub struct HostPool {
    state: Mutex<PoolState>,
}

#[derive(Default)]
struct PoolState {
    free: FreeBuffers<usize, Vec<u64>>,
    allocated_bytes: usize,
    allocations: usize,
    in_use: InUse,
}

impl HostPool {
    /// A buffer of `len` elements whose contents are arbitrary (but initialised).
    pub fn buffer<T: bytemuck::Pod>(self: &Arc<Self>, len: usize) -> HostBuffer<T> {
        let class = words_of::<T>(len);
        let mut state = self.state();
        state.in_use.add(class * size_of::<u64>());
        let words = state.free.take(class, 2 * class).unwrap_or_else(|| {
            state.allocated_bytes += class * size_of::<u64>();
            state.allocations += 1;
            vec![0; class]
        });
        // Vec only promises 8-byte alignment, so the first whole cache line is searched for.
        let start = words
            .as_ptr()
            .align_offset(LINE * size_of::<u64>())
            .min(LINE);
        HostBuffer {
            words,
            class,
            start,
            len,
            pool: Arc::clone(self),
            derived: OnceLock::new(),
            element: PhantomData,
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes ever allocated; the pool gives nothing back.
    pub fn allocated_bytes(&self) -> usize {
        self.state().allocated_bytes
    }

    /// Bytes asked for, now and at most.
    pub(crate) fn in_use(&self) -> InUse {
        self.state().in_use
    }

    /// Number of allocations ever made. Constant once training has seen every batch shape.
    pub fn allocations(&self) -> usize {
        self.state().allocations
    }

    fn release(&self, class: usize, words: Vec<u64>) {
        let mut state = self.state();
        state.in_use.subtract(class * size_of::<u64>());
        state.free.give(words.len(), words);
    }
}

/// Free buffers by size.
#[derive(Debug)]
pub(crate) struct FreeBuffers<Size, Buffer>(BTreeMap<Size, Vec<Buffer>>);

impl<Size, Buffer> Default for FreeBuffers<Size, Buffer> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Size: Copy + Ord, Buffer> FreeBuffers<Size, Buffer> {
    /// The smallest free buffer of at least `least` and less than `limit`.
    pub(crate) fn take(&mut self, least: Size, limit: Size) -> Option<Buffer> {
        let mut fitting = self.0.range_mut(least..limit);
        fitting.find_map(|(_, buffers)| buffers.pop())
    }

    /// Puts a buffer back.
    pub(crate) fn give(&mut self, size: Size, buffer: Buffer) {
        self.0.entry(size).or_default().push(buffer);
    }
}

/// Rounds up to 4, 5, 6 or 7 eighths of a power of two: at most a quarter is wasted, and a
/// few dozen classes serve every size.
pub(crate) fn size_class(size: usize) -> usize {
    if size <= 16 {
        return 16;
    }
    let step = (size - 1).next_power_of_two() / 8;
    size.next_multiple_of(step.max(1))
}

/// Words of the smallest buffer for `len` elements.
pub(crate) fn words_of<T>(len: usize) -> usize {
    size_class((len * size_of::<T>()).div_ceil(size_of::<u64>())) + LINE
}

/// `len` elements in a pooled, cache-line aligned allocation.
pub struct HostBuffer<T> {
    words: Vec<u64>,
    /// Words asked for: the buffer may be larger.
    class: usize,
    start: usize,
    len: usize,
    pool: Arc<HostPool>,
    derived: OnceLock<Box<dyn Any + Send + Sync>>,
    element: PhantomData<T>,
}

impl<T: bytemuck::Pod> HostBuffer<T> {
    /// What `make` gives of the elements, kept with them until they are written to; `None` if
    /// something of another type is kept. `make` runs on this thread alone while others wait for
    /// it: it must not hand out tasks, one of which might wait as well.
    pub(crate) fn derived<D: Any + Send + Sync>(&self, make: impl FnOnce(&[T]) -> D) -> Option<&D> {
        let derived = self.derived.get_or_init(|| Box::new(make(self)));
        derived.downcast_ref()
    }
}

impl<T: bytemuck::Pod> Deref for HostBuffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.words[self.start..])[..self.len]
    }
}

impl<T: bytemuck::Pod> DerefMut for HostBuffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.derived.take();
        &mut bytemuck::cast_slice_mut(&mut self.words[self.start..])[..self.len]
    }
}

impl<T> Drop for HostBuffer<T> {
    fn drop(&mut self) {
        self.pool
            .release(self.class, std::mem::take(&mut self.words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_the_size_and_waste_at_most_a_quarter() {
        for size in 1..5000 {
            let class = size_class(size);
            assert!(
                class >= size && (class <= 16 || class * 4 <= size * 5),
                "{size} -> {class}"
            );
        }
    }

    #[test]
    fn buffers_are_aligned_and_reused() {
        let pool = Arc::new(HostPool::default());
        for len in [0, 1, 17, 1000] {
            let mut buffer = pool.buffer::<f32>(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
            buffer.fill(1.0);
        }
        let before = pool.allocations();
        drop(pool.buffer::<f64>(500));
        assert_eq!(
            pool.allocations(),
            before,
            "500 f64 fit the class of 1000 f32"
        );
    }

    #[test]
    fn what_was_derived_is_kept_until_the_elements_are_written_to() {
        let pool = Arc::new(HostPool::default());
        let mut buffer = pool.buffer::<f32>(2);
        buffer.copy_from_slice(&[1.0, 2.0]);
        let sum = |buffer: &HostBuffer<f32>| buffer.derived(|x| x.iter().sum::<f32>()).copied();
        assert_eq!(sum(&buffer), Some(3.0));
        let kept = buffer.derived(|_| -> f32 { unreachable!("it is kept") });
        assert_eq!(kept, Some(&3.0));
        assert_eq!(buffer.derived(<[f32]>::len), None, "another type");
        buffer[0] = 5.0;
        assert_eq!(sum(&buffer), Some(7.0));
    }

    #[test]
    fn a_free_buffer_serves_smaller_requests_down_to_half_its_class() {
        let pool = Arc::new(HostPool::default());
        drop(pool.buffer::<f32>(4000));
        let allocations = |len| {
            let before = pool.allocations();
            drop(pool.buffer::<f32>(len));
            pool.allocations() - before
        };
        assert_eq!([4000, 3000, 2100, 1000].map(allocations), [0, 0, 0, 1]);
        assert_eq!(allocations(900), 0, "the smaller of the two fits");
    }
}
