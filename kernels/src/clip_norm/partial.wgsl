// partial[2 c], partial[2 c + 1] = sum of squares of chunk c - first, and whether it holds a value that
// is not finite.

struct Parameters { count: u32, chunks: u32, first: u32 }

@group(0) @binding(0) var<storage, read> gradients: array<u32>;
@group(0) @binding(1) var<storage, read_write> partial: array<u32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn sum_chunk(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let chunk = workgroup_index(group, groups);
    var sum = 0.0;
    var flag = 0u;
    if chunk < p.chunks {
        let end = min((chunk + 1u) * 4096u, p.count);
        for (var i = chunk * 4096u + lane; i < end; i += 256u) {
            let bits = gradients[i];
            flag |= not_finite(bits);
            sum += bitcast<f32>(bits) * bitcast<f32>(bits);
        }
    }
    join_lanes(lane, sum, flag);
    if lane == 0u && chunk < p.chunks {
        let into = 2u * (p.first + chunk);
        partial[into] = bitcast<u32>(lane_sums[0]);
        partial[into + 1u] = lane_flags[0];
    }
}
