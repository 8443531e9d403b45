//! What the optimiser updates share: which slices they touch, with which rules, and how the work
//! is split.

#[cfg(feature = "gpu")]
use limbeck_engine::{BLOCK, GpuSlice};
use limbeck_engine::{
    Device, Element, Error, ParameterStore, ParameterVector, Result, Tensor, chunked,
    worth_splitting,
};
use rayon::prelude::*;

use crate::ClipNorm;
use crate::shared::reduce::rows_per_task;
use crate::shared::segments::disjoint_rows;

/// Elements one task handles. Depends on nothing, so that sums over chunks do not either.
pub(crate) const CHUNK: usize = 4096;

/// The trainable slices of a store, as they were when an optimiser was made for it.
#[derive(Debug)]
pub(crate) struct Trainable {
    store: u64,
    device: Device,
    /// Elements of each slice; `None` for frozen and for row-sparse ones.
    elements: Vec<Option<usize>>,
}

impl Trainable {
    pub(crate) fn of(store: &ParameterStore) -> Self {
        let records = store.records().iter();
        Trainable {
            store: store.id(),
            device: store.device().clone(),
            elements: records
                .map(|r| (!r.frozen && !r.row_sparse).then(|| r.shape.elements()))
                .collect(),
        }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Blocks of a vector of these slices on a GPU.
    #[cfg(feature = "gpu")]
    pub(crate) fn blocks(&self) -> usize {
        let each = self.elements.iter().flatten();
        each.map(|elements| elements.div_ceil(BLOCK)).sum()
    }

    /// Refuses gradients of another device, model or frozen set.
    pub(crate) fn check_gradients(&self, who: &str, gradients: &ParameterVector) -> Result<()> {
        let found = gradients.slices().iter();
        let found = found.map(|s| s.as_ref().map(|t| t.shape().elements()));
        if gradients.device().is(&self.device) && found.eq(self.elements.iter().copied()) {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "{who}: the gradients have not the trainable parameters it was made for: after \
             freezing or thawing, make new gradients and a new optimiser"
        )))
    }

    /// Refuses what does not belong to the store, and a learning rate that is no number.
    pub(crate) fn check_step(
        &self,
        who: &str,
        store: &ParameterStore,
        gradients: &ParameterVector,
        norm: &ClipNorm,
        learning_rate: f64,
    ) -> Result<()> {
        if store.id() != self.store || !norm.measured_for(self.store) {
            return Err(Error::Mismatch(format!(
                "{who}: the parameters, the optimiser and a norm that was measured must be of one \
                 store"
            )));
        }
        at_least_zero(who, "the learning rate", learning_rate)?;
        self.check_gradients(who, gradients)
    }

    /// Whether `store` is the one it was made for.
    pub(crate) fn is_of(&self, store: u64) -> bool {
        self.store == store
    }

    /// Overwrites moment vectors; nothing is overwritten if anything does not fit.
    pub(crate) fn restore(
        &self,
        who: &str,
        moments: &mut [ParameterVector],
        saved: &[Vec<Vec<f32>>],
    ) -> Result<()> {
        let expected = || self.elements.iter().map(|e| e.unwrap_or(0));
        let fits = |vector: &Vec<Vec<f32>>| expected().eq(vector.iter().map(Vec::len));
        if saved.len() != moments.len() || !saved.iter().all(fits) {
            return Err(Error::Mismatch(format!(
                "{who}: the saved state is not of this model and optimiser: expected {} moment \
                 vectors with a slice per trainable parameter, found {} vectors",
                moments.len(),
                saved.len()
            )));
        }
        let mut pairs = moments.iter_mut().zip(saved);
        pairs.try_for_each(|(moment, saved)| moment.restore(saved))
    }
}

/// Refuses a setting that is negative or not finite.
pub(crate) fn at_least_zero(who: &str, what: &str, value: f64) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::Mismatch(format!(
        "{who}: {what} must be a number of at least 0, found {value}"
    )))
}

/// Refuses a decay rate of moments outside [0, 1).
pub(crate) fn below_one(who: &str, what: &str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Mismatch(format!(
        "{who}: {what} must be at least 0 and below 1, found {value}"
    )))
}

/// Factor on the learning rate and weight decay of one slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) scale: f32,
    pub(crate) decay: f64,
}

/// The rule of every slice, frozen ones included.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) slices: Vec<Rule>,
    /// On a GPU, four words per block of 256 trainable elements: first element in the values,
    /// first element in the gradients, scale, decay. The two offsets differ once something is
    /// frozen, for only the values have a place for it.
    #[cfg(feature = "gpu")]
    table: Tensor,
}

impl Rules {
    pub(crate) fn of(store: &ParameterStore, weight_decay: f64) -> Result<Self> {
        let records = store.records().iter();
        let slices: Vec<Rule> = records
            .map(|record| Rule {
                scale: record.learning_rate_scale,
                decay: if record.decay { weight_decay } else { 0.0 },
            })
            .collect();
        Ok(Rules {
            #[cfg(feature = "gpu")]
            table: table(store, &slices)?,
            slices,
        })
    }

    /// The table, on a GPU.
    #[cfg(feature = "gpu")]
    pub(crate) fn table(&self) -> GpuSlice {
        self.table
            .gpu_slice()
            .expect("the update kernels ask only on a GPU")
    }
}

