//! Numbers of 16 bits as f32; both conversions are exact.

/// The value of an IEEE 754 number of 16 bits: 1 bit of sign, 5 of exponent, 10 of mantissa.
pub(super) fn from_f16(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, mantissa) = (u32::from(bits >> 10) & 0x1F, u32::from(bits) & 0x3FF);
    match exponent {
        // Subnormal: mantissa * 2^-24, which is normal in f32.
        0 => f32::from_bits((mantissa as f32 / 16_777_216.0).to_bits() | sign),
        31 => f32::from_bits(sign | 0x7F80_0000 | mantissa << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | mantissa << 13),
    }
}

/// The value of the upper half of an f32.
pub(super) fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_is_the_sum_of_its_bits() {
        for bits in 0..=u16::MAX {
            let (exponent, mantissa) = (i32::from(bits >> 10) & 31, f64::from(bits & 0x3FF));
            let size = match exponent {
                0 => mantissa * 2f64.powi(-24),
                31 if mantissa > 0.0 => f64::NAN,
                31 => f64::INFINITY,
                _ => (1024.0 + mantissa) * 2f64.powi(exponent - 25),
            };
            let expected = if bits >> 15 == 1 { -size } else { size };
            let found = f64::from(from_f16(bits));
            assert!(
                found == expected || (found.is_nan() && expected.is_nan()),
                "{bits:04x}"
            );
        }
        assert!(from_f16(0x8000).is_sign_negative());
    }

    #[test]
    fn a_bf16_is_half_of_an_f32() {
        assert_eq!(from_bf16(0x3FC0), 1.5);
        assert_eq!(from_bf16(0xC000), -2.0);
        assert!(from_bf16(0x7FC0).is_nan());
    }
}
