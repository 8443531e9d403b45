//! The GPU device: one adapter, its queue, and the commands recorded since the last submission.

mod adapter;
mod faults;
mod kernel;
mod memory;
mod pace;
mod recorder;
mod witness;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use adapter::{AdapterSummary, adapters};
use faults::Faults;
pub use kernel::{Binding, Kernel};
pub use memory::GpuSlice;
use memory::Pool;
use recorder::{Recorder, UNIFORM_BLOCK};
use witness::Witness;
pub use witness::{KeptBuffer, KeptDispatch};

use crate::error::{Error, Result};
use crate::ledger::InUse;

static WORKGROUP_LIMIT: AtomicU32 = AtomicU32::new(65_535);

/// Sets how many workgroups one dimension may have before they fold into the next. Tests set it
/// to 7, so that small cases walk the folded path.
pub fn set_workgroup_limit(limit: u32) {
    WORKGROUP_LIMIT.store(limit.clamp(1, 65_535), Ordering::Relaxed);
}

/// An open adapter.
pub struct Gpu {
    device: wgpu::Device,
    summary: AdapterSummary,
    max_binding_bytes: u64,
    pool: Arc<Mutex<Pool>>,
    recorder: Mutex<Recorder>,
    faults: Faults,
    readbacks: AtomicU64,
    bytes_uploaded: AtomicU64,
    bytes_read: AtomicU64,
    witness: Mutex<Option<Witness>>,
}

/// Counts since the device was opened; differences of two tell what a step costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GpuCounters {
    /// Kernels started.
    pub dispatches: u64,
    /// Command buffers handed to the queue.
    pub submissions: u64,
    /// Times the host waited for numbers.
    pub readbacks: u64,
    /// Bytes of tensors uploaded. The scalars of a dispatch, a block of 256 bytes, are apart.
    pub bytes_uploaded: u64,
    /// Bytes read back.
    pub bytes_read: u64,
    /// Bytes of device memory ever allocated.
    pub allocated_bytes: u64,
}

impl GpuCounters {
    /// What was spent after `before`.
    #[must_use]
    pub fn since(self, before: GpuCounters) -> GpuCounters {
        GpuCounters {
            dispatches: self.dispatches - before.dispatches,
            submissions: self.submissions - before.submissions,
            readbacks: self.readbacks - before.readbacks,
            bytes_uploaded: self.bytes_uploaded - before.bytes_uploaded,
            bytes_read: self.bytes_read - before.bytes_read,
            allocated_bytes: self.allocated_bytes - before.allocated_bytes,
        }
    }
}

