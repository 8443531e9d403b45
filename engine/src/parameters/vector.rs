//! Vectors in parameter space.

use super::{BLOCK, ParameterId};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::ledger::Layout;
use crate::shape::{Meta, Shape};
use crate::tensor::Tensor;

/// The gradient of a row-sparse parameter: nothing but these rows.
#[derive(Clone, Debug)]
pub struct RowGradient {
    /// Numbers of the rows, ascending, `[n]`.
    pub ids: Tensor,
    /// The rows, `[n, columns]`.
    pub values: Tensor,
}

/// A vector with a slice per parameter of a store: values, gradients, moments.
#[derive(Debug)]
pub struct ParameterVector {
    pub(crate) store: u64,
    device: Device,
    pub(crate) slices: Vec<Option<Tensor>>,
    /// Which parameters have rows in the place of a slice.
    pub(super) row_sparse: Vec<bool>,
    pub(crate) rows: Vec<Option<RowGradient>>,
    /// First element of each slice in `whole`.
    offsets: Vec<usize>,
    whole: Option<Tensor>,
}

impl ParameterVector {
    pub(super) fn allocate(device: &Device, shapes: &[Option<Shape>], store: u64) -> Result<Self> {
        let mut offsets = Vec::with_capacity(shapes.len());
        let mut total = 0usize;
        for shape in shapes {
            offsets.push(total);
            total += shape.map_or(0, |s| s.elements().next_multiple_of(BLOCK));
        }
        let whole = (device.layout() == Layout::Gpu)
            .then(|| device.empty(Meta::real([total])))
            .transpose()?;
        let slice = |(shape, &offset): (&Option<Shape>, &usize)| {
            let Some(shape) = *shape else { return Ok(None) };
            match &whole {
                Some(whole) => Ok(Some(whole.view(offset, shape))),
                None => device.empty(Meta::real(shape)).map(Some),
            }
        };
        let slices = shapes
            .iter()
            .zip(&offsets)
            .map(slice)
            .collect::<Result<_>>()?;
        Ok(ParameterVector {
            store,
            device: device.clone(),
            slices,
            row_sparse: vec![false; shapes.len()],
            rows: vec![None; shapes.len()],
            offsets,
            whole,
        })
    }

    /// The rows of each row-sparse parameter that the last backward pass has reached; `None` for the
    /// others.
    pub fn rows(&self) -> &[Option<RowGradient>] {
        &self.rows
    }

    /// Whether a parameter has rows in the place of a slice.
    pub(crate) fn is_row_sparse(&self, index: usize) -> bool {
        self.row_sparse[index]
    }

