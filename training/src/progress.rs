//! How a run tells what it is doing: a bar for those who watch, a line per epoch for the log.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What may be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// A bar on stderr.
    Bar {
        /// Whether in colour.
        colour: bool,
    },
    /// Nothing but the log.
    Silent,
}

impl Display {
    /// A bar if stderr is a terminal, in colour unless the environment sets `NO_COLOR`.
    pub fn detect() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Silent;
        }
        // As no-color.org has it: any value counts, except the empty one.
        Self::Bar {
            colour: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    fn bar(self, total: u64) -> ProgressBar {
        let Self::Bar { colour } = self else {
            return ProgressBar::hidden();
        };
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        bar.with_style(
            ProgressStyle::with_template(template(colour))
                .expect("the two templates below are well-formed"),
        )
    }
}

fn template(colour: bool) -> &'static str {
    if colour {
        "{prefix:.bold} {bar:24.cyan/blue} {pos}/{len} {eta:>4} {wide_msg:.dim}"
    } else {
        "{prefix} {bar:24} {pos}/{len} {eta:>4} {wide_msg}"
    }
}

/// The progress of one stage of a run. The bar disappears with it.
///
/// ```
/// use limbeck_training::progress::{Display, Progress};
/// let mut progress = Progress::new("student", 200, Display::detect());
/// progress.step(1, 640, &[("loss", 1.25), ("L4", 0.5)]);
/// progress.epoch(1, &[("loss", 1.25), ("dev_accuracy", 0.5)]);
/// ```
#[derive(Debug)]
pub struct Progress {
    stage: String,
    bar: ProgressBar,
    /// Since when `tokens` have been counted.
    since: Instant,
    tokens: u64,
}

impl Progress {
    /// Starts the display of a stage of `total` updates.
    pub fn new(stage: &str, total: u64, display: Display) -> Self {
        let bar = display.bar(total).with_prefix(stage.to_owned());
        Self {
            stage: stage.to_owned(),
            bar,
            since: Instant::now(),
            tokens: 0,
        }
    }

    /// `done` updates of the stage are complete, the last one over `tokens` tokens.
    pub fn step(&mut self, done: u64, tokens: u64, terms: &[(&str, f64)]) {
        self.tokens += tokens;
        if !self.bar.is_hidden() {
            self.bar
                .set_message(message(terms, self.tokens_per_second()));
            self.bar.set_position(done);
        }
    }

    /// An epoch is complete: one line in the log, and the count of tokens begins anew.
    pub fn epoch(&mut self, epoch: u64, terms: &[(&str, f64)]) {
        let line = message(terms, self.tokens_per_second());
        self.suspend(|| tracing::info!("{} epoch {epoch}: {line}", self.stage));
        self.since = Instant::now();
        self.tokens = 0;
    }

    /// Takes the bar away while `print` writes to the terminal.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Tokens per second since the epoch began.
    pub fn tokens_per_second(&self) -> f64 {
        rate(self.tokens, self.since.elapsed())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn rate(tokens: u64, elapsed: Duration) -> f64 {
    // The clock may not have moved yet: no rate is better than an infinite one.
    if elapsed.is_zero() {
        0.0
    } else {
        tokens as f64 / elapsed.as_secs_f64()
    }
}

fn message(terms: &[(&str, f64)], tokens_per_second: f64) -> String {
    let mut text = String::new();
    for (name, value) in terms {
        write!(text, "{name} {value:.4}  ").expect("writing to a string cannot fail");
    }
    match tokens_per_second {
        0.0 => text.truncate(text.trim_end().len()),
        few if few < 10_000.0 => text.push_str(&format!("{few:.0} tokens/s")),
        many => text.push_str(&format!("{:.0}k tokens/s", many / 1000.0)),
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn messages_show_terms_and_speed() {
        let terms = [("loss", 0.43219), ("L4", f64::NAN)];
        assert_eq!(message(&terms, 950.4), "loss 0.4322  L4 NaN  950 tokens/s");
        assert_eq!(
            message(&terms[..1], 123_456.0),
            "loss 0.4322  123k tokens/s"
        );
        assert_eq!(message(&terms[..1], 0.0), "loss 0.4322");
    }

    #[test]
    fn rates_are_per_second_and_never_infinite() {
        assert_eq!(rate(300, Duration::from_millis(1500)), 200.0);
        assert_eq!(rate(300, Duration::ZERO), 0.0);
    }

    #[test]
    fn both_templates_are_well_formed_and_only_one_has_colour() {
        for colour in [true, false] {
            ProgressStyle::with_template(template(colour)).unwrap();
            assert_eq!(template(colour).contains("cyan"), colour);
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_silent_run_logs_one_line_an_epoch_and_nothing_else() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut progress = Progress::new("teacher", 20, Display::Silent);
            for step in 1..=20 {
                progress.step(step, 100, &[("loss", 0.5)]);
                if step % 10 == 0 {
                    progress.epoch(step / 10, &[("loss", 0.5), ("dev_accuracy", 0.75)]);
                }
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.contains("teacher epoch 2: loss 0.5000  dev_accuracy 0.7500"),
            "{text}"
        );
    }
}
