// Per segment of the edges sorted by source the sum of w dy over the columns that its edges won:
// added to the row of its key, or, for a piece of a key with many edges, left for the join.

struct Parameters { count: u32, columns: u32, first: u32, by_key: u32 }

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> winners: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> edges: array<u32>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(5) var<storage, read> offsets: array<u32>;
@group(0) @binding(6) var<storage, read> keys: array<u32>;
@group(0) @binding(7) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn grad_x(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let row = i / p.columns;
    let segment = p.first + row;
    let column = i % p.columns;
    var sum = 0.0;
    for (var k = offsets[segment]; k < offsets[segment + 1u]; k++) {
        let at = targets[k] * p.columns + column;
        if winners[at] == edges[k] {
            sum += weights[edges[k]] * dy[at];
        }
    }
    if p.by_key == 1u {
        into[keys[row] * p.columns + column] += sum;
    } else {
        into[i] = sum;
    }
}
