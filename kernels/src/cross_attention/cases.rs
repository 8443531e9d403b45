//! The case table.

use limbeck_engine::Stream;

use super::CrossAttention;
use crate::harness::{Case, Draw, Tolerance, packed_ids};

fn operator(target: &[usize], source: &[usize], heads: usize, dropout: f32) -> CrossAttention {
    CrossAttention {
        target: target.into(),
        source: source.into(),
        heads,
        dropout,
        stream: Some(Stream::new(3, "cross_attention", 17)),
    }
}

fn with_ids(case: Case, target: &[usize], source: &[usize]) -> Case {
    let (targets, sources) = (packed_ids(target), packed_ids(source));
    case.ids(&targets.offsets, [target.len() + 1])
        .ids(&targets.coordinates, [target.iter().sum(), 2])
        .ids(&sources.offsets, [source.len() + 1])
}

/// A case of this many heads of this size, with numbers of this magnitude; `differentiate` says
/// whether the queries, and whether the keys and values, get a gradient.
fn of(
    (target, source): (&[usize], &[usize]),
    (heads, size): (usize, usize),
    (dropout, magnitude): (f32, f64),
    differentiate: [bool; 2],
) -> Case {
    let name = format!(
        "{target:?} to {source:?}, {heads} heads of {size}, dropout {dropout}, magnitude \
         {magnitude}, gradients {differentiate:?}"
    );
    let d = heads * size;
    let inputs = [
        ("queries", [target.iter().sum::<usize>(), d]),
        ("keys and values", [source.iter().sum::<usize>(), 2 * d]),
    ];
    let mut case = Case::new(name, operator(target, source, heads, dropout));
    for ((name, shape), differentiate) in inputs.into_iter().zip(differentiate) {
        let draw = Draw::new(name).scaled(magnitude);
        case = match differentiate {
            true => case.real(draw, shape),
            false => case.without_gradient(draw, shape),
        };
    }
    with_ids(case, target, source).tolerance(Tolerance::LONG)
}

fn case(lengths: (&[usize], &[usize]), heads: (usize, usize), dropout: f32) -> Case {
    of(lengths, heads, (dropout, 1.0), [true; 2])
}

pub(super) fn cases() -> Vec<Case> {
    // Scores of +-2500: every row is decided, and a softmax that does not subtract the largest
    // score first overflows.
    let decided = Case::new("decided scores", operator(&[2], &[3], 1, 0.0))
        .fixed(&[50.0, -50.0], [2, 1])
        .fixed(&[50.0, 1.0, -50.0, 2.0, 10.0, -3.0], [3, 2]);
    // A score of 100 is rounded by up to 4e-6, and so is every probability, relatively.
    let rounded_scores = Tolerance {
        cpu: 3e-5,
        gpu: 3e-5,
    };
    let large = of((&[20, 3], &[70, 9]), (2, 8), (0.1, 6.0), [true; 2]);
    vec![
        case((&[1], &[1]), (1, 1), 0.0),
        case((&[1, 1, 1], &[2, 1, 4]), (2, 3), 0.0),
        case((&[1], &[150]), (2, 5), 0.2),
        // To one key alone every dq is 0, and its error would be held against nothing.
        case((&[150, 3], &[1, 2]), (2, 5), 0.2),
        case((&[2, 9, 4], &[7, 1, 3]), (3, 5), 0.3),
        // Around the sizes of the tiles: 32 and 64 rows, 32, 64 and 128 columns.
        case((&[32, 33, 31], &[33, 31, 64]), (2, 32), 0.0),
        case((&[64, 1, 65], &[65, 64, 1]), (1, 33), 0.1),
        case((&[3, 40], &[40, 2]), (1, 128), 0.5),
        case((&[5, 37], &[70, 1]), (2, 100), 0.0),
        case((&[130, 2, 67], &[3, 140, 66]), (2, 4), 0.2),
        large.tolerance(rounded_scores),
        with_ids(decided, &[2], &[3]),
        of((&[6, 34], &[33, 5]), (2, 6), (0.1, 1.0), [true, false]),
        of((&[6, 34], &[33, 5]), (2, 6), (0.1, 1.0), [false, true]),
    ]
}
