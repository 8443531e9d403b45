// l_r = softplus(-Δ_r) + Σ_j softplus(Δ_rj), a workgroup a row.

@group(0) @binding(5) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    var sum = 0.0;
    if row < p.rows {
        for (var j = lane; j < p.noise; j += 64u) {
            if counts(row, j) {
                sum += softplus(noise_delta(row, j));
            }
        }
    }
    let total = reduce_sum(lane, sum);
    if lane == 0u && row < p.rows {
        loss[row] = softplus(-target_delta(row)) + total;
    }
}
