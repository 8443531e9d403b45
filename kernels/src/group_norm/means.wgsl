// Means of g and of g n, g = gain dy, over a group in a picture: an invocation for each.

@group(0) @binding(0) var<storage, read> dy_sums: array<f32>;
@group(0) @binding(1) var<storage, read> dyn_sums: array<f32>;
@group(0) @binding(2) var<storage, read> gain: array<f32>;
@group(0) @binding(3) var<storage, read_write> means_of_group: array<f32>;

@compute @workgroup_size(256)
fn means(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.pictures * p.groups {
        return;
    }
    let width = p.channels / p.groups;
    let first = i % p.groups * width;
    let sums = i / p.groups * p.channels;
    var g = 0.0;
    var gn = 0.0;
    for (var c = first; c < first + width; c++) {
        g += gain[c] * dy_sums[sums + c];
        gn += gain[c] * dyn_sums[sums + c];
    }
    let count = f32(p.pixels * width);
    means_of_group[2u * i] = g / count;
    means_of_group[2u * i + 1u] = gn / count;
}
