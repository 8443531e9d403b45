const GATES = 1u;

fn cell(row: u32, sequence: u32, unit: u32, r: array<f32, GATES>) {
    let at = row * p.hidden + unit;
    h[at] = tanh_(gates[at] + r[0]);
}