impl Gpu {
    /// Opens the best hardware adapter, or the one whose name contains `wanted`.
    pub(crate) fn open(wanted: Option<&str>) -> Result<Self> {
        let adapter = adapter::choose(wanted)?;
        let summary = AdapterSummary::from(&adapter);
        let limits = adapter.limits();
        let max_binding_bytes = limits.max_storage_buffer_binding_size;
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("limbeck"),
            required_limits: limits,
            ..Default::default()
        }))
        .map_err(|error| Error::Device(format!("{}: {error}", summary.name)))?;
        Ok(Gpu {
            recorder: Mutex::new(Recorder::new(&device, &queue)),
            summary,
            max_binding_bytes,
            pool: Arc::default(),
            faults: Faults::of(&device),
            device,
            readbacks: AtomicU64::new(0),
            bytes_uploaded: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            witness: Mutex::default(),
        })
    }

    /// Name, backend and kind of the adapter.
    pub fn summary(&self) -> &AdapterSummary {
        &self.summary
    }

    /// Sets for how long, as far as is known, a submission may keep the GPU busy: 200 ms unless
    /// set. No time at all submits every dispatch on its own. Results do not depend on it.
    pub fn set_submission_budget(&self, budget: Duration) {
        self.recorder().set_budget(budget);
    }

    /// Counts since the device was opened.
    pub fn counters(&self) -> GpuCounters {
        let recorder = self.recorder();
        GpuCounters {
            dispatches: recorder.pipelines.dispatched.values().sum(),
            submissions: recorder.submissions,
            readbacks: self.readbacks.load(Ordering::Relaxed),
            bytes_uploaded: self.bytes_uploaded.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            allocated_bytes: self.pool().allocated_bytes,
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes asked for, now and at most.
    pub(crate) fn in_use(&self) -> InUse {
        self.pool().in_use
    }

    /// Dispatches of each kernel since the device was opened.
    pub fn dispatched_kernels(&self) -> BTreeMap<&'static str, u64> {
        self.recorder().pipelines.dispatched.clone()
    }

    /// A slice of `len` four-byte elements with arbitrary contents.
    ///
    /// # Errors
    /// If the adapter cannot bind that many bytes at once: both numbers are named.
    pub fn allocate(&self, len: usize) -> Result<GpuSlice> {
        let bytes = 4 * len as u64;
        if bytes > self.max_binding_bytes {
            return Err(Error::Device(format!(
                "{}: a tensor of {bytes} bytes is over the adapter's limit of {} bytes for one \
                 binding: use a smaller batch or a shorter maximal length",
                self.summary.name, self.max_binding_bytes
            )));
        }
        let buffer = Pool::take(&self.pool, &self.device, 4 * len);
        Ok(GpuSlice {
            buffer: Arc::new(buffer),
            offset: 0,
            len,
        })
    }

    /// A slice that holds these bytes (a multiple of four).
    pub(crate) fn upload(&self, bytes: &[u8]) -> Result<GpuSlice> {
        let slice = self.allocate(bytes.len() / 4)?;
        self.write(&slice, bytes)?;
        Ok(slice)
    }

    /// Records that the start of a slice is overwritten.
    pub(crate) fn write(&self, slice: &GpuSlice, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.recorder().write(slice, bytes);
        self.bytes_uploaded
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.check()
    }

    /// Says how many floating-point operations the next dispatches make, so that a submission
    /// that would take too long is cut before them.
    pub(crate) fn announce(&self, flops: u64) {
        self.recorder().announce(flops);
    }

    /// Records one dispatch of `workgroups` workgroups, folded into y beyond the limit: kernels
    /// recover the number with `workgroup_index` of `shared/common.wgsl`.
    ///
    /// `parameters` are the words of the uniform struct (at most 64; pass f32 as bits).
    ///
    /// # Errors
    /// If the adapter has failed since the last call.
    pub fn dispatch(
        &self,
        kernel: &Kernel,
        bindings: &[Binding<'_>],
        parameters: &[u32],
        workgroups: usize,
    ) -> Result<()> {
        if workgroups == 0 {
            return Ok(());
        }
        debug_assert!(
            4 * parameters.len() <= UNIFORM_BLOCK,
            "{}: too many parameters",
            kernel.name
        );
        let limit = WORKGROUP_LIMIT.load(Ordering::Relaxed);
        let x = u32::try_from(workgroups).unwrap_or(u32::MAX).min(limit);
        let y = workgroups.div_ceil(x as usize);
        let (y, z) = (y.min(limit as usize), y.div_ceil(limit as usize));
        let workgroups = [x, y as u32, z as u32];
        let before = self.look_at(kernel, bindings)?;
        self.recorder()
            .dispatch(kernel, bindings, parameters, workgroups);
        if let Some(before) = before {
            self.keep(kernel, (bindings, before), parameters, workgroups)?;
        }
        self.check()
    }

    /// From now on the largest dispatch of every kernel that has buffers of at most `limit` bytes
    /// together is kept, with what they held before and after. Every dispatch that may be kept waits
    /// for the GPU: this is for tests on other implementations of WebGPU.
    pub fn keep_dispatches(&self, limit: usize) {
        *self.witness() = Some(Witness::new(limit));
    }

    /// The dispatches that were kept, by name of the kernel.
    pub fn kept_dispatches(&self) -> Vec<KeptDispatch> {
        self.witness()
            .as_ref()
            .map(Witness::kept)
            .unwrap_or_default()
    }

    fn witness(&self) -> MutexGuard<'_, Option<Witness>> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the buffers hold, if the dispatch is to be kept.
    fn look_at(&self, kernel: &Kernel, bindings: &[Binding<'_>]) -> Result<Option<Vec<Vec<u8>>>> {
        let wanted = |witness: &Witness| witness.wants(kernel, bindings);
        if !self.witness().as_ref().is_some_and(wanted) {
            return Ok(None);
        }
        let contents = bindings.iter().map(|binding| self.read(&[binding.slice()]));
        contents.collect::<Result<_>>().map(Some)
    }

    fn keep(
        &self,
        kernel: &Kernel,
        (bindings, before): (&[Binding<'_>], Vec<Vec<u8>>),
        parameters: &[u32],
        workgroups: [u32; 3],
    ) -> Result<()> {
        let buffer = |(binding, before): (&Binding<'_>, Vec<u8>)| {
            let after = binding.writes().then(|| self.read(&[binding.slice()]));
            let after = after.transpose()?;
            Ok(KeptBuffer { before, after })
        };
        let buffers = bindings.iter().zip(before).map(buffer);
        let dispatch = KeptDispatch {
            kernel: kernel.name,
            wgsl: kernel.wgsl(),
            entry: kernel.entry,
            workgroups,
            parameters: parameters.to_vec(),
            buffers: buffers.collect::<Result<_>>()?,
        };
        if let Some(witness) = self.witness().as_mut() {
            witness.keep(dispatch);
        }
        Ok(())
    }

    /// Records a copy of `from` to `to` (equal lengths).
    pub(crate) fn copy(&self, from: &GpuSlice, to: &GpuSlice) -> Result<()> {
        if from.len > 0 {
            self.recorder().copy(
                (&from.buffer.buffer, 4 * from.offset as u64),
                (&to.buffer.buffer, 4 * to.offset as u64),
                4 * from.len as u64,
            );
        }
        self.check()
    }

    /// Records zeros into a slice.
    pub(crate) fn zero(&self, slice: &GpuSlice) -> Result<()> {
        if slice.len > 0 {
            self.recorder().zero(slice);
        }
        self.check()
    }

    /// Submits what is recorded, waits, and returns the bytes of the slices, joined.
    pub(crate) fn read(&self, slices: &[&GpuSlice]) -> Result<Vec<u8>> {
        let total: u64 = slices.iter().map(|s| 4 * s.len as u64).sum();
        if total == 0 {
            return Ok(Vec::new());
        }
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: total,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.record_readback(slices, &staging);
        self.readbacks.fetch_add(1, Ordering::Relaxed);
        self.bytes_read.fetch_add(total, Ordering::Relaxed);
        let failed = |what: String| Error::Device(format!("{}: {what}", self.summary.name));
        staging.map_async(wgpu::MapMode::Read, .., |_| {});
        let waited = self.wait();
        self.check()?;
        waited.map_err(|error| failed(error.to_string()))?;
        let view = staging
            .get_mapped_range(..)
            .map_err(|error| failed(error.to_string()))?;
        Ok(view.to_vec())
    }

    /// Submits what is recorded and copies of the slices after it.
    fn record_readback(&self, slices: &[&GpuSlice], staging: &wgpu::Buffer) {
        let mut recorder = self.recorder();
        let mut at = 0;
        for slice in slices.iter().filter(|s| s.len > 0) {
            let (start, bytes) = (4 * slice.offset as u64, 4 * slice.len as u64);
            recorder.copy((&slice.buffer.buffer, start), (staging, at), bytes);
            at += bytes;
        }
        recorder.submit();
    }

    /// Waits for all that was submitted, and learns from it how long work takes.
    fn wait(&self) -> std::result::Result<(), wgpu::PollError> {
        self.recorder().before_wait();
        self.device.poll(wgpu::PollType::wait_indefinitely())?;
        self.recorder().after_wait();
        Ok(())
    }

    /// Gives the adapter up, as if it had been unplugged or its driver had been reset: this device
    /// fails from now on. It is there for tests of what comes after that.
    pub fn lose(&self) {
        self.device.destroy();
    }

    /// Hands the recorded commands to the queue without waiting for them.
    pub fn flush(&self) -> Result<()> {
        self.recorder().submit();
        self.check()
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<()> {
        match self.faults.message(&self.device) {
            None => Ok(()),
            Some(fault) => Err(Error::Device(format!("{}: {fault}", self.summary.name))),
        }
    }
}
