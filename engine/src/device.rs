//! Devices: the CPU, a GPU, the f64 reference, and one that computes shapes only.

use std::sync::Arc;

use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::Gpu;
use crate::host::{HostPool, chunked};
use crate::ledger::{InUse, Layout, Ledger};
use crate::shape::{DType, Meta, Shape};
use crate::tensor::{Storage, Tensor, no_numbers};

/// Where tensors live and operators run. Cloning is cheap and shares the memory pool.
///
/// ```
/// use limbeck_engine::Device;
/// let device = Device::cpu();
/// let zeros = device.zeros([2, 3])?;
/// assert_eq!(zeros.read()?, [0.0; 6]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Device {
    /// f32 with SIMD and threads.
    Cpu(Arc<HostPool>),
    /// Plain loops in f64: the definition the other devices are held to.
    Reference(Arc<HostPool>),
    /// WGSL compute shaders.
    #[cfg(feature = "gpu")]
    Gpu(Arc<Gpu>),
    /// No numbers: only `infer` runs, and memory is counted but not taken.
    Shapes(Arc<Ledger>),
}

impl Device {
    /// The CPU.
    pub fn cpu() -> Device {
        Device::Cpu(Arc::default())
    }

    /// The f64 reference.
    pub fn reference() -> Device {
        Device::Reference(Arc::default())
    }

    /// Shapes alone, counting memory as the CPU's pool would.
    pub fn shapes() -> Device {
        Device::shapes_of(Layout::Cpu)
    }

    /// Shapes alone, counting memory as the pool of such a device would. A program that runs here
    /// asks for the same buffers in the same order as there, so that the counts are the same.
    pub fn shapes_of(layout: Layout) -> Device {
        Device::Shapes(Arc::new(Ledger::new(layout)))
    }

    /// The best hardware GPU.
    ///
    /// # Errors
    /// If there is none or it cannot be opened; the message lists the adapters found.
    #[cfg(feature = "gpu")]
    pub fn gpu() -> Result<Device> {
        Ok(Device::Gpu(Arc::new(Gpu::open(None)?)))
    }

    /// The first adapter whose name contains `part`, software ones included.
    ///
    /// # Errors
    /// As [`Device::gpu`].
    #[cfg(feature = "gpu")]
    pub fn gpu_named(part: &str) -> Result<Device> {
        Ok(Device::Gpu(Arc::new(Gpu::open(Some(part))?)))
    }

    /// The device of a command-line word: `cpu`, `reference`, `gpu` or `gpu:NAME`.
    ///
    /// # Errors
    /// If the word is unknown, the GPU feature is off, or the GPU cannot be opened.
    pub fn parse(word: &str) -> Result<Device> {
        match word.split_once(':') {
            None if word == "cpu" => Ok(Device::cpu()),
            None if word == "reference" => Ok(Device::reference()),
            #[cfg(feature = "gpu")]
            None if word == "gpu" => Device::gpu(),
            #[cfg(feature = "gpu")]
            Some(("gpu", name)) => Device::gpu_named(name),
            #[cfg(not(feature = "gpu"))]
            _ if word == "gpu" || word.starts_with("gpu:") => Err(Error::Device(
                "this build has no GPU support: enable the feature `gpu`".into(),
            )),
            _ => Err(Error::Device(format!(
                "unknown device \"{word}\": expected cpu, gpu, gpu:NAME or reference"
            ))),
        }
    }

