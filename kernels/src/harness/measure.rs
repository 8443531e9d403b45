//! What a case measures on a device: how far its results are from the reference, whether gradients
//! are added to those already there, and whether its bits repeat.

use std::sync::{Mutex, MutexGuard, PoisonError};

use limbeck_engine::{
    Device, Error, InstructionSet, Result, instruction_set, parallel_threshold,
    set_instruction_set, set_parallel_threshold,
};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::case::Case;
use super::checks::{Comparison, Outcome, accumulated, compare, outcome, with_present};

/// Largest relative error of the reference's gradients against central differences, in f64: what
/// truncation and rounding leave of [`finite_differences`](super::finite_differences) with its step.
pub const FINITE_DIFFERENCE_TOLERANCE: f64 = 1e-6;

/// A case on one device, held to the reference: the worst over all paths that were walked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// Outputs and gradients.
    pub comparison: Comparison,
    /// Gradients that were added to others: the largest relative error.
    pub accumulated: f64,
    /// Whether every repetition had the same bits.
    pub repeatable: bool,
}

impl Measurement {
    const NOTHING: Measurement = Measurement {
        comparison: Comparison {
            outputs: 0.0,
            gradients: 0.0,
        },
        accumulated: 0.0,
        repeatable: true,
    };

    /// The largest relative error.
    pub fn error(&self) -> f64 {
        self.comparison.worst().max(self.accumulated)
    }

    /// What is wrong with it, or `None` if it repeats and lies within the tolerance.
    pub fn complaint(&self, tolerance: f64) -> Option<String> {
        if !self.repeatable {
            return Some("two runs differ".into());
        }
        // Not `error > tolerance`: an error that is no number is one too.
        let fits = self.error() <= tolerance;
        (!fits).then(|| {
            format!(
                "outputs {:.1e}, gradients {:.1e}, gradients added to others {:.1e}, tolerance \
                 {tolerance:.0e}",
                self.comparison.outputs, self.comparison.gradients, self.accumulated
            )
        })
    }

    /// Takes in one more run on `device`; returns its outcome.
    fn add(&mut self, case: &Case, device: &Device, reference: &Outcome) -> Result<Outcome> {
        let found = outcome(case, device)?;
        let fresh = compare(&found, reference);
        let worst = &mut self.comparison;
        worst.outputs = worst.outputs.max(fresh.outputs);
        worst.gradients = worst.gradients.max(fresh.gradients);
        let error = accumulation_error(case, device, reference)?;
        self.accumulated = self.accumulated.max(error);
        Ok(found)
    }
}

/// How far gradients are off when they are added to others, relative to the reference's.
///
/// # Errors
/// If the operator refuses the inputs or the device fails.
pub fn accumulation_error(case: &Case, device: &Device, reference: &Outcome) -> Result<f64> {
    let expected = with_present(case, reference.clone());
    Ok(compare(&accumulated(case, device)?, &expected).worst())
}

/// The ways through the CPU's code that a case is sent.
#[derive(Debug)]
pub struct CpuPaths {
    levels: Vec<InstructionSet>,
    thresholds: Vec<usize>,
    /// Of 1, 2 and 7 threads.
    pools: Vec<ThreadPool>,
}

impl CpuPaths {
    /// Every instruction set of this machine, on the parallel and the sequential path.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn all() -> Result<Self> {
        let best = InstructionSet::best();
        let levels = InstructionSet::ALL.into_iter();
        Self::new(
            levels.filter(|level| *level <= best).collect(),
            &[1, 1 << 15],
        )
    }

    /// The instruction set in use, on the parallel path.
    ///
    /// # Errors
    /// As [`CpuPaths::all`].
    pub fn usual() -> Result<Self> {
        Self::new(vec![instruction_set()], &[1])
    }

    fn new(levels: Vec<InstructionSet>, thresholds: &[usize]) -> Result<Self> {
        let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build();
        let pools = [1, 2, 7].into_iter().map(pool).collect();
        let pools: std::result::Result<Vec<ThreadPool>, _> = pools;
        Ok(CpuPaths {
            levels,
            thresholds: thresholds.to_vec(),
            pools: pools.map_err(|cause| Error::Device(format!("no threads: {cause}")))?,
        })
    }

    /// Holds a case on the CPU to the reference's outcome: along every path with two threads, and
    /// on the parallel path twice with one, two and seven, for the same bits.
    ///
    /// Instruction set and threshold are set for the whole process while it runs, and put back:
    /// one call works at a time.
    ///
    /// # Errors
    /// If the operator refuses the inputs.
    pub fn measure(&self, case: &Case, cpu: &Device, reference: &Outcome) -> Result<Measurement> {
        let _settings = Settings::hold();
        let mut measurement = Measurement::NOTHING;
        for &level in &self.levels {
            for &threshold in &self.thresholds {
                set_instruction_set(level);
                set_parallel_threshold(threshold);
                self.pools[1].install(|| measurement.add(case, cpu, reference))?;
            }
        }
        // The last level is the one the machine would use.
        set_parallel_threshold(1);
        let first = self.pools[0].install(|| outcome(case, cpu))?;
        for pool in self.pools.iter().chain(&self.pools) {
            let again = pool.install(|| outcome(case, cpu))?;
            measurement.repeatable &= again.same_bits(&first);
        }
        Ok(measurement)
    }
}

/// Holds a case on a GPU to the reference's outcome, twice with each of these limits on the number
/// of workgroups in a row. The limit is set for the whole process while it runs, and put back: one
/// call works at a time.
///
/// # Errors
/// If the operator refuses the inputs or the GPU fails.
#[cfg(feature = "gpu")]
pub fn measure_gpu(
    case: &Case,
    gpu: &Device,
    reference: &Outcome,
    limits: &[u32],
) -> Result<Measurement> {
    let _settings = Settings::hold();
    let mut measurement = Measurement::NOTHING;
    for &limit in limits {
        limbeck_engine::set_workgroup_limit(limit);
        let first = measurement.add(case, gpu, reference)?;
        measurement.repeatable &= outcome(case, gpu)?.same_bits(&first);
    }
    Ok(measurement)
}

/// The limit that every GPU has.
#[cfg(feature = "gpu")]
pub const WORKGROUP_LIMIT: u32 = 65_535;

/// Keeps the settings of the process to one measurement, and puts them back.
struct Settings {
    level: InstructionSet,
    threshold: usize,
    _only: MutexGuard<'static, ()>,
}

impl Settings {
    fn hold() -> Self {
        static LOCK: Mutex<()> = Mutex::new(());
        Settings {
            _only: LOCK.lock().unwrap_or_else(PoisonError::into_inner),
            level: instruction_set(),
            threshold: parallel_threshold(),
        }
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        set_instruction_set(self.level);
        set_parallel_threshold(self.threshold);
        #[cfg(feature = "gpu")]
        limbeck_engine::set_workgroup_limit(WORKGROUP_LIMIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_complains_of_errors_and_of_bits_that_differ() {
        let with = |outputs, accumulated, repeatable| Measurement {
            comparison: Comparison {
                outputs,
                gradients: 0.0,
            },
            accumulated,
            repeatable,
        };
        assert_eq!(with(1e-6, 1e-6, true).complaint(1e-6), None);
        for wrong in [
            with(2e-6, 0.0, true),
            with(0.0, 2e-6, true),
            with(0.0, f64::INFINITY, true),
            with(0.0, 0.0, false),
        ] {
            assert!(wrong.complaint(1e-6).is_some(), "{wrong:?}");
        }
    }
}
