// dz_k = (dz_k +) g (p_k T - q_k F_k). Of labels q_k F_k is T at the label, and 0 elsewhere.

struct Parameters { count: u32, classes: u32, soft: u32, gamma: f32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> q: array<f32>;
@group(0) @binding(3) var<storage, read> shifts: array<f32>;
@group(0) @binding(4) var<storage, read> slopes: array<f32>;
@group(0) @binding(5) var<storage, read> dloss: array<f32>;
@group(0) @binding(6) var<storage, read_write> dz: array<f32>;
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
    let ln_p = z[i] - shifts[2u * row] - shifts[2u * row + 1u];
    let slope = slopes[row];
    var value = 0.0;
    if p.soft == 1u {
        value = dloss[row] * (exp_(ln_p) * slope - q[i] * focus(ln_p, p.gamma).y);
    } else {
        let truth = select(0.0, 1.0, i % p.classes == labels[row]);
        value = dloss[row] * slope * (exp_(ln_p) - truth);
    }
    if p.accumulate == 1u {
        value += dz[i];
    }
    dz[i] = value;
}
