// y = gain (x - mean) / sqrt(variance + epsilon) + bias: an invocation an element.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gain: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> saved: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn normalise(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.pictures * p.pixels * p.channels {
        return;
    }
    let c = i % p.channels;
    let at = 2u * group_of(i);
    y[i] = gain[c] * ((x[i] - saved[at]) * saved[at + 1u]) + bias[c];
}
