// into[r, into_first + c] = (into[...] +) source[r, source_first + c] for c below width.

struct Parameters {
    count: u32,
    width: u32,
    source_columns: u32,
    source_first: u32,
    into_columns: u32,
    into_first: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn copy_columns(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let row = i / p.width;
    let column = i % p.width;
    let at = row * p.into_columns + p.into_first + column;
    var value = source[row * p.source_columns + p.source_first + column];
    if p.accumulate == 1u {
        value += into[at];
    }
    into[at] = value;
}
