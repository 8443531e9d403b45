//! Every shader is WGSL without extensions, keeps within the limits that every adapter grants,
//! and translates to the languages of Metal, DX12 and Vulkan: the tests may run on one of them
//! and must vouch for all three.
#![cfg(feature = "gpu")]

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use limbeck_kernels::registry;
use naga::back::{hlsl, msl, spv};
use naga::proc::Layouter;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage};

/// WebGPU's default limits, which no adapter undercuts.
const STORAGE_BUFFERS: usize = 8;
const INVOCATIONS: u32 = 256;
const WORKGROUP_BYTES: u32 = 16 * 1024;

struct Shader {
    name: String,
    entry: Option<&'static str>,
    wgsl: String,
}

/// The shaders of the registered operators, and the engine's own, which stand alone in a file.
fn shaders() -> Vec<Shader> {
    let entries = registry();
    let kernels = entries.iter().flat_map(|entry| &entry.kernels);
    let operators = kernels.map(|kernel| Shader {
        name: kernel.name.to_string(),
        entry: Some(kernel.entry),
        wgsl: kernel.wgsl(),
    });
    let engine = wgsl_files("../engine/src");
    let engine = engine.into_iter().map(|(path, wgsl)| Shader {
        name: path.display().to_string(),
        entry: None,
        wgsl,
    });
    operators.chain(engine).collect()
}

/// The WGSL files under a folder of this crate, with their text.
fn wgsl_files(folder: impl AsRef<Path>) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the sources stand beside the tests") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(wgsl_files(path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "wgsl")
        {
            let text = fs::read_to_string(&path).expect("a readable source file");
            found.push((path, text));
        }
    }
    found
}

/// Parses and validates with no capability granted: no subgroups, no f16, no f64.
fn parse(shader: &Shader) -> Result<(Module, ModuleInfo), String> {
    let wgsl = &shader.wgsl;
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|error| error.emit_to_string(wgsl))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|error| error.emit_to_string(wgsl))?;
    Ok((module, info))
}

/// Runs `check` on every shader and fails with all complaints.
fn for_every_shader(check: impl Fn(&Shader, &Module, &ModuleInfo) -> Result<(), String>) {
    let mut complaints = Vec::new();
    for shader in shaders() {
        let checked = parse(&shader).and_then(|(module, info)| check(&shader, &module, &info));
        complaints.extend(
            checked
                .err()
                .map(|error| format!("{}: {error}", shader.name)),
        );
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn said(error: impl Display) -> String {
    error.to_string()
}

#[test]
fn every_shader_is_a_compute_shader_within_the_limits_of_every_adapter() {
    for_every_shader(|shader, module, _| {
        for entry in &module.entry_points {
            let invocations = entry.workgroup_size.iter().product::<u32>();
            if entry.stage != ShaderStage::Compute || invocations > INVOCATIONS {
                return Err(format!(
                    "{} is {:?} with {invocations} invocations, at most {INVOCATIONS} are allowed",
                    entry.name, entry.stage
                ));
            }
        }
        let named = |name: &str| module.entry_points.iter().any(|entry| entry.name == name);
        if shader.entry.is_some_and(|name| !named(name)) {
            return Err(format!("it has no entry point {:?}", shader.entry));
        }
        let storage = |space| matches!(space, AddressSpace::Storage { .. });
        let variables = || module.global_variables.iter().map(|(_, variable)| variable);
        let buffers = variables().filter(|v| storage(v.space)).count();
        if buffers > STORAGE_BUFFERS {
            return Err(format!(
                "{buffers} storage buffers, at most {STORAGE_BUFFERS} are allowed"
            ));
        }
        let mut layouts = Layouter::default();
        layouts.update(module.to_ctx()).map_err(said)?;
        let shared = variables().filter(|v| v.space == AddressSpace::WorkGroup);
        let bytes: u32 = shared.map(|v| layouts[v.ty].size).sum();
        if bytes > WORKGROUP_BYTES {
            return Err(format!(
                "{bytes} bytes of workgroup memory, at most {WORKGROUP_BYTES} are allowed"
            ));
        }
        Ok(())
    });
}

#[test]
fn every_shader_translates_to_metal() {
    let options = msl::Options {
        lang_version: (2, 0),
        ..Default::default()
    };
    for_every_shader(|_, module, info| {
        msl::write_string(module, info, &options, &Default::default())
            .map(drop)
            .map_err(said)
    });
}

#[test]
fn every_shader_translates_to_hlsl() {
    // Shader model 5.1: what Windows compiles without a further library.
    let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
    for_every_shader(|_, module, info| {
        let mut text = String::new();
        let mut writer = hlsl::Writer::new(&mut text, &options, &pipeline);
        let written = writer.write(module, info, None).map_err(said)?;
        let entry_points: Result<Vec<_>, _> = written.entry_point_names.into_iter().collect();
        entry_points.map(drop).map_err(said)
    });
}

#[test]
fn every_shader_translates_to_spirv() {
    for_every_shader(|_, module, info| {
        spv::write_vec(module, info, &spv::Options::default(), None)
            .map(drop)
            .map_err(said)
    });
}

#[test]
fn every_file_with_an_entry_point_belongs_to_a_registered_operator() {
    let registered = shaders();
    let used = |text: &str| registered.iter().any(|shader| shader.wgsl.contains(text));
    let orphans: Vec<_> = wgsl_files("src")
        .into_iter()
        .filter(|(_, text)| text.contains("@compute") && !used(text))
        .map(|(path, _)| path)
        .collect();
    assert!(
        orphans.is_empty(),
        "no operator's `entry()` lists {orphans:?}"
    );
}
