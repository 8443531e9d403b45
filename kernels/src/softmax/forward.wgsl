// y = softmax(x), or its logarithm; a workgroup of 64 takes a row.

struct Parameters { rows: u32, columns: u32, logarithm: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

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
    let start = row * p.columns;
    // A number of the row: of nothing but minus infinities no probabilities are to come.
    var largest = x[start];
    for (var c = lane; c < p.columns; c += 64u) {
        largest = max(largest, x[start + c]);
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var c = lane; c < p.columns; c += 64u) {
        sum += exp_(x[start + c] - largest);
    }
    let ln_sum = ln_(reduce_sum(lane, sum));
    for (var c = lane; c < p.columns; c += 64u) {
        let ln_p = x[start + c] - largest - ln_sum;
        if p.logarithm == 1u {
            y[start + c] = ln_p;
        } else {
            y[start + c] = exp_(ln_p);
        }
    }
}
