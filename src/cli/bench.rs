//! `limbeck bench`: the canonical workloads, timed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use limbeck_engine::{Cost, Pass, Profile, instruction_set};
use limbeck_training::{files, tensors};
use serde_json::{Value, json};

use super::output;
use crate::run::{DeviceChoice, Error, Result};
use crate::workloads::{Bench, Changes, Model, Trajectory, Work, Workload};

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// w1 (Transformer), w2 (TextGCN), w3 or w3b (TextCNN), w4 or w4f (language model with NCE or
    /// full softmax): training steps; w1-infer1, w3-infer64 ...: predictions of that many texts.
    #[arg(value_name = "WORKLOAD")]
    workload: Workload,
    /// cpu, gpu, gpu:NAME (a part of the adapter's name) or reference.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
    /// Number of CPU threads; without it, all cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Steps that are timed, after a few that are not.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Another dropout rate than the workload's.
    #[arg(long, value_name = "RATE")]
    dropout: Option<f64>,
    /// Another number of texts in a batch than the workload's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: Option<u32>,
    /// Another number of tokens in a text than the workload's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    length: Option<u32>,
    /// Another number of words than 10,000, of w4 and w4f.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    vocabulary_size: Option<u32>,
    /// Another width of the layers than 650, of w4 and w4f.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    hidden_size: Option<u32>,
    /// Another number of nodes than 15,000, of w2.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    nodes: Option<u32>,
    /// Another number of entries of the adjacency than 1,500,000, of w2.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    edges: Option<u32>,
    /// Predict with folded tables: products of word vectors and kernels, computed beforehand.
    #[arg(long)]
    folded: bool,
    /// Time nothing: make five updates without dropout, and write the weights before them, their batches
    /// and their losses to FOLDER, for `benches/verify.py`, which repeats them with PyTorch.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["profile", "folded", "dropout", "steps"])]
    verify: Option<PathBuf>,
    /// Time every operator as well (on a CPU).
    #[arg(long)]
    profile: bool,
    /// Print the figures as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Steps before the timed ones: every buffer and pipeline exists after them.
const WARM_UP: u32 = 4;

pub(super) fn run(args: &BenchArgs) -> Result<()> {
    if args.profile && matches!(args.device, DeviceChoice::Gpu(_)) {
        let message =
            "--profile times operators on a CPU alone: a GPU works while they are recorded";
        return Err(Error::Usage(message.into()));
    }
    if args.folded && args.workload.work == Work::Train {
        let message = "--folded is for predictions, as in w3-infer1: training changes the tables";
        return Err(Error::Usage(message.into()));
    }
    let sized = args.vocabulary_size.is_some() || args.hidden_size.is_some();
    if sized && !args.workload.model.is_language_model() {
        let message = "--vocabulary-size and --hidden-size are for w4 and w4f";
        return Err(Error::Usage(message.into()));
    }
    let of_graph = args.nodes.is_some() || args.edges.is_some();
    if of_graph && args.workload.model != Model::W2 {
        return Err(Error::Usage("--nodes and --edges are for w2".into()));
    }
    if args.length.is_some() && args.workload.model == Model::W2 {
        return Err(Error::Usage(
            "--length is for texts, and w2 has none".into(),
        ));
    }
    let threads = args.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool =
        pool.map_err(|cause| Error::Usage(format!("cannot start {threads} threads: {cause}")))?;
    // Inside the pool, so that no step waits for another thread to take it up.
    if let Some(folder) = &args.verify {
        return pool.install(|| verify(args, folder));
    }
    let timed = pool.install(|| time(args))?;
    if args.json {
        output::print(&timed.json(args, pool.current_num_threads()).to_string())
    } else {
        output::print(timed.text(args, pool.current_num_threads()).trim_end())
    }
}

