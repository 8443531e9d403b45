// dS_rj = (dS_rj +) g_r p_rj; an invocation an element.

@group(0) @binding(4) var<storage, read> shifts: array<f32>;
@group(0) @binding(5) var<storage, read> upstream: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_samples: array<f32>;

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.rows * p.samples {
        return;
    }
    let row = i / p.samples;
    let j = i % p.samples;
    var value = 0.0;
    if counts(row, j) {
        let ln_p = sampled(row, j) - shifts[2u * row] - shifts[2u * row + 1u];
        value = upstream[row] * exp_(ln_p);
    }
    if p.accumulate == 1u {
        value += d_samples[i];
    }
    d_samples[i] = value;
}
