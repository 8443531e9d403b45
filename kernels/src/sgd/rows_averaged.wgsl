// The plain update of the rows that have a gradient, and their part of the sum that the average of
// the values is made of.

struct Parameters { count: u32, columns: u32, rate: f32, before: f32 }

// Whether a gradient was not finite, bits of the norm, bits of the clipping factor.
@group(0) @binding(0) var<storage, read> state: array<u32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn rows_averaged(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count || state[0] != 0u {
        return;
    }
    let at = ids[i / p.columns] * p.columns + i % p.columns;
    let update = p.rate * (bitcast<f32>(state[2]) * gradients[i]);
    values[at] -= update;
    sums[at] += p.before * update;
}
