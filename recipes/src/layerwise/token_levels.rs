//! What the frozen teacher says at every position of a text. That is too much to keep for all
//! texts, as [`Targets`](super::Targets) keeps one vector per text: the teacher reads the texts of
//! each step anew, on a tape of its own that records nothing.

use limbeck_engine::{Device, Result, Tape, Tensor, Var};
use limbeck_kernels::linear;
use limbeck_models::{Classifier, Encoded};

use super::correspondence::Level;
use super::principal::{Moments, Principal};
use super::targets::states_of;

/// Texts the teacher reads together where principal components are fitted.
const TOGETHER: usize = 64;

/// The frozen teacher, and how its token states become levels.
pub struct TokenLevels<'a> {
    teacher: &'a dyn Classifier,
    source: Source,
}

enum Source {
    /// As its head projects pooled vectors. An affine map and the mean over positions commute, so
    /// the mean of these levels is the pooled level.
    Head,
    /// The states of these layers; 0 is the embedding.
    Layers(Vec<usize>),
    /// The states of these layers through frozen affine maps (weight, bias).
    Mapped(Vec<usize>, Vec<(Tensor, Tensor)>),
}

impl<'a> TokenLevels<'a> {
    /// The levels as the teacher's own head projects them.
    pub fn of_head(teacher: &'a dyn Classifier) -> Self {
        let source = Source::Head;
        TokenLevels { teacher, source }
    }

    /// The states of these layers as they are; 0 is the embedding.
    pub fn of_layers(teacher: &'a dyn Classifier, layers: Vec<usize>) -> Self {
        let source = Source::Layers(layers);
        TokenLevels { teacher, source }
    }

    /// The first principal components of each level over all positions of the texts.
    pub(super) fn principal(
        teacher: &'a dyn Classifier,
        levels: &[Level],
        texts: &[&Encoded],
    ) -> Result<Self> {
        let layers: Vec<usize> = levels.iter().map(|level| level.layer).collect();
        let all = TokenLevels::of_layers(teacher, layers.clone());
        let mut moments: Vec<Moments> = Vec::new();
        for texts in texts.chunks(TOGETHER) {
            let states = all.read(texts)?;
            if moments.is_empty() {
                let width = |state: &Var| Moments::new(state.shape().columns());
                moments = states.iter().map(width).collect();
            }
            for (moments, state) in moments.iter_mut().zip(&states) {
                moments.add(&state.tensor().read()?);
            }
        }
        let frozen = |(moments, level): (&Moments, &Level)| {
            affine(teacher.device(), &Principal::of(moments, level.width))
        };
        let maps = moments.iter().zip(levels).map(frozen);
        let source = Source::Mapped(layers, maps.collect::<Result<_>>()?);
        Ok(TokenLevels { teacher, source })
    }

    /// Every level at every position of these texts, `[rows, width]` each, as constants.
    ///
    /// # Errors
    /// If the texts are of another vocabulary than the teacher reads, or the device failed.
    pub fn levels(&self, tape: &Tape, texts: &[&Encoded]) -> Result<Vec<Var>> {
        let constant = |level: Var| tape.constant(level.tensor().clone());
        Ok(self.read(texts)?.into_iter().map(constant).collect())
    }

    fn read(&self, texts: &[&Encoded]) -> Result<Vec<Var>> {
        let tape = Tape::inference(self.teacher.device());
        let batch = self.teacher.batch(texts, 0)?;
        let states = self.teacher.forward_with_states(&tape, &batch)?.states;
        let layers = |layers: &[usize]| -> Result<Vec<Var>> {
            Ok(states_of(&states, layers)?.into_iter().cloned().collect())
        };
        match &self.source {
            Source::Head => self.teacher.project_states(&tape, &states),
            Source::Layers(numbers) => layers(numbers),
            Source::Mapped(numbers, maps) => {
                let map = |(state, (weight, bias)): (&Var, &(Tensor, Tensor))| {
                    let (weight, bias) = (weight.clone(), bias.clone());
                    let (weight, bias) = (tape.constant(weight), tape.constant(bias));
                    linear(&tape, state, &weight, Some(&bias), None)
                };
                layers(numbers)?.iter().zip(maps).map(map).collect()
            }
        }
    }
}

fn affine(device: &Device, principal: &Principal) -> Result<(Tensor, Tensor)> {
    let (weight, bias) = principal.affine();
    let outputs = bias.len();
    let weight = device.real(&weight, [weight.len() / outputs.max(1), outputs])?;
    Ok((weight, device.real(&bias, [outputs])?))
}
