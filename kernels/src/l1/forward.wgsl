// loss = (1/d) Σ |a - b|; a workgroup of 64 takes a row.

struct Parameters { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row >= p.rows {
        return;
    }
    let end = (row + 1u) * p.columns;
    var sum = 0.0;
    for (var i = row * p.columns + lane; i < end; i += 64u) {
        sum += abs(a[i] - b[i]);
    }
    sum = reduce_sum(lane, sum);
    if lane == 0u {
        loss[row] = sum / f32(p.columns);
    }
}
