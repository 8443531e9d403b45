// Reductions over the lanes of a workgroup of 64, in a fixed tree. Every lane returns the result.

var<workgroup> reduce_lanes: array<f32, 64>;

fn reduce_sum(lane: u32, value: f32) -> f32 {
    reduce_lanes[lane] = value;
    workgroupBarrier();
    for (var width = 32u; width > 0u; width /= 2u) {
        if lane < width {
            reduce_lanes[lane] += reduce_lanes[lane + width];
        }
        workgroupBarrier();
    }
    let total = reduce_lanes[0];
    workgroupBarrier();
    return total;
}

fn reduce_max(lane: u32, value: f32) -> f32 {
    reduce_lanes[lane] = value;
    workgroupBarrier();
    for (var width = 32u; width > 0u; width /= 2u) {
        if lane < width {
            reduce_lanes[lane] = max(reduce_lanes[lane], reduce_lanes[lane + width]);
        }
        workgroupBarrier();
    }
    let largest = reduce_lanes[0];
    workgroupBarrier();
    return largest;
}
