//! The learning curves: one chart per loss term or metric, a line for each split.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::format::{significant, words};
use crate::run_folder::MetricRecord;

/// Narrow, so that the text keeps its size when a phone shows the chart at full width.
const SIZE: (u32, u32) = (420, 250);
/// More points than this are averaged: nobody sees them, and the file would grow without end.
const POINTS: usize = 300;
/// The style sheet gives these their colours, for light and for dark.
const AXIS: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const SPLITS: [(&str, RGBColor); 3] = [
    ("train", RGBColor(3, 3, 3)),
    ("dev", RGBColor(4, 4, 4)),
    ("test", RGBColor(5, 5, 5)),
];

type Points = Vec<(f64, f64)>;
/// Split to points.
type Lines<'a> = BTreeMap<&'a str, Points>;

/// All charts, grouped by the stages of the run.
pub(super) fn section(records: &[MetricRecord]) -> Markup {
    let mut stages: Vec<&str> = Vec::new();
    for record in records {
        if !stages.contains(&record.stage.as_str()) {
            stages.push(&record.stage);
        }
    }
    html! {
        @for stage in stages {
            h2 { "Learning curves: " (words(stage)) }
            div.charts {
                @for (name, lines) in charts(records.iter().filter(|r| r.stage == stage)) {
                    (chart(name, &lines))
                }
            }
        }
    }
}

/// The finite values of a stage by name and split; a name without any has no chart.
fn charts<'a>(records: impl Iterator<Item = &'a MetricRecord>) -> BTreeMap<&'a str, Lines<'a>> {
    let mut charts: BTreeMap<&str, Lines> = BTreeMap::new();
    for record in records {
        for (name, &value) in record.values.iter().filter(|(_, value)| value.is_finite()) {
            let lines = charts.entry(name).or_default();
            lines
                .entry(&record.split)
                .or_default()
                .push((record.step as f64, value));
        }
    }
    for points in charts.values_mut().flat_map(Lines::values_mut) {
        *points = thinned(points);
    }
    charts
}

/// Means over runs of neighbours, at most [`POINTS`] of them.
fn thinned(points: &[(f64, f64)]) -> Points {
    let run = points.len().div_ceil(POINTS).max(1);
    points
        .chunks(run)
        .map(|chunk| {
            let mean = |part: fn(&(f64, f64)) -> f64| {
                chunk
                    .iter()
                    .map(|point| part(point) / chunk.len() as f64)
                    .sum::<f64>()
            };
            (mean(|point| point.0), mean(|point| point.1))
        })
        .collect()
}

fn chart(name: &str, lines: &Lines) -> Markup {
    html! {
        figure {
            figcaption {
                (words(name))
                @for split in lines.keys() { span class=(split) { (split) } }
            }
            @match draw(lines) {
                Ok(svg) => div role="img" aria-label=(format!("{name} by step")) { (PreEscaped(svg)) },
                Err(error) => p.note { "This chart could not be drawn: " (error) },
            }
        }
    }
}

fn draw(lines: &Lines) -> Result<String, Box<dyn Error>> {
    let points = || lines.values().flatten();
    let (x, y) = (span(points().map(|p| p.0)), span(points().map(|p| p.1)));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(6)
            .margin_right(14)
            .x_label_area_size(24)
            .y_label_area_size(52)
            .build_cartesian_2d(x, y)?;
        mesh(&mut chart)?;
        for (split, points) in lines {
            let colour = SPLITS
                .iter()
                .find(|(name, _)| name == split)
                .map_or(AXIS, |(_, c)| *c);
            chart.draw_series(LineSeries::new(
                points.iter().copied(),
                colour.stroke_width(2),
            ))?;
            if let [point] = points[..] {
                chart.draw_series([Circle::new(point, 3, colour.filled())])?;
            }
        }
        root.present()?;
    }
    Ok(svg)
}

fn mesh<B: DrawingBackend<ErrorType: 'static>>(
    chart: &mut ChartContext<B, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
) -> Result<(), Box<dyn Error>> {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(5)
        .y_labels(5)
        .axis_style(AXIS)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", 12))
        .x_label_formatter(&|step| significant(*step))
        .y_label_formatter(&|value| significant(*value))
        .draw()?;
    Ok(())
}

/// The range of some values with a little air, and never empty.
fn span(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    // Halved first: the difference of two huge numbers need not be finite.
    let air = match 0.1 * (high / 2.0 - low / 2.0) {
        0.0 => (0.1 * high.abs()).max(0.5),
        air => air,
    };
    (low - air).max(f64::MIN)..(high + air).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_mean_and_the_ends_order() {
        let many: Points = (0..1000)
            .map(|i| (f64::from(i), f64::from(i % 2)))
            .collect();
        let few = thinned(&many);
        // Runs of 4: 0 to 3, 4 to 7 ..., each with two zeros and two ones.
        assert_eq!(
            (few.len(), few[0], few[249]),
            (250, (1.5, 0.5), (997.5, 0.5))
        );
        assert_eq!(thinned(&many[..7]), many[..7]);
        assert_eq!(thinned(&[]), []);
    }

    #[test]
    fn ranges_have_air_and_are_never_empty() {
        assert_eq!(span([0.0, 2.0].into_iter()), -0.1..2.1);
        assert_eq!(span([3.0].into_iter()), 2.5..3.5);
        let huge = span([f64::MIN, f64::MAX].into_iter());
        assert!(huge.start.is_finite() && huge.end.is_finite());
    }

    #[test]
    fn awkward_values_are_drawn() {
        let cases: [&[(f64, f64)]; 4] = [
            &[(1.0, 0.0)],
            &[(1.0, 1e-300), (2.0, 2e-300)],
            &[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)],
            &[(1.0, -1e30), (1e15, 1e30)],
        ];
        for points in cases {
            let svg = draw(&Lines::from([("dev", points.to_vec())])).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
            assert!(svg.contains("#040404") && !svg.contains("NaN"), "{svg}");
        }
    }
}
