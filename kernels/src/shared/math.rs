//! Elementary functions of our own: the same bits for every lane width, branch-free so that
//! loops over them vectorise, within 2 units in the last place unless said otherwise.
//!
//! exp, ln and tanh use the ranges and polynomials of Cephes (Moshier 1989, single precision).
// The coefficients are written as they were published: with more digits than f32 keeps, and some of
// them near a constant that they are not.
#![allow(
    clippy::excessive_precision,
    clippy::approx_constant,
    reason = "published coefficients"
)]

/// exp(x). 0 below -87.34 (the smallest normal number there), infinity above 88.72.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to the nearest integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.336, 88.02);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts: the first has few bits, so that n times it is exact.
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r
        + 1.666_666_5e-1)
        * r
        + 0.5;
    let mantissa = p * r * r + r + 1.0;
    let exponent = (shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127))
        << 23;
    let value = mantissa * f32::from_bits(exponent);
    let value = if x > 88.02 { f32::INFINITY } else { value };
    let value = if x < -87.336 { 0.0 } else { value };
    // NaN takes neither branch and came through the clamp.
    if x.is_nan() { x } else { value }
}

/// ln(x) for positive normal x; minus infinity at 0, NaN below.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // x = m 2^e with m in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits();
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let e = ((shifted as i32) >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3)) - 1.0;
    let p = (((((((7.037_683_6e-2 * m - 1.151_461e-1) * m + 1.167_699_9e-1) * m
        - 1.242_014_1e-1)
        * m
        + 1.424_932_3e-1)
        * m
        - 1.666_805_8e-1)
        * m
        + 2.000_071_5e-1)
        * m
        - 2.499_999_4e-1)
        * m
        + 3.333_333_1e-1;
    let z = m * m;
    let value = m + (p * m * z + e * -2.121_944_4e-4 - 0.5 * z) + e * 0.693_359_4;
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    let value = if x == f32::INFINITY { x } else { value };
    if x < 0.0 || x.is_nan() {
        f32::NAN
    } else {
        value
    }
}

/// ln(1 + x) for x in [0, 1], relative to itself as exact as ln: 2 artanh(x / (2 + x)), a series.
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    let s = x / (2.0 + x);
    let q = s * s;
    let series = ((((((q / 15.0 + 0.076_923_08) * q + 0.090_909_09) * q + 0.111_111_11) * q
        + 0.142_857_15)
        * q
        + 0.2)
        * q
        + 0.333_333_34)
        * q
        + 1.0;
    2.0 * s * series
}

/// The logistic function 1 / (1 + exp(-x)).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// ln(1 + exp(x)).
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    (if x > 0.0 { x } else { 0.0 }) + ln_1p(exp(-x.abs()))
}

/// tanh(x).
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let z = x * x;
    let near =
        ((((-5.704_988_7e-3 * z + 2.063_908_9e-2) * z - 5.373_971_5e-2) * z + 1.333_144_2e-1) * z
            - 3.333_328_2e-1)
            * z
            * x
            + x;
    let far = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    let far = if x < 0.0 { -far } else { far };
    if x.abs() < 0.625 { near } else { far }
}

/// Φ(x) and φ(x), the distribution function and the density of the standard normal distribution,
/// both from one exponential: Φ to 3e-7 absolute, by Abramowitz and Stegun 7.1.26.
#[inline(always)]
pub fn normal(x: f32) -> (f32, f32) {
    let e = exp(-0.5 * x * x);
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let series = ((((1.061_405_429 * t - 1.453_152_027) * t + 1.421_413_741) * t - 0.284_496_736)
        * t
        + 0.254_829_592)
        * t;
    let tail = 0.5 * series * e;
    let cdf = if x < 0.0 { tail } else { 1.0 - tail };
    (cdf, 0.398_942_3 * e)
}