    /// Slices and rows, in the order of the store's records.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> + Clone {
        let both = self.slices.iter().zip(&self.rows);
        both.filter_map(|(slice, rows)| slice.as_ref().or(rows.as_ref().map(|rows| &rows.values)))
    }

    /// The slice of one parameter; `None` if it was frozen when the vector was made.
    pub fn get(&self, id: ParameterId) -> Option<&Tensor> {
        self.slices.get(id.0).and_then(Option::as_ref)
    }

    /// The slices, in the order of the store's records.
    pub fn slices_mut(&mut self) -> &mut [Option<Tensor>] {
        &mut self.slices
    }

    /// The slices, in the order of the store's records.
    pub fn slices(&self) -> &[Option<Tensor>] {
        &self.slices
    }

    /// On a GPU, the buffer that holds every slice at its offset.
    pub fn whole(&self) -> Option<&Tensor> {
        self.whole.as_ref()
    }

    /// First element of each slice in [`ParameterVector::whole`].
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes of its buffers on a device that keeps its tensors so.
    pub fn buffer_bytes(&self, layout: Layout) -> usize {
        let bytes = |tensor: &Tensor| layout.buffer_bytes(tensor.meta());
        match &self.whole {
            Some(whole) => bytes(whole),
            None => self.slices.iter().flatten().map(bytes).sum(),
        }
    }

    /// Sets every element to zero, and forgets the rows of row-sparse parameters.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn fill_zero(&mut self) -> Result<()> {
        self.rows.fill(None);
        let device = self.device.clone();
        if let Some(whole) = &mut self.whole {
            return device.fill_zero(whole);
        }
        self.slices
            .iter_mut()
            .flatten()
            .try_for_each(|slice| device.fill_zero(slice))
    }

    /// Overwrites every slice; absent ones are skipped.
    pub(super) fn load(&mut self, values: &[Vec<f64>]) -> Result<()> {
        self.load_each(|slice| &values[slice])
    }

    /// [`ParameterVector::load`] with values that are made one slice at a time, so that no more than
    /// one is held besides the vector.
    pub(super) fn load_each<V: AsRef<[f64]>>(
        &mut self,
        mut values: impl FnMut(usize) -> V,
    ) -> Result<()> {
        for (index, slice) in self.slices.iter_mut().enumerate() {
            let values = values(index);
            let (values, Some(slice)) = (values.as_ref(), slice) else {
                continue;
            };
            if let Some(into) = slice.host_mut::<f32>() {
                into.iter_mut()
                    .zip(values)
                    .for_each(|(a, &b)| *a = b as f32);
            } else if let Some(into) = slice.host_mut::<f64>() {
                into.copy_from_slice(values);
            }
            #[cfg(feature = "gpu")]
            if let Some((gpu, slice)) = self.device.gpu_handle().zip(slice.gpu_slice()) {
                let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
                gpu.write(&slice, bytemuck::cast_slice(&values))?;
            }
        }
        Ok(())
    }

    /// The values of every slice; an empty list for absent ones. For checkpoints.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn read(&self) -> Result<Vec<Vec<f32>>> {
        let present: Vec<&Tensor> = self.slices.iter().flatten().collect();
        let mut read = self.device.read_many(&present)?.into_iter();
        let each = self.slices.iter();
        Ok(each
            .map(|s| s.as_ref().and_then(|_| read.next()).unwrap_or_default())
            .collect())
    }

    /// Overwrites every slice with what [`ParameterVector::read`] gave.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the lengths differ; nothing is overwritten then.
    pub fn restore(&mut self, values: &[Vec<f32>]) -> Result<()> {
        let expected = self
            .slices
            .iter()
            .map(|s| s.as_ref().map_or(0, |t| t.shape().elements()));
        if !expected.eq(values.iter().map(Vec::len)) {
            return Err(Error::Mismatch(
                "the saved optimiser state is of another model".into(),
            ));
        }
        let wide: Vec<Vec<f64>> = values
            .iter()
            .map(|v| v.iter().map(|&x| f64::from(x)).collect())
            .collect();
        self.load(&wide)
    }

    /// The same numbers a second time. None of the two is to be written to before
    /// [`ParameterVector::make_unique`].
    pub(super) fn share(&self) -> ParameterVector {
        ParameterVector {
            store: self.store,
            device: self.device.clone(),
            slices: self.slices.clone(),
            row_sparse: self.row_sparse.clone(),
            rows: self.rows.clone(),
            offsets: self.offsets.clone(),
            whole: self.whole.clone(),
        }
    }

    pub(super) fn make_unique(&mut self, device: &Device) -> Result<()> {
        if let Some(whole) = &self.whole {
            // Every slice, and the whole itself, holds the buffer once.
            let held = 1 + self.slices.iter().flatten().count();
            if whole.sharers() > held {
                let copy = device.copy(whole)?;
                for (slice, &offset) in self.slices.iter_mut().zip(&self.offsets) {
                    if let Some(slice) = slice {
                        *slice = copy.view(offset, slice.shape());
                    }
                }
                self.whole = Some(copy);
            }
            return Ok(());
        }
        for slice in self.slices.iter_mut().flatten() {
            if slice.sharers() > 1 {
                *slice = device.copy(slice)?;
            }
        }
        Ok(())
    }
}
