//! WGSL kernels: what they are made of, and the pipelines compiled from them.

use std::collections::{BTreeMap, HashMap};

use super::memory::GpuSlice;

/// A compute kernel: WGSL fragments that are joined, and the entry point to run.
///
/// Bindings are `@group(0) @binding(i)` storage buffers in the order given at dispatch; the
/// scalars of a dispatch are the uniform struct at `@group(1) @binding(0)`.
#[derive(Debug)]
pub struct Kernel {
    /// Unique name, `operator::entry`: the cache key, and the name in reports.
    pub name: &'static str,
    /// WGSL fragments, joined by line breaks: shared ones first.
    pub source: &'static [&'static str],
    /// Entry point.
    pub entry: &'static str,
}

impl Kernel {
    /// The whole WGSL text.
    pub fn wgsl(&self) -> String {
        self.source.join("\n")
    }
}

/// A buffer and what the kernel does with it.
#[derive(Clone, Copy)]
pub enum Binding<'a> {
    /// `var<storage, read>`.
    Read(&'a GpuSlice),
    /// `var<storage, read_write>`.
    Write(&'a GpuSlice),
}

impl Binding<'_> {
    pub(super) fn slice(&self) -> &GpuSlice {
        match self {
            Binding::Read(slice) | Binding::Write(slice) => slice,
        }
    }

    pub(super) fn writes(&self) -> bool {
        matches!(self, Binding::Write(_))
    }
}

/// What identifies a bind group: per binding the buffer, its offset and its bytes.
type BindKey = (&'static str, Vec<(u64, usize, u64)>);

/// A bound on cached bind groups; reached only by shapes that never repeat.
const BIND_GROUPS: usize = 8192;

/// Compiled pipelines and recent bind groups.
pub(super) struct Pipelines {
    compiled: HashMap<&'static str, Compiled>,
    bind_groups: HashMap<BindKey, wgpu::BindGroup>,
    uniform_layout: wgpu::BindGroupLayout,
    /// Dispatches per kernel since the device was opened.
    pub(super) dispatched: BTreeMap<&'static str, u64>,
    trusted: bool,
}

struct Compiled {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

impl Pipelines {
    pub(super) fn new(uniform_layout: wgpu::BindGroupLayout) -> Self {
        Pipelines {
            compiled: HashMap::new(),
            bind_groups: HashMap::new(),
            uniform_layout,
            dispatched: BTreeMap::new(),
            // Tests and debug builds keep the bounds checks: an index error then shows as a
            // wrong number in a parity test, not as somebody else's memory.
            trusted: !cfg!(debug_assertions),
        }
    }

    /// The pipeline and bind group of one dispatch.
    pub(super) fn prepare(
        &mut self,
        device: &wgpu::Device,
        kernel: &Kernel,
        bindings: &[Binding<'_>],
    ) -> (&wgpu::ComputePipeline, &wgpu::BindGroup) {
        *self.dispatched.entry(kernel.name).or_default() += 1;
        let trusted = self.trusted;
        let uniform_layout = &self.uniform_layout;
        let compiled = self
            .compiled
            .entry(kernel.name)
            .or_insert_with(|| compile(device, kernel, bindings, uniform_layout, trusted));
        let slices = bindings.iter().map(Binding::slice);
        let key: Vec<_> = slices
            .map(|s| (s.buffer.id, s.offset, s.bound_bytes()))
            .collect();
        if self.bind_groups.len() >= BIND_GROUPS {
            self.bind_groups.clear();
        }
        let bind_group = self
            .bind_groups
            .entry((kernel.name, key))
            .or_insert_with(|| bind(device, &compiled.layout, bindings));
        (&compiled.pipeline, bind_group)
    }
}

fn compile(
    device: &wgpu::Device,
    kernel: &Kernel,
    bindings: &[Binding<'_>],
    uniform_layout: &wgpu::BindGroupLayout,
    trusted: bool,
) -> Compiled {
    let entries: Vec<_> = (0..)
        .zip(bindings)
        .map(|(binding, b)| {
            layout_entry(
                binding,
                wgpu::BufferBindingType::Storage {
                    read_only: !b.writes(),
                },
                false,
            )
        })
        .collect();
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(kernel.name),
        entries: &entries,
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(kernel.name),
        bind_group_layouts: &[Some(&layout), Some(uniform_layout)],
        immediate_size: 0,
    });
    let module = shader_module(device, kernel, trusted);
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(kernel.entry),
        compilation_options: wgpu::PipelineCompilationOptions {
            // Kernels write what they read from workgroup memory.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    Compiled { pipeline, layout }
}

fn shader_module(device: &wgpu::Device, kernel: &Kernel, trusted: bool) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: wgpu::ShaderSource::Wgsl(kernel.wgsl().into()),
    };
    if !trusted {
        return device.create_shader_module(descriptor);
    }
    #[allow(unsafe_code)]
    // SAFETY: the text is a constant of this library, never a user's. Its loops are bounded by
    // sizes from the uniform block, its indices by the same sizes or by ids that the host checked
    // at upload; the case tables run every kernel with the checks on.
    unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    }
}

pub(super) fn layout_entry(
    binding: u32,
    ty: wgpu::BufferBindingType,
    has_dynamic_offset: bool,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset,
            min_binding_size: None,
        },
        count: None,
    }
}

fn bind(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    bindings: &[Binding<'_>],
) -> wgpu::BindGroup {
    let entries: Vec<_> = (0..)
        .zip(bindings)
        .map(|(binding, b)| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &b.slice().buffer.buffer,
                offset: 4 * b.slice().offset as u64,
                size: std::num::NonZero::new(b.slice().bound_bytes()),
            }),
        })
        .collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout,
        entries: &entries,
    })
}
