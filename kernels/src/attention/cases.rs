//! The case table.

use limbeck_engine::Stream;

use super::Attention;
use crate::harness::{Case, Draw, Tolerance, packed_ids};

fn operator(lengths: &[usize], heads: usize, dropout: f32) -> Attention {
    Attention {
        lengths: lengths.into(),
        heads,
        dropout,
        stream: Some(Stream::new(3, "attention", 17)),
        causal: false,
    }
}

fn with_ids(case: Case, lengths: &[usize]) -> Case {
    let (ids, rows) = (packed_ids(lengths), lengths.iter().sum::<usize>());
    case.ids(&ids.offsets, [lengths.len() + 1])
        .ids(&ids.coordinates, [rows, 2])
}

/// A case of this many heads of this size, with numbers of this magnitude.
fn case(lengths: &[usize], (heads, size): (usize, usize), dropout: f32, magnitude: f64) -> Case {
    let name = format!(
        "lengths {lengths:?}, {heads} heads of {size}, dropout {dropout}, magnitude {magnitude}"
    );
    let rows = lengths.iter().sum::<usize>();
    let draw = Draw::new("qkv").scaled(magnitude);
    let case = Case::new(name, operator(lengths, heads, dropout));
    with_ids(case.real(draw, [rows, 3 * heads * size]), lengths).tolerance(Tolerance::LONG)
}

/// The same where no row sees a later one.
fn causal(lengths: &[usize], (heads, size): (usize, usize), dropout: f32, magnitude: f64) -> Case {
    let name = format!(
        "causal, lengths {lengths:?}, {heads} heads of {size}, dropout {dropout}, magnitude \
         {magnitude}"
    );
    let rows = lengths.iter().sum::<usize>();
    let operator = Attention {
        causal: true,
        ..operator(lengths, heads, dropout)
    };
    let draw = Draw::new("qkv").scaled(magnitude);
    let case = Case::new(name, operator).real(draw, [rows, 3 * heads * size]);
    with_ids(case, lengths).tolerance(Tolerance::LONG)
}

pub(super) fn cases() -> Vec<Case> {
    // Scores of +-2500: every row is decided, and a softmax that does not subtract the largest
    // score first overflows.
    let decided = [
        [50.0, 50.0, 1.0],
        [-50.0, -50.0, 2.0],
        [50.0, 10.0, -3.0],
        [-50.0, 20.0, 0.5],
    ];
    let decided =
        Case::new("decided scores", operator(&[4], 1, 0.0)).fixed(decided.as_flattened(), [4, 3]);
    // A score of 100 is rounded by up to 4e-6, and so is every probability, relatively.
    let rounded_scores = Tolerance {
        cpu: 3e-5,
        gpu: 3e-5,
    };
    vec![
        case(&[1], (1, 1), 0.0, 1.0),
        case(&[1, 1, 1], (2, 3), 0.0, 1.0),
        case(&[3, 1, 5], (1, 4), 0.0, 1.0),
        case(&[2, 9, 4], (3, 5), 0.3, 1.0),
        // Around the sizes of the tiles: 32 and 64 rows, 32, 64 and 128 columns.
        case(&[32, 33, 31], (2, 32), 0.0, 1.0),
        case(&[64, 1, 65], (1, 33), 0.1, 1.0),
        case(&[40], (1, 128), 0.5, 1.0),
        case(&[5, 37], (2, 100), 0.0, 0.5),
        case(&[130, 2, 67], (2, 4), 0.2, 1.0),
        case(&[200, 3], (1, 16), 0.0, 0.3),
        case(&[70, 20], (2, 8), 0.1, 6.0).tolerance(rounded_scores),
        with_ids(decided, &[4]),
        causal(&[1], (1, 1), 0.0, 1.0),
        causal(&[3, 1, 5], (2, 3), 0.0, 1.0),
        causal(&[2, 9, 4], (3, 5), 0.3, 1.0),
        causal(&[32, 33, 31], (2, 32), 0.0, 1.0),
        causal(&[64, 1, 65], (1, 33), 0.1, 1.0),
        causal(&[40], (1, 128), 0.5, 1.0),
        causal(&[130, 2, 67], (2, 4), 0.2, 1.0),
        causal(&[70, 20], (2, 8), 0.1, 6.0).tolerance(rounded_scores),
    ]
}
