// Which row a tap meets. Included by shaders that bind `coordinates`, (sample, position) per row.

struct Parameters { rows: u32, inputs: u32, outputs: u32, kernel_size: u32, left: u32, on: u32 }

@group(1) @binding(0) var<uniform> p: Parameters;

const OUTSIDE = 0xffffffffu;

// Row `row` + `ahead` - `behind`, or OUTSIDE if that is no row of the same sequence.
fn neighbour(row: u32, ahead: u32, behind: u32) -> u32 {
    // Below the first row it wraps to beyond the last.
    let other = row + ahead - behind;
    if other >= p.rows {
        return OUTSIDE;
    }
    if coordinates[2u * other] != coordinates[2u * row] {
        return OUTSIDE;
    }
    return other;
}
