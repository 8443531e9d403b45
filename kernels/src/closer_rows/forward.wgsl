// y = 1 where valid and teacher + margin < student, else 0. An invocation takes a row.

struct Parameters { rows: u32, rule: u32, margin: f32 }

const CLOSER = 0u;
const VALID = 1u;

@group(0) @binding(0) var<storage, read> teacher: array<f32>;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> valid: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

// Infinite differences count too, of which compilers may assume that there are none: their places
// in the order are compared, in which every NaN comes last.
fn closer(i: u32) -> bool {
    let limit = order(student[i]);
    return order(teacher[i] + p.margin) < limit && limit != 0xffffffffu;
}

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.rows {
        return;
    }
    let chosen = p.rule == VALID || (p.rule == CLOSER && closer(i));
    y[i] = select(0.0, 1.0, chosen && valid[i] > 0.0);
}
