//! Which layer of the teacher each block of the student learns from.

use std::fmt::Write;

use limbeck_recipes::config::{Model, Run};
use serde::Serialize;

/// One level of depth.
#[derive(Serialize)]
pub(super) struct Level {
    /// The student's block, counted from 1; 0 is the embedding.
    block: usize,
    /// Width of its convolution.
    kernel: Option<usize>,
    /// The teacher's layer, counted from 1; 0 is the embedding.
    layer: usize,
    teacher_width: usize,
    student_width: usize,
}

/// The levels in order of depth; none where nothing is matched.
pub(super) fn rows(run: &Run) -> Vec<Level> {
    let Run::Layerwise(run) = run else {
        return Vec::new();
    };
    let Model::Transformer(teacher) = &run.teacher else {
        return Vec::new();
    };
    let sizes = &run.student.kernel_sizes;
    let map = &run.distillation.layer_map;
    let layers = map
        .layers(sizes.len(), teacher.layers)
        .expect("checked when the run was read");
    let level = |(block, kernel, layer, student_width)| Level {
        block,
        kernel,
        layer,
        teacher_width: teacher.hidden_size,
        student_width,
    };
    let embedding = (0, None, 0, run.student.embedding_size);
    let embedding = run.distillation.embedding_level.then_some(embedding);
    let blocks = sizes.iter().zip(layers).enumerate();
    let blocks =
        blocks.map(|(b, (&kernel, layer))| (b + 1, Some(kernel), layer, run.student.channels));
    embedding.into_iter().chain(blocks).map(level).collect()
}

/// One line per level.
pub(super) fn table(run: &Run) -> String {
    let rows = rows(run);
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from("block  kernel  layer  width\n");
    for row in rows {
        let kernel = row.kernel.map_or("-".into(), |kernel| kernel.to_string());
        let _ = writeln!(
            text,
            "{:>5}  {kernel:>6}  {:>5}  {} -> {}",
            row.block, row.layer, row.teacher_width, row.student_width
        );
    }
    text
}
