// state = (flag, norm, factor, steps) from the sums of the chunks. The flag is never cleared; the
// steps are those before it was set.

struct Parameters { chunks: u32, max_norm: f32 }

@group(0) @binding(0) var<storage, read> partial: array<u32>;
@group(0) @binding(1) var<storage, read_write> state: array<u32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn join(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    var flag = 0u;
    for (var chunk = lane; chunk < p.chunks; chunk += 256u) {
        sum += bitcast<f32>(partial[2u * chunk]);
        flag |= partial[2u * chunk + 1u];
    }
    join_lanes(lane, sum, flag);
    if lane == 0u {
        let total = lane_sums[0];
        let broken = lane_flags[0] | not_finite(bitcast<u32>(total));
        let norm = sqrt(total);
        var factor = 1.0;
        if norm > p.max_norm {
            factor = p.max_norm / norm;
        }
        state[0] |= broken;
        state[3] += 1u - state[0];
        state[1] = select(bitcast<u32>(norm), EXPONENT, broken == 1u);
        state[2] = bitcast<u32>(factor);
    }
}
