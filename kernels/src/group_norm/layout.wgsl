// Sizes and places of groups and chunks. Included by all shaders of the operator.

struct Parameters {
    pictures: u32, pixels: u32, channels: u32, groups: u32,
    // Chunks of a picture, and pixels of a chunk but the last.
    chunks: u32, chunk: u32,
    epsilon: f32, accumulate: u32,
}

@group(1) @binding(0) var<uniform> p: Parameters;

// Pixels of a chunk, counted over all pictures.
fn chunk_pixels(index: u32) -> u32 {
    return min(p.chunk, p.pixels - index % p.chunks * p.chunk);
}

// Its first row.
fn chunk_row(index: u32) -> u32 {
    return index / p.chunks * p.pixels + index % p.chunks * p.chunk;
}

// The group of an element of x, counted over all pictures.
fn group_of(element: u32) -> u32 {
    let picture = element / p.channels / p.pixels;
    return picture * p.groups + element % p.channels / (p.channels / p.groups);
}
