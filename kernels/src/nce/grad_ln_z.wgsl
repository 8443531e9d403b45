// d ln Z = (d ln Z) - the sum of the rows' sums, in one workgroup.

struct Parameters { rows: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn grad_ln_z(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var row = lane; row < p.rows; row += 64u) {
        sum += sums[row];
    }
    var value = -reduce_sum(lane, sum);
    if lane == 0u {
        if p.accumulate == 1u {
            value += into[0];
        }
        into[0] = value;
    }
}
