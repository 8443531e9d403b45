// dz_c = (dz_c +) g w_y (p_c - 1[c = y]).

struct Parameters { count: u32, classes: u32, weighted: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> shifts: array<f32>;
@group(0) @binding(4) var<storage, read> dloss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;
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
    let label = labels[row];
    var scale = dloss[row];
    if p.weighted == 1u {
        scale *= weights[label];
    }
    let probability = exp_(z[i] - shifts[2u * row] - shifts[2u * row + 1u]);
    var value = scale * (probability - select(0.0, 1.0, i % p.classes == label));
    if p.accumulate == 1u {
        value += dz[i];
    }
    dz[i] = value;
}
