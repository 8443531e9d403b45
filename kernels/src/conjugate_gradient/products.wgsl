// sums[2 c], sums[2 c + 1] = gᵀd and gᵀbefore of chunk c; a workgroup of 64 takes a chunk.

struct Parameters { count: u32, chunks: u32 }

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> d: array<f32>;
@group(0) @binding(2) var<storage, read> before: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn products(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let chunk = workgroup_index(group, groups);
    if chunk >= p.chunks {
        return;
    }
    let end = min((chunk + 1u) * 4096u, p.count);
    var slope = 0.0;
    var other = 0.0;
    for (var i = chunk * 4096u + lane; i < end; i += 64u) {
        slope += g[i] * d[i];
        other += g[i] * before[i];
    }
    slope = reduce_sum(lane, slope);
    other = reduce_sum(lane, other);
    if lane == 0u {
        sums[2u * chunk] = slope;
        sums[2u * chunk + 1u] = other;
    }
}
