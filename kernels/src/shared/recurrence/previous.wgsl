// The output of the step before, for every row: one of the rows, or an initial one.

struct Parameters { count: u32, hidden: u32, rows: u32 }

@group(0) @binding(0) var<storage, read> previous: array<u32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> initial: array<f32>;
@group(0) @binding(3) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn gather_previous(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let before = previous[i / p.hidden];
    let unit = i % p.hidden;
    if before < p.rows {
        into[i] = y[before * p.hidden + unit];
    } else {
        into[i] = initial[(before - p.rows) * p.hidden + unit];
    }
}
