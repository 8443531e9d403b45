//! Decoders of several target rows: logits, loss and gradients, of the rows they read too.

use limbeck::engine::{
    Device, Packed, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var,
};
use limbeck::kernels::linear;
use limbeck::losses::hard_cross_entropy;
use limbeck::models::Decoder;

use crate::compare::{Tolerance, each, relative};
use crate::files::{self, DecoderFile};
use crate::parameters;

/// Compares every decoder on `device`.
pub(crate) fn check(device: &Device, tolerance: &Tolerance) {
    for name in ["decoder_pre_norm.json", "decoder_post_norm.json"] {
        let complaints = complaints(&files::read(name), device, tolerance);
        let complaints = complaints.unwrap_or_else(|error| vec![error.to_string()]);
        let device = device.name();
        assert!(
            complaints.is_empty(),
            "{name} on {device}\n{}",
            complaints.join("\n")
        );
    }
}

/// A decoder whose states are classified, and the rows it reads: all are parameters.
struct RowClassifier {
    store: ParameterStore,
    target: ParameterId,
    memory: ParameterId,
    decoder: Decoder,
    weight: ParameterId,
    bias: ParameterId,
}

impl RowClassifier {
    fn new(file: &DecoderFile, device: &Device) -> Result<Self> {
        let mut store = StoreBuilder::new(0);
        let d = file.decoder.hidden_size;
        let target = store.normal("target", [file.target.iter().sum(), d], 1.0);
        let memory = store.normal("memory", [file.source.iter().sum(), d], 1.0);
        let decoder = Decoder::new(&mut store, "decoder", file.decoder.config())?;
        let weight = store.normal("output.weight", [d, file.classes], 1.0);
        let bias = store.constant("output.bias", [file.classes], 0.0);
        let mut store = store.build(device)?;
        parameters::load(&file.parameters, &mut store)?;
        Ok(RowClassifier {
            store,
            target,
            memory,
            decoder,
            weight,
            bias,
        })
    }

    fn logits(&self, tape: &Tape, target: &Packed, source: &Packed) -> Result<Var> {
        let parameter = |id| tape.parameter(&self.store, id);
        let (x, memory) = (parameter(self.target), parameter(self.memory));
        let states = self
            .decoder
            .forward(tape, &self.store, (&x, target), (&memory, source))?;
        let (weight, bias) = (parameter(self.weight), parameter(self.bias));
        linear(tape, &states, &weight, Some(&bias), None)
    }
}

fn complaints(file: &DecoderFile, device: &Device, tolerance: &Tolerance) -> Result<Vec<String>> {
    let model = RowClassifier::new(file, device)?;
    let mut complaints = parameters::records(&file.parameters, &model.store);
    let target = Packed::new(device, &file.target, 0)?;
    let source = Packed::new(device, &file.source, 0)?;
    let tape = Tape::deterministic(device);
    let logits = model.logits(&tape, &target, &source)?;
    let loss = hard_cross_entropy(&tape, &logits, &file.labels)?;
    let mut gradients = model.store.zeros()?;
    tape.backward(&loss, &mut [&mut gradients])?
        .refuse(&[&model.store])?;
    let (logits, loss) = (logits.tensor().read_f64()?, loss.tensor().item()?);
    complaints.extend(relative("logits", &logits, &file.logits, tolerance.values));
    complaints.extend(each("loss", &[loss], &[file.loss], tolerance.losses));
    complaints.extend(parameters::gradients(
        &file.parameters,
        &gradients,
        tolerance,
    )?);
    Ok(complaints)
}
