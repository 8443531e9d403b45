// ds_r = (ds_r +) g_r (p_r - 1).

@group(0) @binding(4) var<storage, read> shifts: array<f32>;
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
    let ln_p = own(row) - shifts[2u * row] - shifts[2u * row + 1u];
    var value = upstream[row] * (exp_(ln_p) - 1.0);
    if p.accumulate == 1u {
        value += d_target[row];
    }
    d_target[row] = value;
}
