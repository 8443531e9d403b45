// The plain update, and the sum that the average of the values is made of: its slices lie as those of
// the values do.

struct Parameters { blocks: u32, learning_rate: f32, before: f32 }

@group(0) @binding(2) var<storage, read> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn averaged(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = workgroup_index(group, groups);
    if !may_update(block, p.blocks) {
        return;
    }
    let row = table[block];
    let i = row.x + lane;
    let rate = p.learning_rate * bitcast<f32>(row.z);
    let value = values[i];
    let gradient = clipping_factor() * gradients[row.y + lane] + bitcast<f32>(row.w) * value;
    let update = rate * gradient;
    values[i] = value - update;
    sums[i] += p.before * update;
}
