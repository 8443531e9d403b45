//! Masks that are made for many updates at once.

use limbeck_engine::{Error, Result};
use limbeck_models::Classifier;

use super::compare::{Choice, compare};
use super::objective::Lesson;
use super::options::UnitSelectOptions;

/// A mask per sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptMasks {
    masks: Vec<Vec<bool>>,
}

/// Flags in a number: a single-precision number holds them exactly.
const FLAGS: usize = 16;

impl KeptMasks {
    /// The masks of these comparisons.
    pub fn new<'a>(choices: impl Iterator<Item = &'a [Choice]>) -> Self {
        let flags = |mask: &[Choice]| mask.iter().map(|c| *c == Choice::Teacher).collect();
        KeptMasks {
            masks: choices.map(flags).collect(),
        }
    }

    pub(super) fn by_comparison(
        student: &dyn Classifier,
        lesson: &Lesson<'_>,
        options: &UnitSelectOptions,
    ) -> Result<Self> {
        let teacher: Vec<&[f32]> = lesson.teacher.iter().map(Vec::as_slice).collect();
        let compared = compare(student, lesson.samples, &teacher, lesson.form, options)?;
        Ok(Self::new(compared.iter().map(|c| c.mask.as_slice())))
    }

    /// 1 for every selected unit of a sample, else 0.
    pub fn of(&self, sample: usize) -> Vec<f32> {
        let mask = self.masks[sample].iter();
        mask.map(|&selected| f32::from(u8::from(selected)))
            .collect()
    }

    /// All flags, as a checkpoint keeps them.
    pub fn packed(&self) -> Vec<f32> {
        let flags: Vec<bool> = self.masks.iter().flatten().copied().collect();
        let number = |flags: &[bool]| {
            let bits = flags.iter().enumerate();
            bits.map(|(bit, &flag)| u32::from(flag) << bit).sum::<u32>() as f32
        };
        flags.chunks(FLAGS).map(number).collect()
    }

    /// Takes back what [`KeptMasks::packed`] gave for the same samples.
    ///
    /// # Errors
    /// If there are more or fewer of them.
    pub fn unpack(&mut self, packed: &[f32]) -> Result<()> {
        let units: usize = self.masks.iter().map(Vec::len).sum();
        if packed.len() != units.div_ceil(FLAGS) {
            return Err(Error::Mismatch(format!(
                "expected the flags of {units} units, found {} numbers of {FLAGS}",
                packed.len()
            )));
        }
        let flags = self.masks.iter_mut().flatten().enumerate();
        for (place, flag) in flags {
            let number = packed[place / FLAGS] as u32;
            *flag = number >> (place % FLAGS) & 1 == 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_masks_come_back() {
        let choice = |unit: usize| match unit % 3 {
            0 => Choice::Teacher,
            1 => Choice::Student,
            _ => Choice::Unknown,
        };
        let sizes = [1, 16, 17, 40];
        let choices: Vec<Vec<Choice>> = sizes
            .iter()
            .map(|&size| (0..size).map(choice).collect())
            .collect();
        let masks = KeptMasks::new(choices.iter().map(Vec::as_slice));
        let mut others = KeptMasks {
            masks: sizes.iter().map(|&size| vec![true; size]).collect(),
        };
        others.unpack(&masks.packed()).expect("of the same samples");
        assert!(others.unpack(&[0.0]).is_err());
        assert_eq!(others, masks);
        assert_eq!(masks.of(1)[..4], [1.0, 0.0, 0.0, 1.0]);
    }
}
