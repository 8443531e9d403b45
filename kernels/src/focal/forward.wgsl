// shifts = (m, ln Σ exp(z - m)), loss = -Σ q (1 - p)^gamma ln p, slopes = Σ q F; a workgroup of 64
// takes a row.

struct Parameters { rows: u32, classes: u32, kind: u32, gamma: f32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> q: array<f32>; // targets, or class weights
@group(0) @binding(3) var<storage, read_write> shifts: array<f32>;
@group(0) @binding(4) var<storage, read_write> slopes: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

const WEIGHTED = 1u;
const SOFT = 2u;

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
    let start = row * p.classes;
    var largest = -3.4e38;
    for (var c = lane; c < p.classes; c += 64u) {
        largest = max(largest, z[start + c]);
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var c = lane; c < p.classes; c += 64u) {
        sum += exp_(z[start + c] - largest);
    }
    let ln_sum = ln_(reduce_sum(lane, sum));
    var row_loss = 0.0;
    var slope = 0.0;
    if p.kind == SOFT {
        for (var c = lane; c < p.classes; c += 64u) {
            let ln_p = z[start + c] - largest - ln_sum;
            let f = focus(ln_p, p.gamma);
            row_loss -= q[start + c] * (f.x * ln_p);
            slope += q[start + c] * f.y;
        }
        row_loss = reduce_sum(lane, row_loss);
        slope = reduce_sum(lane, slope);
    } else {
        let label = labels[row];
        var weight = 1.0;
        if p.kind == WEIGHTED {
            weight = q[label];
        }
        let ln_p = z[start + label] - largest - ln_sum;
        let f = focus(ln_p, p.gamma);
        row_loss = -weight * (f.x * ln_p);
        slope = weight * f.y;
    }
    if lane == 0u {
        shifts[2u * row] = largest;
        shifts[2u * row + 1u] = ln_sum;
        slopes[row] = slope;
        loss[row] = row_loss;
    }
}
