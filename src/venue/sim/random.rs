//! Hot: random numbers of the simulation: a seeded stream, and a counter form that does not depend on the order of calls.

use rand_core::Rng;
use rand_pcg::Pcg64;

/// A hash of (`seed`, `stream`, `key`): the finalizer of SplitMix64 (Steele, Lea, Flood 2014), applied between the parts.
///
/// A pure function: whoever asks first, and however often, gets the same answer.
#[inline]
pub fn keyed(seed: u64, stream: u64, key: u64) -> u64 {
    mix(mix(mix(seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_add(stream)).wrapping_add(key))
}

#[inline]
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The upper 53 bits as a number in `0 <= u < 1`, exact.
#[inline]
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// A standard normal number from two words (Box and Muller 1958); `libm` only, so the same on every machine.
#[inline]
pub fn normal(a: u64, b: u64) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(a)));
    radius * libm::cos(core::f64::consts::TAU * unit(b))
}

/// A seeded stream of random numbers (PCG XSL RR 128/64, O'Neill 2014).
#[derive(Clone, Debug)]
pub struct Random {
    pcg: Pcg64,
}

impl Random {
    /// The stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let word = |n| u128::from(keyed(seed, stream, n));
        Self { pcg: Pcg64::new(word(0) << 64 | word(1), word(2) << 64 | word(3)) }
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.pcg.next_u64()
    }

    /// `0 <= u < 1`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// `0 <= n < bound`; 0 for a bound of 0. The bias is below `bound` × 2⁻⁶⁴.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// True once in `n` times, on average.
    #[inline]
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// An exponential number with mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Nearly normal, mean 0, variance 1, |z| < 3.47: the sum of four uniform 16-bit numbers. Tails do not matter to
    /// the drift of a fair value, and this takes one word and no logarithm.
    #[inline]
    pub fn bell(&mut self) -> f64 {
        let bits = self.bits();
        let sum = (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48);
        // Mean 4 × 65535 / 2; variance 4 × (65536² − 1) / 12.
        (sum as f64 - 131_070.0) / 37_837.227_0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_right() {
        let mut random = Random::new(7, 1);
        let n = 40_000;
        let (mut bell, mut bell2, mut exp, mut gauss, mut gauss2) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            let b = random.bell();
            bell += b;
            bell2 += b * b;
            exp += random.exponential();
            let g = normal(random.bits(), random.bits());
            gauss += g;
            gauss2 += g * g;
        }
        let n = f64::from(n);
        assert!((bell / n).abs() < 0.03 && (bell2 / n - 1.0).abs() < 0.03);
        assert!((exp / n - 1.0).abs() < 0.03);
        assert!((gauss / n).abs() < 0.03 && (gauss2 / n - 1.0).abs() < 0.03);
    }

    #[test]
    fn streams_and_keys_differ_and_repeat() {
        assert_eq!(keyed(1, 2, 3), keyed(1, 2, 3));
        assert_ne!(keyed(1, 2, 3), keyed(1, 3, 2));
        assert_ne!(Random::new(1, 0).bits(), Random::new(1, 1).bits());
        assert_eq!(Random::new(1, 1).bits(), Random::new(1, 1).bits());
        assert_eq!(Random::new(1, 1).below(0), 0);
    }
}
