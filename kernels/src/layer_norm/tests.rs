use limbeck_engine::{Device, Shape};

use super::*;

fn refusal(x: impl Into<Shape>, gain: [usize; 1], epsilon: f32) -> String {
    let device = Device::shapes();
    let tape = Tape::inference(&device);
    let zeros = |shape: Shape| tape.constant(device.zeros(shape).expect("shapes only"));
    let (x, gain) = (zeros(x.into()), zeros(gain.into()));
    match layer_norm(&tape, &x, Some(&gain), None, epsilon) {
        Ok(y) => format!("accepted, {}", y.shape()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_cannot_be_normalised_is_refused() {
    assert_eq!(refusal([2, 3], [3], 1e-5), "accepted, [2, 3]");
    assert!(refusal([2, 3], [4], 1e-5).contains("the gain must be"));
    assert!(refusal([6], [6], 1e-5).contains("two dimensions"));
    assert!(refusal([2, 0], [0], 1e-5).contains("empty"));
    for epsilon in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(refusal([2, 3], [3], epsilon).contains("epsilon must be positive"));
    }
}

/// Only one of the two outputs is used: the case tables always use both.
#[test]
fn each_output_alone_passes_its_gradient_on() {
    for device in [Device::cpu(), Device::reference()] {
        for used in [0, 1] {
            let tape = Tape::deterministic(&device);
            let upload = |values: &[f32], shape: Shape| {
                device
                    .real(values, shape)
                    .expect("as many values as the shape has")
            };
            let x = tape.watched(upload(&[1.0, 2.0, 6.0], [1, 3].into()));
            let residual = tape.watched(upload(&[0.0, 0.0, 0.0], [1, 3].into()));
            let gain = tape.watched(upload(&[1.0, 1.0, 1.0], [3].into()));
            let (normalised, sum) =
                add_layer_norm(&tape, &x, &residual, Some(&gain), None, 1e-5).expect("fits");
            let seed = upload(&[1.0, 0.0, 0.0], [1, 3].into());
            let output = [&normalised, &sum][used];
            let gradients = tape.gradients(vec![(output, seed)]).expect("on the host");
            let [dx, dresidual, dgain] = [0, 1, 2].map(|i| gradients[i].read().expect("host"));
            assert_eq!(dx, dresidual);
            if used == 1 {
                assert_eq!((dx, dgain), (vec![1.0, 0.0, 0.0], vec![0.0; 3]));
            } else {
                // n is free of the constant direction, and only its first element counts.
                assert!(
                    dx.iter().sum::<f32>().abs() < 1e-6 && dx[0] > 0.05,
                    "{dx:?}"
                );
                assert!(dgain[0] < -0.9 && dgain[1..] == [0.0, 0.0], "{dgain:?}");
            }
        }
    }
}
