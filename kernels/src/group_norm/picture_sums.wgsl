// The same sums over all pixels of a picture: an invocation per picture and channel.

@group(0) @binding(0) var<storage, read> dy_chunks: array<f32>;
@group(0) @binding(1) var<storage, read> dyn_chunks: array<f32>;
@group(0) @binding(2) var<storage, read_write> dy_sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> dyn_sums: array<f32>;

@compute @workgroup_size(256)
fn picture_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.pictures * p.channels {
        return;
    }
    let first = i / p.channels * p.chunks;
    var sum = 0.0;
    var product = 0.0;
    for (var chunk = first; chunk < first + p.chunks; chunk++) {
        sum += dy_chunks[chunk * p.channels + i % p.channels];
        product += dyn_chunks[chunk * p.channels + i % p.channels];
    }
    dy_sums[i] = sum;
    dyn_sums[i] = product;
}
