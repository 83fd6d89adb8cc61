//! Hot: the weighted vote of the models.

use super::Opinion;
use crate::event::signal::Direction;

/// The rules of the vote; see `signal::Config`.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Votes that must be cast.
    pub quorum: usize,
    /// Share of the cast weight that must point the way of a long or short result, 0..=1.
    pub agreement_min: f64,
    /// Size of the score below which the result is flat, 0..=1.
    pub score_min: f64,
}

/// The vote's result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Which way.
    pub direction: Direction,
    /// (Σ weight·confidence of long − the same of short) ÷ Σ weight cast, −1..=1.
    pub score: f64,
    /// |score| of a long or short result, 1 − |score| of a flat one; 0..=1.
    pub confidence: f64,
}

/// The votes as they are cast.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    cast: usize,
    total: f64,
    sum: f64,
    long: f64,
    short: f64,
}

impl Tally {
    /// Counts an opinion with its weight, which is above 0. One whose confidence is not within 0..=1 (NaN too) counts as not
    /// cast.
    #[inline]
    pub fn add(&mut self, weight: f64, opinion: Opinion) {
        if !(0.0..=1.0).contains(&opinion.confidence) {
            return;
        }
        self.cast += 1;
        self.total += weight;
        match opinion.direction {
            Direction::Long => {
                self.long += weight;
                self.sum += weight * opinion.confidence;
            }
            Direction::Short => {
                self.short += weight;
                self.sum -= weight * opinion.confidence;
            }
            Direction::Flat => {}
        }
    }

    /// The result. `None` without quorum, or when too little weight points the way of a long or short result. A tie is flat.
    #[inline]
    pub fn outcome(&self, rules: &Rules) -> Option<Outcome> {
        if self.cast == 0 || self.cast < rules.quorum || self.total <= 0.0 {
            return None;
        }
        let score: f64 = (self.sum / self.total).clamp(-1.0, 1.0);
        if !score.is_finite() {
            return None;
        }
        let size = score.abs();
        if size == 0.0 || size < rules.score_min {
            return Some(Outcome { direction: Direction::Flat, score, confidence: 1.0 - size });
        }
        let (direction, agreed) =
            if score > 0.0 { (Direction::Long, self.long) } else { (Direction::Short, self.short) };
        (agreed / self.total >= rules.agreement_min).then_some(Outcome { direction, score, confidence: size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Flat, Long, Short};

    fn check(rules: (usize, f64, f64), votes: &[(f64, Direction, f64)], expected: Option<(Direction, f64, f64)>) {
        let rules = Rules { quorum: rules.0, agreement_min: rules.1, score_min: rules.2 };
        let mut tally = Tally::default();
        for &(weight, direction, confidence) in votes {
            tally.add(weight, Opinion { direction, confidence });
        }
        let got = tally.outcome(&rules).map(|o| (o.direction, o.score, o.confidence));
        assert_eq!(got, expected, "{votes:?}");
    }

    #[test]
    fn the_vote() {
        let any = (1, 0.0, 0.0);
        check(any, &[], None);
        check(any, &[(1.0, Long, 0.5)], Some((Long, 0.5, 0.5)));
        check(any, &[(1.0, Short, 1.0)], Some((Short, -1.0, 1.0)));
        check(any, &[(1.0, Flat, 0.5)], Some((Flat, 0.0, 1.0)));
        check(any, &[(1.0, Long, 0.5), (1.0, Short, 0.5)], Some((Flat, 0.0, 1.0)));
        check(any, &[(3.0, Long, 0.5), (1.0, Short, 0.5)], Some((Long, 0.25, 0.25)));
        check(any, &[(1.0, Long, 1.0), (3.0, Flat, 1.0)], Some((Long, 0.25, 0.25)));
        check((2, 0.0, 0.0), &[(1.0, Long, 1.0)], None);
        check((1, 0.0, 0.3), &[(1.0, Long, 0.25)], Some((Flat, 0.25, 0.75)));
        check((1, 0.5, 0.0), &[(1.0, Long, 1.0), (1.0, Short, 0.5)], Some((Long, 0.25, 0.25)));
        check((1, 0.6, 0.0), &[(1.0, Long, 1.0), (1.0, Short, 0.5)], None);
        check((1, 1.0, 0.0), &[(1.0, Long, 0.5), (1.0, Short, 0.5)], Some((Flat, 0.0, 1.0)));
        check((1, 0.0, 0.0), &[(1.0, Long, f64::NAN), (1.0, Short, 0.5)], Some((Short, -0.5, 0.5)));
        check((2, 0.0, 0.0), &[(1.0, Long, 1.5), (1.0, Short, 0.5)], None);
    }
}
