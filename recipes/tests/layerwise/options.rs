//! The acceptance criteria under every option of the layer terms.

use limbeck_engine::Tape;
use limbeck_kernels::mean_over_time;
use limbeck_models::Encoded;
use limbeck_recipes::layerwise::{Distilled, TokenLevels};

use crate::tiny::{run, teacher, weights};

const EMBEDDING: &str = "distillation.embedding_level=true";
const TOKENS: &str = "distillation.matching=tokens";
const JOINT: &str = "distillation.projection=joint";
const UNIT_ROWS: &str = "distillation.joint_norm=rows";
const PROJECTIONS: [&[&str]; 5] = [
    &["distillation.projection=in_head"],
    &["distillation.projection=pca"],
    &["distillation.projection=student_up"],
    &[JOINT],
    &[JOINT, UNIT_ROWS, "distillation.feature_norm=none"],
];

/// Shapes of the parameters whose names begin so.
fn shapes(done: &Distilled, beginning: &str) -> Vec<String> {
    let records = teacher(done).model().parameters().records().iter();
    records
        .filter(|record| record.name.starts_with(beginning))
        .map(|record| record.shape.to_string())
        .collect()
}

/// A2 and A4: whatever is matched and however it is projected, every bit of the teacher is as
/// stage 1 left it, and the student learns.
#[test]
fn no_option_lets_stage_2_touch_the_teacher() {
    for projection in PROJECTIONS {
        for matching in [&[EMBEDDING][..], &[TOKENS], &[TOKENS, EMBEDDING]] {
            // Judged at its end alone, or the best weights could be those of the first step.
            let late = "training.student.evaluate_every=\"9 steps\"";
            let options = [projection, matching, &[late]].concat();
            let train = |length| run(&[&options[..], &[length]].concat());
            let short = train("training.student.length=\"1 step\"");
            let long = train("training.student.length=\"4 steps\"");
            let (before, after) = (weights(teacher(&short)), weights(teacher(&long)));
            assert_eq!(before, after, "{options:?}");
            let (before, after) = (weights(&short.student), weights(&long.student));
            assert_ne!(before, after, "{options:?}");
        }
    }
}

/// A2: level 0 goes from the hidden width to that of the word vectors, and joins what the
/// teacher's classifier reads.
#[test]
fn the_embedding_has_a_projection_of_its_own() {
    let done = run(&[EMBEDDING]);
    assert_eq!(shapes(&done, "embedding_projection"), ["[16, 12]", "[12]"]);
    assert_eq!(shapes(&done, "projections.0"), ["[16, 8]", "[8]"]);
    let classes = teacher(&done).labels().len();
    let joined = format!("[{}, {classes}]", 12 + 8 + 8);
    assert_eq!(shapes(&done, "classifier.weight"), [joined]);
    let equal = run(&[EMBEDDING, "student.embedding_size=16"]);
    assert_eq!(
        shapes(&equal, "embedding_projection").len(),
        0,
        "equal widths"
    );
}

/// With the layer terms alone, the word vectors move under level 0 as they do not without it.
#[test]
fn level_0_teaches_the_word_vectors() {
    let with = run(&[EMBEDDING, "distillation.projection=pca"]);
    let without = run(&["distillation.projection=pca"]);
    assert_eq!(weights(teacher(&with)), weights(teacher(&without)));
    assert_ne!(weights(&with.student), weights(&without.student));
}

/// Tokens are matched with what their pooled mean is matched with, so that the student is taught
/// otherwise, by the same teacher.
#[test]
fn the_mean_of_the_heads_token_levels_is_its_pooled_level() {
    let (pooled, tokens) = (run(&[EMBEDDING]), run(&[EMBEDDING, TOKENS]));
    assert_eq!(weights(teacher(&pooled)), weights(teacher(&tokens)));
    assert_ne!(weights(&pooled.student), weights(&tokens.student));

    let (model, encoder) = (teacher(&pooled).model(), teacher(&pooled).encoder());
    let texts = encoder.encode_all(&["a clear resin for wood", "pigment", "red and blue powder"]);
    let texts: Vec<&Encoded> = texts.iter().collect();
    let tape = Tape::inference(model.device());
    let batch = model.batch(&texts, 0).expect("a batch");
    let expected = model.forward(&tape, &batch).expect("levels").levels;
    let found = TokenLevels::of_head(model).levels(&tape, &texts);
    let found = found.expect("levels of tokens");
    assert_eq!(
        (found.len(), expected.len()),
        (3, 3),
        "the embedding and two layers"
    );
    for (tokens, pooled) in found.iter().zip(&expected) {
        let packed = &batch.tokens().expect("tokens").packed;
        let mean = mean_over_time(&tape, tokens, packed).expect("means");
        let (mean, pooled) = (mean.tensor().read(), pooled.tensor().read());
        for (mean, pooled) in mean.expect("numbers").iter().zip(pooled.expect("numbers")) {
            // Sums of some ten products of f32, in another order.
            assert!((mean - pooled).abs() < 1e-5, "{mean} {pooled}");
        }
    }
}

/// A6 under every option: without w4 to w8 the student is the supervised one, bit for bit.
#[test]
fn without_the_teachers_terms_no_option_changes_the_student() {
    let mut off: Vec<String> = (4..=8)
        .map(|term| format!("distillation.weights.w{term}=0"))
        .collect();
    off.extend([EMBEDDING, TOKENS].map(String::from));
    for projection in PROJECTIONS {
        let mut settings: Vec<&str> = off.iter().map(String::as_str).collect();
        settings.extend(projection);
        let done = run(&settings);
        let alone = done.student_alone.expect("trained by default");
        assert_eq!(weights(&done.student), weights(&alone), "{projection:?}");
    }
}
