// Side 0: da = (da +) g f/τp p (s - Σ p s). Side 1: the same of q, t and b.

struct Parameters {
    count: u32, classes: u32, inverse_p: f32, inverse_q: f32,
    factor: f32, // f over the temperature of the side
    side: u32, accumulate: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> kept: array<f32>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> into: array<f32>;
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
    let ln_p = (a[i] - kept[6u * row]) * p.inverse_p - kept[6u * row + 1u];
    let ln_q = (b[i] - kept[6u * row + 2u]) * p.inverse_q - kept[6u * row + 3u];
    let own = select(ln_p, ln_q, p.side == 1u);
    let other = select(ln_q, ln_p, p.side == 1u);
    let mean = kept[6u * row + 4u + p.side];
    var value = dloss[row] * p.factor * exp_(own) * (half_log_ratio(own, other) - mean);
    if p.accumulate == 1u {
        value += into[i];
    }
    into[i] = value;
}
