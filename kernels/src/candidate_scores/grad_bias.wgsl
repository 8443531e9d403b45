// db_r = (db_r +) ds_r, db_{R+j} = (db_{R+j} +) Σ_r dS_rj: an invocation a candidate.

struct Parameters {
    rows: u32,
    noise: u32,
    has_target: u32,
    has_noise: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<storage, read> d_target: array<f32>;
@group(0) @binding(1) var<storage, read> d_noise: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_bias: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn grad_bias(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.rows + p.noise {
        return;
    }
    var value = 0.0;
    if i < p.rows {
        if p.has_target == 1u {
            value = d_target[i];
        }
    } else if p.has_noise == 1u {
        for (var row = 0u; row < p.rows; row++) {
            value += d_noise[row * p.noise + i - p.rows];
        }
    }
    if p.accumulate == 1u {
        value += d_bias[i];
    }
    d_bias[i] = value;
}
