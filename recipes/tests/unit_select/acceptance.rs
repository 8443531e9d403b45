//! Criteria of whole runs: E3, E4, E6, E8.

use limbeck_data::pictures::{read_grey, write_grey};
use limbeck_engine::{Device, Tape};
use limbeck_kernels::{Normaliser, weighted_mean};
use limbeck_losses::{Difference, NO_TRUTH, Units};
use limbeck_models::Encoded;
use limbeck_recipes::text::TextClassifier;
use limbeck_recipes::unit_select::{
    Choice, KeptMasks, UnitForm, UnitSelectOptions, View, Views, compare, mask_of_picture,
    mask_picture, read_index,
};

use crate::tiny::{CLASSES, HEIGHT, PIXELS, SPEECH, TAGS, WIDTH, finished, in_folder, weights};

/// E3: a student that says what its teacher says has nothing to learn from it.
#[test]
fn equal_answers_select_nothing_and_a_perfect_teacher_wherever_there_is_a_difference() {
    in_folder(PIXELS, &[], |run, data, _, selected| {
        let student = &selected.student;
        let samples = data.encode(student.encoder(), &data.train);
        let own = samples.scores(student.model()).expect("scores");
        let said: Vec<&[f32]> = own.iter().map(Vec::as_slice).collect();
        let options = &run.distillation;
        let look = |said: &[&[f32]], options: &UnitSelectOptions| {
            compare(student.model(), &samples, said, UnitForm::Rows, options).expect("compared")
        };
        for comparison in look(&said, options) {
            assert_eq!(comparison.share(), 0.0);
        }
        // All of the probability, but for what single precision rounds away.
        let perfect: Vec<Vec<f32>> = samples.labels.iter().map(|labels| sure(labels)).collect();
        let perfect: Vec<&[f32]> = perfect.iter().map(Vec::as_slice).collect();
        for (comparison, labels) in look(&perfect, options).iter().zip(&samples.labels) {
            for (unit, &label) in labels.iter().enumerate() {
                let expected = match (label, comparison.student[unit] > 0.0) {
                    (NO_TRUTH, _) => Choice::Unknown,
                    (_, true) => Choice::Teacher,
                    (_, false) => Choice::Student,
                };
                assert_eq!(comparison.mask[unit], expected, "unit {unit}");
            }
        }
    });
}

fn sure(labels: &[u32]) -> Vec<f32> {
    let row = |&label: &u32| {
        [
            if label == 0 { 200.0 } else { 0.0 },
            if label == 1 { 200.0 } else { 0.0 },
        ]
    };
    labels.iter().flat_map(row).collect()
}

/// E4: without a limit every unit is selected, which is plain distillation; with one that nothing
/// reaches none is, which is training on labels.
#[test]
fn margins_without_bounds_are_the_baselines_bit_for_bit() {
    let mut selective = 0;
    for data in [CLASSES, TAGS, PIXELS, SPEECH] {
        let student = |overrides: &[&str]| weights(&finished(data, overrides).student);
        let plain = student(&["distillation.selection=\"all\""]);
        assert_eq!(student(&["distillation.margin=-inf"]), plain);
        let alone = student(&["distillation.selection=\"all\"", "distillation.kd_weight=0"]);
        assert_eq!(student(&["distillation.margin=inf"]), alone);
        assert_ne!(plain, alone);
        selective += usize::from(student(&[]) != plain);
    }
    // The literal method has truth in selected units alone, but not where nothing can be selected.
    let literal = |overrides: &[&str]| {
        let overrides = [&["preset=literal"], overrides].concat();
        weights(&finished(CLASSES, &overrides).student)
    };
    let alone = ["distillation.selection=\"all\"", "distillation.kd_weight=0"];
    assert_eq!(literal(&["distillation.margin=inf"]), literal(&alone));
    // In so few epochs a teacher may be closer everywhere.
    assert!(selective >= 2, "{selective} kinds of units of four");
}

/// The baseline without a teacher is the student whose teacher has no weight.
#[test]
fn the_student_alone_is_that_of_a_teacher_without_weight() {
    in_folder(
        CLASSES,
        &[
            "distillation.compare=[\"none\"]",
            "distillation.kd_weight=0",
        ],
        |_, _, paths, selected| {
            let folder = paths.model().join("student_alone");
            let alone = TextClassifier::load(&folder, &Device::cpu()).expect("a model");
            assert_eq!(weights(&alone), weights(&selected.student));
        },
    );
}

/// E6: whatever its students do, the teacher stays what it is, and a student runs without it.
#[test]
fn the_teacher_stays_as_it_is_and_a_student_runs_alone() {
    in_folder(
        PIXELS,
        &["distillation.compare=[\"all\"]"],
        |_, data, paths, selected| {
            let kept = TextClassifier::load(&paths.model().join("teacher"), &Device::cpu());
            let kept = kept.expect("the teacher, written before any student was trained");
            assert_eq!(weights(&kept), weights(&selected.teacher));
            let copy = tempfile::tempdir().expect("a folder");
            let folder = copy.path().join("student");
            std::fs::rename(paths.model().join("student"), &folder).expect("moved");
            std::fs::remove_dir_all(paths.root()).expect("the run is gone");
            let student =
                TextClassifier::load(&folder, &Device::cpu()).expect("a model of its own");
            let samples = data.encode(student.encoder(), data.test.as_ref().expect("test"));
            let expected = samples.scores(selected.student.model()).expect("scores");
            assert_eq!(samples.scores(student.model()).expect("scores"), expected);
        },
    );
}

