//! Writes every shader of the operators, as it is given to a GPU, to a folder of its own:
//! `cargo run -p limbeck-kernels --features gpu --example shaders -- FOLDER`. Other compilers of WGSL
//! than ours can be asked what they think of them (tests/tint).

use std::collections::BTreeSet;
use std::io::{Error, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| Error::other("expected a folder to write to"))?;
    std::fs::create_dir_all(&folder)?;
    let mut written = BTreeSet::new();
    for kernel in limbeck_kernels::registry()
        .iter()
        .flat_map(|entry| &entry.kernels)
    {
        let name = format!("{}.{}.wgsl", kernel.name.replace("::", "."), kernel.entry);
        if written.insert(name.clone()) {
            std::fs::write(folder.join(name), kernel.wgsl())?;
        }
    }
    println!("{} shaders in {}", written.len(), folder.display());
    Ok(())
}
