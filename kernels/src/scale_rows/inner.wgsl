// ds = (ds +) the inner product of the rows of x and dy.

struct Parameters { rows: u32, columns: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> ds: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn inner(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups) * 256u + lane;
    if row >= p.rows {
        return;
    }
    var sum = 0.0;
    for (var c = 0u; c < p.columns; c++) {
        sum += x[row * p.columns + c] * dy[row * p.columns + c];
    }
    ds[row] = select(sum, ds[row] + sum, p.accumulate == 1u);
}
