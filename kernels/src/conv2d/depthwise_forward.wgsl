// z_ro = b_o + sum over taps t of x_{p(r,t)} W_to, where output o sees one input: an invocation a
// result.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> z: array<f32>;

@compute @workgroup_size(256)
fn depthwise_forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = workgroup_index(group, groups) * 256u + lane;
    if at >= p.rows * p.outputs {
        return;
    }
    let o = at % p.outputs;
    let i = o / (p.outputs / p.inputs);
    var sum = 0.0;
    if p.on == 1u {
        sum = b[o];
    }
    for (var tap = 0u; tap < p.taps_y * p.taps_x; tap++) {
        let seen = pixel_seen(at / p.outputs, tap);
        if seen != OUTSIDE {
            sum += x[seen * p.inputs + i] * w[tap * p.outputs + o];
        }
    }
    z[at] = sum;
}
