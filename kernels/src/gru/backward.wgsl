const GATES = 3u;

// Here `own` is the gradient of the recurrent product, and `earlier` the output of the step before,
// for every row.
fn d_recurrent(row: u32, column: u32) -> f32 {
    return own[row * GATES * p.hidden + column];
}

fn cell(row: u32, sequence: u32, unit: u32, dh_: f32) {
    let at = row * GATES * p.hidden + unit;
    let r = gates[at];
    let z = gates[at + p.hidden];
    let n = gates[at + 2u * p.hidden];
    let m = beside[row * p.hidden + unit];
    let da_n = dh_ * (1.0 - z) * (1.0 - n * n);
    let da_r = da_n * m * r * (1.0 - r);
    let da_z = dh_ * (earlier[row * p.hidden + unit] - n) * z * (1.0 - z);
    d_gates[at] = da_r;
    d_gates[at + p.hidden] = da_z;
    d_gates[at + 2u * p.hidden] = da_n;
    own[at] = da_r;
    own[at + p.hidden] = da_z;
    own[at + 2u * p.hidden] = da_n * r;
    dh[sequence * p.hidden + unit] = dh_ * z;
}
