//! The acceptance criteria under every option of the layer terms.

use limbeck_recipes::layerwise::Distilled;

use crate::tiny::{run, weights};

const EMBEDDING: &str = "distillation.embedding_level=true";

/// Shapes of the parameters whose names begin so.
fn shapes(done: &Distilled, beginning: &str) -> Vec<String> {
    let records = done.teacher.model().parameters().records().iter();
    records
        .filter(|record| record.name.starts_with(beginning))
        .map(|record| record.shape.to_string())
        .collect()
}

/// A2 and A4: whatever is matched and however it is projected, every bit of the teacher is as
/// stage 1 left it, and the student learns.
#[test]
fn no_option_lets_stage_2_touch_the_teacher() {
    for projection in ["in_head", "pca", "joint", "student_up"] {
        let projection = format!("distillation.projection={projection}");
        let options = [projection.as_str(), EMBEDDING];
        let train = |length| run(&[&options[..], &[length]].concat());
        let short = train("training.student.length=\"1 step\"");
        let long = train("training.student.length=\"4 steps\"");
        assert_eq!(
            weights(&short.teacher),
            weights(&long.teacher),
            "{options:?}"
        );
        assert_ne!(
            weights(&short.student),
            weights(&long.student),
            "{options:?}"
        );
    }
}

/// A2: level 0 goes from the hidden width to that of the word vectors, and joins what the
/// teacher's classifier reads.
#[test]
fn the_embedding_has_a_projection_of_its_own() {
    let done = run(&[EMBEDDING]);
    assert_eq!(shapes(&done, "embedding_projection"), ["[16, 12]", "[12]"]);
    assert_eq!(shapes(&done, "projections.0"), ["[16, 8]", "[8]"]);
    let classes = done.teacher.labels().len();
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
    assert_eq!(weights(&with.teacher), weights(&without.teacher));
    assert_ne!(weights(&with.student), weights(&without.student));
}

/// A6 under every option: without w4 to w8 the student is the supervised one, bit for bit.
#[test]
fn without_the_teachers_terms_no_option_changes_the_student() {
    let mut off: Vec<String> = (4..=8)
        .map(|term| format!("distillation.weights.w{term}=0"))
        .collect();
    off.push(EMBEDDING.into());
    for projection in ["in_head", "pca", "joint", "student_up"] {
        let mut settings: Vec<&str> = off.iter().map(String::as_str).collect();
        let projection = format!("distillation.projection={projection}");
        settings.push(&projection);
        let done = run(&settings);
        let alone = done.student_alone.expect("trained by default");
        assert_eq!(weights(&done.student), weights(&alone), "{projection}");
    }
}
