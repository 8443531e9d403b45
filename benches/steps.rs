//! Whole training steps of the canonical workloads: `cargo bench --bench steps`

mod workloads;

use divan::Bencher;
use limbeck::engine::Device;
use limbeck::training::Result;
use workloads::Step;

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 10)]
fn w1_transformer(bencher: Bencher<'_, '_>) {
    time(bencher, workloads::w1_transformer);
}

#[divan::bench(sample_count = 20)]
fn w3_text_cnn(bencher: Bencher<'_, '_>) {
    time(bencher, workloads::w3_text_cnn);
}

#[divan::bench(sample_count = 20)]
fn w3b_residual_cnn(bencher: Bencher<'_, '_>) {
    time(bencher, workloads::w3b_residual_cnn);
}

/// Inside a pool, as the program runs it: joining a pool from outside costs a wake-up.
fn time(bencher: Bencher<'_, '_>, workload: fn(&Device) -> Result<Step>) {
    let mut step = workload(&Device::cpu()).expect("valid sizes");
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads");
    bencher.bench_local(|| pool.install(|| step.run().expect("a step")));
}
