//! Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as
//! easy as 1, 2, 3", SC 2011).
//!
//! A number depends on its coordinates alone, never on the order of calls, so a batch, its two
//! halves and a recomputed segment draw the same masks, on every device. The same rounds stand
//! in `kernels/src/shared/philox.wgsl`.

const MULTIPLIER_0: u32 = 0xD251_1F53;
const MULTIPLIER_1: u32 = 0xCD9E_8D57;
const WEYL_0: u32 = 0x9E37_79B9;
const WEYL_1: u32 = 0xBB67_AE85;

/// Ten rounds of Philox 4x32.
///
/// ```
/// // Known answer of the authors' Random123 distribution.
/// let out = limbeck_engine::philox([0; 4], [0; 2]);
/// assert_eq!(out, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[inline(always)]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let left = u64::from(MULTIPLIER_0) * u64::from(a);
        let right = u64::from(MULTIPLIER_1) * u64::from(c);
        (a, b, c, d) = (
            (right >> 32) as u32 ^ b ^ k0,
            right as u32,
            (left >> 32) as u32 ^ d ^ k1,
            left as u32,
        );
        k0 = k0.wrapping_add(WEYL_0);
        k1 = k1.wrapping_add(WEYL_1);
    }
    [a, b, c, d]
}

/// A named stream of random numbers at one step of a run.
///
/// The key is drawn from the run's seed and the stream's name; the counter is (step, sample,
/// position, channel / 4), and the channel's two low bits choose one of the four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Philox key, from seed and name.
    pub key: [u32; 2],
    /// Number of the update this stream serves.
    pub step: u32,
}

impl Stream {
    /// The stream `name` of the run with this `seed`, at update number `step`.
    pub fn new(seed: u64, name: &str, step: u32) -> Self {
        // FNV-1a, then two rounds of Philox keyed by the seed: names that differ in one letter
        // give unrelated keys.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        let [a, b, ..] = philox(
            [hash as u32, (hash >> 32) as u32, 0, 0],
            [seed as u32, (seed >> 32) as u32],
        );
        Stream { key: [a, b], step }
    }

    /// The four words of channels `4 * block` to `4 * block + 3`.
    #[inline(always)]
    pub fn block(&self, sample: u32, position: u32, block: u32) -> [u32; 4] {
        philox([self.step, sample, position, block], self.key)
    }

    /// The word at one coordinate.
    pub fn word(&self, sample: u32, position: u32, channel: u32) -> u32 {
        self.block(sample, position, channel / 4)[(channel % 4) as usize]
    }

    /// A number in [0, 1) with 53 random bits at one coordinate.
    pub fn uniform(&self, sample: u32, position: u32) -> f64 {
        let [a, b, ..] = self.block(sample, position, 0);
        (u64::from(a) << 21 ^ u64::from(b) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal number at one coordinate (Box and Muller 1958).
    pub fn normal(&self, sample: u32, position: u32) -> f64 {
        let [a, b, c, d] = self.block(sample, position, 0);
        let unit = |hi: u32, lo: u32| {
            ((u64::from(hi) << 21 ^ u64::from(lo) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        (-2.0 * unit(a, b).ln()).sqrt() * (2.0 * std::f64::consts::PI * unit(c, d)).cos()
    }
}

/// The u32 threshold below which a word means "dropped", for a dropout probability.
///
/// ```
/// assert_eq!(limbeck_engine::drop_threshold(0.5), 1 << 31);
/// assert_eq!(limbeck_engine::drop_threshold(0.0), 0);
/// ```
pub fn drop_threshold(probability: f64) -> u32 {
    (probability.clamp(0.0, 1.0) * 4_294_967_296.0).min(4_294_967_295.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // Random123, kat_vectors, philox 4x32 10 rounds.
        let ones = u32::MAX;
        assert_eq!(
            philox([ones; 4], [ones; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn streams_differ_by_seed_name_and_step() {
        let base = Stream::new(1, "dropout", 0).word(0, 0, 0);
        assert_ne!(base, Stream::new(2, "dropout", 0).word(0, 0, 0));
        assert_ne!(base, Stream::new(1, "dropouu", 0).word(0, 0, 0));
        assert_ne!(base, Stream::new(1, "dropout", 1).word(0, 0, 0));
        assert_eq!(base, Stream::new(1, "dropout", 0).word(0, 0, 0));
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let stream = Stream::new(3, "init", 0);
        let draws: Vec<f64> = (0..20_000).map(|i| stream.normal(i, 0)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        // Three standard errors of the mean and of the variance.
        assert!(
            mean.abs() < 0.0213 && (variance - 1.0).abs() < 0.03,
            "{mean} {variance}"
        );
    }
}
