//! The eight symmetries of the square.
//!
//! Each is a mirroring at the diagonal or none, then lines or columns in reverse order or not. A
//! picture that is no square has them too; an odd number of quarter turns exchanges its sides.

/// A way to lay a picture on itself, or on one with height and width exchanged. Turns are clockwise.
///
/// Networks that see tissue, cells or the ground from above have no reason to prefer one of them, so
/// that they serve to enlarge a training set, or to average predictions over.
///
/// ```
/// use limbeck_data::pictures::Symmetry;
/// let picture = [1, 2, 3, 4, 5, 6]; // 2 x 3 pixels of one value
/// let turned = Symmetry::Turn90.apply(&picture, 2, 3, 1);
/// assert_eq!(turned, [4, 1, 5, 2, 6, 3]);
/// assert_eq!(Symmetry::Turn90.inverse().apply(&turned, 3, 2, 1), picture);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Symmetry {
    /// As it is.
    Identity,
    /// A quarter turn.
    Turn90,
    /// Half a turn.
    Turn180,
    /// Three quarters of a turn.
    Turn270,
    /// Left and right exchanged.
    Mirrored,
    /// Left and right exchanged, then a quarter turn.
    MirroredTurn90,
    /// Left and right exchanged, then half a turn: top and bottom exchanged.
    MirroredTurn180,
    /// Left and right exchanged, then three quarters of a turn: lines and columns exchanged.
    MirroredTurn270,
}

impl Symmetry {
    /// All of them, the identity first.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Turn90,
        Self::Turn180,
        Self::Turn270,
        Self::Mirrored,
        Self::MirroredTurn90,
        Self::MirroredTurn180,
        Self::MirroredTurn270,
    ];

    /// The symmetry that undoes this one. A mirrored one undoes itself.
    pub fn inverse(self) -> Self {
        match self {
            Self::Turn90 => Self::Turn270,
            Self::Turn270 => Self::Turn90,
            other => other,
        }
    }

    /// Height and width of a picture of this height and width afterwards.
    pub fn size(self, height: usize, width: usize) -> (usize, usize) {
        let (exchanged, ..) = self.steps();
        match exchanged {
            true => (width, height),
            false => (height, width),
        }
    }

    /// The rows of a picture (its pixels, row-major, each of `columns` values of any kind)
    /// afterwards: values, labels, or what a network says of each pixel.
    ///
    /// # Panics
    /// If there are not `height * width * columns` values.
    pub fn apply<T: Copy>(self, rows: &[T], height: usize, width: usize, columns: usize) -> Vec<T> {
        assert_eq!(
            rows.len(),
            height * width * columns,
            "{height} x {width} pixels of {columns} values"
        );
        let (exchanged, lines_reversed, columns_reversed) = self.steps();
        let (new_height, new_width) = self.size(height, width);
        let mut turned = Vec::with_capacity(rows.len());
        for y in 0..new_height {
            let y = if lines_reversed {
                new_height - 1 - y
            } else {
                y
            };
            for x in 0..new_width {
                let x = if columns_reversed {
                    new_width - 1 - x
                } else {
                    x
                };
                let (from_y, from_x) = if exchanged { (x, y) } else { (y, x) };
                let first = (from_y * width + from_x) * columns;
                turned.extend_from_slice(&rows[first..first + columns]);
            }
        }
        turned
    }

    /// Whether lines and columns are exchanged, and then lines, and columns, taken in reverse order.
    fn steps(self) -> (bool, bool, bool) {
        match self {
            Self::Identity => (false, false, false),
            Self::Turn90 => (true, false, true),
            Self::Turn180 => (false, true, true),
            Self::Turn270 => (true, true, false),
            Self::Mirrored => (false, false, true),
            Self::MirroredTurn90 => (true, true, true),
            Self::MirroredTurn180 => (false, true, false),
            Self::MirroredTurn270 => (true, false, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Symmetry::{self, *};
    use proptest::prelude::*;

    /// A line of characters per line of the picture.
    fn turned(symmetry: Symmetry, lines: &[&str]) -> Vec<String> {
        let (height, width) = (lines.len(), lines[0].len());
        let pixels: Vec<char> = lines.iter().flat_map(|line| line.chars()).collect();
        let pixels = symmetry.apply(&pixels, height, width, 1);
        let (_, width) = symmetry.size(height, width);
        pixels.chunks(width).map(String::from_iter).collect()
    }

    #[test]
    fn each_is_what_its_name_says() {
        let picture = ["abc", "def"];
        for (symmetry, expected) in [
            (Identity, vec!["abc", "def"]),
            (Turn90, vec!["da", "eb", "fc"]),
            (Turn180, vec!["fed", "cba"]),
            (Turn270, vec!["cf", "be", "ad"]),
            (Mirrored, vec!["cba", "fed"]),
            (MirroredTurn90, vec!["fc", "eb", "da"]),
            (MirroredTurn180, vec!["def", "abc"]),
            (MirroredTurn270, vec!["ad", "be", "cf"]),
        ] {
            assert_eq!(turned(symmetry, &picture), expected, "{symmetry:?}");
        }
    }

    #[test]
    fn the_mirrored_ones_are_a_mirror_and_then_a_turn() {
        let picture: Vec<u8> = (0..20).collect();
        for (turn, mirrored) in [
            (Turn90, MirroredTurn90),
            (Turn180, MirroredTurn180),
            (Turn270, MirroredTurn270),
        ] {
            let first = Mirrored.apply(&picture, 4, 5, 1);
            let second = turn.apply(&first, 4, 5, 1);
            assert_eq!(second, mirrored.apply(&picture, 4, 5, 1), "{mirrored:?}");
        }
    }

    proptest! {
        #[test]
        fn an_inverse_restores_and_no_two_are_equal(
            height in 1usize..7, width in 1usize..7, columns in 1usize..4,
        ) {
            let rows: Vec<usize> = (0..height * width * columns).collect();
            let mut seen = std::collections::BTreeSet::new();
            for symmetry in Symmetry::ALL {
                let turned = symmetry.apply(&rows, height, width, columns);
                let (new_height, new_width) = symmetry.size(height, width);
                // The values of a pixel stay together, in their order.
                for pixel in turned.chunks(columns) {
                    prop_assert!(pixel[0] % columns == 0);
                    prop_assert!(pixel.windows(2).all(|pair| pair[0] + 1 == pair[1]));
                }
                let back = symmetry.inverse();
                prop_assert_eq!(back.size(new_height, new_width), (height, width));
                prop_assert_eq!(&back.apply(&turned, new_height, new_width, columns), &rows);
                seen.insert((new_height, turned));
            }
            // A single line has fewer: 2 x 2 pixels are the smallest picture that tells all apart.
            prop_assert!(height.min(width) < 2 || seen.len() == 8);
        }
    }
}
