const GATES = 1u;

fn d_recurrent(row: u32, column: u32) -> f32 {
    return d_gates[row * p.hidden + column];
}

fn cell(row: u32, sequence: u32, unit: u32, dh_: f32) {
    let at = row * p.hidden + unit;
    // The outputs stand in the place of the gates: tanh' follows from its value.
    let value = gates[at];
    d_gates[at] = dh_ * (1.0 - value * value);
    dh[sequence * p.hidden + unit] = 0.0;
}
