use limbeck_engine::Device;

use super::*;

const NAN: f32 = f32::NAN;
const INFINITE: f32 = f32::INFINITY;

/// The mask of five units on the reference device, the last without truth.
fn mask(teacher: [f32; 5], student: [f32; 5], margin: f32) -> Vec<f32> {
    let device = Device::reference();
    let tape = Tape::inference(&device);
    let var = |values: [f32; 5]| tape.constant(device.real(&values, [5]).expect("five numbers"));
    let valid = var([1.0, 1.0, 1.0, 1.0, 0.0]);
    let mask = closer_rows(&tape, &var(teacher), &var(student), &valid, margin);
    mask.expect("fits").tensor().read().expect("readable")
}

/// The case table holds the other devices to the reference; this holds the reference to the words.
#[test]
fn ties_are_the_students_and_margins_count() {
    let (teacher, student) = ([0.5, 0.5, 0.5, 0.5, 0.0], [0.25, 0.5, 0.75, 1.0, 9.0]);
    assert_eq!(mask(teacher, student, 0.0), [0.0, 0.0, 1.0, 1.0, 0.0]);
    assert_eq!(mask(teacher, student, 0.25), [0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(mask(teacher, student, -0.25), [0.0, 1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn infinite_margins_do_not_look_at_the_differences() {
    let teacher = [NAN, INFINITE, -INFINITE, 0.0, NAN];
    let student = [0.0, INFINITE, NAN, INFINITE, NAN];
    assert_eq!(mask(teacher, student, -INFINITE), [1.0, 1.0, 1.0, 1.0, 0.0]);
    assert_eq!(mask(teacher, student, INFINITE), [0.0; 5]);
    // A finite margin: what is NaN is not closer, what is infinitely far is less close.
    assert_eq!(mask(teacher, student, 0.0), [0.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn refusals_name_what_was_expected_and_found() {
    let message = |inputs: [Meta; 3], margin: f32| {
        let refused = CloserRows { margin }.infer(&inputs).map(|_| ());
        refused.expect_err("must be refused").to_string()
    };
    let rows = Meta::real([6]);
    let found = message([rows, Meta::real([5]), rows], 0.0);
    assert!(
        found.contains("the student's differences must be Real [6], found Real [5]"),
        "{found}"
    );
    let found = message([Meta::real([2, 3]), rows, rows], 0.0);
    assert!(
        found.contains("the teacher's differences must be Real [6], found Real [2, 3]"),
        "{found}"
    );
    let found = message([rows, rows, Meta::ids([6])], 0.0);
    assert!(
        found.contains("valid must be Real [6], found Ids [6]"),
        "{found}"
    );
    assert!(message([rows; 3], NAN).contains("found NaN"));
}
