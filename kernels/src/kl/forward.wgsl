// loss = f Σ p L, with p = softmax(a / τp), q = softmax(b / τq) and L = ln p - ln q or -ln q;
// kept = (shift of p, shift of q, Σ p L). A workgroup of 64 takes a row.

struct Parameters {
    rows: u32, classes: u32, inverse_p: f32, inverse_q: f32, factor: f32, entropy: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> kept: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row >= p.rows {
        return;
    }
    let start = row * p.classes;
    let end = start + p.classes;
    var largest_a = -3.4e38;
    var largest_b = -3.4e38;
    for (var i = start + lane; i < end; i += 64u) {
        largest_a = max(largest_a, a[i]);
        largest_b = max(largest_b, b[i]);
    }
    largest_a = reduce_max(lane, largest_a);
    largest_b = reduce_max(lane, largest_b);
    var sum_a = 0.0;
    var sum_b = 0.0;
    for (var i = start + lane; i < end; i += 64u) {
        sum_a += exp_((a[i] - largest_a) * p.inverse_p);
        sum_b += exp_((b[i] - largest_b) * p.inverse_q);
    }
    let ln_sum_a = ln_(reduce_sum(lane, sum_a));
    let ln_sum_b = ln_(reduce_sum(lane, sum_b));
    var value = 0.0;
    for (var i = start + lane; i < end; i += 64u) {
        let ln_p = (a[i] - largest_a) * p.inverse_p - ln_sum_a;
        let ln_q = (b[i] - largest_b) * p.inverse_q - ln_sum_b;
        value += exp_(ln_p) * (select(0.0, ln_p, p.entropy == 1u) - ln_q);
    }
    value = reduce_sum(lane, value);
    if lane == 0u {
        kept[5u * row] = largest_a;
        kept[5u * row + 1u] = ln_sum_a;
        kept[5u * row + 2u] = largest_b;
        kept[5u * row + 3u] = ln_sum_b;
        kept[5u * row + 4u] = value;
        loss[row] = p.factor * value;
    }
}
