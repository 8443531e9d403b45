//! The answers to every sample, against the figures that are computed from all of them at once.

use limbeck_recipes::Measured;
use limbeck_training::predictions::AnswerKind;

/// Every figure that follows from the answers is the one in the results, on dev and on test.
pub(crate) fn agree_with_the_figures(measured: &Measured, kind: AnswerKind) {
    let splits: Vec<&str> = measured.predictions.iter().map(|set| &*set.split).collect();
    assert_eq!(splits, ["dev", "test"]);
    let tables = [Some(&measured.dev), measured.test.as_ref()];
    for (set, rows) in measured.predictions.iter().zip(tables) {
        let rows = rows.expect("figures");
        assert_eq!(set.kind, kind);
        assert!(
            set.models
                .iter()
                .map(|(name, _)| name)
                .eq(rows.iter().map(|(name, _)| name))
        );
        for (model, judged) in set.judged().models.iter() {
            let row = rows.get(model).expect("a row");
            assert!(!judged.figures().is_empty(), "{model} has no figures");
            for figure in judged.figures() {
                let expected = row.get(figure.name).expect(figure.name);
                // Losses are kept in f32; all else is counted.
                let close = (figure.value - expected).abs() <= 1e-6 * expected.abs().max(1.0);
                assert!(
                    close,
                    "{model}: {} is {}, not {expected}",
                    figure.name, figure.value
                );
            }
        }
    }
}
