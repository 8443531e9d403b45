//! How much is recorded before it is submitted.
//!
//! Small cards end a submission that takes too long (Windows after two seconds), so a submission
//! should stay below a budget of time. What a dispatch will take is not known, only what it
//! touches: work is counted in bytes, [`FLOPS_PER_BYTE`] floating-point operations for one, and
//! the seconds per unit of work are learned whenever the host waits for the GPU. Steps repeat, so
//! that the last measurement fits the next step. Cutting never changes results, which is why this
//! is the one decision a clock may take.

use std::time::{Duration, Instant};

/// A tenth of what the strictest common watchdog allows, for an estimate may be far off.
pub(super) const DEFAULT_BUDGET: Duration = Duration::from_millis(200);
/// Until something is measured: a slow integrated card, or a software adapter.
const FIRST_SECONDS_PER_UNIT: f64 = 1e-9;
/// Operations that take about as long as a byte of traffic, in a product that is tiled.
const FLOPS_PER_BYTE: u64 = 8;
/// What starting a kernel costs, as work.
const LAUNCH: u64 = 16 * 1024;
/// Shorter waits measure the way to the GPU and back rather than its work.
const SHORTEST_MEASURED: Duration = Duration::from_millis(1);

/// Counts recorded work, and estimates how long it will take.
pub(super) struct Pace {
    budget: Duration,
    seconds_per_unit: f64,
    /// Work recorded since the last submission.
    recorded: u64,
    /// What keeps the GPU busy, or did until nobody knows when.
    busy: Option<Busy>,
    /// Work that has ended since the last lesson, and the time it took.
    measured: (u64, Duration),
}

