//! Files of pretrained weights that other programs wrote: safetensors, and what `torch.save` makes
//! of a state dict (a zip archive with a pickle).
//!
//! Opening a file reads its table of tensors alone, and holds it against the length of the file:
//! nothing is allocated because a file says so. Values are read one tensor at a time. Nothing in a
//! file is ever executed.

mod half;
mod pickle;
mod safetensors;
mod torch;
mod zip;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Result, TrainingError};

/// Most dimensions of a tensor.
const DIMENSIONS: usize = 8;
/// Bytes that are read at a time; a multiple of every size of a value.
const CHUNK: usize = 1 << 16;

/// The type of a tensor's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754, 32 bits.
    F32,
    /// IEEE 754, 16 bits.
    F16,
    /// The upper 16 bits of [`Dtype::F32`].
    Bf16,
    /// Another, by its name in the file, and the bits of a value: listed, but not read.
    Other(String, u64),
}

impl Dtype {
    /// Bits of a value.
    fn bits(&self) -> u64 {
        match self {
            Self::F32 => 32,
            Self::F16 | Self::Bf16 => 16,
            Self::Other(_, bits) => *bits,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Other(name, _) => name,
        }
    }
}

/// Where a tensor lies in its file.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    shape: Vec<usize>,
    dtype: Dtype,
    /// First byte of the values it is part of, and how many they are.
    start: u64,
    stored: u64,
    /// Its first element among them.
    first: u64,
    /// Elements from one index of a dimension to the next; none where it is row-major.
    strides: Option<Vec<u64>>,
}

impl Entry {
    fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// An open file of named tensors.
///
/// ```
/// use limbeck_training::model_file::ModelFile;
/// use limbeck_training::tensors::{self, HostTensor, Tensors, Values};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// let tensor = HostTensor::new(&[2], Values::F32(vec![1.0, 2.0]))?;
/// tensors::write(&path, &Tensors::from([("bias".to_string(), tensor)]))?;
/// let mut file = ModelFile::open(&path)?;
/// assert_eq!(file.shape("bias"), Some(&[2][..]));
/// assert_eq!(file.read("bias")?, [1.0, 2.0]);
/// # Ok::<(), limbeck_training::TrainingError>(())
/// ```
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    file: File,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

impl ModelFile {
    /// Opens a file and reads its table; the format is told by its first bytes.
    ///
    /// # Errors
    /// [`TrainingError::Data`] naming the file: another format, offsets that lie outside of it,
    /// overlap or do not fit the shapes, a pickle that asks for anything but tensors.
    /// [`TrainingError::Io`] if it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |cause| TrainingError::io("read", path)(cause);
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut source = Source {
            file: &mut file,
            length,
            path,
        };
        let start = source.bytes(0, length.min(9))?;
        let (entries, metadata) = match start.as_slice() {
            // The length of a header may begin with any bytes, those of other formats too.
            [_, _, _, _, 0, 0, 0, 0, b'{'] => safetensors::entries(&mut source)?,
            [b'P', b'K', ..] => (torch::entries(&mut source)?, BTreeMap::new()),
            // The opcode that begins every pickle, and its protocol.
            [0x80, 1..=5, ..] => {
                return Err(source.refuse(
                    "is a pickle without an archive, as PyTorch wrote before version 1.6: load it \
                     with PyTorch and save it again, or give model.safetensors",
                ));
            }
            _ => safetensors::entries(&mut source)?,
        };
        Ok(ModelFile {
            path: path.into(),
            file,
            entries,
            metadata,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor, if there is one of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The type of a tensor's values, if there is one of this name.
    pub fn dtype(&self, name: &str) -> Option<&Dtype> {
        self.entries.get(name).map(|entry| &entry.dtype)
    }

    /// What the header of a safetensors file says besides its tensors; nothing in other formats.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The values of a tensor of bytes (U8), row-major.
    ///
    /// # Errors
    /// [`TrainingError::Data`] if there is no such tensor, or its values are of another type;
    /// [`TrainingError::Io`] if the file cannot be read.
    pub fn read_bytes(&mut self, name: &str) -> Result<Vec<u8>> {
        let mut source = Source {
            length: u64::MAX,
            file: &mut self.file,
            path: &self.path,
        };
        let Some(entry) = self.entries.get(name) else {
            return Err(source.refuse(format!("has no tensor {name:?}")));
        };
        if entry.dtype.name() != "U8" {
            return Err(source.refuse(format!(
                "tensor {name:?} has values of type {}; expected U8",
                entry.dtype.name()
            )));
        }
        source.bytes(entry.start, entry.stored)
    }

    /// The values of a tensor, row-major. They take at most twice the bytes they have in the file.
    ///
    /// # Errors
    /// [`TrainingError::Data`] if there is no such tensor, or its values are of another type than
    /// F32, F16 and BF16; [`TrainingError::Io`] if the file cannot be read.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>> {
        let mut source = Source {
            length: u64::MAX,
            file: &mut self.file,
            path: &self.path,
        };
        let Some(entry) = self.entries.get(name) else {
            return Err(source.refuse(format!("has no tensor {name:?}")));
        };
        let convert: fn(&[u8]) -> f32 = match entry.dtype {
            Dtype::F32 => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            Dtype::F16 => |b| half::from_f16(u16::from_le_bytes([b[0], b[1]])),
            Dtype::Bf16 => |b| half::from_bf16(u16::from_le_bytes([b[0], b[1]])),
            Dtype::Other(ref other, _) => {
                return Err(source.refuse(format!(
                    "tensor {name:?} has values of type {other}; expected F32, F16 or BF16: \
                     convert the model to one of them"
                )));
            }
        };
        let size = entry.dtype.bits() / 8;
        match &entry.strides {
            None => {
                let start = entry.start + entry.first * size;
                source.values(start, entry.elements(), size as usize, convert)
            }
            Some(strides) => {
                let stored = entry.stored as usize;
                let all = source.values(entry.start, stored, size as usize, convert)?;
                Ok(gather(&all, entry, strides))
            }
        }
    }
}

/// The elements of a tensor whose dimensions have strides, row-major.
fn gather(all: &[f32], entry: &Entry, strides: &[u64]) -> Vec<f32> {
    let mut index = vec![0; entry.shape.len()];
    let mut values = Vec::with_capacity(entry.elements());
    for _ in 0..entry.elements() {
        let steps = index
            .iter()
            .zip(strides)
            .map(|(&i, stride)| i as u64 * stride);
        values.push(all[(entry.first + steps.sum::<u64>()) as usize]);
        for (i, &n) in index.iter_mut().zip(&entry.shape).rev() {
            *i += 1;
            if *i < n {
                break;
            }
            *i = 0;
        }
    }
    values
}

/// A file that is being read, and what is known of it.
struct Source<'a> {
    file: &'a mut File,
    length: u64,
    path: &'a Path,
}

impl Source<'_> {
    fn refuse(&self, message: impl std::fmt::Display) -> TrainingError {
        TrainingError::Data(format!("{}: {message}", self.path.display()))
    }

