//! Weights of 8 bits: a whole number and a scale for each row or column.
//!
//! ```text
//! s_c = max |w| / 127 over the weights of channel c        q = round(w / s_c), from -127 to 127
//! w ≈ q s_c, wrong by at most s_c / 2
//! ```
//!
//! The numbers are symmetric about 0 (no zero point), so that a weight of 0 stays one (Jacob et al. 2018,
//! for weights). A channel is an output of a map, or a row of a table that rows are read from: what
//! shares a scale is summed with nothing of another scale.

use crate::error::Result;
use crate::tensors::{HostTensor, Tensors, Values};

/// What is behind the name of a matrix in the name of its scales.
const SCALES: &str = ".scale";

/// What shares a scale in a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Each row: of tables that rows are read from.
    Rows,
    /// Each column: of the weights `[in, out]` of a map.
    Columns,
}

/// A matrix of whole numbers with a scale for each row or column.
///
/// ```
/// use limbeck_training::quantise::{Channels, Quantised};
/// let matrix = Quantised::new([2, 2], &[1.0, 0.5, -0.25, 127.0], Channels::Columns);
/// assert_eq!(matrix.numbers(), [127, 1, -32, 127]);
/// assert_eq!(matrix.scales(), [1.0 / 127.0, 1.0]);
/// assert_eq!(matrix.bytes(), 4 + 8);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    shape: [usize; 2],
    channels: Channels,
    numbers: Vec<i8>,
    scales: Vec<f32>,
}

impl Quantised {
    /// Rounds a matrix of this shape, row-major. Values that are not finite have no whole number near
    /// them: a channel with one becomes 0.
    pub fn new(shape: [usize; 2], values: &[f32], channels: Channels) -> Self {
        let columns = shape[1].max(1);
        let mut largest = vec![0f32; channels.count(shape)];
        for (place, value) in values.iter().enumerate() {
            let channel = &mut largest[channels.of(place, columns)];
            *channel = channel.max(value.abs());
        }
        let scale = |&largest: &f32| match largest.is_finite() {
            true => largest / 127.0,
            false => 0.0,
        };
        let scales: Vec<f32> = largest.iter().map(scale).collect();
        let number = |(place, value): (usize, &f32)| match scales[channels.of(place, columns)] {
            0.0 => 0,
            scale => (value / scale).round().clamp(-127.0, 127.0) as i8,
        };
        Quantised {
            shape,
            channels,
            numbers: values.iter().enumerate().map(number).collect(),
            scales,
        }
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// What shares a scale.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// The whole numbers, row-major.
    pub fn numbers(&self) -> &[i8] {
        &self.numbers
    }

    /// A scale for each channel.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The scale of the element at this place, row-major.
    pub fn scale_at(&self, place: usize) -> f32 {
        self.scales[self.channels.of(place, self.shape[1].max(1))]
    }

    /// The weights that it stands for, row-major.
    pub fn values(&self) -> Vec<f32> {
        let value = |(place, &number): (usize, &i8)| f32::from(number) * self.scale_at(place);
        self.numbers.iter().enumerate().map(value).collect()
    }

    /// Bytes of the numbers and the scales.
    pub fn bytes(&self) -> usize {
        self.numbers.len() + 4 * self.scales.len()
    }

    /// Adds it to tensors, as `name` (I8) and `name.scale` (F32, `[rows, 1]` or `[1, columns]`).
    ///
    /// # Errors
    /// If the matrix has not the elements of its shape.
    pub fn insert_into(&self, tensors: &mut Tensors, name: &str) -> Result<()> {
        let scales = match self.channels {
            Channels::Rows => [self.shape[0], 1],
            Channels::Columns => [1, self.shape[1]],
        };
        let numbers = HostTensor::new(&self.shape, Values::I8(self.numbers.clone()))?;
        let scales = HostTensor::new(&scales, Values::F32(self.scales.clone()))?;
        tensors.insert(name.into(), numbers);
        tensors.insert(format!("{name}{SCALES}"), scales);
        Ok(())
    }
}

impl Channels {
    fn count(self, shape: [usize; 2]) -> usize {
        match self {
            Self::Rows => shape[0],
            Self::Columns => shape[1],
        }
    }

