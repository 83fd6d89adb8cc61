//! Edge: whether a VaR was right: how often it was exceeded, and whether that came in clusters.
//!
//! Sources: Kupiec 1995 (Journal of Derivatives 3) for the proportion of failures, Christoffersen 1998 (International
//! Economic Review 39) for the independence; critical values of χ² at 5 %.

/// χ² with one degree of freedom at 5 %.
pub const CHI2_1: f64 = 3.841;
/// χ² with two degrees of freedom at 5 %.
pub const CHI2_2: f64 = 5.991;

/// n·ln p, with 0·ln 0 = 0.
fn term(n: u64, p: f64) -> f64 {
    if n == 0 { 0.0 } else { n as f64 * libm::log(p) }
}

/// ln of the likelihood of `hits` in `hits + misses` at the probability `p`.
fn likelihood(hits: u64, misses: u64, p: f64) -> f64 {
    term(hits, p) + term(misses, 1.0 - p)
}

fn share(hits: u64, misses: u64) -> f64 {
    if hits + misses == 0 { 0.0 } else { hits as f64 / (hits + misses) as f64 }
}

/// Kupiec's likelihood ratio of `breaches` in `days` where each was to have the probability `p` (0 < p < 1): χ² with one
/// degree of freedom if the VaR is right.
pub fn kupiec(days: u64, breaches: u64, p: f64) -> f64 {
    let misses = days.saturating_sub(breaches);
    -2.0 * (likelihood(breaches, misses, p) - likelihood(breaches, misses, share(breaches, misses)))
}

/// How days follow each other: `[from][to]`, 1 = breach.
pub fn transitions(breaches: &[bool]) -> [[u64; 2]; 2] {
    let mut counts = [[0; 2]; 2];
    for pair in breaches.windows(2) {
        counts[usize::from(pair[0])][usize::from(pair[1])] += 1;
    }
    counts
}

/// Christoffersen's likelihood ratio that a breach does not depend on the day before: χ² with one degree of freedom.
pub fn christoffersen(n: [[u64; 2]; 2]) -> f64 {
    let all = share(n[0][1] + n[1][1], n[0][0] + n[1][0]);
    let alike = likelihood(n[0][1] + n[1][1], n[0][0] + n[1][0], all);
    let apart =
        likelihood(n[0][1], n[0][0], share(n[0][1], n[0][0])) + likelihood(n[1][1], n[1][0], share(n[1][1], n[1][0]));
    -2.0 * (alike - apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_risk_sheet() {
        let close = |got: f64, expected: f64| assert!((got - expected).abs() < 5e-5, "{got} {expected}");
        close(kupiec(250, 5, 0.01), 1.9568);
        close(christoffersen([[240, 4], [4, 1]]), 3.1540);
        close(kupiec(250, 0, 0.01), -2.0 * 250.0 * libm::log(0.99));
        close(kupiec(100, 1, 0.01), 0.0);
        assert!(kupiec(250, 250, 0.01) > 1000.0 && kupiec(0, 0, 0.5) == 0.0);
        assert_eq!(christoffersen([[250, 0], [0, 0]]), 0.0);
        // Ten breaches in a row are no accident, ten spread out are.
        let row: Vec<bool> = (0..250).map(|day| day < 10).collect();
        let spread: Vec<bool> = (0..250).map(|day| day % 25 == 3).collect();
        assert!(christoffersen(transitions(&row)) > CHI2_1 && christoffersen(transitions(&spread)) < CHI2_1);
        assert!(kupiec(250, 10, 0.01) > CHI2_1);
        assert_eq!(transitions(&[false, true, true, false, false]), [[1, 1], [1, 1]]);
    }
}
