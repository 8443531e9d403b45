// The activation functions by their code: 0 identity, 1 relu, 2 gelu, 3 tanh, 4 sigmoid.

fn activate(code: u32, x: f32) -> f32 {
    switch code {
        case 1u: { return select(x, 0.0, x <= 0.0); }
        case 2u: { return x * normal_cdf(x); }
        case 3u: { return tanh_(x); }
        case 4u: { return sigmoid(x); }
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
        default: { return 1.0; }
    }
}
