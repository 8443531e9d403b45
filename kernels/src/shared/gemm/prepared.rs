//! Right operands that are packed once and kept: weights which many products read before they change.

use super::matrix::Matrix;
#[cfg(target_arch = "x86_64")]
use super::{pack::Panels, tile::Tiles, tiles};

/// A right operand in the order in which the tiles read it. Where it lies, rows of a wide matrix are
/// pages apart; here what is read next lies next.
pub struct Prepared(#[cfg(target_arch = "x86_64")] Panels);

impl Prepared {
    /// Up to so many rows of a product gain by it; the operand of more is packed as it is used, which
    /// is little beside their arithmetic.
    pub const ROWS: usize = 84;

    /// b, k x n, packed on the calling thread; `None` where there are no tiles of our own.
    pub fn new((k, n): (usize, usize), b: Matrix<'_>) -> Option<Self> {
        assert!(b.holds(k, n), "gemm: an operand is smaller than its shape");
        #[cfg(target_arch = "x86_64")]
        return match tiles() {
            Some(tiles) if k > 0 && n > 0 => Some(Prepared(Panels::pack(tiles, (k, n), b))),
            _ => None,
        };
        #[cfg(not(target_arch = "x86_64"))]
        return None;
    }
}

/// The right operand of a product: where it lies, and perhaps prepared.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    pub(super) matrix: Matrix<'a>,
    prepared: Option<&'a Prepared>,
}

impl<'a> Operand<'a> {
    /// A matrix, and what [`Prepared::new`] made of it.
    pub fn new(matrix: Matrix<'a>, prepared: Option<&'a Prepared>) -> Self {
        Operand { matrix, prepared }
    }

    /// Its panels, if it was prepared for these tiles.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn panels(&self, tiles: Tiles) -> Option<&'a Panels> {
        let panels = &self.prepared?.0;
        (panels.tiles() == tiles).then_some(panels)
    }
}

impl<'a> From<Matrix<'a>> for Operand<'a> {
    fn from(matrix: Matrix<'a>) -> Self {
        Operand::new(matrix, None)
    }
}
