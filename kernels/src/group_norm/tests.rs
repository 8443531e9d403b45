use limbeck_engine::Device;

use super::*;

fn message(pictures: [usize; 3], groups: usize, epsilon: f32, channels: usize) -> String {
    let [count, height, width] = pictures;
    let operator = GroupNorm {
        pictures: Pictures {
            count,
            height,
            width,
        },
        groups,
        epsilon,
    };
    let parameter = Meta::real([channels]);
    match operator.infer(&[Meta::real([12, 6]), parameter, parameter]) {
        Ok(_) => "accepted".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_cannot_be_normalised_is_refused() {
    assert_eq!(message([2, 2, 3], 3, 1e-5, 6), "accepted");
    assert!(message([2, 2, 3], 4, 1e-5, 6).contains("divide the 6 channels of x [12, 6], found 4"));
    assert!(message([2, 2, 3], 0, 1e-5, 6).contains("found 0"));
    assert!(message([2, 2, 3], 3, 1e-5, 5).contains("the gain must be"));
    assert!(message([2, 2, 2], 3, 1e-5, 6).contains("12 rows, but 2 pictures"));
    assert!(message([2, 0, 3], 3, 1e-5, 6).contains("at least one pixel"));
    for epsilon in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(message([2, 2, 3], 3, epsilon, 6).contains("epsilon must be positive"));
    }
}

/// No statistics of the batch: every picture gets the bits that it gets alone.
#[test]
fn a_batch_gives_what_each_picture_gives_alone() {
    let device = Device::cpu();
    let (pixels, channels) = (300, 6);
    let numbers: Vec<f32> = (0..3 * pixels * channels)
        .map(|i| ((i * i + 7 * i) % 101) as f32 * 0.1 + (i / (pixels * channels)) as f32)
        .collect();
    let normalised = |numbers: &[f32]| {
        let pictures = Pictures {
            count: numbers.len() / (pixels * channels),
            height: 15,
            width: 20,
        };
        let tape = Tape::deterministic(&device);
        let upload = |values: &[f32]| device.real(values, [channels]).expect("on the host");
        let x = device.real(numbers, [pictures.rows(), channels]);
        let x = tape.watched(x.expect("on the host"));
        let gain = tape.constant(upload(&[1.0, -2.0, 0.5, 3.0, 1.5, 0.1]));
        let bias = tape.constant(upload(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        let y = group_norm(&tape, &x, &gain, &bias, pictures, 2, 1e-5).expect("fits");
        let found = y.tensor().read().expect("on the host");
        // Any function of x will do for the gradient that comes back.
        let seed = device.real(numbers, y.shape()).expect("on the host");
        let gradients = tape.gradients(vec![(&y, seed)]).expect("on the host");
        (found, gradients[0].read().expect("on the host"))
    };
    let (y, dx) = normalised(&numbers);
    for (picture, alone) in numbers.chunks(pixels * channels).enumerate() {
        let (expected_y, expected_dx) = normalised(alone);
        let range = picture * pixels * channels..(picture + 1) * pixels * channels;
        assert_eq!(y[range.clone()], expected_y, "picture {picture}");
        assert_eq!(dx[range], expected_dx, "picture {picture}");
    }
}
