// Which pixels an enlarged one lies between. Included by both shaders.

struct Parameters {
    count: u32, channels: u32, height: u32, width: u32, factor: u32, bilinear: u32, accumulate: u32,
}

@group(1) @binding(0) var<uniform> p: Parameters;

// 2 factor times the place of an enlarged pixel, counted from the middle of the first pixel.
fn place(at: u32) -> u32 {
    return max(2u * at + 1u, p.factor) - p.factor;
}

fn second_weight(at: u32) -> f32 {
    return f32(place(at) % (2u * p.factor)) / f32(2u * p.factor);
}
