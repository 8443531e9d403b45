// dx = (dx +) dy / (1 + |x|)^2.

struct Parameters { count: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
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
    let slope = 1.0 / (1.0 + abs(x[i]));
    var through = dy[i] * slope * slope;
    if p.accumulate == 1u {
        through += dx[i];
    }
    dx[i] = through;
}
