// dx = (dx +) dy in the first row of the sequence, (dx +) 0 in the others.

struct Parameters { count: u32, columns: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn backward(
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
    if p.accumulate == 1u {
        dx[first * p.columns + column] += dy[i];
        return;
    }
    dx[first * p.columns + column] = dy[i];
    for (var row = first + 1u; row < end; row++) {
        dx[row * p.columns + column] = 0.0;
    }
}