struct Timed {
    /// Of every step, shortest first.
    times: Vec<Duration>,
    first_step: Duration,
    losses: [f64; 2],
    profile: Vec<(&'static str, Pass, Cost)>,
    folded_bytes: Option<usize>,
    adapter: Option<String>,
    counters: Option<Value>,
}

impl BenchArgs {
    fn changes(&self) -> Changes {
        let size = |size: Option<u32>| size.map(|size| size as usize);
        Changes {
            dropout: self.dropout,
            batch_size: size(self.batch_size),
            length: size(self.length),
            vocabulary_size: size(self.vocabulary_size),
            hidden_size: size(self.hidden_size),
            nodes: size(self.nodes),
            edges: size(self.edges),
        }
    }
}

/// Updates that another program is to repeat.
const VERIFIED_UPDATES: usize = 5;

/// Writes `trajectory.safetensors` and `trajectory.json`, and prints the losses.
fn verify(args: &BenchArgs, folder: &Path) -> Result<()> {
    if args.workload.work != Work::Train {
        let message = format!(
            "--verify is for updates, as in {}",
            args.workload.model.name()
        );
        return Err(Error::Usage(message));
    }
    let device = args.device.open()?;
    let trajectory = Trajectory::of(args.workload, args.changes(), &device, VERIFIED_UPDATES)?;
    std::fs::create_dir_all(folder).map_err(|cause| Error::Io {
        action: "create",
        path: folder.to_path_buf(),
        cause,
    })?;
    tensors::write(&folder.join("trajectory.safetensors"), &trajectory.tensors)?;
    let description = json!({
        "workload": args.workload.to_string(),
        "device": args.device.to_string(),
        "losses": trajectory.losses,
    });
    files::write_json(&folder.join("trajectory.json"), &description)?;
    if args.json {
        return output::print(&description.to_string());
    }
    let mut text = format!("{} without dropout\n  update    loss\n", args.workload);
    for (number, loss) in (1..).zip(&trajectory.losses) {
        let _ = writeln!(text, "  {number:>6}    {loss:.7}");
    }
    let _ = write!(
        text,
        "to repeat them: python3 benches/verify.py {}",
        folder.display()
    );
    output::print(&text)
}

fn time(args: &BenchArgs) -> Result<Timed> {
    let device = args.device.open()?;
    let mut bench = Bench::new(args.workload, args.changes(), &device)?;
    let folded_bytes = match args.folded {
        true => bench.fold()?,
        false => None,
    };
    let start = Instant::now();
    let first = bench.run()?;
    let first_step = start.elapsed();
    for _ in 0..WARM_UP {
        bench.run()?;
    }
    let profile = Arc::new(Profile::default());
    if args.profile {
        bench.measure(&profile);
    }
    let before = counters(&device);
    let (mut times, mut last) = (Vec::new(), first);
    for _ in 0..args.steps {
        let start = Instant::now();
        last = bench.run()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(Timed {
        times,
        first_step,
        losses: [first, last],
        profile: profile.costs(),
        folded_bytes,
        adapter: device.adapter().map(String::from),
        counters: per_step(before, counters(&device), args.steps),
    })
}

impl Timed {
    fn median(&self) -> f64 {
        milliseconds(self.times[self.times.len() / 2])
    }

    fn json(&self, args: &BenchArgs, threads: usize) -> Value {
        let mut value = json!({
            "workload": args.workload.to_string(),
            "device": args.device.to_string(),
            "adapter": self.adapter,
            "instruction_set": instruction_set().name(),
            "threads": threads,
            "steps": args.steps,
            "batch_size": args.batch_size,
            "length": args.length,
            "vocabulary_size": args.vocabulary_size,
            "hidden_size": args.hidden_size,
            "ms_median": self.median(),
            "ms_min": milliseconds(self.times[0]),
            "ms_p25": milliseconds(self.times[self.times.len() / 4]),
            "first_step_ms": milliseconds(self.first_step),
            "loss_first": self.losses[0],
            "loss_last": self.losses[1],
            "peak_rss_mb": peak_memory(),
        });
        if let Some(bytes) = self.folded_bytes {
            value["folded_bytes"] = json!(bytes);
        }
        if let Some(counters) = &self.counters {
            value["per_step"] = counters.clone();
        }
        if args.profile {
            let lines = self.profile.iter().map(|(name, pass, cost)| {
                json!({
                    "operator": name,
                    "pass": pass_name(*pass),
                    "calls": cost.calls,
                    "ms": milliseconds(cost.time) / f64::from(args.steps),
                    "gflops": rate(cost.flops, cost.time),
                    "gbytes": rate(cost.bytes, cost.time),
                })
            });
            value["profile"] = lines.collect();
        }
        value
    }

    fn text(&self, args: &BenchArgs, threads: usize) -> String {
        let mut text = format!(
            "{} on {}, {threads} threads, {} steps\n  median {:.3} ms, shortest {:.3} ms, first step \
             {:.1} ms\n",
            args.workload,
            self.adapter.as_deref().unwrap_or(instruction_set().name()),
            args.steps,
            self.median(),
            milliseconds(self.times[0]),
            milliseconds(self.first_step),
        );
        if let Some(megabytes) = peak_memory() {
            let _ = writeln!(text, "  peak memory of the process {megabytes:.0} MB");
        }
        if let Some(bytes) = self.folded_bytes {
            let _ = writeln!(text, "  folded tables {:.1} MB", bytes as f64 / 1e6);
        }
        if args.workload.work == Work::Train {
            let [first, last] = self.losses;
            let _ = writeln!(
                text,
                "  loss {first:.4} at the first step, {last:.4} at the last"
            );
        }
        if args.profile {
            self.write_profile(args.steps, &mut text);
        }
        text
    }

    /// A line per operator, the costliest first.
    fn write_profile(&self, steps: u32, text: &mut String) {
        let whole = milliseconds(self.times.iter().sum()) / f64::from(steps);
        let mut lines = self.profile.clone();
        lines.sort_by_key(|(_, _, cost)| std::cmp::Reverse(cost.time));
        let _ = writeln!(
            text,
            "\n  {:<24}{:<10}{:>7}{:>10}{:>8}{:>10}{:>8}",
            "operator", "pass", "calls", "ms", "share", "GFLOP/s", "GB/s"
        );
        let mut rest = whole;
        for (name, pass, cost) in lines {
            let ms = milliseconds(cost.time) / f64::from(steps);
            rest -= ms;
            let _ = writeln!(
                text,
                "  {name:<24}{:<10}{:>7}{ms:>10.3}{:>7.1}%{:>10.1}{:>8.1}",
                pass_name(pass),
                cost.calls / u64::from(steps),
                100.0 * ms / whole,
                rate(cost.flops, cost.time),
                rate(cost.bytes, cost.time),
            );
        }
        let share = 100.0 * rest / whole;
        let label = "update, batches and the rest";
        let _ = writeln!(text, "  {label:<41}{rest:>10.3}{share:>7.1}%");
    }
}

fn pass_name(pass: Pass) -> &'static str {
    match pass {
        Pass::Forward => "forward",
        Pass::Backward => "backward",
    }
}

fn milliseconds(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

/// Thousand millions a second.
fn rate(count: u64, time: Duration) -> f64 {
    1e-9 * count as f64 / time.as_secs_f64().max(1e-9)
}

/// The largest resident size of this process, where the system says (Linux).
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(feature = "gpu")]
fn counters(device: &limbeck_engine::Device) -> Option<limbeck_engine::GpuCounters> {
    device.gpu_handle().map(|gpu| gpu.counters())
}

#[cfg(feature = "gpu")]
fn per_step(
    before: Option<limbeck_engine::GpuCounters>,
    after: Option<limbeck_engine::GpuCounters>,
    steps: u32,
) -> Option<Value> {
    let spent = after?.since(before?);
    let each = |count: u64| count as f64 / f64::from(steps);
    Some(json!({
        "dispatches": each(spent.dispatches),
        "submissions": each(spent.submissions),
        "readbacks": each(spent.readbacks),
        "bytes_uploaded": each(spent.bytes_uploaded),
    }))
}

#[cfg(not(feature = "gpu"))]
fn counters(_: &limbeck_engine::Device) -> Option<()> {
    None
}

#[cfg(not(feature = "gpu"))]
fn per_step(_: Option<()>, _: Option<()>, _: u32) -> Option<Value> {
    None
}
