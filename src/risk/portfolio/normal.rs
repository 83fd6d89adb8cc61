//! Hot: the normal distribution's figures that a limit needs; computed once, at the start.

/// Φ⁻¹(`p`) for 0 < p < 1, else NaN: bisection of `erfc` down to the last bit, since it is wanted once and must be right.
pub fn quantile(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    // The upper tail is exact where p is near 1; the other half is its mirror.
    if p < 0.5 {
        return -upper(p);
    }
    upper(1.0 - p)
}

/// The z with Φ(−z) = `tail`, for 0 < tail ≤ ½.
fn upper(tail: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    // 40 ÷ 2⁶⁴ is below the last bit of any z that is not zero.
    for _ in 0..64 {
        let z = 0.5 * (low + high);
        if 0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2) > tail { low = z } else { high = z }
    }
    0.5 * (low + high)
}

/// φ(`z`), the density.
pub fn density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * core::f64::consts::PI)
}

/// φ(z_α) ÷ (1 − α): expected shortfall of a standard normal loss at the confidence `alpha`.
pub fn shortfall(alpha: f64) -> f64 {
    density(quantile(alpha)) / (1.0 - alpha)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_risk_sheet() {
        for (alpha, z, es) in
            [(0.95, 1.644_854, 2.062_713), (0.975, 1.959_964, 2.337_803), (0.99, 2.326_348, 2.665_214)]
        {
            assert!((quantile(alpha) - z).abs() < 5e-7, "{alpha} {}", quantile(alpha));
            assert!((shortfall(alpha) - es).abs() < 5e-7, "{alpha} {}", shortfall(alpha));
            assert!((quantile(1.0 - alpha) + quantile(alpha)).abs() < 1e-12);
        }
        assert!(quantile(0.5).abs() < 1e-15);
        for bad in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(quantile(bad).is_nan());
        }
    }

    #[test]
    fn the_quantile_is_the_inverse() {
        for i in 1..1000 {
            let p = f64::from(i) / 1000.0;
            let back = 0.5 * libm::erfc(-quantile(p) * core::f64::consts::FRAC_1_SQRT_2);
            assert!((back - p).abs() < 1e-15, "{p} {back}");
        }
    }
}
