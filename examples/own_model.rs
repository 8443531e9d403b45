//! A model of your own: two layers that learn XOR, their gradients checked, trained, saved, loaded
//! and served from several threads. `cargo run --example own_model`

use limbeck::engine::{Device, ParameterId, ParameterStore, StoreBuilder, Tape, Var};
use limbeck::gradcheck;
use limbeck::kernels::{Activation, AdamW, AdamWConfig, ClipNorm, linear};
use limbeck::losses::hard_cross_entropy;
use limbeck::training::{load_weights, save_weights};

struct Xor {
    store: ParameterStore,
    hidden: [ParameterId; 2],
    output: [ParameterId; 2],
}

impl Xor {
    fn new(device: &Device) -> limbeck::engine::Result<Self> {
        let mut store = StoreBuilder::new(1);
        let hidden = [
            store.normal("hidden.weight", [2, 8], 1.0),
            store.constant("hidden.bias", [8], 0.0),
        ];
        let output = [
            store.normal("output.weight", [8, 2], 0.5),
            store.constant("output.bias", [2], 0.0),
        ];
        Ok(Xor {
            store: store.build(device)?,
            hidden,
            output,
        })
    }

    fn logits(&self, tape: &Tape, x: &Var) -> limbeck::engine::Result<Var> {
        let [w, b] = self.hidden.map(|id| tape.parameter(&self.store, id));
        let h = linear(tape, x, &w, Some(&b), Some(Activation::Tanh))?;
        let [w, b] = self.output.map(|id| tape.parameter(&self.store, id));
        linear(tape, &h, &w, Some(&b), None)
    }

    fn loss(&self, tape: &Tape) -> limbeck::engine::Result<Var> {
        let x = tape.device().real(&INPUTS, [4, 2])?;
        let logits = self.logits(tape, &tape.constant(x))?;
        hard_cross_entropy(tape, &logits, &LABELS)
    }
}

const INPUTS: [f32; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
const LABELS: [u32; 4] = [0, 1, 1, 0];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut exact = Xor::new(&Device::reference())?;
    gradcheck(&mut exact, |m| &mut m.store, Xor::loss)?.require()?;

    let device = Device::cpu();
    let mut model = Xor::new(&device)?;
    let config = AdamWConfig {
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weight_decay: 0.0,
    };
    let (mut adamw, mut clip) = (
        AdamW::new(&model.store, config)?,
        ClipNorm::new(&model.store, None)?,
    );
    for step in 0..200 {
        let tape = Tape::training(&device, 1, step);
        let loss = model.loss(&tape)?;
        let mut gradients = model.store.zeros()?;
        tape.backward(&loss, &mut [&mut gradients])?
            .refuse(&[&model.store])?;
        clip.measure(&gradients)?;
        adamw.step(&mut model.store, &gradients, &clip, 0.05)?;
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("xor.safetensors");
    save_weights(&model.store, &path)?;
    let mut served = Xor::new(&device)?;
    load_weights(&mut served.store, &path)?;
    std::thread::scope(|threads| {
        let ask = |input: [f32; 2]| -> limbeck::engine::Result<bool> {
            let tape = Tape::inference(&device);
            let x = tape.constant(device.real(&input, [1, 2])?);
            let scores = served.logits(&tape, &x)?.tensor().read()?;
            Ok(scores[1] > scores[0])
        };
        let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
        let answers = inputs.map(|input| threads.spawn(move || ask(input)));
        for (input, answer) in inputs.into_iter().zip(answers) {
            let answer = answer.join().expect("no thread panics")?;
            println!("{input:?} -> {answer}");
            assert_eq!(answer, input[0] != input[1]);
        }
        Ok(())
    })
}
