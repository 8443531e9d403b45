//! Group normalisation of pictures, Wu and He 2018 ("Group Normalization").
//!
//! The channels of a picture are cut into equal groups, runs of neighbouring channels. With S the N
//! numbers of a group of one picture (all its pixels, the channels of the group),
//!
//! ```text
//! n_sc = (x_sc - μ) / √(σ² + ε),   y_sc = gain_c n_sc + bias_c,   μ = (1/N) Σ_S x,  σ² = (1/N) Σ_S (x - μ)²
//! ```
//!
//! x is `[pixels, d]`. No sum goes from one picture to another, so a batch gives what each of its
//! pictures gives alone.
//!
//! With g = gain dy, dn/dx as for layer normalisation (n is free of the direction of a constant and
//! of n itself):
//!
//! ```text
//! dx_sc = (g_sc - (1/N) Σ_S g - n_sc (1/N) Σ_S g n) / √(σ² + ε)
//! dgain_c = Σ_s dy_sc n_sc         dbias_c = Σ_s dy_sc
//! ```
//!
//! Of A_pc = Σ dy_sc and B_pc = Σ dy_sc n_sc over the pixels s of picture p, all four are small sums:
//! Σ_S g = Σ_c gain_c A_pc, Σ_S g n = Σ_c gain_c B_pc, dgain_c = Σ_p B_pc and dbias_c = Σ_p A_pc. So
//! the way back reads x and dy twice: for A and B, and for dx.
//!
//! A picture has many pixels, and x² would lose the variance of numbers far from zero. So a picture
//! is cut into chunks of 256 pixels. Each finds its mean, from sums of the distances to its first
//! number, and then its squared distances from the mean while it is in cache; chunks a and b are
//! joined in order by (Chan, Golub and LeVeque 1979)
//!
//! ```text
//! δ = μ_b - μ_a,   μ = μ_a + δ N_b / (N_a + N_b),   M = M_a + M_b + δ² N_a N_b / (N_a + N_b)
//! ```
//!
//! with M the sum of squared distances. Saved are μ and 1/√(σ² + ε) of every group.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};
use crate::shared::pictures::Pictures;

/// Pixels of a chunk.
const CHUNK: usize = 256;

/// Scratch memory of the forward pass: mean and squared distances by chunk and group.
const STATISTICS: usize = 0;
/// Of the backward pass: Σ dy and Σ dy n by chunk and channel, the same by picture, and the means
/// of g and g n by picture and group.
const CHUNK_SUMS: [usize; 2] = [0, 1];
const PICTURE_SUMS: [usize; 2] = [2, 3];
const MEANS: usize = 4;

/// The operator; inputs are x, the gain and the bias.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm {
    /// The pictures in x.
    pub pictures: Pictures,
    /// Number of groups, a divisor of the number of channels.
    pub groups: usize,
    /// Added to the variance, inside the root.
    pub epsilon: f32,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    pictures: Pictures,
    channels: usize,
    groups: usize,
}

impl Sizes {
    /// Channels of a group.
    fn width(self) -> usize {
        self.channels / self.groups
    }

    /// Numbers of a group in one picture.
    fn numbers(self) -> usize {
        self.pictures.pixels() * self.width()
    }

    /// Chunks of a picture.
    fn chunks(self) -> usize {
        self.pictures.pixels().div_ceil(CHUNK)
    }

    /// Chunks of all pictures.
    fn all_chunks(self) -> usize {
        self.pictures.count * self.chunks()
    }
}

/// Group normalisation of pictures: x `[pixels, d]`, gain `[d]` and bias `[d]` give `[pixels, d]`.
/// Mean and variance are those of one picture and one of `groups` equal runs of channels, over all
/// its pixels; `epsilon` is added to the variance (usually 1e-5).
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Pictures, group_norm};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // A picture of two pixels; each of its two channels is a group.
/// let pictures = Pictures { count: 1, height: 1, width: 2 };
/// let x = tape.constant(device.real(&[1.0, 30.0, 3.0, 10.0], [2, 2])?);
/// let gain = tape.constant(device.real(&[1.0, 2.0], [2])?);
/// let bias = tape.constant(device.real(&[0.0, 5.0], [2])?);
/// let y = group_norm(&tape, &x, &gain, &bias, pictures, 2, 1e-5)?.tensor().read()?;
/// for (found, expected) in y.iter().zip([-1.0, 7.0, 1.0, 3.0]) {
///     assert!((found - expected).abs() < 1e-4);
/// }
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit the pictures, `groups` does not divide the channels, `epsilon` is not
/// positive, or the device failed.
pub fn group_norm(
    tape: &Tape,
    x: &Var,
    gain: &Var,
    bias: &Var,
    pictures: Pictures,
    groups: usize,
    epsilon: f32,
) -> Result<Var> {
    let operator = GroupNorm {
        pictures,
        groups,
        epsilon,
    };
    tape.apply_one(operator, &[x, gain, bias])
}

