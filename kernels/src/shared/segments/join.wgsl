// The sum of the pieces of each key with many entries, in order, put or added to its row.

struct Parameters { keys: u32, columns: u32, whole: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> pieces: array<f32>;
@group(0) @binding(1) var<storage, read> joins: array<u32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn join_pieces(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup_index(group, groups) * 256u + lane;
    if index >= p.keys * p.columns {
        return;
    }
    let key = index / p.columns;
    let column = index % p.columns;
    var sum = 0.0;
    for (var piece = joins[key]; piece < joins[key + 1u]; piece++) {
        sum += pieces[piece * p.columns + column];
    }
    let at = targets[p.whole + key] * p.columns + column;
    into[at] = select(sum, into[at] + sum, p.accumulate == 1u);
}
