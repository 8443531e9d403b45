//! Dispatches kept whole, so that another implementation of WebGPU can be given the same.

use std::collections::BTreeMap;

use super::kernel::{Binding, Kernel};

/// One dispatch of a kernel: all that it read and wrote.
#[derive(Clone, Debug)]
pub struct KeptDispatch {
    /// The kernel's name.
    pub kernel: &'static str,
    /// Its whole WGSL text.
    pub wgsl: String,
    /// Its entry point.
    pub entry: &'static str,
    /// Workgroups along x, y and z.
    pub workgroups: [u32; 3],
    /// Words of the uniform struct.
    pub parameters: Vec<u32>,
    /// The buffers, in the order of their bindings.
    pub buffers: Vec<KeptBuffer>,
}

/// What one binding of a dispatch held.
#[derive(Clone, Debug)]
pub struct KeptBuffer {
    /// Bytes before the dispatch.
    pub before: Vec<u8>,
    /// Bytes after it, if it may write there.
    pub after: Option<Vec<u8>>,
}

impl KeptDispatch {
    fn bytes(&self) -> usize {
        self.buffers.iter().map(|buffer| buffer.before.len()).sum()
    }
}

/// The largest dispatch of each kernel that stays within a limit.
pub(super) struct Witness {
    limit: usize,
    kept: BTreeMap<&'static str, KeptDispatch>,
}

impl Witness {
    pub(super) fn new(limit: usize) -> Self {
        Witness {
            limit,
            kept: BTreeMap::new(),
        }
    }

    /// Whether a dispatch is to be kept in the place of what there is of its kernel.
    pub(super) fn wants(&self, kernel: &Kernel, bindings: &[Binding<'_>]) -> bool {
        let bytes: usize = bindings.iter().map(|b| 4 * b.slice().len).sum();
        let larger = |kept: &KeptDispatch| bytes > kept.bytes();
        bytes <= self.limit && self.kept.get(kernel.name).is_none_or(larger)
    }

    pub(super) fn keep(&mut self, dispatch: KeptDispatch) {
        self.kept.insert(dispatch.kernel, dispatch);
    }

    pub(super) fn kept(&self) -> Vec<KeptDispatch> {
        self.kept.values().cloned().collect()
    }
}
