//! What went wrong on the device, for the next call to return: wgpu reports it to callbacks, and
//! panics if there are none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The first error, and whether the device was lost.
#[derive(Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Found>>);

#[derive(Default)]
struct Found {
    error: Option<String>,
    lost: Option<String>,
}

impl Faults {
    /// Listens to a device.
    pub(super) fn of(device: &wgpu::Device) -> Self {
        let faults = Faults::default();
        let errors = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            errors.found().error.get_or_insert(error.to_string());
        }));
        let losses = faults.clone();
        device.set_device_lost_callback(move |_, message| {
            losses.found().lost.get_or_insert(message);
        });
        faults
    }

    /// What to tell the user, if anything was found.
    ///
    /// Whatever is made on a lost device is invalid, which wgpu may complain of before it reports
    /// the loss: with an error at hand, `device` is asked first.
    pub(super) fn message(&self, device: &wgpu::Device) -> Option<String> {
        self.found().error_or_loss()?;
        // That it fails on a lost device is what is to be found out.
        let _ = device.poll(wgpu::PollType::Poll);
        self.found().error_or_loss()
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn error_or_loss(&self) -> Option<String> {
        let Some(reason) = &self.lost else {
            return self.error.clone();
        };
        let reason = match reason.trim_end_matches('.') {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        Some(format!(
            "the GPU was lost{reason}. What was written to disk is intact: run the command again \
             with --resume, and with --device cpu if the GPU does not come back"
        ))
    }
}
