// into += from: joins two gradients of one value.

struct Parameters { count: u32 }

@group(0) @binding(0) var<storage, read_write> into: array<f32>;
@group(0) @binding(1) var<storage, read> from_: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn add(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = ((group.z * groups.y + group.y) * groups.x + group.x) * 256u + lane;
    if i < p.count {
        into[i] += from_[i];
    }
}
