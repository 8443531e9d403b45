//! The results table.

use std::fmt::Write;

use limbeck_training::run_folder::{Metrics, ModelResults, Results};

const COLUMNS: [(&str, &str); 6] = [
    ("accuracy", "accuracy"),
    ("macro_f1", "macro-F1"),
    ("parameters", "parameters"),
    ("parameters_without_embeddings", "of these not embeddings"),
    ("bytes", "bytes"),
    ("us_per_text", "us/text"),
];

/// The columns of language models.
const LANGUAGE_COLUMNS: [(&str, &str); 6] = [
    ("perplexity", "perplexity"),
    ("bits_per_token", "bits/token"),
    ("mean_log_z", "mean ln Z"),
    ("sd_log_z", "sd ln Z"),
    ("parameters", "parameters"),
    ("us_per_token", "us/token"),
];

/// The columns of taggers.
const TAG_COLUMNS: [(&str, &str); 6] = [
    ("span_f1", "span F1"),
    ("span_precision", "precision"),
    ("span_recall", "recall"),
    ("token_accuracy", "tags right"),
    ("parameters", "parameters"),
    ("us_per_text", "us/text"),
];

/// The columns of models that find keywords.
const KEYWORD_COLUMNS: [(&str, &str); 6] = [
    ("keyword_f1", "keyword F1"),
    ("keyword_precision", "precision"),
    ("keyword_recall", "recall"),
    ("present_f1_at_10", "stemmed F1@10"),
    ("parameters", "parameters"),
    ("us_per_text", "us/text"),
];

/// The columns of pictures.
const PICTURE_COLUMNS: [(&str, &str); 6] = [
    ("pixel_error", "pixel error"),
    ("foreground_f1", "F1"),
    ("rand_f", "Rand F"),
    ("selected_share", "selected"),
    ("parameters", "parameters"),
    ("us_per_picture", "us/picture"),
];

/// The columns of speech.
const SPEECH_COLUMNS: [(&str, &str); 6] = [
    ("word_error_rate", "word errors"),
    ("segment_accuracy", "recordings right"),
    ("words", "words"),
    ("selected_share", "selected"),
    ("parameters", "parameters"),
    ("us_per_string", "us/string"),
];

/// One line per model: quality on test, size and speed. Where test was not read the table has the
/// figures on dev, and says so.
pub(super) fn results(results: &Results) -> String {
    let mut text = match (&results.test, &results.dev) {
        (Some(test), _) => table(test),
        (None, Some(dev)) => format!("{}\n\non dev; test was not read (--no-test)", table(dev)),
        (None, None) => String::new(),
    };
    if let Some(file) = results.more.get("teacher_file").and_then(|f| f.as_str()) {
        let _ = write!(text, "\n\nteacher: the scores of {file}");
    }
    text
}

fn table(results: &ModelResults) -> String {
    let rows = results.rows();
    let named = |name: &str| match (results, name) {
        (ModelResults::Model(_), _) => "model".to_string(),
        (_, "student") => "student distilled".to_string(),
        (_, name) => name.replace('_', " "),
    };
    let width = rows
        .iter()
        .map(|(name, _)| named(name).len())
        .max()
        .unwrap_or(0);
    let has = |name: &str| rows.iter().any(|(_, row)| row.number(name).is_some());
    let columns = if has("perplexity") {
        LANGUAGE_COLUMNS
    } else if has("pixel_error") {
        PICTURE_COLUMNS
    } else if has("word_error_rate") {
        SPEECH_COLUMNS
    } else if has("keyword_f1") {
        KEYWORD_COLUMNS
    } else if has("token_accuracy") {
        TAG_COLUMNS
    } else {
        COLUMNS
    };
    let mut text = " ".repeat(width);
    for (_, title) in columns {
        let _ = write!(text, "  {title:>10}");
    }
    for (name, metrics) in rows {
        let _ = write!(text, "\n{:<width$}", named(name));
        for (key, title) in columns {
            let column = title.len().max(10);
            let _ = match (key, metrics.get(key)) {
                (_, None) => write!(text, "  {:>column$}", "-"),
                (
                    "parameters" | "parameters_without_embeddings" | "bytes" | "words",
                    Some(count),
                ) => {
                    write!(text, "  {:>column$}", grouped(count as u64))
                }
                (name, Some(figure)) if name.starts_with("us_") || name == "perplexity" => {
                    write!(text, "  {figure:>column$.1}")
                }
                (_, Some(rate)) => write!(text, "  {rate:>column$.4}"),
            };
        }
        text.push_str(&remarks(metrics));
    }
    text
}

/// What a reader must know of a row to compare it with others.
fn remarks(metrics: &Metrics) -> String {
    let marked = |(name, _): &&(&str, &str)| metrics.get(name).is_some();
    let remarks = [
        ("transductive", "transductive"),
        (
            "degenerate",
            match metrics.get("closed_share") {
                Some(_) => "degenerate: the gate was hardly ever closed",
                None => "degenerate: nearly all units were selected, or hardly any",
            },
        ),
    ];
    let found: Vec<&str> = remarks
        .iter()
        .filter(marked)
        .map(|(_, text)| *text)
        .collect();
    match found.is_empty() {
        true => String::new(),
        false => format!("  {}", found.join("; ")),
    }
}

/// Digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use limbeck_training::run_folder::Named;

    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let pairs = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in pairs {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_model_that_has_read_the_test_texts_is_marked() {
        let row = |marks: &[&str]| {
            let metrics = Metrics::new().rate("accuracy", 0.875);
            let mark = |metrics: Metrics, name: &&str| metrics.count(name, 1);
            marks.iter().fold(metrics, mark)
        };
        let rows = [
            ("teacher", row(&["transductive"])),
            ("student", row(&["transductive", "degenerate"])),
            ("mutual", row(&[])),
        ];
        let text = table(&ModelResults::Models(Named::from_iter(rows)));
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(lines[0].ends_with("-  transductive"), "{text}");
        assert!(lines[1].contains("transductive; degenerate"), "{text}");
        assert!(lines[2].ends_with('-'), "{text}");
    }

    #[test]
    fn the_table_has_a_line_per_model_and_dashes_for_what_is_missing() {
        let teacher = Metrics::new()
            .rate("accuracy", 0.875)
            .count("parameters", 1200);
        let rows = ModelResults::Models(Named::from_iter([("teacher", teacher)]));
        let text = results(&Results {
            test: Some(rows.clone()),
            ..Results::default()
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(
            lines[1].starts_with("teacher") && lines[1].contains("0.8750"),
            "{text}"
        );
        assert!(
            lines[1].contains("1,200") && lines[1].ends_with('-'),
            "{text}"
        );
        assert_eq!(lines[0].len(), lines[1].len(), "columns line up: {text}");
        let on_dev = results(&Results {
            dev: Some(rows),
            ..Results::default()
        });
        assert_eq!(
            on_dev,
            format!("{text}\n\non dev; test was not read (--no-test)")
        );
    }
}