    /// `count` bytes from `start`, which must lie in the file.
    fn bytes(&mut self, start: u64, count: u64) -> Result<Vec<u8>> {
        if start.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(self.refuse(format!(
                "is cut off or damaged: it has {} bytes, but names {count} from byte {start} on",
                self.length
            )));
        }
        let mut bytes = vec![0; count as usize];
        self.exact(start, &mut bytes)?;
        Ok(bytes)
    }

    fn exact(&mut self, start: u64, into: &mut [u8]) -> Result<()> {
        let sought = self.file.seek(SeekFrom::Start(start));
        sought
            .and_then(|_| self.file.read_exact(into))
            .map_err(TrainingError::io("read", self.path))
    }

    /// `count` values of `size` bytes from `start`. They are known to lie in the file.
    fn values(
        &mut self,
        start: u64,
        count: usize,
        size: usize,
        convert: fn(&[u8]) -> f32,
    ) -> Result<Vec<f32>> {
        let mut values = Vec::with_capacity(count);
        let mut buffer = vec![0; CHUNK.min(count * size)];
        while values.len() < count {
            let part = (CHUNK / size).min(count - values.len()) * size;
            let at = start + (values.len() * size) as u64;
            self.exact(at, &mut buffer[..part])?;
            values.extend(buffer[..part].chunks_exact(size).map(convert));
        }
        Ok(values)
    }

    /// A shape on this machine, and its elements; what `name` is of stands in the message.
    fn shape(&self, name: &str, dims: &[u64]) -> Result<(Vec<usize>, u64)> {
        let elements = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        let shape: Option<Vec<usize>> = dims.iter().map(|&d| usize::try_from(d).ok()).collect();
        match (elements, shape) {
            (Some(elements), Some(shape)) if dims.len() <= DIMENSIONS => Ok((shape, elements)),
            _ => Err(self.refuse(format!(
                "tensor {name:?} has the shape {:?}{}; expected at most {DIMENSIONS} dimensions \
                 and fewer than 2^64 elements",
                &dims[..dims.len().min(DIMENSIONS)],
                if dims.len() > DIMENSIONS { "..." } else { "" },
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
