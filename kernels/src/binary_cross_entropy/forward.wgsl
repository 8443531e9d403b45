// loss = Σ [z (1 - t) or, for z <= 0, -z t; and ln(1 + exp(-|z|))]; a workgroup of 64 takes a row.

struct Parameters { rows: u32, classes: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
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
    let end = (row + 1u) * p.classes;
    var sum = 0.0;
    for (var i = row * p.classes + lane; i < end; i += 64u) {
        let linear = select(-z[i] * t[i], z[i] * (1.0 - t[i]), z[i] > 0.0);
        sum += linear + ln_1p(exp_(-abs(z[i])));
    }
    sum = reduce_sum(lane, sum);
    if lane == 0u {
        loss[row] = sum;
    }
}
