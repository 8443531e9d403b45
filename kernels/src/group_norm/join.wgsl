// Mean and 1 / sqrt(variance + epsilon) of a group in a picture: an invocation joins its chunks in
// order.

@group(0) @binding(0) var<storage, read> statistics: array<f32>;
@group(0) @binding(1) var<storage, read_write> saved: array<f32>;

@compute @workgroup_size(256)
fn join(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.pictures * p.groups {
        return;
    }
    let width = p.channels / p.groups;
    let first = i / p.groups * p.chunks;
    var count = 0.0;
    var mean = 0.0;
    var squares = 0.0;
    for (var chunk = first; chunk < first + p.chunks; chunk++) {
        let at = 2u * (chunk * p.groups + i % p.groups);
        let more = f32(chunk_pixels(chunk) * width);
        let share = more / (count + more);
        let apart = statistics[at] - mean;
        mean += apart * share;
        squares += statistics[at + 1u] + apart * apart * (count * share);
        count += more;
    }
    saved[2u * i] = mean;
    saved[2u * i + 1u] = 1.0 / sqrt(squares / count + p.epsilon);
}
