//! Bringing the teacher's levels to the student's width where the teacher's head does not.

use limbeck_engine::{Device, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::linear;

/// Affine maps between the levels of teacher and student, trained in stage 2, or none.
pub enum LevelProjection {
    /// The widths agree: the teacher's head has projected already, or no map is needed.
    None,
    /// `g_k = P_k h_k + c_k`, trained with the student. Without a feature norm both sides can
    /// collapse to zero.
    Teacher(Maps),
    /// `f_k = U_k f_k + d_k`: the student is projected up (Romero et al. 2015).
    Student(Maps),
}

/// One affine map per level.
pub struct Maps {
    store: ParameterStore,
    maps: Vec<(ParameterId, ParameterId)>,
}

impl Maps {
    /// Maps with random weights, uniform in ±1/√inputs, of these names and widths (inputs,
    /// outputs).
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn new(maps: &[(String, usize, usize)], seed: u64, device: &Device) -> Result<Self> {
        let mut store = StoreBuilder::new(seed);
        let map = |(name, inputs, outputs): &(String, usize, usize)| {
            let bound = 1.0 / (*inputs as f64).sqrt();
            let weight = store.uniform(&format!("{name}.weight"), [*inputs, *outputs], bound);
            let bias = store.constant(&format!("{name}.bias"), [*outputs], 0.0);
            (weight, bias)
        };
        let maps = maps.iter().map(map).collect();
        Ok(Maps {
            store: store.build(device)?,
            maps,
        })
    }

    fn apply(&self, tape: &Tape, levels: &[Var]) -> Result<Vec<Var>> {
        let one = |(level, &(weight, bias)): (&Var, &(ParameterId, ParameterId))| {
            let weight = tape.parameter(&self.store, weight);
            let bias = tape.parameter(&self.store, bias);
            linear(tape, level, &weight, Some(&bias), None)
        };
        levels.iter().zip(&self.maps).map(one).collect()
    }
}

impl LevelProjection {
    /// The levels of teacher and student, brought to one width.
    ///
    /// # Errors
    /// If the device failed.
    pub fn apply(
        &self,
        tape: &Tape,
        teacher: Vec<Var>,
        student: &[Var],
    ) -> Result<(Vec<Var>, Vec<Var>)> {
        match self {
            LevelProjection::None => Ok((teacher, student.to_vec())),
            LevelProjection::Teacher(maps) => Ok((maps.apply(tape, &teacher)?, student.to_vec())),
            LevelProjection::Student(maps) => Ok((teacher, maps.apply(tape, student)?)),
        }
    }

    /// Whether the teacher's side of the layer terms learns.
    pub fn learns_from_teacher(&self) -> bool {
        matches!(self, LevelProjection::Teacher(_))
    }

    pub(super) fn trained(&self) -> Option<&ParameterStore> {
        match self {
            LevelProjection::None => None,
            LevelProjection::Teacher(maps) | LevelProjection::Student(maps) => Some(&maps.store),
        }
    }

    pub(super) fn trained_mut(&mut self) -> Option<&mut ParameterStore> {
        match self {
            LevelProjection::None => None,
            LevelProjection::Teacher(maps) | LevelProjection::Student(maps) => {
                Some(&mut maps.store)
            }
        }
    }
}