impl GroupNorm {
    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let refuse = |message| {
            Err(Error::Shape {
                operator: "group_norm",
                message,
            })
        };
        let [x, gain, bias] = check::inputs("group_norm", inputs)?;
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return refuse(format!(
                "epsilon must be positive, found {}: a constant group would divide by zero",
                self.epsilon
            ));
        }
        let channels = self.pictures.channels("group_norm", "x", x)?;
        if self.groups == 0 || channels % self.groups != 0 {
            return refuse(format!(
                "the number of groups must divide the {channels} channels of x {}, found {}",
                x.shape, self.groups
            ));
        }
        for (what, found) in [("the gain", gain), ("the bias", bias)] {
            check::exactly("group_norm", what, found, Meta::real([channels]))?;
        }
        Ok(Sizes {
            pictures: self.pictures,
            channels,
            groups: self.groups,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }
}

impl Operator for GroupNorm {
    fn name(&self) -> &'static str {
        "group_norm"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let (count, channels, groups) = (sizes.pictures.count, sizes.channels, sizes.groups);
        let statistics = vec![Meta::real([sizes.all_chunks(), 2 * groups])];
        let mut plan = Plan::new(inputs, inputs[0])
            .save(Meta::real([count * groups, 2]))
            .keep_inputs([0, 1])
            .flops(8 * sizes.pictures.rows() * channels);
        plan.workspace.cpu = statistics.clone();
        plan.workspace.gpu = statistics;
        for rows in [sizes.all_chunks(), count] {
            let sums = Meta::real([rows, channels]);
            plan = plan.backward_scratch(sums).backward_scratch(sums);
        }
        Ok(plan.backward_scratch(Meta::real([count * groups, 2])))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, self.known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, self.sizes(io.metas())?, io)
    }
}

impl Differentiable for GroupNorm {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self.known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self.sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "group_norm",
        formula: "n = (x - μ)/√(σ² + ε), y = gain n + bias, over a group's numbers in a picture; \
                  dx = (g - mean(g) - n mean(g n))/√(σ² + ε), g = gain dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let operator = |[count, height, width]: [usize; 3], groups: usize, epsilon: f32| GroupNorm {
        pictures: Pictures {
            count,
            height,
            width,
        },
        groups,
        epsilon,
    };
    let drawn = |case: Case, rows: usize, channels: usize, draw: Draw| {
        case.real(draw, [rows, channels])
            .real(Draw::new("gain"), [channels])
            .real(Draw::new("bias"), [channels])
    };
    let case = |sizes: [usize; 3], channels: usize, groups: usize| {
        let name = format!("{sizes:?}, {channels} channels in {groups} groups");
        let case = Case::new(name, operator(sizes, groups, 1e-5));
        drawn(case, sizes.iter().product(), channels, Draw::new("x"))
    };
    let part = |name: &str| Case::new(name, operator([2, 3, 2], 2, 1e-5));
    vec![
        // One number a group: a constant, whose n is 0.
        case([1, 1, 1], 1, 1),
        case([0, 2, 3], 4, 2),
        case([3, 1, 1], 6, 2),
        case([2, 4, 5], 1, 1),
        case([2, 3, 5], 12, 3),
        case([3, 5, 2], 17, 17),
        case([2, 4, 3], 35, 5),
        case([2, 3, 3], 33, 1),
        // A chunk and one pixel, and several chunks.
        case([2, 1, 257], 3, 1).tolerance(Tolerance::LONG),
        case([2, 27, 29], 4, 2).tolerance(Tolerance::LONG),
        // A larger epsilon: with 1e-5 the curvature there defeats a difference step.
        Case::new("constant groups", operator([2, 1, 2], 1, 1e-2))
            .fixed(&[3.0, 3.0, 3.0, 3.0, -0.1, -0.1, -0.1, -0.1], [4, 2])
            .real(Draw::new("gain"), [2])
            .real(Draw::new("bias"), [2]),
        drawn(
            Case::new(
                "numbers far from zero, two chunks",
                operator([1, 15, 20], 1, 1e-5),
            ),
            300,
            2,
            Draw::new("x").between(100.0, 101.0),
        )
        // The mean is known to half a unit in the last place of 100, which is 1e-5 of the spread of
        // the numbers.
        .tolerance(Tolerance {
            cpu: 3e-5,
            gpu: 3e-5,
        }),
        drawn(
            Case::new("large numbers", operator([2, 5, 4], 2, 1e-5)),
            40,
            4,
            Draw::new("x").scaled(1e4),
        )
        .without_finite_differences("a step would vanish beside the numbers"),
        part("only x is trained")
            .real(Draw::new("x"), [12, 4])
            .without_gradient(Draw::new("gain"), [4])
            .without_gradient(Draw::new("bias"), [4]),
        part("only the gain is trained")
            .without_gradient(Draw::new("x"), [12, 4])
            .real(Draw::new("gain"), [4])
            .without_gradient(Draw::new("bias"), [4]),
        part("only the bias is trained")
            .without_gradient(Draw::new("x"), [12, 4])
            .without_gradient(Draw::new("gain"), [4])
            .real(Draw::new("bias"), [4]),
    ]
}

#[cfg(test)]
mod tests;
