//! Where the time of a step goes, operator by operator.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Result;

/// Forward or backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// The operator's results.
    Forward,
    /// The gradients of its inputs.
    Backward,
}

/// What an operator cost in one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// How often it ran.
    pub calls: u64,
    /// Time in its kernels, on the clock.
    pub time: Duration,
    /// Floating-point operations, by its plan; a backward pass counts twice the forward one.
    pub flops: u64,
    /// Bytes of its inputs and outputs, by its plan; a backward pass counts twice.
    pub bytes: u64,
}

/// Costs by operator and pass, added up over the tapes that were given it with
/// [`Tape::measure`](crate::Tape::measure). A host's time is the work itself; a GPU's is the time to
/// record it.
///
/// ```
/// use std::sync::Arc;
/// use limbeck_engine::{Device, Profile, Tape};
/// let profile = Arc::new(Profile::default());
/// let tape = Tape::inference(&Device::cpu());
/// tape.measure(&profile);
/// assert!(profile.costs().is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Profile(Mutex<BTreeMap<(&'static str, Pass), Cost>>);

impl Profile {
    /// Everything measured so far, by operator.
    pub fn costs(&self) -> Vec<(&'static str, Pass, Cost)> {
        let costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        costs
            .iter()
            .map(|(&(name, pass), &cost)| (name, pass, cost))
            .collect()
    }

    fn add(&self, operator: &'static str, pass: Pass, (flops, bytes): (u64, u64), time: Duration) {
        let times = match pass {
            Pass::Forward => 1,
            Pass::Backward => 2,
        };
        let mut costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = costs.entry((operator, pass)).or_default();
        cost.calls += 1;
        cost.time += time;
        cost.flops += times * flops;
        cost.bytes += times * bytes;
    }
}

/// Runs one pass of an operator and adds its cost to the profile, if there is one.
pub(crate) fn timed<R>(
    profile: Option<&Profile>,
    (operator, pass): (&'static str, Pass),
    plan: (u64, u64),
    body: impl FnOnce() -> Result<R>,
) -> Result<R> {
    let Some(profile) = profile else {
        return body();
    };
    let start = Instant::now();
    let result = body()?;
    profile.add(operator, pass, plan, start.elapsed());
    Ok(result)
}