/// The error function in f64, for the reference (Abramowitz and Stegun 7.1.5 and 7.1.14: the
/// Taylor series below 2.5, Lentz's continued fraction of erfc above).
pub fn erf_f64(x: f64) -> f64 {
    let a = x.abs();
    let magnitude = if a < 2.5 {
        let mut term = a;
        let mut sum = a;
        let mut n = 0.0;
        while term.abs() > 1e-17 * sum.abs() {
            n += 1.0;
            term *= -a * a / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        // erfc(a) sqrt(pi) exp(a^2) = 1 / (a + (1/2) / (a + 1 / (a + (3/2) / ...))), from the end.
        let tail = (1..=80)
            .rev()
            .fold(a, |below, n| a + 0.5 * f64::from(n) / below);
        1.0 - (-a * a).exp() / (tail * std::f64::consts::PI.sqrt())
    };
    magnitude.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(
        f: impl Fn(f32) -> f32,
        exact: impl Fn(f64) -> f64,
        points: impl Iterator<Item = f32>,
        absolute: bool,
    ) -> f64 {
        points
            .map(|x| {
                let truth = exact(f64::from(x));
                let scale = if absolute {
                    1.0
                } else {
                    truth.abs().max(1e-37)
                };
                (f64::from(f(x)) - truth).abs() / scale
            })
            .fold(0.0, f64::max)
    }

    fn grid(from: f32, to: f32) -> impl Iterator<Item = f32> {
        (0..=40_000).map(move |i| from + (to - from) * i as f32 / 40_000.0)
    }

    #[test]
    fn close_to_the_exact_functions() {
        // 2 units in the last place are 2.4e-7.
        assert!(worst(exp, f64::exp, grid(-87.0, 88.0), false) < 2.4e-7);
        assert!(
            worst(
                ln,
                f64::ln,
                grid(1e-6, 50.0).filter(|x| (x - 1.0).abs() > 0.01),
                false
            ) < 2.4e-7
        );
        assert!(worst(ln, f64::ln, grid(0.99, 1.01), true) < 1e-9);
        // One more unit for the roundings after the exponential or the series.
        assert!(worst(ln_1p, f64::ln_1p, grid(1e-7, 1.0), false) < 3.6e-7);
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert!(worst(sigmoid, logistic, grid(-80.0, 80.0), false) < 3.6e-7);
        assert!(worst(tanh, f64::tanh, grid(-20.0, 20.0), false) < 2.4e-7);
        let cdf = |x: f64| 0.5 * (1.0 + erf_f64(x * std::f64::consts::FRAC_1_SQRT_2));
        // 0.75e-7 of the series, and roundings of terms up to 1.45.
        assert!(worst(|x| normal(x).0, cdf, grid(-9.0, 9.0), true) < 3e-7);
        let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        assert!(worst(|x| normal(x).1, density, grid(-9.0, 9.0), true) < 1.2e-7);
    }

    #[test]
    fn the_reference_erf_matches_known_values() {
        // Abramowitz and Stegun, table 7.1.
        for (x, value) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.0, 0.999_977_909_503_001_4),
        ] {
            assert!((erf_f64(x) - value).abs() < 1e-15, "{x}: {}", erf_f64(x));
            assert!((erf_f64(-x) + value).abs() < 1e-15);
        }
        let across = erf_f64(2.5) - erf_f64(2.5 - 1e-12);
        assert!(across.abs() < 1e-14, "the two formulas meet at 2.5");
    }

    #[test]
    fn limits() {
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(
            exp(f32::NAN).is_nan()
                && ln(f32::NAN).is_nan()
                && tanh(f32::NAN).is_nan()
                && normal(f32::NAN).0.is_nan()
        );
        assert_eq!(ln(0.0), f32::NEG_INFINITY);
        assert!(ln(-1.0).is_nan());
        assert_eq!((tanh(100.0), tanh(-100.0)), (1.0, -1.0));
        assert_eq!((normal(20.0).0, normal(-20.0).0), (1.0, 0.0));
    }
}
