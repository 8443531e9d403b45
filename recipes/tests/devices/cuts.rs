//! Where the recorded commands are cut into submissions changes no result.

use std::time::Duration;

use limbeck_engine::{Device, Result};

use crate::tiny::{KINDS, Kind, Labelled, Trainer};

const STEPS: u32 = 4;

/// Trains every model with one submission per step, and with one per dispatch.
pub(crate) fn check(device: &Device) -> Result<()> {
    let gpu = device.gpu_handle().expect("a GPU device");
    for kind in KINDS {
        let whole = run(kind, device, Duration::MAX)?;
        assert_eq!(whole.submissions, u64::from(STEPS), "{kind:?}");
        let single = run(kind, device, Duration::ZERO)?;
        assert!(
            single.submissions >= single.dispatches && single.dispatches == whole.dispatches,
            "{kind:?}: {} submissions, {} dispatches",
            single.submissions,
            single.dispatches
        );
        assert_eq!(
            single.bits, whole.bits,
            "{kind:?}: a submission per dispatch"
        );
    }
    gpu.set_submission_budget(Duration::from_millis(200));
    Ok(())
}

struct Run {
    submissions: u64,
    dispatches: u64,
    /// Losses, then parameters.
    bits: Vec<u32>,
}

fn run(kind: Kind, device: &Device, budget: Duration) -> Result<Run> {
    let gpu = device.gpu_handle().expect("a GPU device");
    let mut trainer = Trainer::new(kind, device)?;
    device.flush()?;
    gpu.set_submission_budget(budget);
    let before = gpu.counters();
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let batch = Labelled::new(kind, 5 * step..5 * step + 5);
        losses.push(trainer.step(&batch)?);
    }
    let spent = gpu.counters().since(before);
    let losses = device.read_many(&losses.iter().collect::<Vec<_>>())?;
    let parameters = trainer.model.parameters().values().read()?;
    let numbers = losses.iter().chain(&parameters).flatten();
    Ok(Run {
        submissions: spent.submissions,
        dispatches: spent.dispatches,
        bits: numbers.map(|number| number.to_bits()).collect(),
    })
}
