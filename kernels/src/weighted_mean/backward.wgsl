// dv = w dy / divisor.

struct Parameters { rows: u32, weighted: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> divisor: array<f32>;
@group(0) @binding(3) var<storage, read_write> dv: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.rows {
        return;
    }
    var weight = 1.0;
    if p.weighted == 1u {
        weight = weights[i];
    }
    var value = 0.0;
    if weight != 0.0 {
        value = weight * (dy[0] / divisor[0]);
    }
    if p.accumulate == 1u {
        value += dv[i];
    }
    dv[i] = value;
}
