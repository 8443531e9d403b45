//! The average of a student's weights over its updates, which is compared in its place (Polyak and
//! Juditsky 1992, with exponential weights).

use std::sync::{Mutex, MutexGuard, PoisonError};

use limbeck_engine::Result;

use crate::text::TextClassifier;

/// `a ← decay a + (1 - decay) w` before every update.
pub struct Average {
    decay: f32,
    state: Mutex<State>,
}

struct State {
    student: TextClassifier,
    /// The last update that it has followed; one that is made again is not followed twice.
    followed: Option<u64>,
}

impl Average {
    /// Begins with the student as it is.
    ///
    /// # Errors
    /// If the device failed.
    pub fn new(student: &TextClassifier, decay: f64) -> crate::Result<Self> {
        Ok(Average {
            decay: decay as f32,
            state: Mutex::new(State {
                student: student.copy()?,
                followed: None,
            }),
        })
    }

    /// Moves towards the student before update `step`.
    ///
    /// # Errors
    /// If the device failed.
    pub fn follow(&self, student: &TextClassifier, step: u64) -> Result<()> {
        let mut state = self.state();
        if student.model().device().is_shapes() || state.followed.is_some_and(|last| last >= step) {
            return Ok(());
        }
        let now = student.model().parameters().values().read()?;
        let mut average = state.student.model().parameters().values().read()?;
        for (average, now) in average.iter_mut().flatten().zip(now.iter().flatten()) {
            *average = self.decay * *average + (1.0 - self.decay) * now;
        }
        state.followed = Some(step);
        let store = state.student.model_mut().parameters_mut();
        store.values_mut()?.restore(&average)
    }

    /// Uses the averaged student.
    pub fn with<R>(&self, use_it: impl FnOnce(&TextClassifier) -> R) -> R {
        use_it(&self.state().student)
    }

    /// What a checkpoint keeps.
    ///
    /// # Errors
    /// If the device failed.
    pub fn values(&self) -> Result<Vec<Vec<f32>>> {
        self.state().student.model().parameters().values().read()
    }

    /// Takes back what [`Average::values`] gave.
    ///
    /// # Errors
    /// If it is of another model, or the device failed.
    pub fn restore(&self, values: Vec<Vec<f32>>) -> Result<()> {
        let mut state = self.state();
        let store = state.student.model_mut().parameters_mut();
        store.values_mut()?.restore(&values)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
