// (1 - p)^gamma and F = (1 - p)^gamma (1 + gamma p r), r = -ln p / (1 - p), from u = ln p.
fn focus(u: f32, gamma: f32) -> vec2<f32> {
    var series = 1.0;
    for (var n = 9.0; n > 1.5; n -= 1.0) {
        series = 1.0 + u / n * series;
    }
    let near = u > -0.5;
    let e = exp_(u);
    let rest = select(1.0 - e, -u * series, near);
    // Without the maximum the quotient that is not taken could be that of two zeros.
    let ratio = select(-u / max(1.0 - e, 0.25), 1.0 / series, near);
    var scale = select(0.0, exp_(gamma * ln_(rest)), rest > 0.0);
    scale = select(scale, 1.0, gamma == 0.0);
    // Comparisons lose a NaN.
    scale = select(scale, u, is_nan(u));
    return vec2<f32>(scale, scale * (1.0 + gamma * (e * ratio)));
}
