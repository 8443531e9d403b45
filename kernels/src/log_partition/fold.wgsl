// Takes the scores of a block into the largest one so far and the sum of exp(score - largest); after
// the last block, ln Z. A workgroup a row.

struct Parameters { rows: u32, words: u32, first: u32, last: u32 }

@group(0) @binding(0) var<storage, read> scores: array<f32>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> ln_z: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn fold(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the rows walk along the last one, for barriers, and write nothing.
    let number = workgroup_index(group, groups);
    let row = min(number, p.rows - 1u);
    // Not minus infinity, from which a score of minus infinity differs by no number.
    var largest = -3.4e38;
    for (var v = lane; v < p.words; v += 64u) {
        largest = max(largest, scores[row * p.words + v]);
    }
    largest = reduce_max(lane, largest);
    var before = 0.0;
    if p.first == 0u {
        let earlier = sums[2u * row];
        let larger = max(earlier, largest);
        before = sums[2u * row + 1u] * exp_(earlier - larger);
        largest = larger;
    }
    var sum = 0.0;
    for (var v = lane; v < p.words; v += 64u) {
        sum += exp_(scores[row * p.words + v] - largest);
    }
    let total = before + reduce_sum(lane, sum);
    if lane == 0u && number < p.rows {
        sums[2u * row] = largest;
        sums[2u * row + 1u] = total;
        if p.last == 1u {
            // Nothing is left only if all scores are minus infinity, as the first of them is.
            ln_z[row] = select(largest + ln_(total), scores[row * p.words], total == 0.0);
        }
    }
}
