//! Hot: a rule on one feature, with hysteresis.

use super::config::{Fault, FeatureIndex};
use super::{Model, Opinion};
use crate::event::feature::FeatureSection;
use crate::event::signal::Direction;
use serde::{Deserialize, Serialize};

/// `kind = "threshold"`. The levels must be `short_below` ≤ `short_exit` ≤ `long_exit` ≤ `long_above`, and
/// `short_below` < `long_above`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Name of the feature; it must be given.
    pub feature: String,
    /// Becomes long above this.
    pub long_above: f64,
    /// Stays long until below this.
    pub long_exit: f64,
    /// Becomes short below this.
    pub short_below: f64,
    /// Stays short until above this.
    pub short_exit: f64,
    /// Confidence of every opinion, above 0 and at most 1.
    pub confidence: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            feature: String::new(),
            long_above: 0.5,
            long_exit: 0.0,
            short_below: -0.5,
            short_exit: 0.0,
            confidence: 1.0,
        }
    }
}

/// Long above one level, short below another; once there, it stays until the feature is back behind the exit level.
/// Remembers its direction per instrument, and forgets it when the market is not tradable.
#[derive(Debug)]
pub struct Threshold {
    params: Params,
    index: usize,
    state: Box<[Direction]>,
}

impl Model for Threshold {
    type Params = Params;

    fn new(params: &Params, features: &FeatureIndex<'_>, instruments_max: usize) -> Result<Self, Fault> {
        if params.feature.is_empty() {
            return Err(Fault::Bad("`feature` must be given".to_owned()));
        }
        let index = features.find(&params.feature)?;
        let levels = [params.short_below, params.short_exit, params.long_exit, params.long_above];
        let ordered = levels.is_sorted() && levels.iter().all(|l| l.is_finite()) && levels[0] < levels[3];
        if !ordered {
            return Err(Fault::Bad(format!(
                "`short_below` ≤ `short_exit` ≤ `long_exit` ≤ `long_above` must be in this order and finite, with the \
                 first below the last, not {levels:?}"
            )));
        }
        if !(params.confidence > 0.0 && params.confidence <= 1.0) {
            return Err(Fault::Bad(format!("`confidence` must be above 0 and at most 1, not {}", params.confidence)));
        }
        Ok(Self { params: params.clone(), index, state: vec![Direction::Flat; instruments_max].into_boxed_slice() })
    }

    #[inline]
    fn needs(&self) -> u64 {
        1 << self.index
    }

    #[inline]
    fn ask(&mut self, instrument: usize, features: &FeatureSection) -> Option<Opinion> {
        let x = *features.values.get(self.index)?;
        let state = self.state.get_mut(instrument)?;
        if !x.is_finite() {
            return None;
        }
        let p = &self.params;
        let direction = if x > p.long_above {
            Direction::Long
        } else if x < p.short_below {
            Direction::Short
        } else {
            match *state {
                Direction::Long if x >= p.long_exit => Direction::Long,
                Direction::Short if x <= p.short_exit => Direction::Short,
                _ => Direction::Flat,
            }
        };
        *state = direction;
        Some(Opinion { direction, confidence: p.confidence })
    }

    #[inline]
    fn forget(&mut self, instrument: usize) {
        if let Some(state) = self.state.get_mut(instrument) {
            *state = Direction::Flat;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn enters_stays_and_leaves() {
        use Direction::{Flat, Long, Short};
        let params: Params =
            toml::from_str("feature='a'\nlong_above=0.6\nlong_exit=0.3\nshort_below=-0.6\nshort_exit=-0.3").unwrap();
        let mut model = Threshold::new(&params, &FeatureIndex::new(&["a".to_owned()]), 2).unwrap();
        let mut features = FeatureSection::zeroed();
        let mut check = |instrument, x, expected: Option<Direction>| {
            features.values[0] = x;
            assert_eq!(model.ask(instrument, &features).map(|o| o.direction), expected, "{x}");
        };
        check(0, 0.6, Some(Flat));
        check(0, 0.61, Some(Long));
        check(1, 0.4, Some(Flat));
        check(0, 0.3, Some(Long));
        check(0, f64::NAN, None);
        check(0, 0.4, Some(Long));
        check(0, 0.29, Some(Flat));
        check(0, 0.4, Some(Flat));
        check(0, -0.7, Some(Short));
        check(0, -0.3, Some(Short));
        check(0, 0.7, Some(Long));
        check(2, 0.7, None);
        model.forget(0);
        features.values[0] = 0.4;
        assert_eq!(model.ask(0, &features).map(|o| o.direction), Some(Flat));
    }
}
