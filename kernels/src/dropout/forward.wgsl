// y = m x (+ residual); an invocation takes four channels of a row.

struct Parameters {
    blocks: u32,
    columns: u32,
    key_0: u32,
    key_1: u32,
    step: u32,
    threshold: u32,
    scale: f32,
    add: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> coordinates: array<u32>;
@group(0) @binding(2) var<storage, read> residual: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.blocks {
        return;
    }
    let per_row = (p.columns + 3u) / 4u;
    let row = i / per_row;
    let block = i % per_row;
    let counter = vec4<u32>(p.step, coordinates[2u * row], coordinates[2u * row + 1u], block);
    var words = philox(counter, vec2<u32>(p.key_0, p.key_1));
    for (var w = 0u; w < min(4u, p.columns - 4u * block); w++) {
        let at = row * p.columns + 4u * block + w;
        var value = 0.0;
        if words[w] >= p.threshold {
            value = x[at] * p.scale;
        }
        if p.add == 1u {
            value += residual[at];
        }
        y[at] = value;
    }
}
