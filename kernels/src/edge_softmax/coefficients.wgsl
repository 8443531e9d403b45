// alpha = softmax of the scores of a target's edges; a workgroup of 64 takes a target.

struct Parameters { targets: u32 }

@group(0) @binding(0) var<storage, read> scores: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read_write> alpha: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn coefficients(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row >= p.targets {
        return;
    }
    let first = offsets[row] + lane;
    let end = offsets[row + 1u];
    var largest = -3.4e38;
    for (var e = first; e < end; e += 64u) {
        largest = max(largest, scores[e]);
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var e = first; e < end; e += 64u) {
        let value = exp_(scores[e] - largest);
        alpha[e] = value;
        sum += value;
    }
    sum = reduce_sum(lane, sum);
    for (var e = first; e < end; e += 64u) {
        alpha[e] /= sum;
    }
}
