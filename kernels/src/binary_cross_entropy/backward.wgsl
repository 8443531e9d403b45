// dz = (dz +) g (σ(z) - t), as (1 - t) - σ(-z) where z > 0.

struct Parameters { count: u32, classes: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
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
    let share = sigmoid(-abs(z[i]));
    let slope = select(share - t[i], (1.0 - t[i]) - share, z[i] > 0.0);
    var value = dloss[i / p.classes] * slope;
    if p.accumulate == 1u {
        value += dz[i];
    }
    dz[i] = value;
}
