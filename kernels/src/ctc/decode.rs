//! Reading symbols out of the logits of one sequence, on the host.

use limbeck_engine::{Error, Result};

use super::CopySymbol;
use super::targets::BLANK;

/// Rows of logits, one a frame.
pub(super) fn frames(logits: &[f32], classes: usize) -> Result<std::slice::ChunksExact<'_, f32>> {
    if classes == 0 || !logits.len().is_multiple_of(classes) {
        return Err(Error::Shape {
            operator: "ctc",
            message: format!(
                "the logits must be frames of {classes} classes, at least one; found {} numbers",
                logits.len()
            ),
        });
    }
    Ok(logits.chunks_exact(classes))
}

/// The most probable class of each frame; of equal ones the first.
fn best(logits: &[f32], classes: usize) -> Result<Vec<u32>> {
    let first_largest = |frame: &[f32]| {
        let larger = |best, c| if frame[c] > frame[best] { c } else { best };
        (1..classes).fold(0, larger) as u32
    };
    Ok(frames(logits, classes)?.map(first_largest).collect())
}

/// Without those equal to the one before.
fn joined<T: PartialEq + Copy>(path: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut symbols: Vec<T> = path.into_iter().collect();
    symbols.dedup();
    symbols
}

/// What the most probable path spells: the first of the largest logits of each frame, equal
/// neighbours joined, blanks (class 0) left out. Logits are `[frames, classes]` of one sequence,
/// row-major. This is not always the most probable target, which many paths may spell; see
/// [`ctc_beam_search`](super::ctc_beam_search).
///
/// ```
/// use limbeck_kernels::ctc_best_path;
/// // 1, 1, blank, 1
/// let logits = [0.0, 2.0, 0.0, 1.0, 1.0, 0.0, 0.0, 3.0];
/// assert_eq!(ctc_best_path(&logits, 2)?, [1, 1]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the logits are no frames of `classes` numbers.
pub fn ctc_best_path(logits: &[f32], classes: usize) -> Result<Vec<u32>> {
    let mut symbols = joined(best(logits, classes)?);
    symbols.retain(|&symbol| symbol != BLANK);
    Ok(symbols)
}

/// The same of a copy-restricted model: logits `[frames, 3]` (blank, copy, separator) of one
/// sequence, and the token of each frame. Copies of equal tokens are joined where they are
/// neighbours.
///
/// ```
/// use limbeck_kernels::{CopySymbol::{Separator, Token}, ctc_best_copies};
/// // copy, copy, separator
/// let logits = [0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 3.0];
/// assert_eq!(ctc_best_copies(&logits, &[7, 9, 9])?, [Token(7), Token(9), Separator]);
/// assert_eq!(ctc_best_copies(&logits, &[7, 7, 9])?, [Token(7), Separator]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If there are not three logits for each token.
pub fn ctc_best_copies(logits: &[f32], tokens: &[u32]) -> Result<Vec<CopySymbol>> {
    let path = best(logits, CopySymbol::CLASSES)?;
    if path.len() != tokens.len() {
        return Err(Error::Shape {
            operator: "ctc",
            message: format!(
                "expected a token for each of {} frames, found {}",
                path.len(),
                tokens.len()
            ),
        });
    }
    let emitted = path.iter().zip(tokens).map(|(&class, &token)| match class {
        CopySymbol::COPY => Some(CopySymbol::Token(token)),
        CopySymbol::SEPARATOR => Some(CopySymbol::Separator),
        _ => None,
    });
    Ok(joined(emitted).into_iter().flatten().collect())
}
