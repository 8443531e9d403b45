//! The device that a command line names, before it is opened.

use std::fmt;
use std::str::FromStr;

use limbeck_engine::Device;

/// A device by name. Opening it may fail, naming it wrongly is a mistake of usage.
///
/// ```
/// use limbeck::run::DeviceChoice;
/// let choice: DeviceChoice = "gpu:llvmpipe".parse()?;
/// assert_eq!(choice, DeviceChoice::Gpu(Some("llvmpipe".into())));
/// assert!("tpu".parse::<DeviceChoice>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// f32 with SIMD and threads.
    #[default]
    Cpu,
    /// The best hardware GPU, or the one whose name contains this part.
    Gpu(Option<String>),
    /// Plain loops in f64.
    Reference,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// If there is no such GPU, or this build has no GPU support.
    pub fn open(&self) -> limbeck_engine::Result<Device> {
        Device::parse(&self.to_string())
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word.split_once(':') {
            None if word == "cpu" => Ok(Self::Cpu),
            None if word == "gpu" => Ok(Self::Gpu(None)),
            None if word == "reference" => Ok(Self::Reference),
            Some(("gpu", name)) if !name.trim().is_empty() => {
                Ok(Self::Gpu(Some(name.trim().to_owned())))
            }
            _ => Err(format!(
                "expected cpu, gpu, gpu:NAME or reference, found \"{word}\""
            )),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => formatter.write_str("cpu"),
            Self::Gpu(None) => formatter.write_str("gpu"),
            Self::Gpu(Some(name)) => write!(formatter, "gpu:{name}"),
            Self::Reference => formatter.write_str("reference"),
        }
    }
}
