//! The acceptance criteria of the method `nce_lm`, C1 to C9, on small texts. C5's differences are
//! those of the case tables, C6 is tested where the sampler is.

mod division;
mod gradients;
mod judging;
mod refusals;
mod small;
mod training;
