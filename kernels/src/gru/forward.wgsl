const GATES = 3u;

fn cell(row: u32, sequence: u32, unit: u32, recurrent: array<f32, GATES>) {
    let at = row * GATES * p.hidden + unit;
    let r = sigmoid(gates[at] + recurrent[0]);
    let z = sigmoid(gates[at + p.hidden] + recurrent[1]);
    let m = recurrent[2] + extra[unit];
    let n = tanh_(gates[at + 2u * p.hidden] + r * m);
    gates[at] = r;
    gates[at + p.hidden] = z;
    gates[at + 2u * p.hidden] = n;
    beside[row * p.hidden + unit] = m;
    h[row * p.hidden + unit] = (1.0 - z) * n + z * h_before(sequence, unit);
}
