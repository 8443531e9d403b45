// Parts of db = sum over rows r of dz_r: an invocation adds the rows of a part. The parts are added
// afterwards.

@group(0) @binding(0) var<storage, read> dz: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(256)
fn bias_parts(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = workgroup_index(group, groups) * 256u + lane;
    let part = at / p.outputs;
    // `on` is the number of parts.
    if part >= p.on {
        return;
    }
    let first = part * p.depth;
    var sum = 0.0;
    for (var row = first; row < min(first + p.depth, p.rows); row++) {
        sum += dz[row * p.outputs + at % p.outputs];
    }
    parts[at] = sum;
}
