// Per segment the sum of weight * rows[source] over its entries: put or added to the row of its key,
// or, where the segment is a piece of a key with many entries, left for join.wgsl.

struct Parameters { segments: u32, columns: u32, whole: u32, weighted: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(1) var<storage, read> sources: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(5) var<storage, read_write> into: array<f32>;
@group(0) @binding(6) var<storage, read_write> pieces: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn sum_segments(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup_index(group, groups) * 256u + lane;
    if index >= p.segments * p.columns {
        return;
    }
    let segment = index / p.columns;
    let column = index % p.columns;
    var sum = 0.0;
    for (var e = offsets[segment]; e < offsets[segment + 1u]; e++) {
        var value = rows[sources[e] * p.columns + column];
        if p.weighted == 1u {
            value *= weights[e];
        }
        sum += value;
    }
    if segment < p.whole {
        let at = targets[segment] * p.columns + column;
        into[at] = select(sum, into[at] + sum, p.accumulate == 1u);
    } else {
        pieces[(segment - p.whole) * p.columns + column] = sum;
    }
}
