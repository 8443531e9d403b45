//! What the optimiser updates are tried on: a small store of awkward sizes, and gradients.

use limbeck_engine::{
    Device, ParameterStore, ParameterVector, Result, StoreBuilder, Stream, Tensor,
};

use crate::ClipNorm;

/// A store, its gradients over some steps, and how they are clipped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    sizes: &'static [usize],
    frozen: &'static [usize],
    max_norm: Option<f32>,
    /// A value that stands among the gradients of this step.
    poison: Option<(usize, f32)>,
}

impl Scenario {
    /// Updates of a run.
    pub(crate) const STEPS: usize = 4;

    /// Sizes around a block and a chunk, frozen slices, clipping, values that are not finite.
    pub(crate) fn table() -> Vec<Scenario> {
        let plain = Scenario {
            name: "sizes around a block",
            sizes: &[1, 255, 256, 257, 0, 1000],
            frozen: &[],
            max_norm: None,
            poison: None,
        };
        let poisoned = |name, poison| Scenario {
            name,
            max_norm: Some(1.0),
            poison: Some(poison),
            ..plain
        };
        vec![
            plain,
            Scenario {
                name: "frozen slices",
                frozen: &[0, 2],
                ..plain
            },
            Scenario {
                name: "clipped",
                max_norm: Some(3.0),
                frozen: &[1],
                ..plain
            },
            Scenario {
                name: "not clipped",
                max_norm: Some(1e6),
                ..plain
            },
            Scenario {
                name: "several chunks",
                sizes: &[5000, 3, 8192],
                max_norm: Some(1.0),
                ..plain
            },
            Scenario {
                name: "nothing trainable",
                sizes: &[300],
                frozen: &[0],
                ..plain
            },
            poisoned("NaN", (2, f32::NAN)),
            poisoned("infinity", (1, f32::NEG_INFINITY)),
            poisoned("a norm that overflows", (0, 3e19)),
        ]
    }

    /// Places the store on a device. Scales and decay differ from slice to slice.
    pub(crate) fn start(self, device: &Device) -> Result<Run> {
        let mut builder = StoreBuilder::new(3);
        for (i, &size) in self.sizes.iter().enumerate() {
            let id = builder.normal(&format!("slice {i}"), [size], 1.0);
            if i % 2 == 1 {
                builder.no_decay(id);
            }
        }
        let mut store = builder.build(device)?;
        for (i, record) in store.records_mut().iter_mut().enumerate() {
            record.learning_rate_scale = [1.0, 0.5, 2.0][i % 3];
            record.frozen = self.frozen.contains(&i);
        }
        Ok(Run {
            gradients: store.zeros()?,
            clip: ClipNorm::new(&store, self.max_norm)?,
            scenario: self,
            store,
        })
    }

    /// The gradients of a step, a list per slice.
    fn gradients(self, step: usize) -> Vec<Vec<f32>> {
        let draw = |slice: usize| {
            if self.frozen.contains(&slice) {
                return Vec::new();
            }
            let stream = Stream::new(5, &format!("gradients {slice}"), step as u32);
            let draws = 0..self.sizes[slice] as u32;
            draws.map(|i| stream.normal(i, 0) as f32).collect()
        };
        let mut all: Vec<Vec<f32>> = (0..self.sizes.len()).map(draw).collect();
        if let (Some((at, value)), Some(last)) = (self.poison, all.last_mut()) {
            // In the last place of the last slice, where loops end.
            if at == step
                && let Some(last) = last.last_mut()
            {
                *last = value;
            }
        }
        all
    }
}

/// A scenario under way on one device.
pub(crate) struct Run {
    scenario: Scenario,
    pub(crate) store: ParameterStore,
    pub(crate) gradients: ParameterVector,
    pub(crate) clip: ClipNorm,
}

impl Run {
    /// Fills in the gradients of a step and measures them.
    pub(crate) fn measure(&mut self, step: usize) -> Result<()> {
        self.gradients.restore(&self.scenario.gradients(step))?;
        self.clip.measure(&self.gradients)
    }

    /// Every slice of the values, then of each moment.
    pub(crate) fn numbers(&self, moments: &[&ParameterVector]) -> Result<Vec<Vec<f64>>> {
        let vectors = [self.store.values()];
        let slices = vectors.iter().chain(moments).flat_map(|v| v.slices());
        slices.flatten().map(Tensor::read_f64).collect()
    }
}
