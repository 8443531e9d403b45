// dz = (dz) - 2 g s max(0, 1 - s z).

struct Parameters { count: u32, classes: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> dloss: array<f32>;
@group(0) @binding(3) var<storage, read_write> dz: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let row = i / p.classes;
    let sign = select(-1.0, 1.0, i % p.classes == labels[row]);
    let short = 1.0 - sign * z[i];
    // Not max(): NaN must pass.
    var value = -2.0 * dloss[row] * sign * select(short, 0.0, short <= 0.0);
    if p.accumulate == 1u {
        value += dz[i];
    }
    dz[i] = value;
}
