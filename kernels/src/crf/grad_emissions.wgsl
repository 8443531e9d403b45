// de = (de +) g (p - 1[y]); a workgroup of 64 takes a sequence.

struct Parameters { sequences: u32, tags: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> probabilities: array<f32>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> de: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn grad_emissions(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let s = workgroup_index(group, groups);
    if s >= p.sequences {
        return;
    }
    let end = offsets[s + 1u] * p.tags;
    for (var i = offsets[s] * p.tags + lane; i < end; i += 64u) {
        let truth = select(0.0, 1.0, labels[i / p.tags] == i % p.tags);
        var value = dloss[s] * (probabilities[i] - truth);
        if p.accumulate == 1u {
            value += de[i];
        }
        de[i] = value;
    }
}
