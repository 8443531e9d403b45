// y = table[id] + positions[position].

struct Parameters { count: u32, columns: u32, positioned: u32 }

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> positions: array<f32>;
@group(0) @binding(3) var<storage, read> coordinates: array<u32>;
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
    let row = i / p.columns;
    let column = i % p.columns;
    var value = table[ids[row] * p.columns + column];
    if p.positioned == 1u {
        value += positions[coordinates[2u * row + 1u] * p.columns + column];
    }
    y[i] = value;
}
