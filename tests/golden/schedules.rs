//! Schedules against `LambdaLR`.

use crate::compare::distance;
use crate::files::{self, SchedulesFile};

pub(crate) fn check() {
    let file: SchedulesFile = files::read("schedules.json");
    let mut complaints = Vec::new();
    for case in &file.cases {
        let schedule = case.schedule.schedule();
        for (step, expected) in case.rates.iter().enumerate() {
            let found = file.learning_rate * schedule.multiplier(step as u64);
            let what = format!("{:?}, update {}", case.schedule, step + 1);
            // Against the base rate: at its end the cosine is 0 but for the rounding of π.
            let allowed = 1e-12 * file.learning_rate;
            complaints.extend(distance(&what, &[found], &[*expected], allowed));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
