//! Schedules against `LambdaLR`.

use crate::compare::each;
use crate::files::{self, SchedulesFile};

pub(crate) fn check() {
    let file: SchedulesFile = files::read("schedules.json");
    let mut complaints = Vec::new();
    for case in &file.cases {
        let schedule = case.schedule.schedule();
        let rate = |step| file.learning_rate * schedule.multiplier(step);
        let found: Vec<f64> = (0..case.rates.len() as u64).map(rate).collect();
        let what = format!("{:?}, update", case.schedule);
        complaints.extend(each(&what, &found, &case.rates, 1e-9));
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
