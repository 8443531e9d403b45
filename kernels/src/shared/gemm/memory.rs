//! Memory that a thread keeps for its next product.

use std::cell::Cell;
use std::thread::LocalKey;

/// Numbers in a cache line.
pub(super) const LINE: usize = 16;

type Home = &'static LocalKey<Cell<Vec<f32>>>;

thread_local! {
    /// Of a block of the result that is used and forgotten.
    pub(super) static RESULT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    /// Of a block of a left operand that is made where it is used.
    pub(super) static MADE: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

#[cfg(target_arch = "x86_64")]
thread_local! {
    /// Of the packed left operand.
    pub(super) static LEFT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    /// Of the packed right operand.
    pub(super) static RIGHT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Numbers from a whole cache line on.
pub(super) struct Aligned {
    numbers: Vec<f32>,
    start: usize,
}

impl Aligned {
    /// At least `len` numbers, in this memory if it is large enough.
    fn in_memory(mut numbers: Vec<f32>, len: usize) -> Self {
        if numbers.len() < len + LINE {
            numbers.resize(len + LINE, 0.0);
        }
        let start = numbers.as_ptr().align_offset(LINE * size_of::<f32>());
        Self {
            start: start.min(LINE),
            numbers,
        }
    }

    /// At least `len` numbers, all 0.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn zeros(len: usize) -> Self {
        Self::in_memory(Vec::new(), len)
    }

    pub(super) fn get(&self) -> &[f32] {
        &self.numbers[self.start..]
    }

    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..]
    }
}

/// Memory that a thread keeps for its next product.
pub(super) struct Kept {
    memory: Aligned,
    home: Home,
}

impl Kept {
    /// At least `len` numbers with arbitrary contents. A second piece of the same memory, taken
    /// while the first is in use, is new.
    pub(super) fn take(home: Home, len: usize) -> Self {
        Self {
            memory: Aligned::in_memory(home.take(), len),
            home,
        }
    }

    pub(super) fn get(&self) -> &[f32] {
        self.memory.get()
    }

    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        self.memory.get_mut()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.home.set(std::mem::take(&mut self.memory.numbers));
    }
}
