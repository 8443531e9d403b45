//! What `torch.save` makes of a state dict: a zip archive with `data.pkl`, which says what tensors
//! there are, and their values in files of their own, `data/0`, `data/1` ...

use std::collections::{BTreeMap, HashMap};

use super::pickle::{self, Pickled};
use super::zip::{self, Stored};
use super::{Entry, Source};
use crate::error::Result;

/// Longest `data.pkl`; a tensor takes some 200 bytes of it.
const LONGEST_PICKLE: u64 = 1 << 24;

pub(super) fn entries(source: &mut Source<'_>) -> Result<BTreeMap<String, Entry>> {
    let files = zip::files(source)?;
    let pickle = files.iter().find(|file| file.name.ends_with("/data.pkl"));
    let Some(pickle) = pickle else {
        return Err(source.refuse(
            "is a zip archive without data.pkl; expected what torch.save writes of a state dict",
        ));
    };
    let folder = pickle.name.trim_end_matches("data.pkl");
    let files: HashMap<&str, &Stored> = files
        .iter()
        .filter_map(|file| Some((file.name.strip_prefix(folder)?, file)))
        .collect();
    if let Some(order) = files.get("byteorder").filter(|order| order.size == 3) {
        // It holds "little" or "big".
        let order = source.bytes(order.start, order.size)?;
        return Err(source.refuse(format!(
            "its values are in the byte order {:?}; expected \"little\": save it again on such a \
             machine",
            String::from_utf8_lossy(&order)
        )));
    }
    if pickle.size > LONGEST_PICKLE {
        return Err(source.refuse(format!(
            "data.pkl has {} bytes; expected at most {LONGEST_PICKLE}",
            pickle.size
        )));
    }
    let bytes = source.bytes(pickle.start, pickle.size)?;
    let tensors = pickle::state_dict(&bytes)
        .map_err(|message| source.refuse(format!("data.pkl {message}")))?;
    let mut entries = BTreeMap::new();
    for (name, tensor) in tensors {
        let file = files.get(format!("data/{}", tensor.storage).as_str());
        let entry = place(source, &name, tensor, file.copied())?;
        entries.insert(name, entry);
    }
    Ok(entries)
}

/// Where a tensor lies, if it lies in its file.
fn place(source: &Source<'_>, name: &str, tensor: Pickled, file: Option<&Stored>) -> Result<Entry> {
    let (shape, elements) = source.shape(name, &tensor.shape)?;
    let Some(file) = file else {
        let message = format!("tensor {name:?} has its values in data/{}", tensor.storage);
        return Err(source.refuse(format!("{message}, which is not there")));
    };
    let bytes = tensor.elements.checked_mul(tensor.dtype.bits() / 8);
    if bytes != Some(file.size) {
        return Err(source.refuse(format!(
            "data/{} has {} bytes; expected {} values of type {}",
            tensor.storage,
            file.size,
            tensor.elements,
            tensor.dtype.name()
        )));
    }
    let last = last_element(&tensor, elements);
    let inside = last.is_some_and(|last| last < tensor.elements) || elements == 0;
    // A stride of 0 repeats elements, and could make a large tensor of a small file.
    if !inside || elements > tensor.elements {
        return Err(source.refuse(format!(
            "tensor {name:?} of the shape {shape:?} with the strides {:?} from element {} on does \
             not fit into the {} values of data/{}",
            tensor.strides, tensor.first, tensor.elements, tensor.storage
        )));
    }
    let strides = (!is_row_major(&tensor)).then_some(tensor.strides);
    Ok(Entry {
        shape,
        dtype: tensor.dtype,
        start: file.start,
        stored: tensor.elements,
        first: tensor.first,
        strides,
    })
}

/// The largest number of an element of a tensor that has some.
fn last_element(tensor: &Pickled, elements: u64) -> Option<u64> {
    if tensor.strides.len() != tensor.shape.len() || elements == 0 {
        return None;
    }
    let mut dims = tensor.shape.iter().zip(&tensor.strides);
    dims.try_fold(tensor.first, |last, (n, stride)| {
        last.checked_add((n - 1).checked_mul(*stride)?)
    })
}

fn is_row_major(tensor: &Pickled) -> bool {
    let mut expected = 1;
    let dims = tensor.shape.iter().zip(&tensor.strides).rev();
    dims.filter(|(n, _)| **n != 1).all(|(n, &stride)| {
        let fits = stride == expected;
        // The elements are fewer than 2^64, save where a dimension is 0 and no stride matters.
        expected = expected.wrapping_mul(*n);
        fits || *n == 0
    })
}
