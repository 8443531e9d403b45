//! Shape checks with messages that name the operator, the input, what was expected and found.

use limbeck_engine::{DType, Error, Meta, Result};

/// The inputs as an array of exactly `N`.
///
/// # Errors
/// If there are more or fewer.
pub fn inputs<const N: usize>(operator: &'static str, inputs: &[Meta]) -> Result<[Meta; N]> {
    inputs.try_into().map_err(|_| Error::Shape {
        operator,
        message: format!("expected {N} inputs, found {}", inputs.len()),
    })
}

/// Refuses ids.
///
/// # Errors
/// If the input holds ids.
pub fn real(operator: &'static str, what: &str, meta: Meta) -> Result<()> {
    of_type(operator, what, meta, DType::Real)
}

/// Refuses real numbers.
///
/// # Errors
/// If the input holds real numbers.
pub fn ids(operator: &'static str, what: &str, meta: Meta) -> Result<()> {
    of_type(operator, what, meta, DType::Ids)
}

fn of_type(operator: &'static str, what: &str, meta: Meta, expected: DType) -> Result<()> {
    if meta.dtype == expected {
        return Ok(());
    }
    Err(Error::Shape {
        operator,
        message: format!(
            "{what} must hold {expected:?}, found {:?} {}",
            meta.dtype, meta.shape
        ),
    })
}

/// Refuses anything but this element type and these dimensions.
///
/// # Errors
/// Names what was expected and found.
pub fn exactly(operator: &'static str, what: &str, found: Meta, expected: Meta) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        operator,
        message: format!(
            "{what} must be {:?} {}, found {:?} {}",
            expected.dtype, expected.shape, found.dtype, found.shape
        ),
    })
}

/// The two dimensions of a matrix of real numbers.
///
/// # Errors
/// If it is not one.
pub fn matrix(operator: &'static str, what: &str, meta: Meta) -> Result<(usize, usize)> {
    real(operator, what, meta)?;
    match *meta.shape.dims() {
        [rows, columns] => Ok((rows, columns)),
        _ => Err(Error::Shape {
            operator,
            message: format!("{what} must have two dimensions, found {}", meta.shape),
        }),
    }
}

/// The two dimensions of a matrix of real numbers whose rows have at least one element.
///
/// # Errors
/// If it is not one.
pub fn nonempty_rows(operator: &'static str, what: &str, meta: Meta) -> Result<(usize, usize)> {
    let (rows, columns) = matrix(operator, what, meta)?;
    if columns > 0 {
        return Ok((rows, columns));
    }
    Err(Error::Shape {
        operator,
        message: format!("{what} must have at least one column, found {}", meta.shape),
    })
}
