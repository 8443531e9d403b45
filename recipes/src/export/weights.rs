//! The weights of a model on their way out.

use std::collections::{BTreeMap, HashMap};

use limbeck_engine::ParameterStore;
use limbeck_training::quantise::{Channels, Quantised};
use limbeck_training::tensors::{HostTensor, Tensors, Values};

use crate::error::Result;

/// Fewer weights than this are not worth the error of rounding them.
const SMALLEST: usize = 64;

/// A weight by its name.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    pub(super) shape: Vec<usize>,
    pub(super) data: Data,
}

/// Its values, row-major.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Real(Vec<f32>),
    Whole(Quantised),
}

/// All weights of a model, in the order of their names.
#[derive(Clone, Debug)]
pub(super) struct Weights(BTreeMap<String, Weight>);

impl Weights {
    /// Those of a model. With `int8` matrices are rounded, by rows or columns as `channels` says of their
    /// names; where it says nothing, and of vectors and the smallest matrices, the weights stay as they
    /// are.
    pub(super) fn of(
        store: &ParameterStore,
        int8: bool,
        channels: impl Fn(&str) -> Option<Channels>,
    ) -> Result<Self> {
        let mut named = BTreeMap::new();
        for (name, shape, values) in store.read()? {
            let dims = shape.dims().to_vec();
            let data = match (dims.as_slice(), channels(&name)) {
                (&[rows, columns], Some(channels))
                    if int8 && rows.min(columns) > 1 && values.len() >= SMALLEST =>
                {
                    Data::Whole(Quantised::new([rows, columns], &values, channels))
                }
                _ => Data::Real(values),
            };
            named.insert(name, Weight { shape: dims, data });
        }
        Ok(Weights(named))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Weight> {
        self.0.get(name)
    }

    /// All in f32, by name.
    pub(super) fn values(self) -> HashMap<String, Vec<f32>> {
        let value = |(name, weight): (String, Weight)| match weight.data {
            Data::Real(values) => (name, values),
            Data::Whole(matrix) => (name, matrix.values()),
        };
        self.0.into_iter().map(value).collect()
    }

    /// As tensors of a safetensors file.
    pub(super) fn tensors(&self) -> Result<Tensors> {
        let mut tensors = Tensors::new();
        for (name, weight) in &self.0 {
            match &weight.data {
                Data::Whole(matrix) => matrix.insert_into(&mut tensors, name)?,
                Data::Real(values) => {
                    let tensor = HostTensor::new(&weight.shape, Values::F32(values.clone()))?;
                    tensors.insert(name.clone(), tensor);
                }
            }
        }
        Ok(tensors)
    }

    /// Bytes of the values.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = |weight: &Weight| match &weight.data {
            Data::Real(values) => 4 * values.len(),
            Data::Whole(matrix) => matrix.bytes(),
        };
        self.0.values().map(bytes).sum::<usize>() as u64
    }
}
