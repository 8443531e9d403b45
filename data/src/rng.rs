//! A small counter-keyed random generator for everything that is decided on the host about data:
//! splits, orders, augmentation, the built-in corpus.
//!
//! It is SplitMix64 (Steele, Lea, Flood 2014): a counter advanced by the golden ratio, then mixed.
//! What matters more than the mixing is how it is started: from a seed, the **name** of what is
//! drawn, and counters such as the epoch and the index of the text. So no draw depends on how many
//! others were made before it, on the order of the texts, or on the number of threads.

const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;

/// Random numbers of one purpose.
///
/// ```
/// use limbeck_data::rng::Rng;
/// let mut a = Rng::new(7, "shuffle", &[3]);
/// let mut b = Rng::new(7, "shuffle", &[3]);
/// assert_eq!(a.below(1000), b.below(1000));
/// ```
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The generator of `seed`, the purpose `stream`, and the counters that tell one draw of that
    /// purpose from another (epoch, sample index, ...).
    pub fn new(seed: u64, stream: &str, counters: &[u64]) -> Self {
        let mut state = mix(seed ^ GOLDEN_RATIO);
        for byte in stream.bytes() {
            state = mix(state ^ u64::from(byte)).wrapping_add(GOLDEN_RATIO);
        }
        for &counter in counters {
            state = mix(state ^ counter).wrapping_add(GOLDEN_RATIO);
        }
        Self { state }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_RATIO);
        mix(self.state)
    }

    /// A number in `0..n` by multiply-high; 0 for `n = 0`. Its bias is below `n / 2^64`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of `items`; `None` if there is none.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Fisher-Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_seeds_and_counters_are_told_apart() {
        let first = |seed, stream, counters: &[u64]| Rng::new(seed, stream, counters).next_u64();
        let reference = first(1, "dev", &[0, 1]);
        for other in [
            first(2, "dev", &[0, 1]),
            first(1, "fold", &[0, 1]),
            first(1, "dev", &[1, 0]),
            first(1, "dev", &[0]),
        ] {
            assert_ne!(reference, other);
        }
        assert_eq!(reference, first(1, "dev", &[0, 1]));
    }

    #[test]
    fn the_mixing_is_splitmix64() {
        // The published test vector of SplitMix64 started from the state 1234567.
        let mut rng = Rng { state: 1_234_567 };
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn shuffle_permutes_and_below_covers_its_range() {
        let mut rng = Rng::new(5, "test", &[]);
        let mut items: Vec<usize> = (0..50).collect();
        rng.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
        let mut seen = [0usize; 7];
        for _ in 0..7000 {
            seen[rng.below(7)] += 1;
        }
        // 1,000 expected each, standard deviation 29: seven of them.
        assert!(seen.iter().all(|&n| n.abs_diff(1000) < 205), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }
}
