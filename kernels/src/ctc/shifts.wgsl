// shifts = (m, ln Σ exp(z - m)) of each frame; a workgroup of 64 takes a row.

struct Parameters { rows: u32, classes: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read_write> shifts: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn shifts_of_rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row >= p.rows {
        return;
    }
    let start = row * p.classes;
    var largest = -3.4e38;
    for (var c = lane; c < p.classes; c += 64u) {
        largest = max(largest, z[start + c]);
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var c = lane; c < p.classes; c += 64u) {
        sum += exp_(z[start + c] - largest);
    }
    let ln_sum = ln_(reduce_sum(lane, sum));
    if lane == 0u {
        shifts[2u * row] = largest;
        shifts[2u * row + 1u] = ln_sum;
    }
}
