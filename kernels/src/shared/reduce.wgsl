// Reductions over the lanes of a workgroup of 64, in a fixed order. Every lane adds up all values
// itself and returns the result: two barriers, where a tree would need seven.

var<workgroup> reduce_lanes: array<f32, 64>;

fn reduce_sum(lane: u32, value: f32) -> f32 {
    reduce_lanes[lane] = value;
    workgroupBarrier();
    var sums = vec4<f32>(0.0);
    for (var i = 0u; i < 64u; i += 4u) {
        sums += vec4<f32>(
            reduce_lanes[i], reduce_lanes[i + 1u], reduce_lanes[i + 2u], reduce_lanes[i + 3u],
        );
    }
    workgroupBarrier();
    return (sums.x + sums.y) + (sums.z + sums.w);
}

fn reduce_max(lane: u32, value: f32) -> f32 {
    reduce_lanes[lane] = value;
    workgroupBarrier();
    var largest = reduce_lanes[0];
    for (var i = 1u; i < 64u; i++) {
        largest = max(largest, reduce_lanes[i]);
    }
    workgroupBarrier();
    return largest;
}
