// One row, normalised by a workgroup of 64. The shader that includes this defines
//   fn load(at: u32) -> f32     fn store(at: u32, s: f32, y: f32)

struct Parameters { rows: u32, columns: u32, gain: u32, bias: u32, epsilon: f32 }

@group(0) @binding(1) var<storage, read> gain: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> saved: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

fn normalise(row: u32, lane: u32) {
    let start = row * p.columns;
    var sum = 0.0;
    for (var c = lane; c < p.columns; c += 64u) {
        sum += load(start + c);
    }
    let mean = reduce_sum(lane, sum) / f32(p.columns);
    var squares = 0.0;
    for (var c = lane; c < p.columns; c += 64u) {
        let centred = load(start + c) - mean;
        squares += centred * centred;
    }
    let variance = reduce_sum(lane, squares) / f32(p.columns);
    let inverse = 1.0 / sqrt(variance + p.epsilon);
    for (var c = lane; c < p.columns; c += 64u) {
        let s = load(start + c);
        var y = (s - mean) * inverse;
        if p.gain == 1u {
            y *= gain[c];
        }
        if p.bias == 1u {
            y += bias[c];
        }
        store(start + c, s, y);
    }
    if lane == 0u {
        saved[2u * row] = mean;
        saved[2u * row + 1u] = inverse;
    }
}
