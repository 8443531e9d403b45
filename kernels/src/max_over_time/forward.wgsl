// The largest value of a column over the rows of a sequence, and the first row that has it.

struct Parameters { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> rows: array<u32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn forward(
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
    var largest = offsets[s];
    var highest = order(x[largest * p.columns + column]);
    for (var row = largest + 1u; row < offsets[s + 1u]; row++) {
        let place = order(x[row * p.columns + column]);
        if place > highest {
            highest = place;
            largest = row;
        }
    }
    rows[i] = largest;
    y[i] = x[largest * p.columns + column];
}
