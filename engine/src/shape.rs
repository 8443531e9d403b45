//! Shapes and element types.

use std::fmt;

/// Up to four dimensions, row-major. The last one is contiguous.
///
/// ```
/// use limbeck_engine::Shape;
/// let shape = Shape::from([32, 256]);
/// assert_eq!(shape.elements(), 8192);
/// assert_eq!((shape.rows(), shape.columns()), (32, 256));
/// assert_eq!(shape.to_string(), "[32, 256]");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; 4],
    rank: u8,
}

impl Shape {
    /// The shape of a single number.
    pub const SCALAR: Shape = Shape {
        dims: [1; 4],
        rank: 0,
    };

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..usize::from(self.rank)]
    }

    /// Number of elements; 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.dims().iter().product()
    }

    /// Length of the last dimension; 1 for a scalar.
    pub fn columns(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }

    /// Product of all dimensions but the last.
    pub fn rows(&self) -> usize {
        self.dims()
            .split_last()
            .map_or(1, |(_, outer)| outer.iter().product())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        const { assert!(N <= 4, "a shape has at most four dimensions") };
        let mut padded = [1; 4];
        padded[..N].copy_from_slice(&dims);
        Shape {
            dims: padded,
            rank: N as u8,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a tensor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// Real numbers: f32, or f64 on the reference device.
    Real,
    /// u32 ids, offsets, positions. Never differentiable.
    Ids,
}

/// Element type and shape: all that `infer` may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Meta {
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Shape,
}

impl Meta {
    /// Real numbers of this shape.
    pub fn real(shape: impl Into<Shape>) -> Self {
        Meta {
            dtype: DType::Real,
            shape: shape.into(),
        }
    }

    /// Ids of this shape.
    pub fn ids(shape: impl Into<Shape>) -> Self {
        Meta {
            dtype: DType::Ids,
            shape: shape.into(),
        }
    }

    /// Bytes on an f32 device.
    pub fn bytes(&self) -> usize {
        4 * self.shape.elements()
    }
}
