const GATES = 4u;

fn cell(row: u32, sequence: u32, unit: u32, r: array<f32, GATES>) {
    let at = row * GATES * p.hidden + unit;
    let i = sigmoid(gates[at] + r[0]);
    let f = sigmoid(gates[at + p.hidden] + r[1]);
    let g = tanh_(gates[at + 2u * p.hidden] + r[2]);
    let o = sigmoid(gates[at + 3u * p.hidden] + r[3]);
    var before = 0.0;
    if p.initial == 1u {
        before = extra[sequence * p.hidden + unit];
    } else {
        before = beside[(p.before + sequence) * p.hidden + unit];
    }
    let c = f * before + i * g;
    gates[at] = i;
    gates[at + p.hidden] = f;
    gates[at + 2u * p.hidden] = g;
    gates[at + 3u * p.hidden] = o;
    beside[row * p.hidden + unit] = c;
    h[row * p.hidden + unit] = o * tanh_(c);
}
