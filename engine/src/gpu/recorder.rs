//! Commands on their way to the queue: what is recorded is submitted together.
//!
//! Numbers that the host uploads between dispatches go through a staging buffer, which is filled
//! just before the submission and copied from by a recorded command. So an upload takes its place
//! among the commands and forces no submission.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::kernel::{Binding, Kernel, Pipelines, layout_entry};
use super::memory::GpuSlice;
use super::pace::Pace;

/// Bytes of one dispatch's uniform block: the alignment every adapter accepts.
pub(super) const UNIFORM_BLOCK: usize = 256;
/// Dispatches of one submission at most: as many have a place in the buffer of uniforms.
const DISPATCHES_PER_SUBMISSION: usize = 2048;
/// Bytes of uploads of one submission at most. A larger upload goes around the staging buffer.
const STAGING_BYTES: usize = 4 << 20;

/// Commands recorded since the last submission, and what they are made with.
pub(super) struct Recorder {
    device: wgpu::Device,
    queue: wgpu::Queue,
    encoder: Option<wgpu::CommandEncoder>,
    pass: Option<wgpu::ComputePass<'static>>,
    uniforms: wgpu::Buffer,
    uniform_group: wgpu::BindGroup,
    /// Contents of the uniforms, a block per recorded dispatch.
    blocks: Vec<u8>,
    staging: wgpu::Buffer,
    /// Contents of the staging buffer.
    staged: Vec<u8>,
    pace: Pace,
    pub(super) pipelines: Pipelines,
    pub(super) submissions: u64,
    /// The last submission known to have ended.
    done: Arc<AtomicU64>,
}

impl Recorder {
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue) -> Self {
        let (uniforms, uniform_layout, uniform_group) = uniform_blocks(device);
        let staging = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size: STAGING_BYTES as u64,
            usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Recorder {
            device: device.clone(),
            queue: queue.clone(),
            encoder: None,
            pass: None,
            uniforms,
            uniform_group,
            blocks: Vec::new(),
            staging,
            staged: Vec::new(),
            pace: Pace::new(),
            pipelines: Pipelines::new(uniform_layout),
            submissions: 0,
            done: Arc::default(),
        }
    }

    pub(super) fn set_budget(&mut self, budget: Duration) {
        self.pace.set_budget(budget);
    }

    /// Records a dispatch of this many workgroups along x, y and z.
    pub(super) fn dispatch(
        &mut self,
        kernel: &Kernel,
        bindings: &[Binding<'_>],
        parameters: &[u32],
        [x, y, z]: [u32; 3],
    ) {
        let uniform_offset = self.blocks.len();
        self.blocks
            .extend_from_slice(bytemuck::cast_slice(parameters));
        self.blocks.resize(uniform_offset + UNIFORM_BLOCK, 0);
        let (pipeline, bind_group) = self.pipelines.prepare(&self.device, kernel, bindings);
        let pass = self.pass.get_or_insert_with(|| {
            let encoder = self
                .encoder
                .get_or_insert_with(|| self.device.create_command_encoder(&Default::default()));
            encoder
                .begin_compute_pass(&Default::default())
                .forget_lifetime()
        });
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bind_group, &[]);
        pass.set_bind_group(1, &self.uniform_group, &[uniform_offset as u32]);
        pass.dispatch_workgroups(x, y, z);
        let bytes = bindings.iter().map(|b| b.slice().bound_bytes()).sum();
        self.pace.touches(bytes);
        if self.pace.is_spent() || self.blocks.len() >= DISPATCHES_PER_SUBMISSION * UNIFORM_BLOCK {
            self.submit();
        }
    }

    /// The next dispatches compute this many floating-point operations.
    pub(super) fn announce(&mut self, flops: u64) {
        if self.pace.computes(flops) {
            self.submit();
            // With nothing recorded before it, the operator is taken however large it is.
            self.pace.computes(flops);
        }
    }

    /// Records the upload of bytes (a multiple of four) into the start of a slice.
    pub(super) fn write(&mut self, slice: &GpuSlice, bytes: &[u8]) {
        let at = 4 * slice.offset as u64;
        if self.staged.len() + bytes.len() > STAGING_BYTES {
            self.submit();
        }
        if bytes.len() > STAGING_BYTES {
            // Nothing is recorded now that should still see the former contents.
            self.queue.write_buffer(&slice.buffer.buffer, at, bytes);
            return;
        }
        let start = self.staged.len() as u64;
        self.staged.extend_from_slice(bytes);
        let staging = self.staging.clone();
        let to = (&slice.buffer.buffer, at);
        self.copy((&staging, start), to, bytes.len() as u64);
    }

    /// Records a copy of `bytes` bytes.
    pub(super) fn copy(
        &mut self,
        (from, from_start): (&wgpu::Buffer, u64),
        (to, to_start): (&wgpu::Buffer, u64),
        bytes: u64,
    ) {
        self.encoder()
            .copy_buffer_to_buffer(from, from_start, to, to_start, bytes);
        self.pace.touches(bytes);
    }

    /// Records zeros into a slice.
    pub(super) fn zero(&mut self, slice: &GpuSlice) {
        let (start, bytes) = (4 * slice.offset as u64, 4 * slice.len as u64);
        self.encoder()
            .clear_buffer(&slice.buffer.buffer, start, Some(bytes));
        self.pace.touches(bytes);
    }

    /// The encoder, outside of any pass.
    fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        self.encoder
            .get_or_insert_with(|| self.device.create_command_encoder(&Default::default()))
    }

    /// Hands what is recorded to the queue.
    pub(super) fn submit(&mut self) {
        self.pass = None;
        let Some(encoder) = self.encoder.take() else {
            return;
        };
        for (buffer, contents) in [
            (&self.uniforms, &mut self.blocks),
            (&self.staging, &mut self.staged),
        ] {
            if !contents.is_empty() {
                self.queue.write_buffer(buffer, 0, contents);
                contents.clear();
            }
        }
        let idle = self.is_idle();
        self.pace.submitted(idle, Instant::now());
        self.submissions += 1;
        self.queue.submit([encoder.finish()]);
        let (done, number) = (Arc::clone(&self.done), self.submissions);
        self.queue.on_submitted_work_done(move || {
            done.fetch_max(number, Ordering::Relaxed);
        });
        // Software adapters compute while one submits.
        if self.is_idle() {
            self.pace.ended(Instant::now());
        }
    }

    /// Whether every submission has ended.
    fn is_idle(&self) -> bool {
        // It reports what has ended; if it cannot, the next call that checks says why.
        let _ = self.device.poll(wgpu::PollType::Poll);
        self.done.load(Ordering::Relaxed) == self.submissions
    }

    /// The host is about to wait for all submissions.
    pub(super) fn before_wait(&mut self) {
        if self.is_idle() {
            self.pace.ended_unseen();
        }
    }

    /// The host has waited for all submissions.
    pub(super) fn after_wait(&mut self) {
        // Another thread may have submitted more.
        if self.is_idle() {
            self.pace.ended(Instant::now());
        }
        self.pace.learn();
    }
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
        entries: &[layout_entry(0, wgpu::BufferBindingType::Uniform, true)],
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
