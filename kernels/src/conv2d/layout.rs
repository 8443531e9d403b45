//! Where sums are cut, which taps meet which pixels on the way back, and scratch memory.

use limbeck_engine::{Meta, Plan};

use super::{Conv2d, Sizes};

/// Scratch memory of the backward pass: dz, where there is an activation; the parts of dW.
pub(super) const GRADIENT: usize = 0;
pub(super) const PARTS: usize = 1;
/// On the CPU then the weights of a class, transposed; on a GPU the parts of db.
pub(super) const TURNED: usize = 2;
#[cfg(feature = "gpu")]
pub(super) const BIAS_PARTS: usize = 2;

/// Rows of a sum's parts: long enough that joining them costs little.
const DEPTH: usize = 512;
/// Most parts of a sum on the CPU, and most numbers in all of them.
const MOST_PARTS: usize = 64;
const MOST_NUMBERS: usize = 1 << 22;
/// Workgroups that keep a GPU busy, and rows that one invocation of a direct sum adds.
#[cfg(feature = "gpu")]
const BUSY: usize = 512;
#[cfg(feature = "gpu")]
const DIRECT_DEPTH: usize = 256;

/// A sum over rows, cut into parts of `depth` that are joined in order. It depends on shapes alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub(super) parts: usize,
    pub(super) depth: usize,
}

impl Cut {
    /// Into parts of about `depth` rows, but no more than `most`.
    fn new(rows: usize, depth: usize, most: usize) -> Self {
        let wanted = rows.div_ceil(depth).min(most).max(1);
        let depth = rows.div_ceil(wanted).max(1);
        Cut {
            parts: rows.div_ceil(depth).max(1),
            depth,
        }
    }

    /// The gradient of the weights on the CPU.
    pub(super) fn on_cpu(operator: &Conv2d, sizes: Sizes) -> Self {
        let most = MOST_PARTS.min(MOST_NUMBERS / operator.weights(sizes));
        Cut::new(sizes.results.rows(), DEPTH, most)
    }

    /// The gradient of the weights on a GPU: as many parts as make enough workgroups.
    #[cfg(feature = "gpu")]
    pub(super) fn on_gpu(operator: &Conv2d, sizes: Sizes) -> Self {
        if operator.options.groups > 1 {
            return Cut::of_columns(sizes);
        }
        let tiles = crate::shared::gpu::gemm_tiles(
            operator.options.window.taps() * sizes.inputs,
            sizes.outputs,
        );
        Cut::new(sizes.results.rows(), DEPTH, (BUSY / tiles).max(1))
    }

    /// Sums of columns on a GPU.
    #[cfg(feature = "gpu")]
    pub(super) fn of_columns(sizes: Sizes) -> Self {
        Cut::new(sizes.results.rows(), DIRECT_DEPTH, BUSY)
    }
}

/// Adds the scratch memory to a plan.
pub(super) fn scratch(operator: &Conv2d, sizes: Sizes, mut plan: Plan) -> Plan {
    let rows = match operator.options.activation {
        None => 0,
        Some(_) => sizes.results.rows(),
    };
    let (dz, weights) = (Meta::real([rows, sizes.outputs]), operator.weights(sizes));
    let cut = Cut::on_cpu(operator, sizes);
    plan.backward_workspace.cpu = vec![dz, Meta::real([cut.parts, weights]), Meta::real([weights])];
    #[cfg(feature = "gpu")]
    {
        let cut = Cut::on_gpu(operator, sizes);
        plan.backward_workspace.gpu = vec![
            dz,
            Meta::real([cut.parts, weights]),
            Meta::real([Cut::of_columns(sizes).parts, sizes.outputs]),
        ];
    }
    plan
}

/// Of the pixels along an axis those that are seen by the same taps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    /// The first tap; the others follow at distances of the stride.
    pub(super) tap: usize,
    /// Number of taps.
    pub(super) taps: usize,
    /// The first pixel; the others follow at distances of the stride.
    pub(super) pixel: usize,
    /// Number of pixels.
    #[cfg(feature = "gpu")]
    pub(super) pixels: usize,
}

/// Lines and columns of pixels that are seen by the same taps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) y: Side,
    pub(super) x: Side,
}

impl Class {
    /// All classes; each pixel is in one.
    pub(super) fn all(operator: &Conv2d) -> Vec<Class> {
        let side = |axis: usize, extent: usize| {
            let window = operator.options.window;
            let (stride, before) = (window.stride[axis], window.padding[axis]);
            (0..stride.min(extent)).map(move |pixel| {
                let tap = (pixel + before) % stride;
                Side {
                    tap,
                    taps: window.size[axis].saturating_sub(tap).div_ceil(stride),
                    pixel,
                    #[cfg(feature = "gpu")]
                    pixels: (extent - pixel).div_ceil(stride),
                }
            })
        };
        let (height, width) = (operator.pictures.height, operator.pictures.width);
        side(0, height)
            .flat_map(|y| side(1, width).map(move |x| Class { y, x }))
            .collect()
    }

    /// Taps that see its pixels.
    pub(super) fn taps(&self) -> usize {
        self.y.taps * self.x.taps
    }

    /// Its pixels in a picture.
    #[cfg(feature = "gpu")]
    pub(super) fn pixels(&self) -> usize {
        self.y.pixels * self.x.pixels
    }
}
