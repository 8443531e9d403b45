// r, f and the loss of a sequence; a workgroup of 64 takes a sequence and walks over its rows.

struct Parameters { sequences: u32, tags: u32 }

@group(0) @binding(0) var<storage, read> emissions: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> transitions: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> reached: array<f32>;
@group(0) @binding(5) var<storage, read_write> filtered: array<f32>;
@group(0) @binding(6) var<storage, read_write> loss: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

// The largest term of the sum over the tags of the row before, and the logarithm of the sum of the
// exponentials less it.
fn arrive(row: u32, tag: u32) -> vec2<f32> {
    let before = (row - 1u) * p.tags;
    var largest = -3.4e38;
    for (var a = 0u; a < p.tags; a++) {
        largest = max(largest, filtered[before + a] + transitions[a * p.tags + tag]);
    }
    var sum = 0.0;
    for (var a = 0u; a < p.tags; a++) {
        sum += exp_(filtered[before + a] + transitions[a * p.tags + tag] - largest);
    }
    return vec2<f32>(largest, ln_(sum));
}

// The score of a tag of the last row.
fn last_score(last: u32, tag: u32) -> f32 {
    return filtered[last * p.tags + tag] + transitions[(p.tags + 1u) * p.tags + tag];
}

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let s = workgroup_index(group, groups);
    if s >= p.sequences {
        return;
    }
    let first = offsets[s];
    let end = offsets[s + 1u];
    for (var row = first; row < end; row++) {
        var largest = -3.4e38;
        for (var b = lane; b < p.tags; b += 64u) {
            var r = vec2<f32>(transitions[p.tags * p.tags + b], 0.0);
            if row > first {
                r = arrive(row, b);
            }
            reached[2u * row * p.tags + b] = r.x;
            reached[(2u * row + 1u) * p.tags + b] = r.y;
            let score = r.x + emissions[row * p.tags + b];
            filtered[row * p.tags + b] = score;
            largest = max(largest, score);
        }
        largest = reduce_max(lane, largest);
        for (var b = lane; b < p.tags; b += 64u) {
            let at = row * p.tags + b;
            filtered[at] = (filtered[at] - largest) + reached[(2u * row + 1u) * p.tags + b];
        }
        // The next row reads what other lanes wrote.
        storageBarrier();
    }
    var total = 0.0;
    for (var row = first + 1u + lane; row < end; row += 64u) {
        let a = labels[row - 1u];
        let b = labels[row];
        let step = filtered[(row - 1u) * p.tags + a] + transitions[a * p.tags + b];
        total += (reached[2u * row * p.tags + b] - step) + reached[(2u * row + 1u) * p.tags + b];
    }
    total = reduce_sum(lane, total);
    var largest = -3.4e38;
    for (var b = lane; b < p.tags; b += 64u) {
        largest = max(largest, last_score(end - 1u, b));
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var b = lane; b < p.tags; b += 64u) {
        sum += exp_(last_score(end - 1u, b) - largest);
    }
    sum = reduce_sum(lane, sum);
    if lane == 0u {
        loss[s] = total + (ln_(sum) - (last_score(end - 1u, labels[end - 1u]) - largest));
    }
}
