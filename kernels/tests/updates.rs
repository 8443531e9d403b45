//! What the case tables do not show of the optimiser updates: resuming, refusing, and numbers
//! worked out by hand.

use limbeck_engine::{
    Device, Error, ParameterStore, ParameterVector, Result, StoreBuilder, Stream,
};
use limbeck_kernels::{AdamW, AdamWConfig, ClipNorm, Sgd, SgdConfig};

mod devices;

use devices::devices;

const ADAMW: AdamWConfig = AdamWConfig {
    betas: [0.9, 0.99],
    epsilon: 1e-8,
    weight_decay: 0.1,
};
const SGD: SgdConfig = SgdConfig {
    momentum: 0.9,
    weight_decay: 0.1,
};

/// Three slices; the one in the middle is frozen.
fn store(device: &Device) -> Result<ParameterStore> {
    let mut builder = StoreBuilder::new(1);
    builder.normal("first", [300], 1.0);
    builder.normal("frozen", [2, 150], 1.0);
    builder.normal("last", [5], 1.0);
    let mut store = builder.build(device)?;
    store.set_frozen("frozen", true);
    Ok(store)
}

fn draw(gradients: &mut ParameterVector, step: u32) -> Result<()> {
    let stream = Stream::new(2, "gradients", step);
    let slice = |count: u32| (0..count).map(|i| stream.normal(i, count) as f32).collect();
    gradients.restore(&[slice(300), Vec::new(), slice(5)])
}

/// Either optimiser, so that both walk the same tests.
enum Optimiser {
    AdamW(AdamW),
    Sgd(Sgd),
}

impl Optimiser {
    fn both(store: &ParameterStore) -> Result<[Optimiser; 2]> {
        Ok([
            Optimiser::AdamW(AdamW::new(store, ADAMW)?),
            Optimiser::Sgd(Sgd::new(store, SGD)?),
        ])
    }

    fn step(
        &mut self,
        store: &mut ParameterStore,
        g: &ParameterVector,
        n: &ClipNorm,
    ) -> Result<()> {
        match self {
            Optimiser::AdamW(adamw) => adamw.step(store, g, n, 0.1),
            Optimiser::Sgd(sgd) => sgd.step(store, g, n, 0.1),
        }
    }

    fn moments(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        let moments = match self {
            Optimiser::AdamW(adamw) => adamw.moments(),
            Optimiser::Sgd(sgd) => sgd.moments(),
        };
        moments.into_iter().map(ParameterVector::read).collect()
    }

    fn updates(&self) -> u64 {
        match self {
            Optimiser::AdamW(adamw) => adamw.updates(),
            Optimiser::Sgd(sgd) => sgd.updates(),
        }
    }

    fn restore(&mut self, moments: &[Vec<Vec<f32>>], updates: u64) -> Result<()> {
        match self {
            Optimiser::AdamW(adamw) => adamw.restore(moments, updates),
            Optimiser::Sgd(sgd) => sgd.restore(moments, updates, None),
        }
    }
}

#[test]
fn a_restored_optimiser_continues_bit_for_bit() -> Result<()> {
    // The reference keeps f64, of which a checkpoint holds f32.
    let f32_devices = devices().into_iter().filter(|d| d.name() != "reference");
    for device in f32_devices {
        for kind in 0..2 {
            let run = |stop: Option<u32>| -> Result<_> {
                let mut store = store(&device)?;
                let mut gradients = store.zeros()?;
                let mut clip = ClipNorm::new(&store, Some(1.0))?;
                let [adamw, sgd] = Optimiser::both(&store)?;
                let mut optimiser = if kind == 0 { adamw } else { sgd };
                for step in 0..6 {
                    if stop == Some(step) {
                        let (moments, updates) = (optimiser.moments()?, optimiser.updates());
                        let [adamw, sgd] = Optimiser::both(&store)?;
                        optimiser = if kind == 0 { adamw } else { sgd };
                        optimiser.restore(&moments, updates)?;
                    }
                    draw(&mut gradients, step)?;
                    clip.measure(&gradients)?;
                    optimiser.step(&mut store, &gradients, &clip)?;
                }
                assert_eq!(optimiser.updates(), 6);
                Ok((store.values().read()?, optimiser.moments()?))
            };
            assert_eq!(run(None)?, run(Some(3))?, "{device:?}");
        }
    }
    Ok(())
}

