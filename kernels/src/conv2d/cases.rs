//! Shapes and options that are checked on every device.

use super::{Conv2d, Conv2dOptions};
use crate::activation::Activation;
use crate::harness::{Case, Draw, Tolerance};
use crate::shared::pictures::{Pictures, Window};

/// Sizes of a case: pictures (count, height, width), input and output channels, groups.
type Shape = ([usize; 3], usize, usize, usize);

fn case(shape: Shape, window: Window, bias: bool, activation: Option<Activation>) -> Case {
    let ([count, height, width], inputs, outputs, groups) = shape;
    let operator = Conv2d {
        pictures: Pictures {
            count,
            height,
            width,
        },
        options: Conv2dOptions {
            window,
            groups,
            activation,
        },
        bias,
    };
    let Window {
        size,
        stride,
        padding,
    } = window;
    let name = format!(
        "{count} of {height} x {width}, {inputs} to {outputs} in {groups} groups, window {size:?}, \
         stride {stride:?}, padding {padding:?}, bias {bias}, {activation:?}"
    );
    let case = Case::new(name, operator)
        .real(Draw::new("x"), [count * height * width, inputs])
        .real(Draw::new("w"), [window.taps() * inputs / groups, outputs]);
    if bias {
        case.real(Draw::new("b"), [outputs])
    } else {
        case
    }
}

pub(super) fn cases() -> Vec<Case> {
    let square = Window::square;
    let long = |case: Case| case.tolerance(Tolerance::LONG);
    let uneven = Window {
        size: [2, 4],
        stride: [3, 2],
        padding: [1, 0, 0, 3],
    };
    let mut cases = dense(square, uneven);
    cases.extend(depthwise(square, uneven));
    cases.extend([
        // Sums over more rows than one part has; the last part is shorter.
        long(case(([1, 30, 38], 2, 3, 1), square(2), true, None)),
        long(case(
            ([3, 20, 20], 3, 3, 3),
            square(3).padding(1),
            true,
            None,
        )),
        Case::new("gradients of the weight alone", operator(1))
            .without_gradient(Draw::new("x"), [12, 2])
            .real(Draw::new("w"), [8, 3]),
        Case::new("gradient of x alone, depthwise", operator(2))
            .real(Draw::new("x"), [12, 2])
            .without_gradient(Draw::new("w"), [4, 4]),
    ]);
    cases
}

/// One picture of 3 x 4 pixels and two channels, a window of 2 x 2.
fn operator(groups: usize) -> Conv2d {
    Conv2d {
        pictures: Pictures {
            count: 1,
            height: 3,
            width: 4,
        },
        options: Conv2dOptions {
            groups,
            ..Conv2dOptions::new(Window::square(2))
        },
        bias: false,
    }
}

fn dense(square: impl Fn(usize) -> Window, uneven: Window) -> Vec<Case> {
    let (relu, gelu) = (Some(Activation::Relu), Some(Activation::Gelu));
    let long = |case: Case| case.tolerance(Tolerance::LONG);
    vec![
        case(([1, 1, 1], 1, 1, 1), square(1), true, None),
        case(([0, 2, 3], 2, 3, 1), square(2), true, gelu),
        case(([2, 5, 4], 3, 2, 1), square(3), false, None),
        // Every result sees its own pixel: a product of rows.
        case(
            ([3, 4, 3], 5, 7, 1),
            square(1),
            true,
            Some(Activation::Tanh),
        ),
        // No pixel in odd lines and columns is seen.
        case(([2, 5, 6], 3, 4, 1), square(1).stride(2), true, None),
        case(([1, 1, 1], 2, 3, 1), square(3).padding(1), true, None),
        // Windows larger than the picture on both sides.
        case(([2, 2, 3], 2, 5, 1), square(7).padding(6), false, gelu),
        case(
            ([2, 7, 5], 4, 3, 1),
            square(3).stride(2).padding(1),
            true,
            gelu,
        ),
        case(([2, 6, 8], 1, 17, 1), square(3).padding(1), true, relu),
        case(([3, 5, 7], 3, 2, 1), uneven, true, None),
        // A stride beyond the picture.
        case(([2, 3, 3], 2, 2, 1), square(2).stride(9), true, None),
        long(case(
            ([2, 9, 11], 19, 33, 1),
            square(3).padding(1),
            true,
            None,
        )),
        // Taps that are tasks of their own.
        long(case(
            ([2, 7, 9], 66, 5, 1),
            square(3).stride(2).padding(1),
            false,
            None,
        )),
        long(case(([2, 5, 7], 66, 3, 1), uneven, false, None)),
    ]
}

fn depthwise(square: impl Fn(usize) -> Window, uneven: Window) -> Vec<Case> {
    let gelu = Some(Activation::Gelu);
    vec![
        case(([1, 1, 1], 2, 2, 2), square(3).padding(1), true, None),
        case(([0, 2, 3], 2, 4, 2), square(2), true, None),
        case(
            ([2, 7, 5], 19, 19, 19),
            square(3).stride(2).padding(1),
            true,
            gelu,
        ),
        case(([2, 4, 5], 3, 9, 3), square(3).padding(1), false, gelu),
        case(([3, 5, 7], 3, 6, 3), uneven, true, None),
        case(([1, 2, 2], 33, 33, 33), square(5).padding(4), false, None),
        case(([2, 3, 3], 2, 2, 2), square(2).stride(9), true, None),
    ]
}