/// E8: a mask that was written and read back gives the same units, and the same loss bit for bit, in the
/// whole picture and in a turned part of it.
#[test]
fn a_mask_that_is_read_back_gives_the_same_loss() {
    in_folder(PIXELS, &[], |run, data, paths, selected| {
        let student = &selected.student;
        let samples = data.encode(student.encoder(), &data.train);
        let teacher = samples.scores(selected.teacher.model()).expect("scores");
        let said: Vec<&[f32]> = teacher.iter().map(Vec::as_slice).collect();
        let options = &run.distillation;
        let compared = compare(student.model(), &samples, &said, UnitForm::Rows, options);
        let compared = compared.expect("compared");
        let values = &options.masks;
        let read: Vec<Vec<Choice>> = compared
            .iter()
            .enumerate()
            .map(|(row, comparison)| {
                let path = paths.root().join(format!("{row}.png"));
                let bytes = mask_picture(&comparison.mask, values);
                write_grey(&path, HEIGHT, WIDTH, &bytes).expect("written");
                let picture = read_grey(&path).expect("read");
                assert_eq!((picture.height, picture.width), (HEIGHT, WIDTH));
                mask_of_picture(&path, &picture, values).expect("a mask")
            })
            .collect();
        let before = KeptMasks::new(compared.iter().map(|c| c.mask.as_slice()));
        let after = KeptMasks::new(read.iter().map(Vec::as_slice));
        let mut selected_units = 0.0;
        let views = Views {
            crop: 16,
            symmetries: true,
            voices: false,
            seed: 1,
        };
        for row in 0..samples.len() {
            let whole = View {
                top: 0,
                left: 0,
                height: HEIGHT,
                width: WIDTH,
                symmetry: limbeck_data::pictures::Symmetry::ALL[0],
            };
            let part = views.of(&samples.inputs[row], 5, row).expect("a part");
            for view in [whole, part] {
                let (a, b) = (before.of(row), after.of(row));
                let loss = |mask: &[f32]| loss(&samples, row, &said, mask, &view);
                assert_eq!(loss(&a).to_bits(), loss(&b).to_bits());
                selected_units += a.iter().sum::<f32>();
            }
        }
        assert!(selected_units > 0.0);
    });
}

/// The mean difference of the selected units that a part shows.
fn loss(
    samples: &limbeck_recipes::unit_select::UnitSamples,
    row: usize,
    said: &[&[f32]],
    mask: &[f32],
    view: &View,
) -> f32 {
    let labels = view.rows(&samples.labels[row], WIDTH, 1);
    let scores = view.rows(said[row], WIDTH, 2);
    let mask = view.rows(mask, WIDTH, 1);
    let tape = Tape::inference(&Device::cpu());
    let real = |values: &[f32], columns: usize| {
        let rows = values.len() / columns;
        let tensor = match columns {
            1 => tape.device().real(values, [rows]),
            _ => tape.device().real(values, [rows, columns]),
        };
        tape.constant(tensor.expect("fits"))
    };
    let units = Units::of_rows(&tape, &labels).expect("units");
    let rows = units.differences(&tape, &real(&scores, 2), Difference::CrossEntropy);
    let weights = real(&mask, 1);
    let mean = weighted_mean(
        &tape,
        &rows.expect("fits"),
        Some(&weights),
        Normaliser::Weights,
    );
    mean.expect("a mean").tensor().item().expect("a number") as f32
}

/// The pictures of a run: one for every mask, of its picture's size, and an index of them.
#[test]
fn a_run_writes_its_masks() {
    let overrides = ["distillation.masks.every=2", "distillation.masks.samples=2"];
    in_folder(PIXELS, &overrides, |run, data, paths, selected| {
        let folder = paths.root().join("units").join("student");
        let lines = read_index(&folder.join("index.jsonl")).expect("an index");
        // After epochs 2 and 4 two of them, at the end all six.
        let of_epoch = |epoch: Option<u64>| lines.iter().filter(|l| l.epoch == epoch).count();
        assert_eq!(
            [
                of_epoch(Some(2)),
                of_epoch(Some(4)),
                of_epoch(None),
                lines.len()
            ],
            [2, 2, 6, 10]
        );
        for line in &lines {
            let path = folder.join(&line.file);
            let picture = read_grey(&path).expect("a picture");
            assert_eq!((picture.height, picture.width), (HEIGHT, WIDTH));
            let mask = mask_of_picture(&path, &picture, &run.distillation.masks).expect("a mask");
            assert!(mask[..WIDTH].iter().all(|c| *c == Choice::Unknown));
            let known = mask.iter().filter(|c| **c != Choice::Unknown).count();
            let teacher = mask.iter().filter(|c| **c == Choice::Teacher).count();
            assert!((line.share - teacher as f64 / known as f64).abs() < 1e-12);
        }
        let row = selected
            .measured
            .test
            .as_ref()
            .expect("test")
            .get("student");
        let share = row.expect("a row").get("selected_share").expect("a share");
        assert!((0.0..=1.0).contains(&share));
        // Input, truth, teacher, student and mask, four columns apart.
        let compared = folder.join("final-compared").join("0.png");
        let bytes = std::fs::read(compared).expect("a picture");
        let width = u32::from_be_bytes(bytes[16..20].try_into().expect("four bytes"));
        assert_eq!(width as usize, 5 * WIDTH + 4 * 4);
        let Encoded::Picture(first) =
            &data.encode(selected.student.encoder(), &data.train).inputs[0]
        else {
            panic!("pictures are pictures")
        };
        assert_eq!((first.height, first.width), (HEIGHT, WIDTH));
    });
}
