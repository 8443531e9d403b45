// dT = (dT +) Σ g (expected number of a step - its number); a workgroup of 64 takes an element, and
// a lane every 64th sequence.

struct Parameters { sequences: u32, tags: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> transitions: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> reached: array<f32>;
@group(0) @binding(4) var<storage, read> filtered: array<f32>;
@group(0) @binding(5) var<storage, read> probabilities: array<f32>;
@group(0) @binding(6) var<storage, read> dloss: array<f32>;
@group(0) @binding(7) var<storage, read_write> dt: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

// p - 1[y] of a tag in a row.
fn at_row(row: u32, tag: u32) -> f32 {
    return probabilities[row * p.tags + tag] - select(0.0, 1.0, labels[row] == tag);
}

// The same of tag a in the row before and b in this one.
fn at_pair(row: u32, a: u32, b: u32) -> f32 {
    let step = filtered[(row - 1u) * p.tags + a] + transitions[a * p.tags + b];
    let rest = step - reached[2u * row * p.tags + b];
    let w = exp_(rest - reached[(2u * row + 1u) * p.tags + b]);
    let truth = select(0.0, 1.0, labels[row - 1u] == a && labels[row] == b);
    return probabilities[row * p.tags + b] * w - truth;
}

@compute @workgroup_size(64)
fn grad_transitions(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups);
    if i >= (p.tags + 2u) * p.tags {
        return;
    }
    let a = i / p.tags;
    let b = i % p.tags;
    var total = 0.0;
    for (var s = lane; s < p.sequences; s += 64u) {
        let first = offsets[s];
        let end = offsets[s + 1u];
        var sum = 0.0;
        if a == p.tags {
            sum = at_row(first, b);
        } else if a == p.tags + 1u {
            sum = at_row(end - 1u, b);
        } else {
            for (var row = first + 1u; row < end; row++) {
                sum += at_pair(row, a, b);
            }
        }
        total += dloss[s] * sum;
    }
    total = reduce_sum(lane, total);
    if lane == 0u {
        if p.accumulate == 1u {
            total += dt[i];
        }
        dt[i] = total;
    }
}
