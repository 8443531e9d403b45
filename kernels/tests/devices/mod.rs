//! The devices that updates are tried on.

use limbeck_engine::Device;

/// The CPU, the reference and, where there is one, the GPU under test.
pub(crate) fn devices() -> Vec<Device> {
    [Device::cpu(), Device::reference()]
        .into_iter()
        .chain(gpu())
        .collect()
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Option<Device> {
    None
}

#[cfg(feature = "gpu")]
fn gpu() -> Option<Device> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
    match Device::gpu_named(&name) {
        Err(error) if required => panic!("LIMBECK_REQUIRE_GPU=1, but: {error}"),
        device => device.ok(),
    }
}
