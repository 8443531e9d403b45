// s_r = h_r · e_r + b_r, a workgroup a row.

struct Parameters { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> h: array<f32>;
@group(0) @binding(1) var<storage, read> candidates: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn target_scores(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    var sum = 0.0;
    if row < p.rows {
        for (var c = lane; c < p.columns; c += 64u) {
            let at = row * p.columns + c;
            sum += h[at] * candidates[at];
        }
    }
    let total = reduce_sum(lane, sum);
    if lane == 0u && row < p.rows {
        scores[row] = total + bias[row];
    }
}
