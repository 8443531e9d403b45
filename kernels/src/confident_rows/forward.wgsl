// y = 1 where 1 / Σ exp(z - max z) >= threshold, else 0. A workgroup of 64 takes a row.

struct Parameters { rows: u32, classes: u32, threshold: f32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
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
    // A number of the row: of nothing but minus infinities no probabilities are to come.
    var largest = z[start];
    for (var i = start + lane; i < end; i += 64u) {
        largest = max(largest, z[i]);
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var i = start + lane; i < end; i += 64u) {
        sum += exp_(z[i] - largest);
    }
    sum = reduce_sum(lane, sum);
    if lane == 0u {
        y[row] = select(0.0, 1.0, 1.0 / sum >= p.threshold);
    }
}
