use limbeck_engine::Device;

use super::*;

#[test]
fn nan_is_the_largest_and_takes_the_gradient() {
    for device in [Device::cpu(), Device::reference()] {
        let tape = Tape::deterministic(&device);
        let pictures = Pictures {
            count: 1,
            height: 2,
            width: 3,
        };
        let values = [1.0, f32::NAN, 7.0, f32::INFINITY, f32::NAN, 5.0];
        let x = tape.watched(device.real(&values, [6, 1]).expect("on the host"));
        let window = Window {
            size: [2, 2],
            stride: [1, 1],
            padding: [0; 4],
        };
        let (y, _) = max_pool2d(&tape, &x, pictures, window).expect("fits");
        let found = y.tensor().read().expect("on the host");
        assert!(found.iter().all(|v| v.is_nan()), "{found:?}");
        let coefficients = device.real(&[2.0, 3.0], [2, 1]).expect("on the host");
        let gradients = tape
            .gradients(vec![(&y, coefficients)])
            .expect("on the host");
        let dx = gradients[0].read().expect("on the host");
        assert_eq!(dx, [0.0, 5.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn pictures_that_do_not_fit_are_refused() {
    let device = Device::cpu();
    let tape = Tape::inference(&device);
    let x = tape.constant(device.zeros([8, 2]).expect("on the host"));
    let message = |count: usize, height: usize, width: usize| {
        let pictures = Pictures {
            count,
            height,
            width,
        };
        let refused = max_pool2d(&tape, &x, pictures, Window::square(2).stride(2));
        refused
            .map(|_| ())
            .expect_err("must be refused")
            .to_string()
    };
    let found = message(3, 2, 2);
    assert!(
        found.contains("[8, 2] has 8 rows, but 3 pictures of 2 x 2 pixels have 12"),
        "{found}"
    );
    assert!(message(1, 8, 1).contains("width 2 does not fit pictures of width 1"));
}
