use super::*;

fn message(options: Conv2dOptions, inputs: &[Meta]) -> String {
    let operator = Conv2d {
        pictures: Pictures {
            count: 2,
            height: 3,
            width: 4,
        },
        options,
        bias: false,
    };
    let refused = operator.infer(inputs).map(|_| ());
    refused.expect_err("must be refused").to_string()
}

#[test]
fn refusals_name_what_was_expected_and_found() {
    let options = Conv2dOptions::new(Window::square(2));
    let x = Meta::real([24, 6]);
    assert!(
        message(options, &[x, Meta::real([23, 5])]).contains("a weight of 24 rows, found [23, 5]")
    );
    let short = Meta::real([20, 6]);
    let found = message(options, &[short, Meta::real([24, 5])]);
    assert!(
        found.contains("20 rows, but 2 pictures of 3 x 4 pixels have 24"),
        "{found}"
    );
    let grouped = |groups| Conv2dOptions { groups, ..options };
    assert!(message(grouped(2), &[x, Meta::real([12, 6])]).contains("1 or the 6 channels"));
    assert!(message(grouped(6), &[x, Meta::real([4, 7])]).contains("each of 6 groups"));
    let high = Conv2dOptions::new(Window::square(4));
    assert!(message(high, &[x, Meta::real([96, 5])]).contains("height 4 does not fit"));
}

#[test]
fn sums_are_cut_by_shape_and_keep_a_bounded_size() {
    let of = |rows: usize, inputs: usize, outputs: usize| {
        let pictures = Pictures {
            count: rows,
            height: 1,
            width: 1,
        };
        let operator = Conv2d {
            pictures,
            options: Conv2dOptions::new(Window::square(3).padding(1)),
            bias: false,
        };
        let sizes = Sizes {
            results: pictures,
            inputs,
            outputs,
        };
        layout::Cut::on_cpu(&operator, sizes)
    };
    let cut = |parts, depth| layout::Cut { parts, depth };
    assert_eq!(of(0, 3, 4), cut(1, 1));
    assert_eq!(of(512, 3, 4), cut(1, 512));
    assert_eq!(of(1100, 3, 4), cut(3, 367));
    assert_eq!(of(1 << 20, 3, 4), cut(64, 1 << 14));
    // 512 x 512 channels: one part already has half the numbers that all may have.
    assert_eq!(of(1 << 20, 512, 512), cut(1, 1 << 20));
}
