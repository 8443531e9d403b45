//! The runtime `rten` as a witness: it has read the ONNX standard, and not our code.

use std::path::Path;

use limbeck_engine::Fingerprint;
use limbeck_models::Encoded;
use limbeck_recipes::export::{ExportOptions, Target, export_classifier, export_language_model};
use limbeck_recipes::nce_lm::TextGenerator;
use limbeck_recipes::text::TextClassifier;
use rten::{Model, Value};
use serde_json::json;

/// How far another runtime's scores may be from ours. Scores are sums of up to some hundred products
/// of size 1 in f32, in another order; what was asked for is 1e-5 of scores of size 1.
pub(crate) const NEAR: f32 = 1e-5;

/// A named input: its shape, and whole numbers or reals.
pub(crate) enum Input {
    Ids(Vec<usize>, Vec<i32>),
    Reals(Vec<usize>, Vec<f32>),
}

/// An exported graph, and its folder.
pub(crate) struct Exported {
    pub(crate) folder: tempfile::TempDir,
    model: Model,
}

impl Exported {
    pub(crate) fn classifier(classifier: &TextClassifier, int8: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::Onnx;
        let out = folder.path().join("exported");
        export_classifier(classifier, &out, ExportOptions { target, int8 }).expect("exported");
        Self::open(folder)
    }

    pub(crate) fn language_model(generator: &TextGenerator, int8: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::Onnx;
        let out = folder.path().join("exported");
        export_language_model(generator, &out, ExportOptions { target, int8 }).expect("exported");
        Self::open(folder)
    }

    fn open(folder: tempfile::TempDir) -> Self {
        let model = Model::load_file(folder.path().join("exported/model.onnx"));
        let model = model.expect("a file that rten reads");
        Exported { folder, model }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("exported")
    }

    /// The outputs of these names for these inputs, row-major.
    pub(crate) fn run(&self, inputs: &[(&str, Input)], outputs: &[&str]) -> Vec<Vec<f32>> {
        let node = |name: &str| self.model.node_id(name).expect("an input or output");
        let value = |input: &Input| match input {
            Input::Ids(shape, ids) => Value::from_shape(shape, ids.clone()).expect("a shape"),
            Input::Reals(shape, reals) => Value::from_shape(shape, reals.clone()).expect("a shape"),
        };
        let inputs = inputs
            .iter()
            .map(|(name, input)| (node(name), value(input).into()))
            .collect();
        let outputs: Vec<_> = outputs.iter().map(|name| node(name)).collect();
        let found = self.model.run(inputs, &outputs, None).expect("a result");
        let read = |value: Value| value.into_tensor::<f32>().expect("reals").into_data();
        found.into_iter().map(read).collect()
    }

    /// Where `LIMBECK_ONNX_CASES` names a folder, leaves the graph there, with inputs and the outputs
    /// that our model has for them, for `tests/onnx/check.py`. What a graph says behind the end of a
    /// text is `None`.
    pub(crate) fn keep(
        &self,
        what: &str,
        inputs: &[(&str, Input)],
        outputs: &[(&str, Vec<Option<f32>>)],
    ) {
        let Some(folder) = std::env::var_os("LIMBECK_ONNX_CASES") else {
            return;
        };
        let folder = Path::new(&folder);
        let plain: String = what.chars().filter(|c| !"()[]{}:, ".contains(*c)).collect();
        let given = inputs.iter().map(|(name, input)| {
            let value = match input {
                Input::Ids(shape, ids) => json!({ "shape": shape, "ids": ids }),
                Input::Reals(shape, reals) => json!({ "shape": shape, "reals": reals }),
            };
            (name.to_string(), value)
        });
        let wanted = outputs
            .iter()
            .map(|(name, values)| (name.to_string(), json!(values)));
        let case = json!({
            "inputs": given.collect::<serde_json::Map<_, _>>(),
            "outputs": wanted.collect::<serde_json::Map<_, _>>(),
        });
        let graph = self.path().join("model.onnx");
        std::fs::copy(graph, folder.join(format!("{plain}.onnx"))).expect("a copy");
        std::fs::write(folder.join(format!("{plain}.json")), case.to_string()).expect("a case");
    }

    pub(crate) fn inputs(&self) -> Vec<String> {
        let ids = self.model.input_ids().iter();
        let names = ids.map(|&id| self.model.node_info(id));
        names
            .map(|info| {
                info.and_then(|i| i.name().map(String::from))
                    .expect("a name")
            })
            .collect()
    }
}

/// Token ids of several texts side by side, and the mask; `spare` more columns than the longest needs.
pub(crate) fn padded(texts: &[Vec<u32>], spare: usize) -> [Input; 2] {
    let width = texts.iter().map(Vec::len).max().unwrap_or(0) + spare;
    let shape = vec![texts.len(), width];
    let row = |text: &Vec<u32>, filler: i32, of: fn(u32) -> i32| {
        let mut row: Vec<i32> = text.iter().map(|&id| of(id)).collect();
        row.resize(width, filler);
        row
    };
    // The filler is an id like any other: a model that looked at it would be noticed.
    let ids = texts.iter().flat_map(|text| row(text, 1, |id| id as i32));
    let mask = texts.iter().flat_map(|text| row(text, 0, |_| 1));
    [
        Input::Ids(shape.clone(), ids.collect()),
        Input::Ids(shape.clone(), mask.collect()),
    ]
}

/// The ids of texts as our model reads them.
pub(crate) fn ids_of(classifier: &TextClassifier, texts: &[&str]) -> Vec<Vec<u32>> {
    let vocabulary: Fingerprint = classifier.encoder().fingerprint();
    let ids = |text: &&str| match classifier.encoder().encode(text) {
        Encoded::Tokens(tokens) => tokens.expect(vocabulary).expect("its own").to_vec(),
        _ => panic!("a model of tokens"),
    };
    texts.iter().map(ids).collect()
}

/// Numbers that are all there.
pub(crate) fn all(values: &[f32]) -> Vec<Option<f32>> {
    values.iter().copied().map(Some).collect()
}

/// The largest difference, and the largest of the expected numbers.
pub(crate) fn compare(found: &[f32], expected: &[f32]) -> (f32, f32) {
    assert_eq!(found.len(), expected.len(), "as many numbers");
    let pairs = found.iter().zip(expected);
    let apart = pairs.map(|(a, b)| (a - b).abs());
    assert!(found.iter().all(|x| x.is_finite()), "finite numbers");
    let size = expected.iter().map(|b| b.abs());
    (apart.fold(0.0, f32::max), size.fold(0.0, f32::max))
}

/// Fails where a score is further away than [`NEAR`], or than that share of the largest.
pub(crate) fn assert_near(what: &str, found: &[f32], expected: &[f32]) {
    let (apart, size) = compare(found, expected);
    assert!(
        size > 0.05,
        "{what}: scores that say something, found at most {size}"
    );
    assert!(
        apart <= NEAR * size.max(1.0),
        "{what}: {apart} apart, of numbers up to {size}"
    );
}

/// The file that the metadata name as the tokeniser, which the folder must have.
pub(crate) fn require_file(folder: &Path, name: &str) {
    assert!(
        folder.join(name).is_file(),
        "{name} in {}",
        folder.display()
    );
}
