//! The GPU device: one adapter, its queue, and the commands recorded since the last submission.

mod adapter;
mod kernel;
mod memory;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use adapter::{AdapterSummary, adapters};
use kernel::Pipelines;
pub use kernel::{Binding, Kernel};
pub use memory::GpuSlice;
use memory::Pool;

use crate::error::{Error, Result};

/// Bytes of one dispatch's uniform block: the alignment every adapter accepts.
const UNIFORM_BLOCK: usize = 256;
/// Dispatches recorded before they are submitted. Cutting never changes results; it keeps
/// single submissions short enough for the watchdogs of small cards.
const DISPATCHES_PER_SUBMISSION: usize = 512;

static WORKGROUP_LIMIT: AtomicU32 = AtomicU32::new(65_535);

/// Sets how many workgroups one dimension may have before they fold into the next. Tests set it
/// to 7, so that small cases walk the folded path.
pub fn set_workgroup_limit(limit: u32) {
    WORKGROUP_LIMIT.store(limit.clamp(1, 65_535), Ordering::Relaxed);
}

/// An open adapter.
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    summary: AdapterSummary,
    max_binding_bytes: u64,
    uniforms: wgpu::Buffer,
    uniform_group: wgpu::BindGroup,
    pool: Arc<Mutex<Pool>>,
    recorder: Mutex<Recorder>,
    fault: Arc<Mutex<Option<String>>>,
    submissions: AtomicU64,
    readbacks: AtomicU64,
    bytes_moved: AtomicU64,
}

