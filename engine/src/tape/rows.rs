//! Rows of a table in the place of the table.

use super::{Tape, Target, Var};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::parameters::{ParameterId, ParameterStore, Record};
use crate::shape::Meta;
use crate::tensor::{Element, Tensor};

impl Tape {
    /// Rows of a row-sparse parameter `[n, columns]`, by ascending number: a copy `[ids.len(),
    /// columns]`, whose gradient goes to [`ParameterVector::rows`](crate::ParameterVector::rows).
    /// A tape takes rows of a parameter once.
    ///
    /// # Errors
    /// If the parameter is not row-sparse or no matrix, the ids do not ascend or one is not the
    /// number of a row, or the device cannot hold the copy.
    pub fn parameter_rows(
        &self,
        store: &ParameterStore,
        id: ParameterId,
        ids: &[u32],
    ) -> Result<Var> {
        let (record, table) = (&store.records()[id.index()], store.value(id));
        check(record, ids)?;
        let ids = self.device.ids(ids, [ids.len()])?;
        let copy = take(&self.device, table, &ids)?;
        if record.frozen {
            return Ok(self.constant(copy));
        }
        let mut taken = self.taken.borrow_mut();
        taken.push(ids);
        let target = Target::Rows {
            store: store.id(),
            id,
            taken: taken.len() - 1,
        };
        Ok(self.with_slot(copy, target))
    }
}

/// Refuses ids that do not ascend or name no row.
fn check(record: &Record, ids: &[u32]) -> Result<()> {
    let refuse = |message: String| {
        Err(Error::Shape {
            operator: "parameter_rows",
            message: format!("{}: {message}", record.name),
        })
    };
    let &[rows, _] = record.shape.dims() else {
        return refuse(format!("expected a matrix, found {}", record.shape));
    };
    if !record.row_sparse {
        return refuse("its record does not say that it is row-sparse".into());
    }
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] >= pair[1]) {
        let [first, second] = [pair[0], pair[1]];
        return refuse(format!("ids must ascend, found {first} before {second}"));
    }
    match ids.last() {
        Some(&last) if last as usize >= rows => {
            refuse(format!("there is no row {last} in {}", record.shape))
        }
        _ => Ok(()),
    }
}

/// The rows of `table` with these numbers.
fn take(device: &Device, table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let columns = table.shape().columns();
    let mut into = device.empty(Meta::real([ids.shape().elements(), columns]))?;
    if !copy::<f32>(table, ids, &mut into) {
        copy::<f64>(table, ids, &mut into);
    }
    #[cfg(feature = "gpu")]
    if let (Some(gpu), Some(table), Some(ids), Some(into)) = (
        device.gpu_handle(),
        table.gpu_slice(),
        ids.gpu_slice(),
        into.gpu_slice(),
    ) {
        use crate::gpu::{Binding, Kernel};
        static TAKE: Kernel = Kernel {
            name: "engine::take_rows",
            source: &[include_str!("../gpu/take_rows.wgsl")],
            entry: "take_rows",
        };
        let bindings = [
            Binding::Read(&table),
            Binding::Read(&ids),
            Binding::Write(&into),
        ];
        let parameters = [into.len() as u32, columns as u32];
        gpu.dispatch(&TAKE, &bindings, &parameters, into.len().div_ceil(256))?;
    }
    Ok(into)
}

/// Copies on the host; false if the numbers are not of this type.
fn copy<T: Element>(table: &Tensor, ids: &Tensor, into: &mut Tensor) -> bool {
    let columns = table.shape().columns();
    let Some(((table, ids), into)) = table.host::<T>().zip(ids.host()).zip(into.host_mut::<T>())
    else {
        return false;
    };
    for (&id, into) in ids.iter().zip(into.chunks_exact_mut(columns.max(1))) {
        let id: u32 = id;
        into.copy_from_slice(&table[id as usize * columns..][..columns]);
    }
    true
}
