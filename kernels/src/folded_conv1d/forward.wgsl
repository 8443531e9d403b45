// y_t = f(b + sum over taps j of part j of the table's row of the token at t + j - left).

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> coordinates: array<u32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.rows * p.outputs {
        return;
    }
    let t = i / p.outputs;
    let o = i % p.outputs;
    let width = p.kernel_size * p.outputs;
    var sum = b[o];
    for (var j = 0u; j < p.kernel_size; j++) {
        let s = neighbour(t, j, p.left);
        if s != OUTSIDE {
            sum += table[ids[s] * width + j * p.outputs + o];
        }
    }
    // The last word of the block is the activation's code.
    y[i] = activate(p.on, sum);
}
