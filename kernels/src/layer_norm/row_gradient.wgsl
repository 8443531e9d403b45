// The gradient of one row, by a workgroup of 64: (g - mean(g) - n mean(g n)) / sqrt(variance +
// epsilon) with g = gain dy, plus the gradient that the sum itself received. The shader that
// includes this defines the struct Parameters and
//   fn store(at: u32, value: f32)

@group(0) @binding(0) var<storage, read> s: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read> gain: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> dsum: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn scaled_upstream(start: u32, column: u32) -> f32 {
    if p.has_dy == 0u {
        return 0.0;
    }
    if p.has_gain == 0u {
        return dy[start + column];
    }
    return gain[column] * dy[start + column];
}

fn row_gradient(row: u32, lane: u32) {
    let start = row * p.columns;
    let mean = saved[2u * row];
    let inverse = saved[2u * row + 1u];
    var sum_g = 0.0;
    var sum_gn = 0.0;
    for (var c = lane; c < p.columns; c += 64u) {
        let g = scaled_upstream(start, c);
        sum_g += g;
        sum_gn += g * ((s[start + c] - mean) * inverse);
    }
    let mean_g = reduce_sum(lane, sum_g) / f32(p.columns);
    let mean_gn = reduce_sum(lane, sum_gn) / f32(p.columns);
    for (var c = lane; c < p.columns; c += 64u) {
        let n = (s[start + c] - mean) * inverse;
        var value = inverse * (scaled_upstream(start, c) - mean_g - n * mean_gn);
        if p.has_dsum == 1u {
            value += dsum[start + c];
        }
        store(start + c, value);
    }
}
