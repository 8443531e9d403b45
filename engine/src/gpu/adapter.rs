//! Finding the adapter the user means.

use crate::error::{Error, Result};

/// What is known of an adapter before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterSummary {
    /// The driver's name for it.
    pub name: String,
    /// Vulkan, Metal or DX12.
    pub backend: String,
    /// Whether it runs on the CPU.
    pub software: bool,
    /// Fewest and most invocations of a subgroup: those that run in step.
    pub subgroup_sizes: [u32; 2],
}

impl From<&wgpu::Adapter> for AdapterSummary {
    fn from(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        AdapterSummary {
            name: info.name,
            backend: format!("{:?}", info.backend),
            software: info.device_type == wgpu::DeviceType::Cpu,
            subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
        }
    }
}

fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle())
}

/// Every adapter of this machine, hardware first.
pub fn adapters() -> Vec<AdapterSummary> {
    candidates(&instance())
        .iter()
        .map(AdapterSummary::from)
        .collect()
}

fn candidates(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    let mut found = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    found.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    found
}

/// The best hardware adapter, or the first whose name contains `wanted` (any case). A software
/// adapter is taken only when named.
pub(super) fn choose(wanted: Option<&str>) -> Result<wgpu::Adapter> {
    let found = candidates(&instance());
    let names: Vec<String> = found.iter().map(|a| a.get_info().name).collect();
    let fits = |adapter: &wgpu::Adapter| {
        let info = adapter.get_info();
        match wanted {
            Some(part) => info.name.to_lowercase().contains(&part.to_lowercase()),
            None => info.device_type != wgpu::DeviceType::Cpu,
        }
    };
    found.into_iter().find(fits).ok_or_else(|| {
        let seen = if names.is_empty() {
            "none".to_string()
        } else {
            names.join(", ")
        };
        Error::Device(match wanted {
            Some(part) => format!(
                "no GPU adapter has \"{part}\" in its name; found: {seen}. Install its Vulkan, \
                 Metal or DX12 driver, or use --device cpu"
            ),
            None => format!(
                "no hardware GPU was found (adapters: {seen}). Install its Vulkan, Metal or DX12 \
                 driver, name a software adapter (for example gpu:llvmpipe), or use --device cpu"
            ),
        })
    })
}
