// de_r = (de_r +) ds_r h_r.

struct Parameters { count: u32, columns: u32, has_target: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> h: array<f32>;
@group(0) @binding(1) var<storage, read> d_target: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_candidates: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn grad_target(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    var value = 0.0;
    if p.has_target == 1u {
        value = d_target[i / p.columns] * h[i];
    }
    if p.accumulate == 1u {
        value += d_candidates[i];
    }
    d_candidates[i] = value;
}
