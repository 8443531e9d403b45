// ds_r = (ds_r) - g_r (1 - σ(Δ_r)).

@group(0) @binding(5) var<storage, read> upstream: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_target: array<f32>;

@compute @workgroup_size(256)
fn grad_target(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups) * 256u + lane;
    if row >= p.rows {
        return;
    }
    var ds = -upstream[row] * sigmoid(-target_delta(row));
    if p.accumulate == 1u {
        ds += d_target[row];
    }
    d_target[row] = ds;
}
