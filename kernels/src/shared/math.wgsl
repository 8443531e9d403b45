// Elementary functions; the twins of shared/math.rs. Drivers differ in exp and tanh by more than
// our tolerance, and WGSL has no erf.

// By its bits: drivers may assume that x != x never holds.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn exp_(x: f32) -> f32 {
    let clamped = clamp(x, -87.336, 88.02);
    let n = round(clamped * 1.44269504);
    let r = (clamped - n * 0.693359375) - n * -2.12194440e-4;
    let p = ((((1.98756915e-4 * r + 1.39819995e-3) * r + 8.33345191e-3) * r + 4.16657959e-2) * r
        + 1.66666655e-1) * r + 0.5;
    let value = (p * r * r + r + 1.0) * bitcast<f32>(u32(i32(n) + 127) << 23u);
    // clamp may lose a NaN.
    return select(select(value, 0.0, x < -87.336), x, is_nan(x));
}

fn ln_(x: f32) -> f32 {
    let shifted = bitcast<u32>(x) - 0x3f3504f3u;
    let e = f32(bitcast<i32>(shifted) >> 23u);
    let m = bitcast<f32>((shifted & 0x007fffffu) + 0x3f3504f3u) - 1.0;
    let p = (((((((7.0376836e-2 * m - 1.1514610e-1) * m + 1.1676999e-1) * m - 1.2420141e-1) * m
        + 1.4249323e-1) * m - 1.6668058e-1) * m + 2.0000715e-1) * m - 2.4999994e-1) * m
        + 3.3333331e-1;
    let z = m * m;
    let value = m + (p * m * z + e * -2.12194440e-4 - 0.5 * z) + e * 0.693359375;
    return select(value, x, is_nan(x));
}

fn tanh_(x: f32) -> f32 {
    let z = x * x;
    let near = ((((-5.7049887e-3 * z + 2.0639089e-2) * z - 5.3739715e-2) * z + 1.3331442e-1) * z
        - 3.3333282e-1) * z * x + x;
    let far = 1.0 - 2.0 / (exp_(min(2.0 * abs(x), 40.0)) + 1.0);
    return select(select(far, -far, x < 0.0), near, abs(x) < 0.625 || is_nan(x));
}

fn erf_(x: f32) -> f32 {
    let u = x * x;
    let near = x * ((((((7.882497e-5 * u - 8.018855e-4) * u + 5.189312e-3) * u - 2.6854329e-2) * u
        + 1.1283597e-1) * u - 3.7612627e-1) * u + 1.1283792);
    let a = min(abs(x), 4.0);
    let q = (((((((1.6140616e-6 * a - 4.5590623e-5) * a + 5.9276954e-4) * a - 4.7402224e-3) * a
        + 2.6364717e-2) * a - 1.0997825e-1) * a - 6.3193709e-1) * a - 1.1301667) * a + 3.03213e-4;
    let far = 1.0 - exp_(q);
    return select(select(far, -far, x < 0.0), near, u < 1.0 || is_nan(x));
}

fn normal_density(x: f32) -> f32 {
    return 0.3989423 * exp_(-0.5 * x * x);
}

fn normal_cdf(x: f32) -> f32 {
    return 0.5 * (1.0 + erf_(x * 0.70710678));
}

// ln(1 + x) for x in [0, 1]: 2 artanh(x / (2 + x)) as a series.
fn ln_1p(x: f32) -> f32 {
    let s = x / (2.0 + x);
    let q = s * s;
    return 2.0 * s * (((((((q / 15.0 + 0.07692308) * q + 0.09090909) * q + 0.11111111) * q
        + 0.14285715) * q + 0.2) * q + 0.33333334) * q + 1.0);
}

// ln(1 + exp(x)).
fn softplus(x: f32) -> f32 {
    return max(x, 0.0) + ln_1p(exp_(-abs(x)));
}

fn sigmoid(x: f32) -> f32 {
    let e = exp_(-abs(x));
    return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
