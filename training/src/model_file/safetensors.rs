//! The table of a safetensors file: 8 bytes with the length of a header, the header as JSON, and
//! behind it the values of the tensors, without gaps.
//!
//! The crate `safetensors` wants a file whole in memory; this reads the header alone.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::{Dtype, Entry, Source};
use crate::error::Result;

/// Longest header, as the format has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// A tensor as the header describes it.
#[derive(Deserialize)]
struct Described {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The tensors of a header, in the order of their bytes, and the texts of its metadata.
struct Header(Vec<(String, Described)>, BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with a tensor per name")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Header, A::Error> {
                let (mut tensors, mut metadata) = (BTreeMap::new(), BTreeMap::new());
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        // What is no text is not metadata; nothing hangs on it.
                        let found: Value = map.next_value()?;
                        let found = found.as_object().into_iter().flatten();
                        let text = |(name, value): (&String, &Value)| {
                            Some((name.clone(), value.as_str()?.to_owned()))
                        };
                        metadata.extend(found.filter_map(text));
                    } else if tensors.insert(name.clone(), map.next_value()?).is_some() {
                        return Err(A::Error::custom(format!("tensor {name:?} stands twice")));
                    }
                }
                let mut tensors: Vec<(String, Described)> = tensors.into_iter().collect();
                tensors.sort_by_key(|(_, tensor)| tensor.data_offsets);
                Ok(Header(tensors, metadata))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Tensors by name, and the texts of the metadata.
type Table = (BTreeMap<String, Entry>, BTreeMap<String, String>);

pub(super) fn entries(source: &mut Source<'_>) -> Result<Table> {
    let foreign = "expected a safetensors file, or the zip archive that torch.save writes";
    if source.length < 8 {
        return Err(source.refuse(format!("has {} bytes; {foreign}", source.length)));
    }
    let start = source.bytes(0, 8)?;
    let header = start.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
    if header > LONGEST_HEADER || header > source.length - 8 {
        return Err(source.refuse(format!(
            "its first 8 bytes announce a header of {header} bytes, but the file has {} behind \
             them (and a header at most {LONGEST_HEADER}); {foreign}",
            source.length - 8
        )));
    }
    let json = source.bytes(8, header)?;
    let Header(tensors, metadata) = serde_json::from_slice(&json)
        .map_err(|error| source.refuse(format!("its header cannot be read: {error}; {foreign}")))?;
    Ok((place(source, tensors, 8 + header)?, metadata))
}

/// The places of tensors whose values begin at byte `data`.
fn place(
    source: &Source<'_>,
    tensors: Vec<(String, Described)>,
    data: u64,
) -> Result<BTreeMap<String, Entry>> {
    let length = source.length - data;
    let mut entries = BTreeMap::new();
    let mut end = 0;
    for (name, tensor) in tensors {
        let [from, to] = tensor.data_offsets;
        let dtype = dtype(&tensor.dtype);
        let (shape, elements) = source.shape(&name, &tensor.shape)?;
        let bytes = elements
            .checked_mul(dtype.bits())
            .map(|bits| bits.div_ceil(8));
        if from != end || to < from || to > length {
            return Err(source.refuse(format!(
                "tensor {name:?} lies at bytes {from} to {to} of the {length} bytes of values; \
                 expected it to begin at byte {end}, behind the tensor before it, and to end in \
                 the file"
            )));
        }
        // The bits of a type that is unknown are unknown.
        if bytes != Some(to - from) && dtype.bits() > 0 {
            return Err(source.refuse(format!(
                "tensor {name:?} of the shape {shape:?} and type {} has {} bytes",
                dtype.name(),
                to - from
            )));
        }
        end = to;
        let entry = Entry {
            shape,
            dtype,
            start: data + from,
            stored: elements,
            first: 0,
            strides: None,
        };
        entries.insert(name, entry);
    }
    if end != length {
        return Err(source.refuse(format!(
            "its tensors end at byte {end} of the {length} bytes of values: it was cut, or written \
             to later"
        )));
    }
    Ok(entries)
}

fn dtype(name: &str) -> Dtype {
    match name {
        "F32" => Dtype::F32,
        "F16" => Dtype::F16,
        "BF16" => Dtype::Bf16,
        "F64" | "I64" | "U64" => Dtype::Other(name.into(), 64),
        "I32" | "U32" => Dtype::Other(name.into(), 32),
        "I16" | "U16" => Dtype::Other(name.into(), 16),
        "I8" | "U8" | "BOOL" => Dtype::Other(name.into(), 8),
        other => Dtype::Other(other.into(), 0),
    }
}
