//! Bringing the teacher's levels to the student's width where the teacher's head does not.

use limbeck_engine::{Device, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{l2_normalise, linear, transpose};

/// Affine maps between the levels of teacher and student, trained in stage 2, or none.
pub enum LevelProjection {
    /// The widths agree: the teacher's head has projected already, or no map is needed.
    None,
    /// `g_k = P_k h_k + c_k`, trained with the student. Both sides can collapse to zero unless the
    /// features are normalised or the rows of P_k have unit length.
    Teacher(Maps),
    /// `f_k = U_k f_k + d_k`: the student is projected up (Romero et al. 2015).
    Student(Maps),
}

/// One affine map per level.
pub struct Maps {
    store: ParameterStore,
    maps: Vec<(ParameterId, ParameterId)>,
    unit_rows: bool,
}

/// Keeps rows of zeros from dividing by zero; far below the length of any row that learns.
const EPSILON: f32 = 1e-12;

impl Maps {
    /// Maps with random weights, uniform in ±1/√inputs, of these names and widths (inputs,
    /// outputs).
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn new(maps: &[(String, usize, usize)], seed: u64, device: &Device) -> Result<Self> {
        Self::build(maps, seed, device, false)
    }

    /// As [`Maps::new`], with the rows of every matrix scaled to unit length wherever it is used:
    /// `g = P̂ h + c`, `P̂_o = P_o / ‖P_o‖`. So no component of g can be shrunk away by its weights.
    /// The gradient goes through the scaling.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn with_unit_rows(
        maps: &[(String, usize, usize)],
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        Self::build(maps, seed, device, true)
    }

    /// The weights and biases: `NAME.weight` and `NAME.bias` of every map.
    pub fn parameters(&self) -> &ParameterStore {
        &self.store
    }

    fn build(
        maps: &[(String, usize, usize)],
        seed: u64,
        device: &Device,
        unit_rows: bool,
    ) -> Result<Self> {
        let mut store = StoreBuilder::new(seed);
        let map = |(name, inputs, outputs): &(String, usize, usize)| {
            let bound = 1.0 / (*inputs as f64).sqrt();
            // Rows that are normalised lie in memory as rows.
            let shape = match unit_rows {
                true => [*outputs, *inputs],
                false => [*inputs, *outputs],
            };
            let weight = store.uniform(&format!("{name}.weight"), shape, bound);
            let bias = store.constant(&format!("{name}.bias"), [*outputs], 0.0);
            (weight, bias)
        };
        let maps = maps.iter().map(map).collect();
        Ok(Maps {
            store: store.build(device)?,
            maps,
            unit_rows,
        })
    }

    fn apply(&self, tape: &Tape, levels: &[Var]) -> Result<Vec<Var>> {
        let one = |(level, &(weight, bias)): (&Var, &(ParameterId, ParameterId))| {
            let mut weight = tape.parameter(&self.store, weight);
            if self.unit_rows {
                weight = transpose(tape, &l2_normalise(tape, &weight, EPSILON)?)?;
            }
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

#[cfg(test)]
mod tests {
    use limbeck_kernels::mse;
    use limbeck_losses::mean_over_samples;

    use super::*;

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// For y = (1/nm) Σ_r Σ_o g_ro² over n rows of m components, with g_r = P̂ h_r:
    /// dy/dP_o = (d_o - p̂_o (p̂_o · d_o)) / ‖P_o‖, where d_o = (2/nm) Σ_r g_ro h_r.
    #[test]
    fn rows_have_unit_length_and_learn_across_themselves_alone() -> Result<()> {
        let device = Device::reference();
        let maps = Maps::with_unit_rows(&[("level".into(), 3, 2)], 7, &device)?;
        let h = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]];
        let tape = Tape::deterministic(&device);
        let level = tape.constant(device.real_f64(&h.concat(), [2, 3])?);
        let g = maps.apply(&tape, &[level])?.remove(0);
        let zero = tape.constant(device.zeros([2, 2])?);
        let y = mean_over_samples(&tape, &mse(&tape, &g, &zero)?)?;
        let mut gradients = maps.store.zeros()?;
        let _unreached = tape.backward(&y, &mut [&mut gradients])?;

        let weight = maps.maps[0].0;
        let p = maps.store.value(weight).read_f64()?;
        let gradient = gradients.get(weight).expect("it learns").read_f64()?;
        let found = g.tensor().read_f64()?;
        for (o, row) in p.chunks(3).enumerate() {
            let length = dot(row, row).sqrt();
            let unit: Vec<f64> = row.iter().map(|x| x / length).collect();
            let mut d = [0.0; 3];
            for (r, h) in h.iter().enumerate() {
                let g = dot(&unit, h);
                // Only the sums round, in f64.
                assert!((found[2 * r + o] - g).abs() < 1e-12);
                d.iter_mut().zip(h).for_each(|(d, h)| *d += g * h / 2.0);
            }
            let along = dot(&unit, &d);
            for i in 0..3 {
                let expected = (d[i] - unit[i] * along) / length;
                assert!((gradient[3 * o + i] - expected).abs() < 1e-12);
            }
        }
        Ok(())
    }
}
