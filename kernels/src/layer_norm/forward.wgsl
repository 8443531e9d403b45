// Normalises the rows of x.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn load(at: u32) -> f32 {
    return x[at];
}

fn store(at: u32, s: f32, normalised: f32) {
    y[at] = normalised;
}

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row < p.rows {
        normalise(row, lane);
    }
}
