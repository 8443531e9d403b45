// y = the column of the largest value of a row, the first of equals; a workgroup takes a row.

struct Parameters { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> p: Parameters;

var<workgroup> keys: array<u32, 64>;
var<workgroup> columns: array<u32, 64>;

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row >= p.rows {
        return;
    }
    // No value has key 0; a lane without columns keeps it and never wins.
    var key = 0u;
    var best = 0u;
    for (var column = lane; column < p.columns; column += 64u) {
        let candidate = order(x[row * p.columns + column]);
        if candidate > key {
            key = candidate;
            best = column;
        }
    }
    keys[lane] = key;
    columns[lane] = best;
    workgroupBarrier();
    for (var width = 32u; width > 0u; width /= 2u) {
        if lane < width {
            let other = lane + width;
            let equal = keys[other] == keys[lane] && columns[other] < columns[lane];
            if keys[other] > keys[lane] || equal {
                keys[lane] = keys[other];
                columns[lane] = columns[other];
            }
        }
        workgroupBarrier();
    }
    if lane == 0u {
        y[row] = columns[0];
    }
}
