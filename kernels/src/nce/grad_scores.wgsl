// ds_r = (ds_r) - g_r (1 - σ(Δ_r)), dS_rj = (dS_rj +) g_r σ(Δ_rj), and of each row the sum of both.
// A workgroup a row.

@group(0) @binding(5) var<storage, read> upstream: array<f32>;
// One row of scores for each row of gradients: absent gradients go nowhere.
@group(0) @binding(6) var<storage, read_write> d_noise: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn grad_scores(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    var sum = 0.0;
    if row < p.rows {
        for (var j = lane; j < p.noise; j += 64u) {
            var ds = 0.0;
            if counts(row, j) {
                ds = upstream[row] * sigmoid(noise_delta(row, j));
            }
            sum += ds;
            if p.accumulate < 2u {
                let at = row * p.noise + j;
                if p.accumulate == 1u {
                    ds += d_noise[at];
                }
                d_noise[at] = ds;
            }
        }
    }
    let total = reduce_sum(lane, sum);
    if lane == 0u && row < p.rows {
        sums[row] = total - upstream[row] * sigmoid(-target_delta(row));
    }
}