#[cfg(feature = "gpu")]
fn table(store: &ParameterStore, rules: &[Rule]) -> Result<Tensor> {
    let mut words = Vec::new();
    if let Device::Gpu(_) = store.device() {
        let slices = store.records().iter().zip(store.values().offsets());
        let mut gradient = 0;
        for ((record, &value), rule) in slices
            .zip(rules)
            .filter(|((r, _), _)| !r.frozen && !r.row_sparse)
        {
            for block in 0..record.shape.elements().div_ceil(BLOCK) {
                words.extend([
                    (value + block * BLOCK) as u32,
                    gradient,
                    rule.scale.to_bits(),
                    (rule.decay as f32).to_bits(),
                ]);
                gradient += BLOCK as u32;
            }
        }
    }
    store.device().ids(&words, [words.len()])
}

/// Calls `body` on each row of row-sparse parameters that has a gradient, in parallel when worth it.
/// The moments have all rows of every parameter.
pub(crate) fn for_rows<T: Element, const N: usize>(
    store: &mut ParameterStore,
    gradients: &ParameterVector,
    moments: &mut [ParameterVector; N],
    body: impl Fn(Chunk<'_, T, N>) + Sync + Send,
) -> Result<()> {
    let values = store.values_mut()?.slices_mut().iter_mut();
    let mut moments = moments.each_mut().map(|m| m.slices_mut().iter_mut());
    for (slice, (values, rows)) in values.zip(gradients.rows()).enumerate() {
        let moments = moments
            .each_mut()
            .map(|m| m.next().and_then(Option::as_mut));
        let (Some(values), Some(rows)) = (values, rows) else {
            continue;
        };
        let columns = rows.values.shape().columns();
        if columns == 0 {
            continue;
        }
        let ids = rows.ids.host().unwrap_or_default();
        let from: &[T] = rows.values.host().unwrap_or_default();
        let mut chosen = Vec::with_capacity(N);
        for moment in moments {
            chosen.push(disjoint_rows(in_place(moment)?, columns, ids).into_iter());
        }
        let rows = disjoint_rows(in_place(Some(values))?, columns, ids);
        let mut chunks: Vec<_> = rows
            .into_iter()
            .zip(from.chunks_exact(columns))
            .map(|(values, gradients)| {
                Some(Chunk {
                    slice,
                    values,
                    gradients,
                    moments: std::array::from_fn(|n| chosen[n].next().unwrap_or_default()),
                })
            })
            .collect();
        chunked(
            &mut chunks,
            rows_per_task(columns),
            from.len(),
            |_, rows| {
                rows.iter_mut().filter_map(Option::take).for_each(&body);
            },
        );
    }
    Ok(())
}

/// Refuses row-sparse parameters: for updates that change rows without a gradient too.
pub(crate) fn refuse_row_sparse(who: &str, store: &ParameterStore, why: &str) -> Result<()> {
    let sparse = |r: &&limbeck_engine::Record| r.row_sparse && !r.frozen;
    match store.records().iter().find(sparse) {
        None => Ok(()),
        Some(record) => Err(Error::Mismatch(format!(
            "{who}: {} is row-sparse, but {why}: use plain SGD, or make it dense",
            record.name
        ))),
    }
}

/// A piece of one slice: values and moments to update, and their gradients.
pub(crate) struct Chunk<'a, T, const N: usize> {
    pub(crate) slice: usize,
    pub(crate) values: &'a mut [T],
    pub(crate) gradients: &'a [T],
    pub(crate) moments: [&'a mut [T]; N],
}

/// Calls `body` on every chunk of every trainable slice, in parallel when worth it.
pub(crate) fn for_chunks<T: Element, const N: usize>(
    store: &mut ParameterStore,
    gradients: &ParameterVector,
    moments: &mut [ParameterVector; N],
    body: impl Fn(Chunk<'_, T, N>) + Sync + Send,
) -> Result<()> {
    let mut chunks = Vec::new();
    let mut moments = moments.each_mut().map(|m| m.slices_mut().iter_mut());
    let slices = store.values_mut()?.slices_mut().iter_mut();
    for (slice, (values, gradients)) in slices.zip(gradients.slices()).enumerate() {
        let moments = moments
            .each_mut()
            .map(|m| m.next().and_then(Option::as_mut));
        if let (Some(values), Some(gradients)) = (values, gradients) {
            let mut values = in_place(Some(values))?.chunks_mut(CHUNK);
            let mut pieces = Vec::with_capacity(N);
            for moment in moments {
                pieces.push(in_place(moment)?.chunks_mut(CHUNK));
            }
            for gradients in gradients.host().unwrap_or_default().chunks(CHUNK) {
                chunks.push(Chunk {
                    slice,
                    values: values.next().unwrap_or_default(),
                    gradients,
                    moments: std::array::from_fn(|n| pieces[n].next().unwrap_or_default()),
                });
            }
        }
    }
    let elements = chunks.iter().map(|c| c.gradients.len()).sum();
    if worth_splitting(elements) {
        chunks.into_par_iter().for_each(body);
    } else {
        chunks.into_iter().for_each(body);
    }
    Ok(())
}

fn in_place<T: Element>(tensor: Option<&mut Tensor>) -> Result<&mut [T]> {
    tensor.and_then(Tensor::host_mut).ok_or_else(|| {
        Error::Mismatch(
            "an optimiser's moments are still shared: drop tensors cloned from them before the \
             next step"
                .into(),
        )
    })
}
