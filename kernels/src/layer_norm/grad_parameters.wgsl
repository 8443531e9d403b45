// Per block of rows and column the sums of dy n (for the gain) and of dy (for the bias).

struct Parameters { rows: u32, columns: u32, block_rows: u32 }

@group(0) @binding(0) var<storage, read> s: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dgain: array<f32>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn grad_parameters(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup_index(group, groups) * 256u + lane;
    let first = (index / p.columns) * p.block_rows;
    if first >= p.rows {
        return;
    }
    let column = index % p.columns;
    var gain_sum = 0.0;
    var bias_sum = 0.0;
    for (var row = first; row < min(first + p.block_rows, p.rows); row++) {
        let at = row * p.columns + column;
        gain_sum += dy[at] * ((s[at] - saved[2u * row]) * saved[2u * row + 1u]);
        bias_sum += dy[at];
    }
    dgain[index] = gain_sum;
    dbias[index] = bias_sum;
}
