//! Tables of which a step reads few rows.

use limbeck_engine::{Device, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{
    AdamW, AdamWConfig, ClipNorm, Normaliser, Sgd, SgdConfig, add, gather_rows, half_squared_norm,
    weighted_mean,
};

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

/// Half of it, over all rows.
fn sum_of_squares(tape: &Tape, x: &Var) -> Result<Var> {
    let rows = half_squared_norm(tape, x)?;
    weighted_mean(tape, &rows, None, Normaliser::Count(1.0))
}

/// Trains a table of which every step reads some rows, as rows or as a whole.
fn train_table(device: &Device, row_sparse: bool) -> Result<Vec<f32>> {
    let mut builder = StoreBuilder::new(4);
    let table = builder.normal("table", [50, 3], 1.0);
    let mut store = builder.build(device)?;
    store.records_mut()[table.index()].row_sparse = row_sparse;
    let plain = SgdConfig {
        momentum: 0.0,
        weight_decay: 0.0,
    };
    let mut sgd = Sgd::new(&store, plain)?;
    let mut clip = ClipNorm::new(&store, Some(1.0))?;
    let mut gradients = store.zeros()?;
    for ids in [[2, 7, 49], [0, 7, 8]] {
        let tape = Tape::deterministic(device);
        let rows = if row_sparse {
            tape.parameter_rows(&store, table, &ids)?
        } else {
            gather_rows(&tape, &tape.parameter(&store, table), &ids)?
        };
        let loss = sum_of_squares(&tape, &rows)?;
        gradients.fill_zero()?;
        tape.backward(&loss, &mut [&mut gradients])?
            .refuse(&[&store])?;
        clip.measure(&gradients)?;
        sgd.step(&mut store, &gradients, &clip, 0.3)?;
    }
    store.value(table).read()
}

#[test]
fn rows_alone_are_updated_as_the_whole_table_would_be() -> Result<()> {
    for device in devices() {
        let (sparse, dense) = (train_table(&device, true)?, train_table(&device, false)?);
        // The norm sums the same squares in another order.
        for (a, b) in sparse.iter().zip(&dense) {
            assert!((a - b).abs() <= 1e-6 * b.abs(), "{a} {b} on {device:?}");
        }
    }
    Ok(())
}

#[test]
fn updates_that_move_every_row_refuse_a_row_sparse_table() -> Result<()> {
    let mut builder = StoreBuilder::new(4);
    let table = builder.normal("table", [50, 3], 1.0);
    let mut store = builder.build(&Device::cpu())?;
    store.records_mut()[table.index()].row_sparse = true;
    let refused = [
        AdamW::new(&store, ADAMW).map(|_| ()),
        Sgd::new(&store, SGD).map(|_| ()),
    ];
    for refused in refused {
        let message = refused.expect_err("must be refused").to_string();
        assert!(message.contains("table is row-sparse"), "{message}");
    }
    let tape = Tape::deterministic(&Device::cpu());
    for (ids, part) in [(&[3, 3][..], "ascend"), (&[50], "no row 50")] {
        let message = tape
            .parameter_rows(&store, table, ids)
            .expect_err("wrong ids");
        assert!(message.to_string().contains(part), "{message}");
    }
    Ok(())
}

#[test]
fn rows_that_no_loss_reads_are_reported_and_rows_taken_twice_refused() -> Result<()> {
    let device = Device::cpu();
    let mut builder = StoreBuilder::new(4);
    let table = builder.normal("table", [50, 3], 1.0);
    let other = builder.normal("other", [3, 1], 1.0);
    let mut store = builder.build(&device)?;
    store.records_mut()[table.index()].row_sparse = true;
    let mut gradients = store.zeros()?;
    let tape = Tape::deterministic(&device);
    let loss = sum_of_squares(&tape, &tape.parameter(&store, other))?;
    let unreached = tape.backward(&loss, &mut [&mut gradients])?;
    let message = unreached
        .refuse(&[&store])
        .expect_err("unreached")
        .to_string();
    assert!(message.contains("table"), "{message}");

    let tape = Tape::deterministic(&device);
    let [first, second] = [&[1][..], &[2]].map(|ids| tape.parameter_rows(&store, table, ids));
    let loss = add(
        &tape,
        &sum_of_squares(&tape, &first?)?,
        &sum_of_squares(&tape, &second?)?,
    )?;
    let refused = tape.backward(&loss, &mut [&mut gradients]);
    let message = refused.map(|_| ()).expect_err("twice").to_string();
    assert!(message.contains("at once"), "{message}");
    Ok(())
}
