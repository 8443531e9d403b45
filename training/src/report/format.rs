//! Numbers and dates for the eye.

use maud::{Markup, html};
use serde_json::Number;

use crate::metrics::Interval;
use crate::predictions::PairedTest;

/// Metrics that are shares of a whole, which read best in per cent.
const RATES: [&str; 19] = [
    "accuracy",
    "accuracy_unseen",
    "macro_f1",
    "macro_f1_unseen",
    "span_f1",
    "span_f1_unseen",
    "span_precision",
    "span_recall",
    "span_macro_f1",
    "keyword_f1",
    "keyword_precision",
    "keyword_recall",
    "token_accuracy",
    "segment_accuracy",
    "foreground_f1",
    "foreground_precision",
    "foreground_recall",
    "pixel_error",
    "word_error_rate",
];

/// A figure of `results.json` under its name.
pub(super) fn figure(name: &str, value: Option<&Number>) -> String {
    let Some(value) = value else {
        return "–".into();
    };
    match (value.as_u64(), value.as_f64()) {
        (_, Some(rate)) if RATES.contains(&name) => percent(rate),
        (Some(count), _) => thousands(count),
        (None, Some(number)) => significant(number),
        (None, None) => value.to_string(),
    }
}

/// An interval of the figure of this name.
pub(super) fn range(name: &str, interval: Interval) -> String {
    match RATES.contains(&name) {
        true => format!("{:.1} – {:.1}", 100.0 * interval.low, 100.0 * interval.high),
        false => format!(
            "{} – {}",
            significant(interval.low),
            significant(interval.high)
        ),
    }
}

/// The cell of a difference with its interval, in points of per cent.
pub(super) fn paired(test: &PairedTest) -> Markup {
    let bootstrap = test.bootstrap;
    let points = |share: f64| format!("{:+.1}", 100.0 * share);
    html! {
        td {
            (points(bootstrap.difference))
            @if let Some(interval) = bootstrap.interval {
                small { (points(interval.low)) " to " (points(interval.high)) }
            }
        }
    }
}

/// A probability by chance.
pub(super) fn p_value(p: f64) -> String {
    match p {
        ..0.001 => "< 0.001".into(),
        p => format!("{p:.3}"),
    }
}

/// A fraction in per cent, to a tenth.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// A whole number in groups of three digits.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Four significant digits, without an exponent where one can do without.
pub(super) fn significant(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e7).contains(&size) {
        return format!("{number:.3e}");
    }
    let before_the_point = if size < 1.0 {
        0
    } else {
        size.log10() as usize + 1
    };
    // Below 1, leading zeros after the point are not significant.
    let leading = if size == 0.0 || size >= 1.0 {
        0
    } else {
        (-size.log10()) as usize
    };
    let text = format!(
        "{number:.*}",
        4usize.saturating_sub(before_the_point) + leading
    );
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A name of ours in plain words: `macro_f1` becomes `macro f1`.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Seconds since 1970 as a date and time in UTC.
pub(super) fn date(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        time / 3600,
        time / 60 % 60
    )
}

/// The Gregorian date `days` after 1970-01-01. Years are counted from March here, so that the
/// leap day is the last of its year, in eras of 400 years, which are all equally long.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let since_0000_march = days + 719_468;
    let (era, day) = (since_0000_march / ERA, since_0000_march % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March on have 153 days in every five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let january_or_february = month >= 10;
    let month = if january_or_february {
        month - 9
    } else {
        month + 3
    };
    (
        400 * era + year + u64::from(january_or_february),
        month,
        day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_by_their_kind() {
        let real = |value| Number::from_f64(value);
        assert_eq!(figure("accuracy", real(0.9436).as_ref()), "94.4 %");
        assert_eq!(figure("accuracy", Some(&1.into())), "100.0 %");
        assert_eq!(figure("parameters", Some(&1_234_567.into())), "1,234,567");
        assert_eq!(figure("us_per_text", real(12.3456).as_ref()), "12.35");
        assert_eq!(figure("perplexity", None), "–");
    }

    #[test]
    fn intervals_are_written_like_their_figure() {
        let interval = Interval {
            low: 0.8123,
            high: 0.95,
        };
        assert_eq!(range("accuracy", interval), "81.2 – 95.0");
        assert_eq!(range("cross_entropy", interval), "0.8123 – 0.95");
        assert_eq!(
            [0.0004, 0.001, 1.0].map(p_value),
            ["< 0.001", "0.001", "1.000"]
        );
    }

    #[test]
    fn four_digits_are_kept() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (0.5, "0.5"),
            (0.012345, "0.01235"),
            (123.456, "123.5"),
            (12345.6, "12346"),
            (-2.5, "-2.5"),
            (0.00002, "2.000e-5"),
            (1e12, "1.000e12"),
        ];
        for (number, text) in cases {
            assert_eq!(significant(number), text);
        }
    }

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 999, 1000, 12_345_678].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "12,345,678"]);
    }

    #[test]
    fn dates_know_leap_years() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_399), "2000-02-28 23:59 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_735_689_599), "2024-12-31 23:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00 UTC");
    }
}
