//! How much is recorded before it is submitted.
//!
//! Small cards end a submission that takes too long (Windows after two seconds), so a submission
//! should stay below a budget of time. What a dispatch will take is not known, only what it
//! touches: work is counted in bytes, [`FLOPS_PER_BYTE`] floating-point operations for one, and
//! the seconds per unit of work are learned whenever the host waits for the GPU. Steps repeat, so
//! that the last measurement fits the next step. Cutting never changes results, which is why this
//! is the one decision a clock may take.

use std::collections::VecDeque;
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
    /// What was submitted and is not known to be done.
    in_flight: VecDeque<Flight>,
}

struct Flight {
    submission: u64,
    at: Instant,
    work: u64,
}

/// Submitted work that the host is about to wait for.
pub(super) struct Window {
    since: Instant,
    work: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Pace {
            budget: DEFAULT_BUDGET,
            seconds_per_unit: FIRST_SECONDS_PER_UNIT,
            recorded: 0,
            in_flight: VecDeque::new(),
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

    /// What was recorded goes to the queue as submission number `submission`, and every one up to
    /// `done` has ended.
    pub(super) fn submitted(&mut self, submission: u64, done: u64, at: Instant) {
        self.retire(done);
        self.in_flight.push_back(Flight {
            submission,
            at,
            work: std::mem::take(&mut self.recorded),
        });
    }

    /// What the GPU still has to do once the submissions up to `done` have ended.
    pub(super) fn window(&mut self, done: u64) -> Option<Window> {
        self.retire(done);
        Some(Window {
            since: self.in_flight.front()?.at,
            work: self.in_flight.iter().map(|flight| flight.work).sum(),
        })
    }

    /// The work of a window ended `now`.
    pub(super) fn learn(&mut self, window: &Window, now: Instant) {
        let elapsed = now.saturating_duration_since(window.since);
        if elapsed >= SHORTEST_MEASURED && window.work > 0 {
            self.seconds_per_unit = elapsed.as_secs_f64() / window.work as f64;
        }
    }

    fn retire(&mut self, done: u64) {
        let ended = |flight: &Flight| flight.submission <= done;
        while self.in_flight.front().is_some_and(ended) {
            self.in_flight.pop_front();
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
                pace.submitted(1, 1, Instant::now());
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

    #[test]
    fn a_measured_second_per_submission_cuts_the_next_in_five() {
        let mut pace = Pace::new();
        cuts(&mut pace);
        let start = Instant::now();
        pace.submitted(7, 6, start);
        let window = pace.window(6).expect("submission 7 is not done");
        pace.learn(&window, start + Duration::from_secs(1));
        assert_eq!(cuts(&mut pace), 5);
    }

    #[test]
    fn what_has_ended_before_the_wait_is_not_measured() {
        let mut pace = Pace::new();
        let start = Instant::now();
        pace.touches(MIB);
        pace.submitted(1, 0, start);
        assert!(pace.window(1).is_none());
        let later = start + Duration::from_secs(9);
        pace.touches(MIB);
        pace.submitted(2, 1, later);
        let window = pace.window(1).expect("submission 2 is not done");
        pace.learn(&window, later + Duration::from_millis(2));
        let expected = 2e-3 / (MIB + LAUNCH) as f64;
        assert!((pace.seconds_per_unit / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn short_waits_teach_nothing() {
        let mut pace = Pace::new();
        let start = Instant::now();
        pace.touches(4);
        pace.submitted(1, 0, start);
        let window = pace.window(0).expect("submission 1 is not done");
        pace.learn(&window, start + Duration::from_micros(900));
        assert_eq!(pace.seconds_per_unit, FIRST_SECONDS_PER_UNIT);
    }

    #[test]
    fn a_large_operator_is_kept_apart_from_what_came_before() {
        let mut pace = Pace::new();
        let long = 3 * FLOPS_PER_BYTE * 100_000_000;
        assert!(!pace.computes(long), "nothing is recorded yet");
        pace.submitted(1, 0, Instant::now());
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
