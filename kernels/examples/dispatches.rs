//! Runs the case tables on a GPU and writes the largest small dispatch of every shader to a folder, with
//! all that it read and wrote: `cargo run -p limbeck-kernels --features gpu --example dispatches --
//! ADAPTER FOLDER`. Other implementations of WebGPU can be given the same (tests/tint/run.mjs).

use std::fmt::Write;
use std::path::PathBuf;

use limbeck_engine::{Device, Error, KeptDispatch};
use limbeck_kernels::{harness, registry};

/// Bytes of all buffers of a dispatch.
const LIMIT: usize = 256 * 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(adapter), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("expected the name of an adapter and a folder to write to".into());
    };
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    let device = Device::gpu_named(&adapter)?;
    let Device::Gpu(gpu) = &device else {
        return Err(Error::Device("the device is no GPU".into()).into());
    };
    gpu.keep_dispatches(LIMIT);
    for entry in registry() {
        for case in &entry.cases {
            harness::outcome(case, &device)?;
        }
    }
    let kept = gpu.kept_dispatches();
    for dispatch in &kept {
        let name = dispatch.kernel.replace("::", ".");
        std::fs::write(folder.join(format!("{name}.wgsl")), &dispatch.wgsl)?;
        std::fs::write(folder.join(format!("{name}.dispatch")), text(dispatch)?)?;
    }
    println!("{} dispatches in {}", kept.len(), folder.display());
    Ok(())
}

/// A line for each fact; bytes as hexadecimal digits.
fn text(dispatch: &KeptDispatch) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "entry {}", dispatch.entry)?;
    writeln!(text, "workgroups {}", words(&dispatch.workgroups))?;
    writeln!(text, "parameters {}", words(&dispatch.parameters))?;
    for buffer in &dispatch.buffers {
        match &buffer.after {
            None => writeln!(text, "read {}", digits(&buffer.before))?,
            Some(after) => writeln!(text, "write {} {}", digits(&buffer.before), digits(after))?,
        }
    }
    Ok(text)
}

fn words(words: &[u32]) -> String {
    let words: Vec<String> = words.iter().map(u32::to_string).collect();
    words.join(" ")
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
