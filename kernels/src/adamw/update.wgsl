struct Parameters {
    blocks: u32,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    epsilon: f32,
    correction: f32,
    learning_rate: f32,
    size: f32,
}

@group(0) @binding(2) var<storage, read> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> first: array<f32>;
@group(0) @binding(5) var<storage, read_write> second: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn update(
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
    let j = row.y + lane;
    let scale = bitcast<f32>(row.z);
    let decay = p.learning_rate * scale * bitcast<f32>(row.w);
    let gradient = clipping_factor() * gradients[j];
    let m = p.beta1 * first[j] + p.rest1 * gradient;
    let v = p.beta2 * second[j] + p.rest2 * (gradient * gradient);
    let denominator = sqrt(v) * p.correction + p.epsilon;
    let value = values[i];
    first[j] = m;
    second[j] = v;
    values[i] = value - (decay * value + p.size * scale * (m / denominator));
}
