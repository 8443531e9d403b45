// Sums of dy and of dy n over the pixels of a chunk: an invocation per chunk and channel.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dy_sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> dyn_sums: array<f32>;

@compute @workgroup_size(256)
fn chunk_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    let chunk = i / p.channels;
    if chunk >= p.pictures * p.chunks {
        return;
    }
    let first = chunk_row(chunk) * p.channels + i % p.channels;
    let at = 2u * group_of(first);
    let end = first + chunk_pixels(chunk) * p.channels;
    var sum = 0.0;
    var product = 0.0;
    for (var e = first; e < end; e += p.channels) {
        sum += dy[e];
        product += dy[e] * ((x[e] - saved[at]) * saved[at + 1u]);
    }
    dy_sums[i] = sum;
    dyn_sums[i] = product;
}
