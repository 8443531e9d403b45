//! The chapters of the book that have blocks of Rust, as documentation tests: `cargo test --doc`.

#[doc = include_str!("../book/src/tutorials/classifier.md")]
struct Classifier;

#[doc = include_str!("../book/src/tutorials/gradients.md")]
struct Gradients;
