//! Hot: a linear model with a squashing link.

use super::config::{Fault, FeatureIndex};
use super::{Model, Opinion};
use crate::event::feature::FeatureSection;
use crate::event::signal::Direction;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the sum becomes a score in −1..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// score = tanh(z).
    #[default]
    Tanh,
    /// score = 2p − 1 with p = 1 ÷ (1 + e^−z): p is the probability of up.
    Logistic,
}

/// A feature enters as (x − mean) ÷ scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// Taken away.
    pub mean: f64,
    /// Divided by, above 0.
    pub scale: f64,
}

/// `kind = "linear"`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The constant of the sum.
    pub bias: f64,
    /// `tanh` or `logistic`.
    pub link: Link,
    /// Size of the score below which the model says flat, 0..=1.
    pub score_min: f64,
    /// Weight by feature name.
    pub weights: BTreeMap<String, f64>,
    /// Mean and scale by feature name; without an entry a feature enters as it is.
    pub standardize: BTreeMap<String, Standard>,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    index: usize,
    weight: f64,
    mean: f64,
    scale: f64,
}

/// z = bias + Σ weight·(x − mean) ÷ scale, summed in the order of the feature names; score = link(z). The direction is
/// the score's sign, the confidence its size; flat, with confidence 1 − size, below `score_min`. Remembers nothing.
#[derive(Debug)]
pub struct Linear {
    bias: f64,
    link: Link,
    score_min: f64,
    terms: Box<[Term]>,
    needs: u64,
}

impl Model for Linear {
    type Params = Params;

    fn new(params: &Params, features: &FeatureIndex<'_>, _: usize) -> Result<Self, Fault> {
        let bad = |fault: String| Err(Fault::Bad(fault));
        if !params.bias.is_finite() {
            return bad(format!("`bias` must be finite, not {}", params.bias));
        }
        if !(0.0..=1.0).contains(&params.score_min) {
            return bad(format!("`score_min` must be 0..=1, not {}", params.score_min));
        }
        if params.weights.is_empty() {
            return bad("`weights` must name at least one feature".to_owned());
        }
        if let Some(name) = params.standardize.keys().find(|name| !params.weights.contains_key(*name)) {
            return bad(format!("`standardize.{name}`: this feature has no weight"));
        }
        let mut terms = Vec::with_capacity(params.weights.len());
        for (name, &weight) in &params.weights {
            let index = features.find(name)?;
            if !weight.is_finite() {
                return bad(format!("`weights.{name}` must be finite, not {weight}"));
            }
            let Standard { mean, scale } =
                params.standardize.get(name).copied().unwrap_or(Standard { mean: 0.0, scale: 1.0 });
            if !(mean.is_finite() && scale.is_finite() && scale > 0.0) {
                return bad(format!("`standardize.{name}`: `mean` must be finite and `scale` above 0"));
            }
            terms.push(Term { index, weight, mean, scale });
        }
        let needs = terms.iter().fold(0, |bits, term| bits | 1 << term.index);
        Ok(Self {
            bias: params.bias,
            link: params.link,
            score_min: params.score_min,
            terms: terms.into_boxed_slice(),
            needs,
        })
    }

    #[inline]
    fn needs(&self) -> u64 {
        self.needs
    }

    #[inline]
    fn ask(&mut self, _: usize, features: &FeatureSection) -> Option<Opinion> {
        let mut z = self.bias;
        for term in &self.terms {
            let x = features.values.get(term.index)?;
            // Most features enter as they are, and what is divided by one is the same bits.
            let standard = if term.scale == 1.0 { x - term.mean } else { (x - term.mean) / term.scale };
            z += term.weight * standard;
        }
        if !z.is_finite() {
            return None;
        }
        // 2 ÷ (1 + e^−z) − 1 = tanh(z ÷ 2), which keeps its digits near 0.
        let score = match self.link {
            Link::Tanh => libm::tanh(z),
            Link::Logistic => libm::tanh(z * 0.5),
        };
        let size = score.abs();
        Some(if size < self.score_min || size == 0.0 {
            Opinion { direction: Direction::Flat, confidence: 1.0 - size }
        } else {
            let direction = if score > 0.0 { Direction::Long } else { Direction::Short };
            Opinion { direction, confidence: size }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn check(params: &str, values: [f64; 2], expected: Option<(Direction, f64)>) {
        let names = ["a".to_owned(), "b".to_owned()];
        let params: Params = toml::from_str(params).unwrap();
        let mut model = Linear::new(&params, &FeatureIndex::new(&names), 1).unwrap();
        let mut features = FeatureSection::zeroed();
        features.values[..2].copy_from_slice(&values);
        let got = model.ask(0, &features).map(|o| (o.direction, (o.confidence * 1e6).round() / 1e6));
        assert_eq!(got, expected, "{values:?}");
    }

    #[test]
    fn says_what_the_formula_says() {
        use Direction::{Flat, Long, Short};
        let tanh = "bias=0.1\nscore_min=0.2\nweights={a=0.5,b=-1.0}\nstandardize={b={mean=2.0,scale=4.0}}";
        // z = 0.1 + 0.5·1 − (0 − 2)/4 = 1.1; z = 0.1 − 0.5 − (6 − 2)/4 = −1.4; z = 0.1.
        check(tanh, [1.0, 0.0], Some((Long, 0.800499)));
        check(tanh, [-1.0, 6.0], Some((Short, 0.885352)));
        check(tanh, [0.0, 2.0], Some((Flat, 0.900332)));
        // p = 1/(1 + e^−1.5) = 0.817574.
        check("link='logistic'\nweights={a=1.0}", [1.5, 0.0], Some((Long, 0.635149)));
        check("weights={a=1.0}", [0.0, 0.0], Some((Flat, 1.0)));
        check("weights={a=1.0}", [1e300, 0.0], Some((Long, 1.0)));
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            check("weights={a=1.0}", [x, 0.0], None);
            check("weights={a=1.0}", [0.0, x], Some((Flat, 1.0)));
        }
    }
}
