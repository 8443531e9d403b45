//! What a training step costs a GPU.

use std::time::Duration;

use limbeck_engine::{Device, Gpu, GpuCounters, Result};

use crate::taggers::Trunk;
use crate::tiny::{Kind, Labelled, Trainer};

const STEPS: u64 = 5;

const KINDS: [Kind; 5] = [
    Kind::Transformer,
    Kind::TextCnn,
    Kind::Tagger(Trunk::TextCnn),
    Kind::Tagger(Trunk::Transformer),
    Kind::Tagger(Trunk::Seq2Seq),
];

/// Counts the steps of the models that read tokens or words.
pub(crate) fn check(device: &Device) -> Result<()> {
    let gpu = device.gpu_handle().expect("a GPU device");
    // What a clock decides is left out.
    gpu.set_submission_budget(Duration::MAX);
    for kind in KINDS {
        let batch = Labelled::new(kind, 0..8);
        let mut trainer = Trainer::new(kind, device)?;
        // Allocates and compiles; the second time buffers are lent in the order that stays.
        trainer.step(&batch)?;
        trainer.step(&batch)?;
        for read in [false, true] {
            let spent = spent(gpu, || {
                (0..STEPS).try_for_each(|_| {
                    let loss = trainer.step(&batch)?;
                    if read {
                        loss.item()?;
                    }
                    Ok(())
                })
            })?;
            report(kind, read, spent);
            let readbacks = if read { STEPS } else { 0 };
            assert_eq!(spent.readbacks, readbacks, "{kind:?}: waits for the GPU");
            // One per step, and one per readback.
            assert_eq!(spent.submissions, STEPS + readbacks, "{kind:?}");
            assert_eq!(spent.allocated_bytes, 0, "{kind:?}: bytes allocated");
        }
    }
    Ok(())
}

/// What `body` cost, all that it recorded handed over.
fn spent(gpu: &Gpu, body: impl FnOnce() -> Result<()>) -> Result<GpuCounters> {
    gpu.flush()?;
    let before = gpu.counters();
    body()?;
    gpu.flush()?;
    Ok(gpu.counters().since(before))
}

fn report(kind: Kind, read: bool, spent: GpuCounters) {
    let per_step = |count: u64| count as f64 / STEPS as f64;
    eprintln!(
        "{kind:?}, loss read: {read}; per step {} dispatches, {} submissions, {} readbacks, {} \
         bytes uploaded, {} read",
        per_step(spent.dispatches),
        per_step(spent.submissions),
        per_step(spent.readbacks),
        per_step(spent.bytes_uploaded),
        per_step(spent.bytes_read)
    );
}
