//! The case table.

use limbeck_engine::Shape;

use super::CopySymbol::{self, Separator, Token};
use super::Ctc;
use super::targets::{LAYOUT, Lattice, STATE};
use crate::harness::{Case, Draw};

/// A case of these logits and lists.
fn with_lists(name: String, lattice: Lattice, logits: impl FnOnce(Case, Shape) -> Case) -> Case {
    let shape = &lattice.shape;
    let (rows, sequences) = (shape.rows(), shape.lengths.len());
    let operator = Ctc {
        lattice: shape.clone(),
    };
    let case = logits(Case::new(name, operator), [rows, shape.classes].into());
    let case = case
        .ids(&lattice.layout, [sequences, LAYOUT])
        .ids(&lattice.states, [shape.states, STATE])
        .ids(&lattice.sequences, [rows]);
    if shape.restricted {
        case.ids(&lattice.frames, [rows])
    } else {
        case
    }
}

fn plain(lengths: &[usize], targets: &[Vec<u32>], classes: usize) -> Lattice {
    Lattice::new(lengths, targets, classes).expect("the targets of the cases fit their frames")
}

/// Symbols with equal neighbours among them.
fn symbols(count: usize, classes: usize) -> Vec<u32> {
    let of = |i: usize| 1 + (i * i / 3) % (classes - 1);
    (0..count).map(|i| of(i) as u32).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let case = |lengths: &[usize], counts: &[usize], classes: usize, scale: f64| {
        let name =
            format!("{lengths:?} frames, {counts:?} symbols of {classes}, logits of {scale}");
        let targets: Vec<_> = counts.iter().map(|&n| symbols(n, classes)).collect();
        with_lists(name, plain(lengths, &targets, classes), |case, shape| {
            case.real(Draw::new("z").scaled(scale), shape)
        })
    };
    let copied = |name: &str, tokens: &[Vec<u32>], targets: &[Vec<CopySymbol>]| {
        let lattice = Lattice::copying(tokens, targets);
        let lattice = lattice.expect("the tokens of the cases spell their targets");
        with_lists(name.into(), lattice, |case, shape| {
            case.real(Draw::new("z"), shape)
        })
    };
    let ties = [
        0.0, 0.0, 0.0, 1e4, -1e4, 0.0, 1e4, 1e4, 1e4, -1e4, -1e4, 1e4,
    ];
    let long: Vec<u32> = (0..50).map(|t| t * 7 % 11).collect();
    vec![
        case(&[1], &[0], 1, 1.0),
        case(&[1, 1], &[1, 0], 2, 1.0),
        case(&[5, 1, 4], &[3, 0, 2], 4, 1.0),
        case(&[4, 9, 2], &[2, 0, 1], 300, 1.0),
        case(&[60, 3, 25], &[20, 2, 0], 7, 1.0),
        // More states than lanes, and hardly more frames than needed.
        case(&[70], &[40], 9, 1.0),
        case(&[7; 20], &[3; 20], 5, 3.0),
        case(&[9, 6], &[4, 2], 6, 1e4)
            .without_finite_differences("losses of 1e4 leave too few digits"),
        with_lists(
            "ties and large logits".into(),
            plain(&[3, 1], &[vec![1, 2], vec![2]], 3),
            |case, shape| case.fixed(&ties, shape),
        )
        .without_finite_differences("losses of 1e4 leave too few digits"),
        with_lists(
            "no gap to spare: every neighbour is equal".into(),
            plain(&[5, 7], &[vec![1, 1, 1], vec![2, 2, 2, 1]], 3),
            |case, shape| case.real(Draw::new("z"), shape),
        ),
        copied(
            "copies",
            &[vec![5, 6, 5, 5, 9], vec![4, 4, 4], vec![3, 8]],
            &[
                vec![Token(5), Separator, Token(9)],
                vec![Token(4), Token(4)],
                vec![],
            ],
        ),
        copied(
            "copies from a long text",
            &[long],
            &[vec![
                Token(7),
                Token(3),
                Separator,
                Token(0),
                Token(7),
                Separator,
                Token(5),
            ]],
        ),
    ]
}
