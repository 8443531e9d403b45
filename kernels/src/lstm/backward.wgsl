const GATES = 4u;

fn d_recurrent(row: u32, column: u32) -> f32 {
    return d_gates[row * GATES * p.hidden + column];
}

fn cell(row: u32, sequence: u32, unit: u32, dh_: f32) {
    let at = row * GATES * p.hidden + unit;
    let i = gates[at];
    let f = gates[at + p.hidden];
    let g = gates[at + 2u * p.hidden];
    let o = gates[at + 3u * p.hidden];
    var before = 0.0;
    if p.initial == 1u {
        before = earlier[sequence * p.hidden + unit];
    } else {
        before = beside[(p.before + sequence) * p.hidden + unit];
    }
    let of_sequence = sequence * p.hidden + unit;
    let tanh_c = tanh_(beside[row * p.hidden + unit]);
    let dc = own[of_sequence] + dh_ * o * (1.0 - tanh_c * tanh_c);
    d_gates[at] = dc * g * i * (1.0 - i);
    d_gates[at + p.hidden] = dc * before * f * (1.0 - f);
    d_gates[at + 2u * p.hidden] = dc * i * (1.0 - g * g);
    d_gates[at + 3u * p.hidden] = dh_ * tanh_c * o * (1.0 - o);
    own[of_sequence] = dc * f;
    dh[of_sequence] = 0.0;
}