/// Submissions of which each came before the one before it had ended: from the first to the end of
/// the last, the GPU has done nothing else.
#[derive(Clone, Copy)]
struct Busy {
    since: Instant,
    work: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Pace {
            budget: DEFAULT_BUDGET,
            seconds_per_unit: FIRST_SECONDS_PER_UNIT,
            recorded: 0,
            busy: None,
            measured: (0, Duration::ZERO),
        }
    }

    pub(super) fn set_budget(&mut self, budget: Duration) {
        self.budget = budget;
    }

    /// A command that touches this many bytes was recorded.
    pub(super) fn touches(&mut self, bytes: u64) {
        self.recorded += LAUNCH + bytes;
    }

    /// The next commands will compute this much; whether to submit what is recorded before them.
    pub(super) fn computes(&mut self, flops: u64) -> bool {
        let work = flops / FLOPS_PER_BYTE;
        let cut = self.recorded > 0 && self.exceeds(self.recorded + work);
        if !cut {
            self.recorded += work;
        }
        cut
    }

    /// Whether what is recorded should be submitted.
    pub(super) fn is_spent(&self) -> bool {
        self.exceeds(self.recorded)
    }

    fn exceeds(&self, work: u64) -> bool {
        work as f64 * self.seconds_per_unit >= self.budget.as_secs_f64()
    }

    /// What was recorded goes to the queue; `idle` if all that went before has ended.
    pub(super) fn submitted(&mut self, idle: bool, at: Instant) {
        if idle {
            self.busy = None;
        }
        let busy = self.busy.get_or_insert(Busy { since: at, work: 0 });
        busy.work += std::mem::take(&mut self.recorded);
    }

    /// All submissions have ended just `now`, and not some time ago.
    pub(super) fn ended(&mut self, now: Instant) {
        if let Some(Busy { since, work }) = self.busy.take() {
            self.measured.0 += work;
            self.measured.1 += now.saturating_duration_since(since);
        }
    }

    /// All submissions have ended; nobody knows when.
    pub(super) fn ended_unseen(&mut self) {
        self.busy = None;
    }

    /// Estimates from now on by what was measured.
    pub(super) fn learn(&mut self) {
        let (work, time) = std::mem::take(&mut self.measured);
        if time >= SHORTEST_MEASURED && work > 0 {
            self.seconds_per_unit = time.as_secs_f64() / work as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Submissions of 100 commands of a MiB each.
    fn cuts(pace: &mut Pace) -> usize {
        let mut cuts = 0;
        for _ in 0..100 {
            pace.touches(MIB);
            if pace.is_spent() {
                pace.submitted(true, Instant::now());
                cuts += 1;
            }
        }
        cuts
    }

    #[test]
    fn the_first_submissions_are_cut_as_for_a_slow_card() {
        // 100 MiB at a byte a nanosecond are 105 ms, and starting the kernels is less.
        let mut pace = Pace::new();
        assert_eq!(cuts(&mut pace), 0);
        assert_eq!(cuts(&mut pace), 1, "both together exceed 200 ms");
    }

    /// Records a MiB, submits it and waits until `end`.
    fn measure(pace: &mut Pace, idle: bool, start: Instant, end: Instant) {
        pace.touches(MIB);
        pace.submitted(idle, start);
        pace.ended(end);
        pace.learn();
    }

    /// Seconds that a MiB is thought to take.
    fn seconds(pace: &Pace) -> f64 {
        pace.seconds_per_unit * (MIB + LAUNCH) as f64
    }

    #[test]
    fn a_measured_second_per_submission_cuts_the_next_in_five() {
        let mut pace = Pace::new();
        let start = Instant::now();
        measure(&mut pace, true, start, start + Duration::from_millis(10));
        assert!((seconds(&pace) - 0.01).abs() < 1e-12);
        assert_eq!(cuts(&mut pace), 5);
    }

    #[test]
    fn submissions_without_a_pause_are_measured_together() {
        let mut pace = Pace::new();
        let start = Instant::now();
        pace.touches(MIB);
        pace.submitted(true, start);
        let end = start + Duration::from_millis(8);
        measure(&mut pace, false, start + Duration::from_millis(1), end);
        assert!((seconds(&pace) - 0.004).abs() < 1e-12);
    }

    #[test]
    fn submissions_with_pauses_are_added_up() {
        let mut pace = Pace::new();
        let start = Instant::now();
        pace.touches(MIB);
        pace.submitted(true, start);
        pace.ended(start + Duration::from_millis(5));
        let later = start + Duration::from_secs(9);
        measure(&mut pace, true, later, later + Duration::from_millis(3));
        assert!((seconds(&pace) - 0.004).abs() < 1e-12);
    }

    #[test]
    fn what_ended_unseen_is_not_measured() {
        let mut pace = Pace::new();
        let start = Instant::now();
        pace.touches(MIB);
        pace.submitted(true, start);
        let later = start + Duration::from_secs(9);
        measure(&mut pace, true, later, later + Duration::from_millis(2));
        assert!((seconds(&pace) - 0.002).abs() < 1e-12);
    }

    #[test]
    fn short_waits_teach_nothing() {
        let mut pace = Pace::new();
        let start = Instant::now();
        measure(&mut pace, true, start, start + Duration::from_micros(900));
        assert_eq!(pace.seconds_per_unit, FIRST_SECONDS_PER_UNIT);
    }

    #[test]
    fn a_large_operator_is_kept_apart_from_what_came_before() {
        let mut pace = Pace::new();
        let long = 3 * FLOPS_PER_BYTE * 100_000_000;
        assert!(!pace.computes(long), "nothing is recorded yet");
        pace.submitted(true, Instant::now());
        pace.touches(MIB);
        assert!(pace.computes(long));
    }

    #[test]
    fn no_budget_cuts_always_and_an_endless_one_never() {
        let mut pace = Pace::new();
        pace.set_budget(Duration::ZERO);
        assert_eq!(cuts(&mut pace), 100);
        pace.set_budget(Duration::MAX);
        assert_eq!(cuts(&mut pace), 0);
    }
}
