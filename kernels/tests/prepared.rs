//! Weights that are packed once and kept give the bits of those that are packed for each product, and
//! are packed anew when they change.

use limbeck_engine::{
    Device, InstructionSet, Packed, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var,
    set_instruction_set,
};
use limbeck_kernels::{Activation, conv1d_max, linear};

const INPUTS: usize = 40;
const OUTPUTS: usize = 300;
const KERNEL_SIZE: usize = 7;

/// Weights and bias, for a convolution or a linear map.
fn parameters(device: &Device, rows: usize) -> Result<(ParameterStore, ParameterId, ParameterId)> {
    let mut store = StoreBuilder::new(3);
    let weight = store.normal("weight", [rows, OUTPUTS], 0.1);
    let bias = store.normal("bias", [OUTPUTS], 0.1);
    Ok((store.build(device)?, weight, bias))
}

type Model<'a> = dyn Fn(&Tape, &Var, &Var) -> Result<Var> + 'a;

/// Results of a tape that keeps what it prepares, twice, and of one that does not.
fn results(
    model: &Model<'_>,
    (store, weight, bias): &(ParameterStore, ParameterId, ParameterId),
) -> Result<[Vec<f32>; 3]> {
    let run = |tape: &Tape| {
        let (weight, bias) = (tape.parameter(store, *weight), tape.parameter(store, *bias));
        model(tape, &weight, &bias)?.tensor().read()
    };
    let device = store.device();
    let kept = || run(&Tape::inference(device));
    Ok([kept()?, kept()?, run(&Tape::deterministic(device))?])
}

fn check(device: &Device, rows: usize, model: &Model<'_>) -> Result<()> {
    let mut parameters = parameters(device, rows)?;
    // Panels of one instruction set are of no use to another.
    for level in [InstructionSet::Avx512, InstructionSet::Avx2] {
        set_instruction_set(level);
        let [first, second, recorded] = results(model, &parameters)?;
        assert_eq!(first, recorded, "{level:?}");
        assert_eq!(second, recorded, "{level:?}");
    }
    let before = results(model, &parameters)?;
    for slice in parameters.0.values_mut()?.slices_mut().iter_mut().flatten() {
        slice.host_mut::<f32>().expect("on the host").fill(0.25);
    }
    let [first, second, recorded] = results(model, &parameters)?;
    assert_ne!(first, before[0], "the weights changed");
    assert_eq!((&first, &second), (&recorded, &recorded));
    set_instruction_set(InstructionSet::Avx512);
    Ok(())
}

#[test]
fn kept_weights_have_the_bits_of_others_and_follow_changes() -> Result<()> {
    let device = Device::cpu();
    let numbers = |count: usize| -> Vec<f32> {
        (0..count)
            .map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0)
            .collect()
    };
    for rows in [1, 5, 20, 84, 85] {
        let x = device.real(&numbers(rows * INPUTS), [rows, INPUTS])?;
        check(&device, INPUTS, &|tape, weight, bias| {
            let x = tape.constant(x.clone());
            linear(tape, &x, weight, Some(bias), Some(Activation::Gelu))
        })?;
    }
    for lengths in [vec![1], vec![64], vec![30, 1, 25]] {
        let rows = lengths.iter().sum::<usize>();
        let packed = Packed::new(&device, &lengths, 0)?;
        let x = device.real(&numbers(rows * INPUTS), [rows, INPUTS])?;
        check(&device, KERNEL_SIZE * INPUTS, &|tape, weight, bias| {
            let x = tape.constant(x.clone());
            conv1d_max(tape, &x, weight, bias, None, &packed, KERNEL_SIZE, false)
        })?;
    }
    Ok(())
}
