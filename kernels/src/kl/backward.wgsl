// Side 0: da = (da +) g f/τp p (L - Σ p L). Side 1: db = (db +) g f/τq (q - p).

struct Parameters {
    count: u32, classes: u32, inverse_p: f32, inverse_q: f32,
    factor: f32, // f over the temperature of the side
    side: u32, accumulate: u32, entropy: u32,
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
    let ln_p = (a[i] - kept[5u * row]) * p.inverse_p - kept[5u * row + 1u];
    let ln_q = (b[i] - kept[5u * row + 2u]) * p.inverse_q - kept[5u * row + 3u];
    var slope = 0.0;
    if p.side == 0u {
        let term = select(0.0, ln_p, p.entropy == 1u) - ln_q;
        slope = exp_(ln_p) * (term - kept[5u * row + 4u]);
    } else {
        slope = exp_(ln_q) - exp_(ln_p);
    }
    var value = dloss[row] * p.factor * slope;
    if p.accumulate == 1u {
        value += into[i];
    }
    into[i] = value;
}
