//! Tensors: contiguous, row-major, shared by reference count, immutable once shared.

use std::any::Any;
use std::sync::Arc;

use crate::device::Device;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::GpuSlice;
use crate::host::HostBuffer;
use crate::ledger::Reservation;
use crate::shape::{DType, Meta, Shape};

/// Where the numbers are.
pub(crate) enum Storage {
    F32(HostBuffer<f32>),
    F64(HostBuffer<f64>),
    U32(HostBuffer<u32>),
    #[cfg(feature = "gpu")]
    Gpu(GpuSlice),
    /// The shape device keeps no numbers, only books.
    Nothing {
        _reservation: Reservation,
    },
}

impl Storage {
    fn buffer<T: Element>(&self) -> Option<&HostBuffer<T>> {
        let buffer: &dyn Any = match self {
            Storage::F32(buffer) => buffer,
            Storage::F64(buffer) => buffer,
            Storage::U32(buffer) => buffer,
            _ => return None,
        };
        buffer.downcast_ref()
    }

    fn elements<T: Element>(&self) -> Option<&[T]> {
        self.buffer().map(|buffer| &**buffer)
    }

    fn elements_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        let buffer: &mut dyn Any = match self {
            Storage::F32(buffer) => buffer,
            Storage::F64(buffer) => buffer,
            Storage::U32(buffer) => buffer,
            _ => return None,
        };
        buffer
            .downcast_mut::<HostBuffer<T>>()
            .map(|buffer| &mut **buffer)
    }
}

/// A host element type: f32 on the CPU, f64 on the reference device, u32 for ids on both.
pub trait Element: bytemuck::Pod + Send + Sync {}

impl Element for f32 {}
impl Element for f64 {}
impl Element for u32 {}

/// An n-dimensional array on one device. Cloning shares the numbers.
///
/// ```
/// use limbeck_engine::Device;
/// let device = Device::cpu();
/// let x = device.real(&[1.0, 2.0, 3.0, 4.0], [2, 2])?;
/// assert_eq!(x.shape().dims(), [2, 2]);
/// assert_eq!(x.read()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    device: Device,
    meta: Meta,
    storage: Arc<Storage>,
    offset: usize,
    /// Whether it came from a store of parameters, whose numbers last.
    parameter: bool,
}

impl Tensor {
    pub(crate) fn new(device: Device, meta: Meta, storage: Storage) -> Self {
        Tensor {
            device,
            meta,
            storage: Arc::new(storage),
            offset: 0,
            parameter: false,
        }
    }

    /// The same numbers, marked as those of a parameter.
    pub(crate) fn as_parameter(&self) -> Tensor {
        Tensor {
            parameter: true,
            ..self.clone()
        }
    }

    /// The host memory of a parameter, if it has one to itself.
    pub(crate) fn parameter_buffer<T: Element>(&self) -> Option<&HostBuffer<T>> {
        let buffer = self.storage.buffer::<T>()?;
        let whole = self.offset == 0 && self.shape().elements() == buffer.len();
        (self.parameter && whole).then_some(buffer)
    }

    /// The device that holds the numbers.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Element type and shape.
    pub fn meta(&self) -> Meta {
        self.meta
    }

    /// Shape.
    pub fn shape(&self) -> Shape {
        self.meta.shape
    }

    /// The numbers as f32 (rounded on the reference device). Waits for the GPU.
    ///
    /// # Errors
    /// If the tensor holds ids or no numbers at all, or the GPU failed.
    pub fn read(&self) -> Result<Vec<f32>> {
        Ok(self.device.read_many(&[self])?.pop().unwrap_or_default())
    }

    /// The numbers as f64: exact on every device.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub fn read_f64(&self) -> Result<Vec<f64>> {
        match self.host::<f64>() {
            Some(values) => Ok(values.to_vec()),
            None => Ok(self.read()?.into_iter().map(f64::from).collect()),
        }
    }

    /// The single number of a one-element tensor.
    ///
    /// # Errors
    /// As [`Tensor::read`], and if there is not exactly one element.
    pub fn item(&self) -> Result<f64> {
        match *self.read_f64()? {
            [value] => Ok(value),
            _ => Err(Error::Mismatch(format!(
                "expected a tensor of one element, found shape {}",
                self.shape()
            ))),
        }
    }

    /// The ids of a u32 tensor. Waits for the GPU.
    ///
    /// # Errors
    /// If the tensor holds real numbers or nothing, or the GPU failed.
    pub fn read_ids(&self) -> Result<Vec<u32>> {
        if self.meta.dtype != DType::Ids {
            return Err(Error::Mismatch(
                "expected a tensor of ids, found real numbers".into(),
            ));
        }
        #[cfg(feature = "gpu")]
        if let Some((gpu, slice)) = self.device.gpu_handle().zip(self.gpu_slice()) {
            return Ok(bytemuck::pod_collect_to_vec(&gpu.read(&[&slice])?));
        }
        self.host::<u32>()
            .map(<[u32]>::to_vec)
            .ok_or_else(no_numbers)
    }

    /// The same numbers under another shape of as many elements.
    ///
    /// # Errors
    /// If the numbers of elements differ.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        if shape.elements() != self.shape().elements() {
            return Err(Error::Shape {
                operator: "reshape",
                message: format!("{} has not as many elements as {shape}", self.shape()),
            });
        }
        Ok(Tensor {
            meta: Meta { shape, ..self.meta },
            ..self.clone()
        })
    }

    /// A view of consecutive elements, sharing the numbers.
    pub(crate) fn view(&self, offset: usize, shape: Shape) -> Tensor {
        debug_assert!(offset + shape.elements() <= self.shape().elements());
        Tensor {
            meta: Meta { shape, ..self.meta },
            offset: self.offset + offset,
            ..self.clone()
        }
    }

    /// The elements, if they are on the host and of this type.
    pub fn host<T: Element>(&self) -> Option<&[T]> {
        let len = self.shape().elements();
        self.storage
            .elements()
            .map(|all| &all[self.offset..self.offset + len])
    }

    /// The elements to write, if they are on the host, of this type, and not shared.
    pub fn host_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        let (offset, len) = (self.offset, self.shape().elements());
        let storage = Arc::get_mut(&mut self.storage)?;
        storage
            .elements_mut()
            .map(|all| &mut all[offset..offset + len])
    }

    /// The part of a GPU buffer that holds the elements.
    #[cfg(feature = "gpu")]
    pub fn gpu_slice(&self) -> Option<GpuSlice> {
        match &*self.storage {
            Storage::Gpu(whole) => Some(GpuSlice {
                buffer: Arc::clone(&whole.buffer),
                offset: whole.offset + self.offset,
                len: self.shape().elements(),
            }),
            _ => None,
        }
    }

    /// How many tensors share the numbers, this one included.
    pub(crate) fn sharers(&self) -> usize {
        Arc::strong_count(&self.storage)
    }
}

pub(crate) fn no_numbers() -> Error {
    Error::Mismatch("a tensor of the shape device has no numbers to read".into())
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Tensor({:?} {} on {})",
            self.meta.dtype,
            self.shape(),
            self.device.name()
        )
    }
}
