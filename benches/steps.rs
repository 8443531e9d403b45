//! Whole training steps of the canonical workloads: `cargo bench --bench steps`

use divan::Bencher;
use limbeck::engine::Device;
use limbeck::workloads::{Bench, Changes, Model, Workload};

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 10)]
fn w1_transformer(bencher: Bencher<'_, '_>) {
    time(bencher, Workload::training(Model::W1));
}

#[divan::bench(sample_count = 10)]
fn w2_text_gcn(bencher: Bencher<'_, '_>) {
    time(bencher, Workload::training(Model::W2));
}

#[divan::bench(sample_count = 20)]
fn w3_text_cnn(bencher: Bencher<'_, '_>) {
    time(bencher, Workload::training(Model::W3));
}

#[divan::bench(sample_count = 20)]
fn w3b_residual_cnn(bencher: Bencher<'_, '_>) {
    time(bencher, Workload::training(Model::W3b));
}

#[divan::bench(sample_count = 10)]
fn w4_language_model(bencher: Bencher<'_, '_>) {
    time(bencher, Workload::training(Model::W4));
}

#[divan::bench(sample_count = 10)]
fn w4f_language_model_full_softmax(bencher: Bencher<'_, '_>) {
    time(bencher, Workload::training(Model::W4f));
}

#[divan::bench(args = ["w1-infer1", "w3-infer1", "w3-infer64", "w3b-infer1", "w3b-infer64"])]
fn inference(bencher: Bencher<'_, '_>, name: &str) {
    time(bencher, name.parse().expect("a workload"));
}

/// Inside a pool, as the program runs it: joining a pool from outside costs a wake-up.
fn time(bencher: Bencher<'_, '_>, workload: Workload) {
    let mut bench = Bench::new(workload, Changes::default(), &Device::cpu()).expect("valid sizes");
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads");
    bencher.bench_local(|| pool.install(|| bench.run().expect("a step")));
}
