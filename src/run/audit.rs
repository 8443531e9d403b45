//! The case tables of all operators, run on the machine of whoever asks.

use std::str::FromStr;

use limbeck_engine::{Device, Shape};
use limbeck_kernels::harness::{
    Case, CpuPaths, Entry, FINITE_DIFFERENCE_TOLERANCE, Measurement, Outcome, finite_differences,
    outcome,
};
use limbeck_kernels::registry;
use limbeck_training::TrainingError;

use super::{Error, Result};

/// The GPUs that an audit holds to the reference. The CPU is always part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuditDevice {
    /// Every hardware adapter.
    #[default]
    All,
    /// None.
    Cpu,
    /// The best hardware GPU, or the adapter whose name contains this part.
    Gpu(Option<String>),
}

impl FromStr for AuditDevice {
    type Err = String;

    fn from_str(word: &str) -> std::result::Result<Self, String> {
        match word.split_once(':') {
            None if word == "all" => Ok(Self::All),
            None if word == "cpu" => Ok(Self::Cpu),
            None if word == "gpu" => Ok(Self::Gpu(None)),
            Some(("gpu", name)) if !name.trim().is_empty() => {
                Ok(Self::Gpu(Some(name.trim().to_owned())))
            }
            _ => Err(format!(
                "expected cpu, gpu, gpu:NAME or all, found \"{word}\""
            )),
        }
    }
}

/// What to audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditOptions {
    /// All cases, every instruction set, and workgroups folded; without it, the cheaper cases as this
    /// machine would run them.
    pub full: bool,
    /// This operator alone.
    pub operator: Option<String>,
    /// The case of this name alone, however much it costs.
    pub case: Option<String>,
    /// The GPUs.
    pub device: AuditDevice,
}

/// One case, on the CPU and on at most one GPU.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// The operator.
    pub operator: &'static str,
    /// What is special about the case.
    pub case: String,
    /// Largest relative error of the reference's gradients against central differences in f64;
    /// `None` where there is nothing to differentiate.
    pub reference: Option<f64>,
    /// Why the reference was not differentiated, if the case says so.
    pub without_finite_differences: Option<&'static str>,
    /// Largest relative error of the CPU, outputs and gradients; infinite if it failed.
    pub cpu: f64,
    /// The same of the GPU.
    pub gpu: Option<f64>,
    /// How large both errors may be.
    pub tolerance: f64,
    /// The GPU's name.
    pub adapter: Option<String>,
    /// Whether the same bits came from run to run, and on the CPU from 1, 2 and 7 threads.
    pub repeatable: bool,
    /// The input or output with most elements; `None` for an update in place.
    pub largest_shape: Option<Shape>,
    /// What is out of tolerance.
    pub problems: Vec<String>,
}

impl AuditRecord {
    /// The largest error, in tolerances: above 1 it is out of tolerance.
    pub fn strain(&self) -> f64 {
        let reference = self.reference.unwrap_or(0.0) / FINITE_DIFFERENCE_TOLERANCE;
        let devices = self.cpu.max(self.gpu.unwrap_or(0.0));
        reference.max(devices / self.tolerance)
    }
}

/// An operator and the records of its cases.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditedOperator {
    /// The name of its folder.
    pub name: &'static str,
    /// Its formula in one line.
    pub formula: &'static str,
    /// A record per case and GPU.
    pub records: Vec<AuditRecord>,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    /// The operators.
    pub operators: Vec<AuditedOperator>,
    /// Cases that a quick audit left out because they take long.
    pub left_out: usize,
}

impl Audit {
    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = &AuditRecord> {
        self.operators.iter().flat_map(|operator| &operator.records)
    }

    /// The records with something out of tolerance.
    pub fn failures(&self) -> impl Iterator<Item = &AuditRecord> {
        self.records().filter(|record| !record.problems.is_empty())
    }

    /// Makes failures an error.
    ///
    /// # Errors
    /// With exit code 4, if anything is out of tolerance.
    pub fn verify(&self) -> Result<()> {
        match self.failures().count() {
            0 => Ok(()),
            failed => Err(Error::Training(TrainingError::Verification(format!(
                "audit: {failed} of {} cases out of tolerance",
                self.records().count()
            )))),
        }
    }
}

