// y = the largest f(z) + x of a column over the rows of a sequence, the first row that has it, and z
// there.

struct Parameters { count: u32, columns: u32, activation: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> at_largest: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn value(row: u32, column: u32) -> f32 {
    let at = row * p.columns + column;
    return activate(p.activation, z[at]) + x[at];
}

@compute @workgroup_size(256)
fn largest(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let s = i / p.columns;
    let column = i % p.columns;
    var best = offsets[s];
    var highest = order(value(best, column));
    for (var row = best + 1u; row < offsets[s + 1u]; row++) {
        let place = order(value(row, column));
        if place > highest {
            highest = place;
            best = row;
        }
    }
    rows[i] = best;
    y[i] = value(best, column);
    at_largest[i] = z[best * p.columns + column];
}