#[test]
fn a_gradient_that_is_not_finite_stops_every_later_update() -> Result<()> {
    for device in devices() {
        for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            let mut store = store(&device)?;
            let mut gradients = store.zeros()?;
            let mut clip = ClipNorm::new(&store, Some(1.0))?;
            let mut optimisers = Optimiser::both(&store)?;
            draw(&mut gradients, 0)?;
            clip.measure(&gradients)?;
            for optimiser in &mut optimisers {
                optimiser.step(&mut store, &gradients, &clip)?;
            }
            assert!(clip.is_finite()? && clip.norm()?.is_finite());
            let moments =
                |o: &[Optimiser; 2]| -> Result<_> { Ok([o[0].moments()?, o[1].moments()?]) };
            let before = (store.values().read()?, moments(&optimisers)?);

            let mut poisoned = gradients.read()?;
            poisoned[0][299] = poison;
            gradients.restore(&poisoned)?;
            clip.measure(&gradients)?;
            assert_eq!(clip.norm()?, f64::INFINITY, "{device:?} {poison}");
            for step in 1..3 {
                for optimiser in &mut optimisers {
                    optimiser.step(&mut store, &gradients, &clip)?;
                }
                // Finite again, but the flag stays.
                draw(&mut gradients, step)?;
                clip.measure(&gradients)?;
                assert!(clip.norm()?.is_finite() && !clip.is_finite()?);
            }
            let after = (store.values().read()?, moments(&optimisers)?);
            assert_eq!(before, after, "{device:?} {poison}");
        }
    }
    Ok(())
}

#[test]
fn frozen_parameters_stay_and_others_move() -> Result<()> {
    for device in devices() {
        let mut store = store(&device)?;
        let before = store.values().read()?;
        let mut gradients = store.zeros()?;
        let mut clip = ClipNorm::new(&store, None)?;
        for mut optimiser in Optimiser::both(&store)? {
            draw(&mut gradients, 0)?;
            clip.measure(&gradients)?;
            optimiser.step(&mut store, &gradients, &clip)?;
        }
        let after = store.values().read()?;
        assert_eq!(before[1], after[1], "{device:?}");
        for slice in [0, 2] {
            let stayed = before[slice]
                .iter()
                .zip(&after[slice])
                .filter(|(a, b)| a == b);
            assert_eq!(stayed.count(), 0, "{device:?} slice {slice}");
        }
        // What was read before a step is not changed by it.
        let held = store
            .value(store.find("first").expect("it is there"))
            .clone();
        let mut sgd = Sgd::new(&store, SGD)?;
        sgd.step(&mut store, &gradients, &clip, 0.1)?;
        assert_eq!(held.read()?, after[0], "{device:?}");
    }
    Ok(())
}

/// With a constant gradient both corrected moments are the gradient and its square at any time,
/// and momentum is a geometric series.
#[test]
fn constant_gradients_move_as_worked_out_by_hand() -> Result<()> {
    let (gradient, rate) = (0.5, 0.125);
    for device in devices() {
        let mut builder = StoreBuilder::new(1);
        for name in ["adam", "sgd"] {
            builder.constant(name, [3], 1.0);
        }
        let mut store = builder.build(&device)?;
        let mut gradients = store.zeros()?;
        let mut clip = ClipNorm::new(&store, None)?;
        let config = AdamWConfig {
            weight_decay: 0.0,
            ..ADAMW
        };
        let mut adam = AdamW::new(&store, config)?;
        let mut sgd = Sgd::new(&store, SGD)?;
        for _ in 0..5 {
            gradients.restore(&[vec![gradient; 3], vec![0.0; 3]])?;
            clip.measure(&gradients)?;
            adam.step(&mut store, &gradients, &clip, rate)?;
            gradients.restore(&[vec![0.0; 3], vec![gradient; 3]])?;
            clip.measure(&gradients)?;
            sgd.step(&mut store, &gradients, &clip, rate)?;
        }
        let values = store.values().read()?;
        let adam = 1.0 - 5.0 * rate;
        let series: f64 = (1..=5).map(|k| (1.0 - 0.9f64.powi(k)) / 0.1).sum();
        let sgd = 1.0 - rate * f64::from(gradient) * series;
        for (found, expected) in values.iter().zip([adam, sgd]) {
            // Five updates, each rounded to f32.
            let close = found
                .iter()
                .all(|&v| (f64::from(v) - expected).abs() < 1e-6);
            assert!(close, "{device:?}: expected {expected}, found {found:?}");
        }
    }
    Ok(())
}

