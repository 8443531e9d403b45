// Mean and sum of squared distances of a group in a chunk: a workgroup of 64 for each.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;

fn element(first: u32, width: u32, i: u32) -> u32 {
    return first + i / width * p.channels + i % width;
}

@compute @workgroup_size(64)
fn measure(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup_index(group, groups);
    let chunk = index / p.groups;
    if chunk >= p.pictures * p.chunks {
        return;
    }
    let width = p.channels / p.groups;
    let count = chunk_pixels(chunk) * width;
    let first = chunk_row(chunk) * p.channels + index % p.groups * width;
    // Distances from a number of the group, which are small where the numbers are far from zero.
    let pivot = x[first];
    var sum = 0.0;
    for (var i = lane; i < count; i += 64u) {
        sum += x[element(first, width, i)] - pivot;
    }
    let mean = pivot + reduce_sum(lane, sum) / f32(count);
    var squares = 0.0;
    for (var i = lane; i < count; i += 64u) {
        let centred = x[element(first, width, i)] - mean;
        squares += centred * centred;
    }
    squares = reduce_sum(lane, squares);
    if lane == 0u {
        statistics[2u * index] = mean;
        statistics[2u * index + 1u] = squares;
    }
}
