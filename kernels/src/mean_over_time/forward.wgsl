// The mean, or the sum, of a column over the rows of a sequence.

struct Parameters { count: u32, columns: u32, mean: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let s = i / p.columns;
    let column = i % p.columns;
    let first = offsets[s];
    let end = offsets[s + 1u];
    var sum = 0.0;
    for (var row = first; row < end; row++) {
        sum += x[row * p.columns + column];
    }
    y[i] = sum / select(1.0, f32(end - first), p.mean == 1u);
}
