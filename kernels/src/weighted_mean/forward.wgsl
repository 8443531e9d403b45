// y = sum of w v / divisor, by one workgroup: a lane takes every 64th row.

struct Parameters { rows: u32, weighted: u32, counted: u32, count: f32 }

@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> divisor: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn forward(@builtin(local_invocation_index) lane: u32) {
    var total = 0.0;
    var mass = 0.0;
    for (var i = lane; i < p.rows; i += 64u) {
        var weight = 1.0;
        if p.weighted == 1u {
            weight = weights[i];
        }
        // A branch, not a product: 0 times a masked NaN would be NaN.
        if weight != 0.0 {
            total += weight * values[i];
        }
        mass += weight;
    }
    total = reduce_sum(lane, total);
    mass = reduce_sum(lane, mass);
    if lane == 0u {
        let by = max(select(mass, p.count, p.counted == 1u), 1e-30);
        y[0] = total / by;
        divisor[0] = by;
    }
}
