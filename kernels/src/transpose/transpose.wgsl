// into[c, r] = (into[c, r] +) source[r, c], source of `rows` x `columns`.

struct Parameters { count: u32, rows: u32, columns: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn transpose_rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = workgroup_index(group, groups) * 256u + lane;
    if at >= p.count {
        return;
    }
    let column = at / p.rows;
    let row = at % p.rows;
    var value = source[row * p.columns + column];
    if p.accumulate == 1u {
        value += into[at];
    }
    into[at] = value;
}