struct Recorder {
    encoder: Option<wgpu::CommandEncoder>,
    pass: Option<wgpu::ComputePass<'static>>,
    blocks: Vec<u8>,
    pipelines: Pipelines,
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
    /// Bytes uploaded and read back.
    pub bytes_moved: u64,
    /// Bytes of device memory ever allocated.
    pub allocated_bytes: u64,
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
        let fault = Arc::new(Mutex::new(None));
        remember_faults(&device, &fault);
        let (uniforms, uniform_layout, uniform_group) = uniform_blocks(&device);
        Ok(Gpu {
            device,
            queue,
            summary,
            max_binding_bytes,
            uniforms,
            uniform_group,
            pool: Arc::default(),
            recorder: Mutex::new(Recorder {
                encoder: None,
                pass: None,
                blocks: Vec::new(),
                pipelines: Pipelines::new(uniform_layout),
            }),
            fault,
            submissions: AtomicU64::new(0),
            readbacks: AtomicU64::new(0),
            bytes_moved: AtomicU64::new(0),
        })
    }

    /// Name, backend and kind of the adapter.
    pub fn summary(&self) -> &AdapterSummary {
        &self.summary
    }

    /// Counts since the device was opened.
    pub fn counters(&self) -> GpuCounters {
        GpuCounters {
            dispatches: self.recorder().pipelines.dispatched.values().sum(),
            submissions: self.submissions.load(Ordering::Relaxed),
            readbacks: self.readbacks.load(Ordering::Relaxed),
            bytes_moved: self.bytes_moved.load(Ordering::Relaxed),
            allocated_bytes: self
                .pool
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .allocated_bytes,
        }
    }

    /// Names of the kernels dispatched so far.
    pub fn dispatched_kernels(&self) -> Vec<&'static str> {
        self.recorder()
            .pipelines
            .dispatched
            .keys()
            .copied()
            .collect()
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

    /// Overwrites the start of a slice.
    pub(crate) fn write(&self, slice: &GpuSlice, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        // A queue write takes effect before commands that are recorded but not yet submitted,
        // and these may still read the buffer's former contents.
        self.submit(&mut self.recorder());
        self.queue
            .write_buffer(&slice.buffer.buffer, 4 * slice.offset as u64, bytes);
        self.bytes_moved
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.check()
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
        let mut recorder = self.recorder();
        let Recorder {
            encoder,
            pass,
            blocks,
            pipelines,
        } = &mut *recorder;
        let uniform_offset = blocks.len() as u32;
        blocks.extend_from_slice(bytemuck::cast_slice(parameters));
        blocks.resize(uniform_offset as usize + UNIFORM_BLOCK, 0);
        let (pipeline, bind_group) = pipelines.prepare(&self.device, kernel, bindings);
        let pass = pass.get_or_insert_with(|| {
            let encoder = encoder
                .get_or_insert_with(|| self.device.create_command_encoder(&Default::default()));
            encoder
                .begin_compute_pass(&Default::default())
                .forget_lifetime()
        });
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bind_group, &[]);
        pass.set_bind_group(1, &self.uniform_group, &[uniform_offset]);
        pass.dispatch_workgroups(x, y as u32, z as u32);
        if recorder.blocks.len() >= DISPATCHES_PER_SUBMISSION * UNIFORM_BLOCK {
            self.submit(&mut recorder);
        }
        drop(recorder);
        self.check()
    }

    /// Records a copy of `from` to `to` (equal lengths).
    pub(crate) fn copy(&self, from: &GpuSlice, to: &GpuSlice) -> Result<()> {
        if from.len > 0 {
            let mut recorder = self.recorder();
            self.copy_bytes(
                &mut recorder,
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
            let mut recorder = self.recorder();
            recorder.pass = None;
            let encoder = recorder
                .encoder
                .get_or_insert_with(|| self.device.create_command_encoder(&Default::default()));
            let (start, bytes) = (4 * slice.offset as u64, 4 * slice.len as u64);
            encoder.clear_buffer(&slice.buffer.buffer, start, Some(bytes));
        }
        self.check()
    }

    fn copy_bytes(
        &self,
        recorder: &mut Recorder,
        (from, from_start): (&wgpu::Buffer, u64),
        (to, to_start): (&wgpu::Buffer, u64),
        bytes: u64,
    ) {
        recorder.pass = None;
        let encoder = recorder
            .encoder
            .get_or_insert_with(|| self.device.create_command_encoder(&Default::default()));
        encoder.copy_buffer_to_buffer(from, from_start, to, to_start, bytes);
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
        {
            let mut recorder = self.recorder();
            let mut at = 0;
            for slice in slices.iter().filter(|s| s.len > 0) {
                let from = (&slice.buffer.buffer, 4 * slice.offset as u64);
                self.copy_bytes(&mut recorder, from, (&staging, at), 4 * slice.len as u64);
                at += 4 * slice.len as u64;
            }
            self.submit(&mut recorder);
        }
        self.readbacks.fetch_add(1, Ordering::Relaxed);
        self.bytes_moved.fetch_add(total, Ordering::Relaxed);
        let lost = |what: String| Error::Device(format!("{}: {what}", self.summary.name));
        staging.map_async(wgpu::MapMode::Read, .., |_| {});
        let waited = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        waited.map_err(|error| lost(error.to_string()))?;
        let view = staging
            .get_mapped_range(..)
            .map_err(|error| lost(error.to_string()))?;
        Ok(view.to_vec())
    }

    /// Hands the recorded commands to the queue without waiting for them.
    pub fn flush(&self) -> Result<()> {
        self.submit(&mut self.recorder());
        self.check()
    }

    fn submit(&self, recorder: &mut Recorder) {
        recorder.pass = None;
        if let Some(encoder) = recorder.encoder.take() {
            self.queue.write_buffer(&self.uniforms, 0, &recorder.blocks);
            recorder.blocks.clear();
            self.queue.submit([encoder.finish()]);
            self.submissions.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<()> {
        match &*self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(fault) => Err(Error::Device(format!("{}: {fault}", self.summary.name))),
        }
    }
}

/// wgpu panics on an uncaptured error: remember the first one instead, for the next call.
fn remember_faults(device: &wgpu::Device, fault: &Arc<Mutex<Option<String>>>) {
    let remember = |fault: &Mutex<Option<String>>, message: String| {
        fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(message);
    };
    let errors = Arc::clone(fault);
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        remember(&errors, error.to_string())
    }));
    let lost = Arc::clone(fault);
    device.set_device_lost_callback(move |reason, message| {
        // Dropping the device also "loses" it.
        if reason != wgpu::DeviceLostReason::Destroyed {
            remember(
                &lost,
                format!("the GPU was lost ({message}): the last checkpoint is intact"),
            );
        }
    });
}

fn uniform_blocks(device: &wgpu::Device) -> (wgpu::Buffer, wgpu::BindGroupLayout, wgpu::BindGroup) {
    let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("uniforms"),
        size: (DISPATCHES_PER_SUBMISSION * UNIFORM_BLOCK) as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("uniforms"),
        entries: &[kernel::layout_entry(
            0,
            wgpu::BufferBindingType::Uniform,
            true,
        )],
    });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("uniforms"),
        layout: &layout,
        entries: &[wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &uniforms,
                offset: 0,
                size: std::num::NonZero::new(UNIFORM_BLOCK as u64),
            }),
        }],
    });
    (uniforms, layout, group)
}
