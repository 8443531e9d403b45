// p of every row of a sequence, from the last to the first; a workgroup of 64 takes a sequence.

struct Parameters { sequences: u32, tags: u32 }

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> transitions: array<f32>;
@group(0) @binding(2) var<storage, read> reached: array<f32>;
@group(0) @binding(3) var<storage, read> filtered: array<f32>;
@group(0) @binding(4) var<storage, read_write> probabilities: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn marginals(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let s = workgroup_index(group, groups);
    if s >= p.sequences {
        return;
    }
    let first = offsets[s];
    let last = offsets[s + 1u] - 1u;
    let end_scores = (p.tags + 1u) * p.tags;
    var largest = -3.4e38;
    for (var b = lane; b < p.tags; b += 64u) {
        largest = max(largest, filtered[last * p.tags + b] + transitions[end_scores + b]);
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var b = lane; b < p.tags; b += 64u) {
        let at = last * p.tags + b;
        let e = exp_(filtered[at] + transitions[end_scores + b] - largest);
        probabilities[at] = e;
        sum += e;
    }
    sum = reduce_sum(lane, sum);
    for (var b = lane; b < p.tags; b += 64u) {
        probabilities[last * p.tags + b] /= sum;
    }
    storageBarrier();
    for (var row = last; row > first; row--) {
        for (var a = lane; a < p.tags; a += 64u) {
            let before = (row - 1u) * p.tags + a;
            var probability = 0.0;
            for (var b = 0u; b < p.tags; b++) {
                let step = filtered[before] + transitions[a * p.tags + b];
                let rest = step - reached[2u * row * p.tags + b];
                let w = exp_(rest - reached[(2u * row + 1u) * p.tags + b]);
                probability += probabilities[row * p.tags + b] * w;
            }
            probabilities[before] = probability;
        }
        // The row before reads what other lanes wrote.
        storageBarrier();
    }
}
