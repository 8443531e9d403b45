//! The pools serve training and evaluation for good once they have seen every batch.

use limbeck_engine::{Device, Result};

use crate::tiny::{KINDS, Kind, Labelled, Trainer};

/// Epochs in which nothing new is asked for.
const EPOCHS: usize = 2;
const BATCHES: u32 = 6;

/// Epochs after which the pool has all that is ever asked for. Lists of a tagger's words, letters and
/// spellings grow and shrink apart from each other: now and then a small one is lent the free buffer
/// of a large one that comes later, and of that there must be one more: a percent of the memory, and
/// over after a few orders of the batches.
fn settled(kind: Kind) -> usize {
    match kind {
        Kind::Tagger(_) => 3,
        _ => 1,
    }
}

/// Trains every model on `device`, with evaluations in between: after the first epoch (or the first
/// few) nothing is allocated, and on a GPU an epoch costs what the one before did.
pub(crate) fn check(device: &Device) -> Result<()> {
    for kind in KINDS {
        let batches: Vec<Labelled> = (0..BATCHES).map(|b| batch(kind, b)).collect();
        let mut trainer = Trainer::new(kind, device)?;
        let mut epochs = Vec::new();
        for epoch in 0..settled(kind) + EPOCHS {
            let before = costs(device);
            train(&mut trainer, &batches, epoch)?;
            let after = costs(device);
            let spent: Vec<u64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
            epochs.push((device.allocated_bytes(), spent));
        }
        let first = settled(kind);
        let (allocated, spent) = &epochs[first - 1];
        let begun = epochs[0].0;
        assert!(begun > 0, "{kind:?}: the pools count nothing");
        assert!(allocated - begun <= begun / 64, "{kind:?}: {begun} bytes");
        for (epoch, later) in epochs.iter().enumerate().skip(first) {
            let what = format!("{kind:?}, epoch {} against number {first}", epoch + 1);
            assert_eq!(later.0, *allocated, "{what}: bytes allocated");
            let names = "dispatches, readbacks, bytes uploaded, bytes read";
            assert_eq!(later.1, *spent, "{what}: {names}");
        }
    }
    Ok(())
}

/// One epoch. The order of the batches differs from epoch to epoch, their contents do not.
fn train(trainer: &mut Trainer, batches: &[Labelled], epoch: usize) -> Result<()> {
    for step in 0..batches.len() {
        let at = |offset| &batches[(step + offset) % batches.len()];
        trainer.step(at(5 * epoch))?;
        if step % 2 == 1 {
            trainer.model.predict(&at(2 * epoch).texts())?;
            trainer.model.predict(&at(0).texts()[..1])?;
        }
    }
    Ok(())
}

/// Two to twelve texts of differing lengths.
fn batch(kind: Kind, number: u32) -> Labelled {
    let first = 20 * number;
    Labelled::new(kind, first..first + 2 + 2 * number)
}

/// What has been spent on a GPU; nothing is counted elsewhere.
fn costs(device: &Device) -> Vec<u64> {
    #[cfg(feature = "gpu")]
    if let Some(gpu) = device.gpu_handle() {
        let counters = gpu.counters();
        return vec![
            counters.dispatches,
            counters.readbacks,
            counters.bytes_uploaded,
            counters.bytes_read,
        ];
    }
    let _ = device;
    Vec::new()
}
