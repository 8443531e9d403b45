//! A picture beside its truth, what teacher and student say of it, and the mask.

use std::path::Path;

use limbeck_data::pictures::write_rgb;
use limbeck_losses::NO_TRUTH;
use limbeck_models::PictureInput;

use crate::error::Result;
use crate::text::argmax;

/// Columns between two panels.
const GAP: usize = 4;

type Colour = [u8; 3];

/// What is unknown, or lies between panels.
const BLANK: Colour = [255, 255, 255];

/// Writes input, truth, the teacher's decisions, the student's, and the mask, from left to right.
/// Classes are shades from black to white in the order of their numbers.
pub(super) fn side_by_side(
    path: &Path,
    input: &PictureInput,
    (truth, [teacher, student], mask): (&[u32], [&[f32]; 2], &[u8]),
    classes: usize,
) -> Result<()> {
    let decided = |scores: &[f32]| -> Vec<Colour> {
        let decisions = scores.chunks(classes).map(|row| argmax(row) as u32);
        decisions.map(|class| shade(class, classes)).collect()
    };
    let panels = [
        input.values.chunks(input.channels).map(pixel).collect(),
        truth.iter().map(|&class| shade(class, classes)).collect(),
        decided(teacher),
        decided(student),
        mask.iter().map(|&value| [value; 3]).collect::<Vec<_>>(),
    ];
    let (height, width) = (input.height, input.width);
    let mut bytes = Vec::new();
    for row in 0..height {
        for (number, panel) in panels.iter().enumerate() {
            if number > 0 {
                bytes.extend([BLANK; GAP].as_flattened());
            }
            bytes.extend(panel[row * width..(row + 1) * width].as_flattened());
        }
    }
    let total = panels.len() * width + (panels.len() - 1) * GAP;
    Ok(write_rgb(path, height, total, &bytes)?)
}

/// A pixel of the input, whose channels are from 0 to 1: grey, or red, green and blue.
fn pixel(channels: &[f32]) -> Colour {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    match channels {
        [red, green, blue] => [byte(*red), byte(*green), byte(*blue)],
        others => [byte(others[0]); 3],
    }
}

fn shade(class: u32, classes: usize) -> Colour {
    match class {
        NO_TRUTH => BLANK,
        class => [(class as usize * 255 / (classes - 1).max(1)) as u8; 3],
    }
}
