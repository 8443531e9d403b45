// y = the sum of weight * table row over the entries of a bag.

struct Parameters { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let bag = i / p.columns;
    let column = i % p.columns;
    var sum = 0.0;
    for (var e = offsets[bag]; e < offsets[bag + 1u]; e++) {
        sum += weights[e] * table[indices[e] * p.columns + column];
    }
    y[i] = sum;
}
