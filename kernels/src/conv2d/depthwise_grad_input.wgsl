// dx_si = sum over taps t, results r with p(r,t) = s and outputs o of input i of dz_ro W_to: an
// invocation an element of dx.

@group(0) @binding(0) var<storage, read> dz: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn depthwise_grad_input(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = workgroup_index(group, groups) * 256u + lane;
    if at >= p.members * p.inputs {
        return;
    }
    let each = p.outputs / p.inputs;
    let s = at / p.inputs;
    let first = at % p.inputs * each;
    let picture = s / p.width / p.height;
    let y = s / p.width % p.height + p.top;
    let x = s % p.width + p.left;
    var sum = 0.0;
    for (var ky = y % p.stride_y; ky < p.taps_y; ky += p.stride_y) {
        // Above and left of the results these wrap to beyond their other end.
        let oy = y / p.stride_y - ky / p.stride_y;
        for (var kx = x % p.stride_x; kx < p.taps_x; kx += p.stride_x) {
            let ox = x / p.stride_x - kx / p.stride_x;
            if oy < p.results_height && ox < p.results_width {
                let r = (picture * p.results_height + oy) * p.results_width + ox;
                for (var o = first; o < first + each; o++) {
                    sum += dz[r * p.outputs + o] * w[(ky * p.taps_x + kx) * p.outputs + o];
                }
            }
        }
    }
    if p.on == 1u {
        sum += dx[at];
    }
    dx[at] = sum;
}