#[test]
fn clipping_shortens_the_gradient_to_the_largest_norm() -> Result<()> {
    for device in devices() {
        let mut builder = StoreBuilder::new(1);
        builder.constant("weight", [2], 0.0);
        let mut store = builder.build(&device)?;
        let mut gradients = store.zeros()?;
        let mut clip = ClipNorm::new(&store, Some(1.0))?;
        let mut sgd = Sgd::new(
            &store,
            SgdConfig {
                momentum: 0.0,
                weight_decay: 0.0,
            },
        )?;
        for (given, expected) in [([3.0, 4.0], [-0.6, -0.8]), ([0.5, 0.0], [-1.1, -0.8])] {
            gradients.restore(&[given.to_vec()])?;
            clip.measure(&gradients)?;
            sgd.step(&mut store, &gradients, &clip, 1.0)?;
            let found = &store.values().read()?[0];
            let close = found
                .iter()
                .zip(expected)
                .all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6);
            assert!(close, "{device:?}: expected {expected:?}, found {found:?}");
        }
        assert_eq!(clip.norm()?, 0.5);
    }
    Ok(())
}

#[test]
fn what_does_not_belong_together_is_refused() -> Result<()> {
    fn refused(result: Result<()>, part: &str) {
        match result {
            Err(Error::Mismatch(message)) => assert!(message.contains(part), "{message}"),
            other => panic!("expected a refusal that names {part}, found {other:?}"),
        }
    }
    let device = Device::cpu();
    let mut one = store(&device)?;
    let mut gradients = one.zeros()?;
    let mut clip = ClipNorm::new(&one, None)?;
    let mut adamw = AdamW::new(&one, ADAMW)?;
    refused(adamw.step(&mut one, &gradients, &clip, 0.1), "measured");
    clip.measure(&gradients)?;
    let mut other = store(&device)?;
    refused(adamw.step(&mut other, &gradients, &clip, 0.1), "one store");
    refused(
        adamw.step(&mut one, &gradients, &clip, f64::NAN),
        "learning rate",
    );
    refused(
        adamw.step(&mut one, &gradients, &clip, -1.0),
        "learning rate",
    );
    let held = adamw.moments()[0].slices()[0].clone();
    refused(adamw.step(&mut one, &gradients, &clip, 0.1), "shared");
    drop(held);
    adamw.step(&mut one, &gradients, &clip, 0.1)?;
    assert_eq!(adamw.updates(), 1, "refused steps do not count");

    one.set_frozen("frozen", false);
    gradients = one.zeros()?;
    refused(clip.measure(&gradients), "freezing");
    refused(adamw.step(&mut one, &gradients, &clip, 0.1), "freezing");

    let saved = adamw.moments()[0].read()?;
    refused(
        adamw.restore(std::slice::from_ref(&saved), 3),
        "2 moment vectors",
    );
    refused(
        adamw.restore(&[saved.clone(), saved[1..].to_vec()], 3),
        "saved state",
    );
    assert_eq!(adamw.updates(), 1, "nothing was restored");

    let adamw = |config| AdamW::new(&other, config).map(drop);
    refused(
        adamw(AdamWConfig {
            betas: [0.9, 1.0],
            ..ADAMW
        }),
        "beta",
    );
    refused(
        adamw(AdamWConfig {
            betas: [f64::NAN, 0.9],
            ..ADAMW
        }),
        "beta",
    );
    refused(
        adamw(AdamWConfig {
            epsilon: 0.0,
            ..ADAMW
        }),
        "epsilon",
    );
    refused(
        adamw(AdamWConfig {
            weight_decay: -0.1,
            ..ADAMW
        }),
        "decay",
    );
    let sgd = |config| Sgd::new(&other, config).map(drop);
    refused(
        sgd(SgdConfig {
            momentum: 1.5,
            ..SGD
        }),
        "momentum",
    );
    for max in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refused(ClipNorm::new(&other, Some(max)).map(drop), "largest norm");
    }
    Ok(())
}
