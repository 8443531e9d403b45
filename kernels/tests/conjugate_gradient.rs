//! What the case table does not show of conjugate gradients: that they find a minimum, resume, and
//! refuse.

use limbeck_engine::{Device, Error, ParameterStore, Result, StoreBuilder};
use limbeck_kernels::{ClipNorm, ConjugateGradient};

/// Elements of x.
const SIZE: usize = 40;

/// f(x) = Σ_i a_i/2 (x_i - 1)² + Σ_i max(0, x_i - x_{i-1})²: a piecewise quadratic whose curvatures
/// a_i go from 1 to 1000.
fn gradient(x: &[f32]) -> Vec<f32> {
    let curvature = |i: usize| 1000f64.powf(i as f64 / (SIZE - 1) as f64);
    let mut g: Vec<f64> = (0..SIZE)
        .map(|i| curvature(i) * (f64::from(x[i]) - 1.0))
        .collect();
    for i in 1..SIZE {
        let rise = 2.0 * (f64::from(x[i]) - f64::from(x[i - 1])).max(0.0);
        g[i] += rise;
        g[i - 1] -= rise;
    }
    g.into_iter().map(|g| g as f32).collect()
}

fn store(device: &Device) -> Result<ParameterStore> {
    let mut builder = StoreBuilder::new(1);
    builder.normal("frozen", [300], 1.0);
    builder.normal("x", [SIZE], 5.0);
    let mut store = builder.build(device)?;
    store.set_frozen("frozen", true);
    Ok(store)
}

/// Steps until convergence or the limit; saved and restored after `stop` of them.
fn minimise(
    device: &Device,
    limit: u64,
    stop: Option<u64>,
) -> Result<(ConjugateGradient, Vec<f32>)> {
    let mut store = store(device)?;
    let x = store.find("x").expect("it is there");
    let (mut gradients, mut norm) = (store.zeros()?, ClipNorm::new(&store, None)?);
    let mut rule = ConjugateGradient::new(&store, 1e-5)?;
    while rule.updates() < limit && !rule.has_converged() {
        if stop == Some(rule.updates()) {
            let moments = rule
                .moments()
                .into_iter()
                .map(|m| m.read())
                .collect::<Result<Vec<_>>>()?;
            let (scalars, updates) = (rule.scalars(), rule.updates());
            rule = ConjugateGradient::new(&store, 1e-5)?;
            rule.restore(&moments, &scalars, updates)?;
        }
        gradients.restore(&[Vec::new(), gradient(&store.value(x).read()?)])?;
        norm.measure(&gradients)?;
        rule.step(&mut store, &gradients, &norm)?;
    }
    Ok((rule, store.value(x).read()?))
}

#[test]
fn the_minimum_is_found_in_few_steps() -> Result<()> {
    for device in [Device::cpu(), Device::reference()] {
        let (rule, x) = minimise(&device, 1000, None)?;
        assert!(rule.has_converged(), "{}", rule.relative_norm());
        // The minimum is x = 1 throughout. The bound for conjugate directions at a condition of 1000
        // is about 200 lines, that for plain descent about 6000, and a line takes up to two steps.
        let error = x.iter().map(|x| (x - 1.0).abs()).fold(0.0, f32::max);
        assert!(error < 0.05, "{error} after {} steps", rule.updates());
        assert!(rule.updates() < 400, "{}", rule.updates());
    }
    Ok(())
}

#[test]
fn a_restored_optimiser_continues_bit_for_bit() -> Result<()> {
    let whole = minimise(&Device::cpu(), 60, None)?;
    for stop in [1, 2, 7, 30] {
        let resumed = minimise(&Device::cpu(), 60, Some(stop))?;
        assert_eq!(resumed.1, whole.1, "stopped after {stop}");
        assert_eq!(resumed.0.scalars(), whole.0.scalars());
    }
    Ok(())
}

#[test]
fn a_gradient_that_is_not_finite_stops_every_later_step() -> Result<()> {
    let mut store = store(&Device::cpu())?;
    let x = store.find("x").expect("it is there");
    let (mut gradients, mut norm) = (store.zeros()?, ClipNorm::new(&store, None)?);
    let mut rule = ConjugateGradient::new(&store, 0.0)?;
    let before = store.value(x).read()?;
    for value in [f32::NAN, 1.0, 2.0] {
        gradients.restore(&[Vec::new(), vec![value; SIZE]])?;
        norm.measure(&gradients)?;
        rule.step(&mut store, &gradients, &norm)?;
        assert_eq!(store.value(x).read()?, before);
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let store = store(&Device::cpu())?;
    for tolerance in [-0.1, 1.0, f64::NAN] {
        let error = ConjugateGradient::new(&store, tolerance).expect_err("out of range");
        assert!(error.to_string().contains("the tolerance"), "{error}");
    }
    let mut rule = ConjugateGradient::new(&store, 0.1)?;
    let moments: Vec<_> = rule
        .moments()
        .into_iter()
        .map(|m| m.read())
        .collect::<Result<_>>()?;
    let scalars = rule.scalars();
    let short = rule.restore(&moments, &scalars[1..], 3);
    assert!(matches!(short, Err(Error::Mismatch(_))), "{short:?}");
    let missing = rule.restore(&moments[..1], &scalars, 3);
    assert!(matches!(missing, Err(Error::Mismatch(_))), "{missing:?}");
    Ok(())
}
