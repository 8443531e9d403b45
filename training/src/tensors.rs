//! Named tensors in the safetensors format: a JSON header, then the values, little-endian.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};

use crate::error::{Result, TrainingError};
use crate::files;

/// Tensors by name.
pub type Tensors = BTreeMap<String, HostTensor>;

/// A tensor on its way to or from a file: shape and values, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    shape: Vec<usize>,
    values: Values,
}

/// The values of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Parameters and moments of the CPU and the GPU.
    F32(Vec<f32>),
    /// Parameters and moments of the reference device.
    F64(Vec<f64>),
    /// Ids, offsets, per-row clocks.
    U32(Vec<u32>),
    /// Counters.
    U64(Vec<u64>),
    /// Weights of 8 bits: see [`quantise`](crate::quantise).
    I8(Vec<i8>),
}

impl Values {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::I8(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::U32(_) => Dtype::U32,
            Self::U64(_) => Dtype::U64,
            Self::I8(_) => Dtype::I8,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::U32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::U64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::I8(values) => values.iter().map(|&v| v as u8).collect(),
        }
    }

    fn from_bytes(dtype: Dtype, bytes: &[u8]) -> std::result::Result<Self, String> {
        Ok(match dtype {
            Dtype::F32 => Self::F32(decode(bytes, f32::from_le_bytes)),
            Dtype::F64 => Self::F64(decode(bytes, f64::from_le_bytes)),
            Dtype::U32 => Self::U32(decode(bytes, u32::from_le_bytes)),
            Dtype::U64 => Self::U64(decode(bytes, u64::from_le_bytes)),
            Dtype::I8 => Self::I8(bytes.iter().map(|&b| b as i8).collect()),
            other => {
                return Err(format!(
                    "has values of type {other:?}; F32, F64, U32, U64 and I8 are read"
                ));
            }
        })
    }
}

fn decode<const N: usize, T>(bytes: &[u8], one: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|chunk| one(*chunk))
        .collect()
}

impl HostTensor {
    /// A tensor of this shape.
    ///
    /// # Errors
    /// If the shape does not have as many elements as there are values.
    pub fn new(shape: &[usize], values: Values) -> Result<Self> {
        let elements = shape
            .iter()
            .try_fold(1usize, |product, &n| product.checked_mul(n));
        if elements != Some(values.len()) {
            return Err(TrainingError::Data(format!(
                "a tensor of shape {shape:?} was given {} values",
                values.len()
            )));
        }
        Ok(Self {
            shape: shape.to_vec(),
            values,
        })
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row-major.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The values, if they are f32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.values {
            Values::F32(values) => Some(values),
            _ => None,
        }
    }

    fn from_view(view: &TensorView) -> std::result::Result<Self, String> {
        let values = Values::from_bytes(view.dtype(), view.data())?;
        Self::new(view.shape(), values).map_err(|error| error.to_string())
    }
}

impl View for &HostTensor {
    fn dtype(&self) -> Dtype {
        self.values.dtype()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.to_bytes().into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * self.values.dtype().bitsize() / 8
    }
}

/// The bytes of a safetensors file.
///
/// # Errors
/// If the format refuses a name.
pub fn to_bytes(tensors: &Tensors) -> Result<Vec<u8>> {
    safetensors::serialize(
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)),
        None,
    )
    .map_err(|error| TrainingError::Data(format!("the tensors cannot be written: {error}")))
}

/// The tensors in the bytes of a safetensors file. `path` is only named in errors.
///
/// # Errors
/// If the bytes are not a whole safetensors file, or a tensor has a type other than those of
/// [`Values`].
pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Tensors> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| TrainingError::damaged(path, format!("not safetensors: {error}")))?;
    file.iter()
        .map(|(name, view)| match HostTensor::from_view(&view) {
            Ok(tensor) => Ok((name.to_owned(), tensor)),
            Err(message) => Err(TrainingError::damaged(
                path,
                format!("tensor {name:?} {message}"),
            )),
        })
        .collect()
}

/// Writes a safetensors file at once.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, tensors: &Tensors) -> Result<()> {
    files::write_atomic(path, &to_bytes(tensors)?)
}

/// Reads a safetensors file.
///
/// # Errors
/// As [`from_bytes`], or if the file cannot be read.
pub fn read(path: &Path) -> Result<Tensors> {
    from_bytes(path, &files::read(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Tensors {
        let tensor = |shape: &[usize], values| HostTensor::new(shape, values).unwrap();
        Tensors::from([
            (
                "weight".into(),
                tensor(
                    &[2, 2],
                    Values::F32(vec![1.5, -0.0, f32::MIN_POSITIVE, 1e38]),
                ),
            ),
            (
                "clock".into(),
                tensor(&[3], Values::U32(vec![0, 7, u32::MAX])),
            ),
            ("counter".into(), tensor(&[], Values::U64(vec![u64::MAX]))),
            ("precise".into(), tensor(&[1], Values::F64(vec![0.1]))),
            ("nothing".into(), tensor(&[0, 4], Values::F32(vec![]))),
            ("small".into(), tensor(&[3], Values::I8(vec![-127, 0, 127]))),
        ])
    }

    #[test]
    fn tensors_survive_the_file_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        write(&path, &example()).unwrap();
        let read = read(&path).unwrap();
        assert_eq!(read, example());
        // == does not tell -0 from 0.
        assert_eq!(
            read["weight"].as_f32().unwrap()[1].to_bits(),
            (-0f32).to_bits()
        );
        assert_eq!(read["clock"].as_f32(), None);
    }

    #[test]
    fn a_file_cut_or_altered_anywhere_is_refused_or_read_but_never_panics() {
        let path = Path::new("a.safetensors");
        let whole = to_bytes(&example()).unwrap();
        for length in 0..whole.len() {
            let error = from_bytes(path, &whole[..length]).unwrap_err();
            assert!(
                error.to_string().starts_with("a.safetensors is damaged"),
                "{error}"
            );
        }
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut altered = whole.clone();
                altered[place] ^= 1 << bit;
                // A flipped value is a value; only a checksum can tell, and checkpoints have one.
                let _ = from_bytes(path, &altered);
            }
        }
    }

    #[test]
    fn shapes_and_values_must_agree() {
        let message = HostTensor::new(&[2, 3], Values::U32(vec![1]))
            .unwrap_err()
            .to_string();
        assert_eq!(message, "a tensor of shape [2, 3] was given 1 values");
        assert!(HostTensor::new(&[usize::MAX, 2], Values::U32(vec![])).is_err());
    }

    #[test]
    fn a_type_we_do_not_read_is_named() {
        let view = TensorView::new(Dtype::BF16, vec![1], &[0, 0]).unwrap();
        let bytes = safetensors::serialize([("half", view)], None).unwrap();
        let message = from_bytes(Path::new("x"), &bytes).unwrap_err().to_string();
        assert!(
            message.contains("\"half\"") && message.contains("BF16"),
            "{message}"
        );
    }
}