/// Operations that a case of a quick audit may cost ([`Case::cost`]): all but the few large ones.
const QUICK: u64 = 20_000_000;

/// Runs the case tables; tells `progress` of cases done, of all of them, and of the operator whose
/// turn it is.
///
/// # Errors
/// If no operator or case has the name asked for, or a GPU cannot be opened.
pub fn audit(
    options: &AuditOptions,
    progress: &mut dyn FnMut(usize, usize, &'static str),
) -> Result<Audit> {
    let (entries, left_out) = choose(options, registry())?;
    let machine = Machine::open(options)?;
    let total = entries.iter().map(|entry| entry.cases.len()).sum();
    let mut audit = Audit {
        operators: Vec::new(),
        left_out,
    };
    let mut done = 0;
    for entry in entries {
        let mut records = Vec::new();
        for case in &entry.cases {
            progress(done, total, entry.name);
            records.extend(machine.records(entry.name, case)?);
            done += 1;
        }
        audit.operators.push(AuditedOperator {
            name: entry.name,
            formula: entry.formula,
            records,
        });
    }
    Ok(audit)
}

/// The operators with the cases to run, and the number of cases left out.
fn choose(options: &AuditOptions, mut entries: Vec<Entry>) -> Result<(Vec<Entry>, usize)> {
    let listed = |names: Vec<&str>| names.join(", ");
    if let Some(wanted) = &options.operator {
        let names = listed(entries.iter().map(|entry| entry.name).collect());
        entries.retain(|entry| entry.name == wanted);
        if entries.is_empty() {
            let message = format!("no operator is named \"{wanted}\"; there are {names}");
            return Err(Error::Usage(message));
        }
    }
    if let Some(wanted) = &options.case {
        let cases = entries.iter().flat_map(|entry| &entry.cases);
        let names = listed(cases.map(|case| case.name.as_str()).collect());
        entries.retain_mut(|entry| {
            entry.cases.retain(|case| case.name == *wanted);
            !entry.cases.is_empty()
        });
        if entries.is_empty() {
            let message = match &options.operator {
                Some(operator) => {
                    format!("{operator} has no case \"{wanted}\"; it has: {names}")
                }
                None => format!("no operator has a case \"{wanted}\"; name one with --operator"),
            };
            return Err(Error::Usage(message));
        }
    }
    let before: usize = entries.iter().map(|entry| entry.cases.len()).sum();
    if !options.full && options.case.is_none() {
        for entry in &mut entries {
            keep_cheap(&mut entry.cases)?;
        }
    }
    let after: usize = entries.iter().map(|entry| entry.cases.len()).sum();
    Ok((entries, before - after))
}

/// Leaves the cases that take little time; at least the one that takes least.
fn keep_cheap(cases: &mut Vec<Case>) -> Result<()> {
    let costs: limbeck_engine::Result<Vec<u64>> = cases.iter().map(Case::cost).collect();
    let costs = costs?;
    let limit = QUICK.max(costs.iter().copied().min().unwrap_or(0));
    let mut costs = costs.into_iter();
    cases.retain(|_| costs.next().is_some_and(|cost| cost <= limit));
    Ok(())
}

/// The devices of an audit.
struct Machine {
    reference: Device,
    cpu: Device,
    paths: CpuPaths,
    gpus: Vec<Device>,
    full: bool,
}

impl Machine {
    fn open(options: &AuditOptions) -> Result<Self> {
        Ok(Machine {
            reference: Device::reference(),
            cpu: Device::cpu(),
            paths: match options.full {
                true => CpuPaths::all()?,
                false => CpuPaths::usual()?,
            },
            gpus: gpus(&options.device)?,
            full: options.full,
        })
    }

    /// A record per GPU; without one, a record of the CPU alone.
    fn records(&self, operator: &'static str, case: &Case) -> Result<Vec<AuditRecord>> {
        let mut record = AuditRecord {
            operator,
            case: case.name.clone(),
            reference: None,
            without_finite_differences: case.without_finite_differences,
            cpu: 0.0,
            gpu: None,
            tolerance: case.tolerance.cpu,
            adapter: None,
            repeatable: true,
            largest_shape: case.largest_shape()?,
            problems: Vec::new(),
        };
        let expected = outcome(case, &self.reference)?;
        record.reference = finite_differences(case)?;
        if let Some(error) = record
            .reference
            .filter(|e| *e > FINITE_DIFFERENCE_TOLERANCE)
        {
            record.problems.push(format!(
                "reference: error {error:.1e} against central differences, expected below \
                 {FINITE_DIFFERENCE_TOLERANCE:.0e}"
            ));
        }
        let found = self.paths.measure(case, &self.cpu, &expected);
        record.cpu = note(&mut record, "cpu", found, case.tolerance.cpu);
        if self.gpus.is_empty() {
            return Ok(vec![record]);
        }
        let on = |gpu| self.on_gpu(record.clone(), case, gpu, &expected);
        Ok(self.gpus.iter().map(on).collect())
    }

    fn on_gpu(
        &self,
        mut record: AuditRecord,
        case: &Case,
        gpu: &Device,
        expected: &Outcome,
    ) -> AuditRecord {
        let found = measure_gpu(case, gpu, expected, self.full);
        record.adapter = gpu.adapter().map(ToOwned::to_owned);
        record.tolerance = record.tolerance.max(case.tolerance.gpu);
        record.gpu = Some(note(&mut record, "gpu", found, case.tolerance.gpu));
        record
    }
}

/// Adds to a record what is wrong on a device; returns its error.
fn note(
    record: &mut AuditRecord,
    device: &str,
    found: limbeck_engine::Result<Measurement>,
    tolerance: f64,
) -> f64 {
    match found {
        Ok(found) => {
            record.repeatable &= found.repeatable;
            let complaint = found.complaint(tolerance);
            let problem = complaint.map(|complaint| format!("{device}: {complaint}"));
            record.problems.extend(problem);
            found.error()
        }
        Err(error) => {
            record.repeatable = false;
            record.problems.push(format!("{device}: {error}"));
            f64::INFINITY
        }
    }
}

#[cfg(feature = "gpu")]
fn measure_gpu(
    case: &Case,
    gpu: &Device,
    expected: &Outcome,
    full: bool,
) -> limbeck_engine::Result<Measurement> {
    use limbeck_kernels::harness::{WORKGROUP_LIMIT, measure_gpu};
    // Folded too: small cases have more than seven workgroups.
    let limits = [WORKGROUP_LIMIT, 7];
    measure_gpu(
        case,
        gpu,
        expected,
        if full { &limits } else { &limits[..1] },
    )
}

#[cfg(not(feature = "gpu"))]
fn measure_gpu(
    _: &Case,
    gpu: &Device,
    _: &Outcome,
    _: bool,
) -> limbeck_engine::Result<Measurement> {
    let message = format!("{} is no GPU of this build", gpu.name());
    Err(limbeck_engine::Error::Device(message))
}

/// Opens the GPUs that were asked for.
fn gpus(choice: &AuditDevice) -> Result<Vec<Device>> {
    match choice {
        AuditDevice::Cpu => Ok(Vec::new()),
        AuditDevice::Gpu(None) => Ok(vec![Device::parse("gpu")?]),
        AuditDevice::Gpu(Some(name)) => Ok(vec![Device::parse(&format!("gpu:{name}"))?]),
        AuditDevice::All => Ok(hardware()),
    }
}

/// Every hardware adapter that can be opened.
fn hardware() -> Vec<Device> {
    let mut found = Vec::new();
    for name in hardware_names() {
        match Device::parse(&format!("gpu:{name}")) {
            Ok(device) => found.push(device),
            Err(error) => tracing::warn!("{name} is left out: {error}"),
        }
    }
    found
}

#[cfg(feature = "gpu")]
fn hardware_names() -> Vec<String> {
    let adapters = limbeck_engine::adapters().into_iter();
    let mut names: Vec<String> = adapters.filter(|a| !a.software).map(|a| a.name).collect();
    // One card may stand there once for each of its interfaces.
    names.sort();
    names.dedup();
    names
}

#[cfg(not(feature = "gpu"))]
fn hardware_names() -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests;
