// Per row and head lse, and D: the inner product of the gradient and the result.

struct Parameters { count: u32, head_size: u32 }

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read_write> lse_and_d: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn row_products(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Rows consist of heads: row and head are one number.
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    var sum = 0.0;
    for (var c = i * p.head_size; c < (i + 1u) * p.head_size; c++) {
        sum += dy[c] * y[c];
    }
    lse_and_d[2u * i] = lse[i];
    lse_and_d[2u * i + 1u] = sum;
}