    /// `cpu`, `reference`, `gpu` or `shapes`.
    pub fn name(&self) -> &'static str {
        match self {
            Device::Cpu(_) => "cpu",
            Device::Reference(_) => "reference",
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => "gpu",
            Device::Shapes(_) => "shapes",
        }
    }

    /// The GPU's own name.
    pub fn adapter(&self) -> Option<&str> {
        match self {
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => Some(&gpu.summary().name),
            _ => None,
        }
    }

    /// The GPU behind this device.
    #[cfg(feature = "gpu")]
    pub fn gpu_handle(&self) -> Option<&Arc<Gpu>> {
        match self {
            Device::Gpu(gpu) => Some(gpu),
            _ => None,
        }
    }

    /// Whether it computes nothing.
    pub fn is_shapes(&self) -> bool {
        matches!(self, Device::Shapes(_))
    }

    /// Bytes of tensor memory ever allocated. A shape device counts those of the device it stands
    /// for.
    pub fn allocated_bytes(&self) -> usize {
        match self {
            Device::Cpu(pool) | Device::Reference(pool) => pool.allocated_bytes(),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu.counters().allocated_bytes as usize,
            Device::Shapes(ledger) => ledger.allocated_bytes(),
        }
    }

    /// Bytes that living tensors have asked for, rounded up to the size classes of the pool.
    pub fn used_bytes(&self) -> usize {
        self.in_use().now
    }

    /// The most that [`Device::used_bytes`] has ever been.
    pub fn peak_bytes(&self) -> usize {
        self.in_use().peak
    }

    fn in_use(&self) -> InUse {
        match self {
            Device::Cpu(pool) | Device::Reference(pool) => pool.in_use(),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu.in_use(),
            Device::Shapes(ledger) => ledger.in_use(),
        }
    }

    /// How it keeps its tensors; of a shape device, how the one does that it stands for.
    pub fn layout(&self) -> Layout {
        match self {
            Device::Cpu(_) => Layout::Cpu,
            Device::Reference(_) => Layout::Reference,
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => Layout::Gpu,
            Device::Shapes(ledger) => ledger.layout(),
        }
    }

    /// Whether both are the same device (and so share tensors).
    pub fn is(&self, other: &Device) -> bool {
        match (self, other) {
            (Device::Cpu(a), Device::Cpu(b)) | (Device::Reference(a), Device::Reference(b)) => {
                Arc::ptr_eq(a, b)
            }
            #[cfg(feature = "gpu")]
            (Device::Gpu(a), Device::Gpu(b)) => Arc::ptr_eq(a, b),
            (Device::Shapes(a), Device::Shapes(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// A tensor with arbitrary contents, to be overwritten whole.
    pub(crate) fn empty(&self, meta: Meta) -> Result<Tensor> {
        let len = meta.shape.elements();
        let storage = match (self, meta.dtype) {
            (Device::Cpu(pool), DType::Real) => Storage::F32(pool.buffer(len)),
            (Device::Reference(pool), DType::Real) => Storage::F64(pool.buffer(len)),
            (Device::Cpu(pool) | Device::Reference(pool), DType::Ids) => {
                Storage::U32(pool.buffer(len))
            }
            #[cfg(feature = "gpu")]
            (Device::Gpu(gpu), _) => Storage::Gpu(gpu.allocate(len)?),
            (Device::Shapes(ledger), _) => Storage::Nothing {
                _reservation: ledger.reserve(meta),
            },
        };
        Ok(Tensor::new(self.clone(), meta, storage))
    }

    /// Zeros of this shape.
    ///
    /// # Errors
    /// If the GPU cannot hold them.
    pub fn zeros(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let mut tensor = self.empty(Meta::real(shape))?;
        self.fill_zero(&mut tensor)?;
        Ok(tensor)
    }

    /// Overwrites an unshared tensor with zeros.
    pub(crate) fn fill_zero(&self, tensor: &mut Tensor) -> Result<()> {
        if let Some(values) = tensor.host_mut::<f32>() {
            clear(values);
        } else if let Some(values) = tensor.host_mut::<f64>() {
            clear(values);
        } else if let Some(values) = tensor.host_mut::<u32>() {
            clear(values);
        }
        #[cfg(feature = "gpu")]
        if let Some((gpu, slice)) = self.gpu_handle().zip(tensor.gpu_slice()) {
            gpu.zero(&slice)?;
        }
        Ok(())
    }

    /// Real numbers of this shape.
    ///
    /// # Errors
    /// If the number of elements is not the shape's, or the GPU cannot hold them.
    pub fn real(&self, values: &[f32], shape: impl Into<Shape>) -> Result<Tensor> {
        let meta = Meta::real(shape);
        expect_elements(values.len(), meta)?;
        self.filled(meta, bytemuck::cast_slice(values), |tensor| {
            if let Some(into) = tensor.host_mut::<f32>() {
                into.copy_from_slice(values);
            } else if let Some(into) = tensor.host_mut::<f64>() {
                into.iter_mut()
                    .zip(values)
                    .for_each(|(a, &b)| *a = f64::from(b));
            }
        })
    }

    /// Real numbers given as f64: exact on the reference device, rounded to f32 on the others.
    ///
    /// # Errors
    /// As [`Device::real`].
    pub fn real_f64(&self, values: &[f64], shape: impl Into<Shape>) -> Result<Tensor> {
        let meta = Meta::real(shape);
        expect_elements(values.len(), meta)?;
        if let Device::Reference(_) = self {
            let mut tensor = self.empty(meta)?;
            if let Some(into) = tensor.host_mut::<f64>() {
                into.copy_from_slice(values);
            }
            return Ok(tensor);
        }
        let rounded: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        self.real(&rounded, meta.shape)
    }

    /// Ids of this shape.
    ///
    /// # Errors
    /// As [`Device::real`].
    pub fn ids(&self, values: &[u32], shape: impl Into<Shape>) -> Result<Tensor> {
        let meta = Meta::ids(shape);
        expect_elements(values.len(), meta)?;
        self.filled(meta, bytemuck::cast_slice(values), |tensor| {
            if let Some(into) = tensor.host_mut::<u32>() {
                into.copy_from_slice(values);
            }
        })
    }

    fn filled(&self, meta: Meta, bytes: &[u8], fill: impl FnOnce(&mut Tensor)) -> Result<Tensor> {
        #[cfg(feature = "gpu")]
        if let Device::Gpu(gpu) = self {
            return Ok(Tensor::new(
                self.clone(),
                meta,
                Storage::Gpu(gpu.upload(bytes)?),
            ));
        }
        let _ = bytes;
        let mut tensor = self.empty(meta)?;
        fill(&mut tensor);
        Ok(tensor)
    }

    /// A copy that shares nothing with the original.
    pub(crate) fn copy(&self, from: &Tensor) -> Result<Tensor> {
        let mut to = self.empty(from.meta())?;
        if let Some((from, to)) = from.host::<f32>().zip(to.host_mut::<f32>()) {
            to.copy_from_slice(from);
        } else if let Some((from, to)) = from.host::<f64>().zip(to.host_mut::<f64>()) {
            to.copy_from_slice(from);
        }
        #[cfg(feature = "gpu")]
        if let (Some(gpu), Some(a), Some(b)) = (self.gpu_handle(), from.gpu_slice(), to.gpu_slice())
        {
            gpu.copy(&a, &b)?;
        }
        Ok(to)
    }

    /// The numbers of several tensors as f32, with one wait for the GPU.
    ///
    /// # Errors
    /// If one holds ids or no numbers, or the GPU failed.
    pub fn read_many(&self, tensors: &[&Tensor]) -> Result<Vec<Vec<f32>>> {
        if tensors.iter().any(|t| t.meta().dtype == DType::Ids) {
            return Err(Error::Mismatch(
                "expected real numbers, found a tensor of ids".into(),
            ));
        }
        #[cfg(feature = "gpu")]
        if let Device::Gpu(gpu) = self {
            let slices: Vec<_> = tensors.iter().filter_map(|t| t.gpu_slice()).collect();
            let bytes = gpu.read(&slices.iter().collect::<Vec<_>>())?;
            let all: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
            let mut rest = all.as_slice();
            let parts = slices.iter().map(|slice| {
                let (part, tail) = rest.split_at(slice.len());
                rest = tail;
                part.to_vec()
            });
            return Ok(parts.collect());
        }
        let one = |tensor: &&Tensor| match (tensor.host::<f32>(), tensor.host::<f64>()) {
            (Some(values), _) => Ok(values.to_vec()),
            (_, Some(values)) => Ok(values.iter().map(|&v| v as f32).collect()),
            _ => Err(no_numbers()),
        };
        tensors.iter().map(one).collect()
    }

    /// Hands recorded work to the GPU without waiting for it; nothing to do elsewhere.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn flush(&self) -> Result<()> {
        match self {
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu.flush(),
            _ => Ok(()),
        }
    }
}

/// Zeros, by several threads where memory rather than a thread is what is waited for.
fn clear<T: Copy + Default + Send>(values: &mut [T]) {
    const AT_ONCE: usize = 1 << 16;
    // A thread writes some eight zeros in the time in which an operator touches an element.
    let work = values.len() / 8;
    chunked(values, AT_ONCE, work, |_, values| values.fill(T::default()));
}

fn expect_elements(found: usize, meta: Meta) -> Result<()> {
    if found == meta.shape.elements() {
        return Ok(());
    }
    Err(Error::Mismatch(format!(
        "expected {} elements for shape {}, found {found}",
        meta.shape.elements(),
        meta.shape
    )))
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device::{}", self.name())
    }
}