    fn of(self, place: usize, columns: usize) -> usize {
        match self {
            Self::Rows => place / columns,
            Self::Columns => place % columns,
        }
    }
}

/// The weights in tensors as f32 by name, those of 8 bits times their scales, which are used up.
///
/// # Errors
/// Says what is wrong, if a matrix of 8 bits has no scales, or not those of its rows or columns.
pub(crate) fn plain(tensors: Tensors) -> std::result::Result<Vec<(String, Vec<f32>)>, String> {
    let mut named = Vec::new();
    for (name, tensor) in &tensors {
        let values = match tensor.values() {
            Values::F32(_) if is_scale(&tensors, name) => continue,
            Values::F32(values) => values.clone(),
            Values::I8(numbers) => matrix(&tensors, name, tensor, numbers)?.values(),
            _ => continue,
        };
        named.push((name.clone(), values));
    }
    Ok(named)
}

fn is_scale(tensors: &Tensors, name: &str) -> bool {
    let of = name.strip_suffix(SCALES).and_then(|of| tensors.get(of));
    of.is_some_and(|of| matches!(of.values(), Values::I8(_)))
}

fn matrix(
    tensors: &Tensors,
    name: &str,
    tensor: &HostTensor,
    numbers: &[i8],
) -> std::result::Result<Quantised, String> {
    let refuse = |found: String| {
        Err(format!(
            "tensor {name:?} has whole numbers of 8 bits and the shape {:?}: expected rows and \
             columns, and beside them {name}{SCALES}, F32, with a scale for each row ([rows, 1]) \
             or column ([1, columns]); found {found}",
            tensor.shape()
        ))
    };
    let &[rows, columns] = tensor.shape() else {
        return refuse("another number of dimensions".into());
    };
    let Some(scales) = tensors.get(&format!("{name}{SCALES}")) else {
        return refuse("no such tensor".into());
    };
    let channels = match scales.shape() {
        &[r, 1] if r == rows => Channels::Rows,
        &[1, c] if c == columns => Channels::Columns,
        other => return refuse(format!("the shape {other:?}")),
    };
    let Some(scales) = scales.as_f32() else {
        return refuse("values that are not F32".into());
    };
    Ok(Quantised {
        shape: [rows, columns],
        channels,
        numbers: numbers.to_vec(),
        scales: scales.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of all sizes, of both signs.
    fn values(count: usize) -> Vec<f32> {
        let value = |i: usize| (i as f32 * 0.7).sin() * 10f32.powi(i as i32 % 5 - 3);
        (0..count).map(value).collect()
    }

    #[test]
    fn no_weight_is_wrong_by_more_than_half_a_step() {
        let values = values(7 * 5);
        for channels in [Channels::Rows, Channels::Columns] {
            let matrix = Quantised::new([7, 5], &values, channels);
            let found = matrix.values();
            for (place, (value, found)) in values.iter().zip(&found).enumerate() {
                // Half a step, and the rounding of the division and the product.
                let most = matrix.scale_at(place) * 0.5001;
                assert!(
                    (value - found).abs() <= most,
                    "{channels:?}: {value} {found}"
                );
            }
            // The largest of a channel is at the end of the scale.
            for channel in 0..matrix.scales().len() {
                let own = matrix.numbers().iter().enumerate();
                let own = own.filter(|(place, _)| channels.of(*place, 5) == channel);
                assert_eq!(own.map(|(_, n)| n.unsigned_abs()).max(), Some(127));
            }
            // Rounded weights are their own rounding.
            let again = Quantised::new([7, 5], &found, channels);
            assert_eq!(again.numbers(), matrix.numbers());
        }
    }

    #[test]
    fn zeros_and_infinities_become_zeros() {
        let matrix = Quantised::new([2, 2], &[0.0, 0.0, 1.0, f32::INFINITY], Channels::Rows);
        assert_eq!(matrix.values(), [0.0; 4]);
    }

    #[test]
    fn tensors_of_8_bits_need_scales_that_fit() {
        let matrix = Quantised::new([3, 2], &values(6), Channels::Rows);
        let mut tensors = Tensors::new();
        matrix.insert_into(&mut tensors, "w").expect("a matrix");
        let bias = HostTensor::new(&[2], Values::F32(vec![1.0, 2.0])).expect("a vector");
        tensors.insert("b.scale".into(), bias.clone());
        let found = plain(tensors.clone()).expect("weights");
        // A name that ends like those of scales is only one where there is a matrix to it.
        assert_eq!(found[0], ("b.scale".into(), vec![1.0, 2.0]));
        assert_eq!(found[1], ("w".into(), matrix.values()));
        assert_eq!(found.len(), 2);
        tensors.insert("w.scale".into(), bias);
        let message = plain(tensors.clone()).unwrap_err();
        assert!(
            message.contains("\"w\"") && message.contains("shape [2]"),
            "{message}"
        );
        tensors.remove("w.scale");
        let message = plain(tensors).unwrap_err();
        assert!(
            message.contains("w.scale, F32") && message.contains("no such"),
            "{message}"
        );
    }
}
