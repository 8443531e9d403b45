// dx = (dx +) (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon): an invocation an element.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gain: array<f32>;
@group(0) @binding(2) var<storage, read> saved: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> means: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn grad_input(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.pictures * p.pixels * p.channels {
        return;
    }
    let at = 2u * group_of(i);
    let n = (x[i] - saved[at]) * saved[at + 1u];
    let g = gain[i % p.channels] * dy[i];
    var value = saved[at + 1u] * (g - means[at] - n * means[at + 1u]);
    if p.accumulate == 1u {
        value += dx[i];
    }
    dx[i] = value;
}
