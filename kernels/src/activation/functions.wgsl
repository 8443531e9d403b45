// The activation functions by their code: 0 identity, 1 relu, 2 gelu, 3 tanh, 4 sigmoid,
// 5 gelu by tanh.

// 2u in gelu_tanh(x) = x sigmoid(2u).
fn gelu_tanh_argument(x: f32) -> f32 {
    return x * (1.5957691 + 0.071354814 * x * x);
}

fn activate(code: u32, x: f32) -> f32 {
    switch code {
        case 1u: { return select(x, 0.0, x <= 0.0); }
        case 2u: { return x * normal_cdf(x); }
        case 3u: { return tanh_(x); }
        case 4u: { return sigmoid(x); }
        case 5u: { return x * sigmoid(gelu_tanh_argument(x)); }
        default: { return x; }
    }
}

fn activation_derivative(code: u32, x: f32) -> f32 {
    switch code {
        case 1u: { return select(0.0, 1.0, x > 0.0); }
        case 2u: { return normal_cdf(x) + x * normal_density(x); }
        case 3u: {
            let y = tanh_(x);
            return 1.0 - y * y;
        }
        case 4u: {
            let y = sigmoid(x);
            return y * (1.0 - y);
        }
        case 5u: {
            let u = gelu_tanh_argument(x);
            let y = sigmoid(u);
            return y + x * (1.5957691 + 0.21406444 * x * x) * (y * sigmoid(-u));
        }
        default: { return 1.0; }
    }
}
