//! The parameters of a model, and vectors in parameter space (gradients, moments, averages).
//!
//! On a GPU a store is one buffer, so that an optimiser updates a whole model with one dispatch;
//! each slice is padded to [`BLOCK`] elements, so that a block of threads never serves two. On
//! the host each slice is a buffer of its own: tasks then borrow slices independently.

mod vector;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::device::Device;
use crate::error::{Error, Result};
use crate::host::chunked;
use crate::philox::Stream;
use crate::shape::Shape;
use crate::tensor::Tensor;

pub use vector::{ParameterVector, RowGradient};

/// Elements a slice of a GPU store is padded to.
pub const BLOCK: usize = 256;

/// What an optimiser must know of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Path of the parameter in its model, as saved: `layers.0.attention.qkv.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Factor on the learning rate.
    pub learning_rate_scale: f32,
    /// Whether weight decay applies (not to biases and norms, by custom).
    pub decay: bool,
    /// Frozen parameters have no gradient and no optimiser state.
    pub frozen: bool,
    /// A table of which a step reads few rows ([`Tape::parameter_rows`](crate::Tape::parameter_rows)):
    /// its gradient is a list of rows ([`RowGradient`]), so that a step's cost does not grow with the
    /// table.
    pub row_sparse: bool,
}

impl Record {
    /// Whether gradients and moments have a slice for it.
    fn has_slice(&self) -> bool {
        !self.frozen && !self.row_sparse
    }
}

/// A parameter of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(usize);

impl ParameterId {
    /// Its place in the store, from 0.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Collects the parameters of a model before they are placed on a device.
///
/// Initial values are drawn on the host, by name: every device starts from the same numbers.
pub struct StoreBuilder {
    seed: u64,
    records: Vec<Record>,
    initial: Vec<Initial>,
}

/// Initial values that one task draws.
const DRAWN: usize = 4096;

/// Where the first values of a parameter come from. They are drawn when the store is built, and
/// not at all on a shape device.
enum Initial {
    Given(Vec<f64>),
    Constant(f64),
    Normal { deviation: f64 },
    Uniform { bound: f64 },
}

impl Initial {
    /// Rounded to f32, so that the reference device starts where the others start.
    fn draw(&self, record: &Record, seed: u64) -> Vec<f64> {
        let stream = Stream::new(seed, &record.name, 0);
        let one = |i: u32| match *self {
            Initial::Given(ref values) => values[i as usize],
            Initial::Constant(value) => value,
            Initial::Normal { deviation } => deviation * stream.normal(i, 0),
            Initial::Uniform { bound } => bound * (2.0 * stream.uniform(i, 0) - 1.0),
        };
        let mut drawn = vec![0.0; record.shape.elements()];
        let work = drawn.len();
        chunked(&mut drawn, DRAWN, work, |chunk, drawn| {
            for (i, into) in drawn.iter_mut().enumerate() {
                *into = f64::from(one((chunk * DRAWN + i) as u32) as f32);
            }
        });
        drawn
    }
}

impl StoreBuilder {
    /// A builder whose random values come from this seed.
    pub fn new(seed: u64) -> Self {
        StoreBuilder {
            seed,
            records: Vec::new(),
            initial: Vec::new(),
        }
    }

    /// Adds a parameter with these values (as many as the shape has elements).
    pub fn values(
        &mut self,
        name: &str,
        shape: impl Into<Shape>,
        values: Vec<f64>,
        decay: bool,
    ) -> ParameterId {
        let shape = shape.into();
        assert_eq!(
            values.len(),
            shape.elements(),
            "model bug: {name} has not the values of its shape"
        );
        self.add(name, shape, Initial::Given(values), decay)
    }

    fn add(&mut self, name: &str, shape: Shape, initial: Initial, decay: bool) -> ParameterId {
        self.records.push(Record {
            name: name.to_string(),
            shape,
            learning_rate_scale: 1.0,
            decay,
            frozen: false,
            row_sparse: false,
        });
        self.initial.push(initial);
        ParameterId(self.records.len() - 1)
    }

    /// Normally distributed values; weight decay applies.
    pub fn normal(&mut self, name: &str, shape: impl Into<Shape>, deviation: f64) -> ParameterId {
        self.add(name, shape.into(), Initial::Normal { deviation }, true)
    }

    /// Values uniform in (-bound, bound); weight decay applies.
    pub fn uniform(&mut self, name: &str, shape: impl Into<Shape>, bound: f64) -> ParameterId {
        self.add(name, shape.into(), Initial::Uniform { bound }, true)
    }

    /// One value throughout; no weight decay (biases, norms).
    pub fn constant(&mut self, name: &str, shape: impl Into<Shape>, value: f64) -> ParameterId {
        self.add(name, shape.into(), Initial::Constant(value), false)
    }

    /// Exempts a parameter from weight decay.
    pub fn no_decay(&mut self, id: ParameterId) {
        self.records[id.0].decay = false;
    }

    /// Places the parameters on a device.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn build(self, device: &Device) -> Result<ParameterStore> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let shapes: Vec<Option<Shape>> = self.records.iter().map(|r| Some(r.shape)).collect();
        let mut values = ParameterVector::allocate(device, &shapes, 0)?;
        if !device.is_shapes() {
            if values.whole().is_some() {
                // The gaps between slices.
                values.fill_zero()?;
            }
            let mut drawn = self.records.iter().zip(&self.initial);
            values.load_each(|_| {
                let drawn = drawn.next().map(|(record, i)| i.draw(record, self.seed));
                drawn.unwrap_or_default()
            })?;
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        values.store = id;
        Ok(ParameterStore {
            id,
            device: device.clone(),
            records: self.records.into(),
            values,
        })
    }
}

/// The parameters of one model on one device.
#[derive(Debug)]
pub struct ParameterStore {
    id: u64,
    device: Device,
    records: Arc<[Record]>,
    values: ParameterVector,
}

impl ParameterStore {
    /// Unique in this process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The device of the values.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One record per parameter, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The records, to change scales, decay or frozen state. Vectors made before (gradients,
    /// moments) keep the slices they had: make new ones after freezing or thawing.
    pub fn records_mut(&mut self) -> &mut [Record] {
        Arc::make_mut(&mut self.records)
    }

