// Which pixel a tap of a result meets. Included by all shaders of the operator.

struct Parameters {
    // Rows of the results, and of their parts where sums over them are cut.
    rows: u32, depth: u32,
    inputs: u32, outputs: u32,
    height: u32, width: u32,
    results_height: u32, results_width: u32,
    taps_y: u32, taps_x: u32,
    stride_y: u32, stride_x: u32,
    top: u32, left: u32,
    on: u32,
    // Of a class of pixels: taps, pixels in a picture, first tap, first pixel.
    members: u32,
    class_taps_y: u32, class_taps_x: u32,
    class_height: u32, class_width: u32,
    tap_y: u32, tap_x: u32,
    pixel_y: u32, pixel_x: u32,
}

@group(1) @binding(0) var<uniform> p: Parameters;

const OUTSIDE = 0xffffffffu;

// The row of x, or OUTSIDE.
fn pixel_seen(row: u32, tap: u32) -> u32 {
    let line = row / p.results_width;
    let picture = line / p.results_height;
    // Above and left of the picture these wrap to beyond its other end.
    let y = (line % p.results_height) * p.stride_y + tap / p.taps_x - p.top;
    let x = (row % p.results_width) * p.stride_x + tap % p.taps_x - p.left;
    if y >= p.height || x >= p.width {
        return OUTSIDE;
    }
    return (picture * p.height + y) * p.width + x;
}
