// into_j = the row of the table with number ids_j.

struct Parameters { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn take_rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = ((group.z * groups.y + group.y) * groups.x + group.x) * 256u + lane;
    if i < p.count {
        into[i] = table[ids[i / p.columns] * p.columns + i % p.columns];
    }
}