    /// Freezes or thaws every parameter whose name starts with `prefix`; returns how many.
    pub fn set_frozen(&mut self, prefix: &str, frozen: bool) -> usize {
        let records = self.records_mut().iter_mut();
        let chosen = records.filter(|r| r.name.starts_with(prefix));
        chosen.map(|record| record.frozen = frozen).count()
    }

    /// Number of single parameters (weights and biases), frozen ones included.
    pub fn parameters(&self) -> usize {
        self.records.iter().map(|r| r.shape.elements()).sum()
    }

    /// Every parameter.
    pub fn ids(&self) -> impl Iterator<Item = ParameterId> + use<> {
        (0..self.records.len()).map(ParameterId)
    }

    /// The parameter of this name.
    pub fn find(&self, name: &str) -> Option<ParameterId> {
        self.records
            .iter()
            .position(|r| r.name == name)
            .map(ParameterId)
    }

    /// The values of one parameter, as they are now: a later update does not change them.
    pub fn value(&self, id: ParameterId) -> &Tensor {
        self.values.slices[id.0]
            .as_ref()
            .expect("a store has every slice of its values")
    }

    /// All values.
    pub fn values(&self) -> &ParameterVector {
        &self.values
    }

    /// All values, for an update in place. Values that a tensor outside still shares are copied
    /// first, so that what was read stays as it was.
    ///
    /// # Errors
    /// If the device cannot hold the copy.
    pub fn values_mut(&mut self) -> Result<&mut ParameterVector> {
        self.values.make_unique(&self.device)?;
        Ok(&mut self.values)
    }

    /// Zeros with a slice per trainable parameter: gradients, moments. Row-sparse parameters have no
    /// slice; [`ParameterVector::rows`] holds their gradients.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn zeros(&self) -> Result<ParameterVector> {
        let shapes: Vec<_> = self
            .records
            .iter()
            .map(|r| r.has_slice().then_some(r.shape))
            .collect();
        let mut vector = ParameterVector::allocate(&self.device, &shapes, self.id)?;
        let sparse = self.records.iter().map(|r| r.row_sparse && !r.frozen);
        vector.row_sparse = sparse.collect();
        vector.fill_zero()?;
        Ok(vector)
    }

    /// Zeros with a slice for every parameter, frozen and row-sparse ones included.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn zeros_of_all(&self) -> Result<ParameterVector> {
        let shapes: Vec<_> = self.records.iter().map(|r| Some(r.shape)).collect();
        let mut vector = ParameterVector::allocate(&self.device, &shapes, self.id)?;
        vector.fill_zero()?;
        Ok(vector)
    }

    /// The same parameters with the values and records they have now: a later update does not change
    /// them.
    pub(crate) fn as_now(&self) -> ParameterStore {
        ParameterStore {
            id: self.id,
            device: self.device.clone(),
            records: Arc::clone(&self.records),
            values: self.values.share(),
        }
    }

    /// Exchanges the values with others of the same parameters, such as their averages.
    ///
    /// # Errors
    /// If the other vector is of another store, or has not a slice for every parameter.
    pub fn exchange(&mut self, values: &mut ParameterVector) -> Result<()> {
        let shapes = values.slices.iter().map(|s| s.as_ref().map(Tensor::shape));
        let all = shapes.eq(self.records.iter().map(|r| Some(r.shape)));
        if values.store != self.id || !all {
            return Err(Error::Mismatch(
                "the values to exchange are not those of all parameters of this store".into(),
            ));
        }
        std::mem::swap(&mut self.values, values);
        Ok(())
    }

    /// Every value by name, in order: what a checkpoint holds.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn read(&self) -> Result<Vec<(String, Shape, Vec<f32>)>> {
        let tensors: Vec<&Tensor> = self.values.slices.iter().flatten().collect();
        let read = self.device.read_many(&tensors)?;
        let named = self.records.iter().zip(read);
        Ok(named
            .map(|(record, values)| (record.name.clone(), record.shape, values))
            .collect())
    }

    /// Overwrites every value by name.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a name is missing or unknown, or a number of elements differs: all
    /// of them are named, and nothing is overwritten.
    pub fn load(&mut self, named: &HashMap<String, Vec<f32>>) -> Result<()> {
        let mut faults = Vec::new();
        let mut all = Vec::with_capacity(self.records.len());
        for record in self.records.iter() {
            match named.get(&record.name) {
                Some(values) if values.len() == record.shape.elements() => {
                    all.push(values.iter().map(|&v| f64::from(v)).collect());
                }
                Some(values) => faults.push(format!(
                    "{}: expected {} elements, found {}",
                    record.name,
                    record.shape.elements(),
                    values.len()
                )),
                None => faults.push(format!("{}: missing", record.name)),
            }
        }
        let known = |name: &&String| self.find(name).is_none();
        let mut unknown: Vec<_> = named.keys().filter(known).collect();
        unknown.sort();
        faults.extend(
            unknown
                .into_iter()
                .map(|name| format!("{name}: not a parameter of this model")),
        );
        if !faults.is_empty() {
            return Err(Error::Mismatch(format!(
                "the weights do not fit: {}",
                faults.join("; ")
            )));
        }
        self.values_mut()?.load(&all)
    }
}
