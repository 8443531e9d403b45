// loss = Σ max(0, 1 - s z)²; a workgroup of 64 takes a row.

struct Parameters { rows: u32, classes: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
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
    let label = labels[row];
    var sum = 0.0;
    for (var c = lane; c < p.classes; c += 64u) {
        let short = 1.0 - select(-1.0, 1.0, c == label) * z[row * p.classes + c];
        // Not max(): NaN must pass.
        sum += select(short * short, 0.0, short <= 0.0);
    }
    sum = reduce_sum(lane, sum);
    if lane == 0u {
        loss[row] = sum;
    }
}
