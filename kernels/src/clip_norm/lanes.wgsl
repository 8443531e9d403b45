// Joins the sums and flags of 256 lanes in a fixed tree; the result stands in lane 0.

const EXPONENT = 0x7f800000u;

var<workgroup> lane_sums: array<f32, 256>;
var<workgroup> lane_flags: array<u32, 256>;

// Infinity and NaN have an exponent of ones. Compared as integers: a shader compiler may assume
// that numbers are finite.
fn not_finite(bits: u32) -> u32 {
    return select(0u, 1u, (bits & EXPONENT) == EXPONENT);
}

fn join_lanes(lane: u32, sum: f32, flag: u32) {
    lane_sums[lane] = sum;
    lane_flags[lane] = flag;
    workgroupBarrier();
    for (var width = 128u; width > 0u; width /= 2u) {
        if lane < width {
            lane_sums[lane] += lane_sums[lane + width];
            lane_flags[lane] |= lane_flags[lane + width];
        }
        workgroupBarrier();
    }
}
