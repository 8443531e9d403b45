// values += by d.

struct Parameters { blocks: u32, by: f32 }

// Per block of 256: first element in the values, and in the gradients and the like.
@group(0) @binding(0) var<storage, read> table: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> d: array<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn advance(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = workgroup_index(group, groups);
    if block >= p.blocks {
        return;
    }
    let row = table[block];
    values[row.x + lane] += p.by * d[row.y + lane];
}
