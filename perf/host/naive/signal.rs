//! Task 4: the models of the configuration and their vote, from their documented rules.

use super::feature::{NAMES, Values};
use super::market::Market;
use std::collections::HashMap;
use tickpath::event::signal::Direction;
use tickpath::signal::config::{Config, ModelConfig};
use tickpath::signal::linear::{Link, Params as LinearParams, Standard};
use tickpath::signal::threshold::Params as ThresholdParams;
use toml::Value;

/// What a model says, or all of them together.
#[derive(Clone, Copy, Debug)]
pub struct Opinion {
    /// Which way.
    pub direction: Direction,
    /// How sure, 0..=1.
    pub confidence: f64,
}

/// What the vote gives.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Which way, and how sure.
    pub opinion: Opinion,
    /// −1..=1.
    pub score: f64,
}

struct Term {
    feature: usize,
    weight: f64,
    standard: Standard,
}

enum Model {
    /// Σ weight × standardised feature, squashed.
    Linear { params: LinearParams, terms: Vec<Term> },
    /// Beyond one level until back behind another.
    Threshold { params: ThresholdParams, feature: usize },
}

/// A model, its weight in the vote, and the direction in which it stands, by instrument.
struct Voter {
    model: Model,
    weight: f64,
    stands: HashMap<String, Direction>,
}

/// All models.
pub struct Signals {
    config: Config,
    voters: Vec<Voter>,
}

impl Signals {
    /// The models of `config`.
    pub fn new(config: &Config) -> Self {
        Self { config: config.clone(), voters: config.models.iter().map(Voter::new).collect() }
    }

    /// The vote on the market after an event; `None` where nobody is asked, or they do not agree enough.
    pub fn step(&mut self, market: &Market, values: &Values) -> Option<Outcome> {
        if !market.is_tradable() {
            for voter in &mut self.voters {
                voter.stands.remove(&market.symbol);
            }
            return None;
        }
        if !(market.top_changed || market.book_updated || market.traded) {
            return None;
        }
        let (mut cast, mut total, mut sum, mut long, mut short) = (0, 0.0, 0.0, 0.0, 0.0);
        for voter in &mut self.voters {
            let Some(opinion) = voter.ask(&market.symbol, values) else { continue };
            cast += 1;
            total += voter.weight;
            match opinion.direction {
                Direction::Long => (long, sum) = (long + voter.weight, sum + voter.weight * opinion.confidence),
                Direction::Short => (short, sum) = (short + voter.weight, sum - voter.weight * opinion.confidence),
                Direction::Flat => {}
            }
        }
        if cast == 0 || cast < self.config.quorum {
            return None;
        }
        let score: f64 = sum / total;
        if score == 0.0 || score.abs() < self.config.score_min {
            let opinion = Opinion { direction: Direction::Flat, confidence: 1.0 - score.abs() };
            return Some(Outcome { opinion, score });
        }
        let (direction, agreed) = if score > 0.0 { (Direction::Long, long) } else { (Direction::Short, short) };
        let agree = agreed / total >= self.config.agreement_min;
        agree.then_some(Outcome { opinion: Opinion { direction, confidence: score.abs() }, score })
    }
}

impl Voter {
    fn new(config: &ModelConfig) -> Self {
        let params = Value::Table(config.params.clone());
        let model = match config.kind.as_str() {
            "linear" => {
                let params: LinearParams = params.try_into().expect("the model's parameters");
                let standard = |name: &String| params.standardize.get(name).copied();
                let plain = Standard { mean: 0.0, scale: 1.0 };
                let terms = params.weights.iter().map(|(name, weight)| Term {
                    feature: place(name),
                    weight: *weight,
                    standard: standard(name).unwrap_or(plain),
                });
                Model::Linear { terms: terms.collect(), params }
            }
            "threshold" => {
                let params: ThresholdParams = params.try_into().expect("the model's parameters");
                Model::Threshold { feature: place(&params.feature), params }
            }
            other => panic!("the baseline has no model of the kind `{other}`"),
        };
        Self { model, weight: config.weight, stands: HashMap::new() }
    }

    /// Its opinion; `None` if a feature that it needs is not warm.
    fn ask(&mut self, symbol: &str, values: &Values) -> Option<Opinion> {
        match &self.model {
            Model::Linear { params, terms } => {
                let mut z = params.bias;
                for Term { feature, weight, standard } in terms {
                    z += weight * ((values[*feature]? - standard.mean) / standard.scale);
                }
                let score = match params.link {
                    Link::Tanh => z.tanh(),
                    Link::Logistic => (z * 0.5).tanh(),
                };
                let size = score.abs();
                if !size.is_finite() {
                    return None;
                }
                Some(if size == 0.0 || size < params.score_min {
                    Opinion { direction: Direction::Flat, confidence: 1.0 - size }
                } else {
                    let direction = if score > 0.0 { Direction::Long } else { Direction::Short };
                    Opinion { direction, confidence: size }
                })
            }
            Model::Threshold { params, feature } => {
                let x = values[*feature]?;
                let stood = self.stands.get(symbol).copied().unwrap_or(Direction::Flat);
                let direction = match stood {
                    _ if x > params.long_above => Direction::Long,
                    _ if x < params.short_below => Direction::Short,
                    Direction::Long if x >= params.long_exit => Direction::Long,
                    Direction::Short if x <= params.short_exit => Direction::Short,
                    _ => Direction::Flat,
                };
                if direction != stood {
                    self.stands.insert(symbol.to_owned(), direction);
                }
                Some(Opinion { direction, confidence: params.confidence })
            }
        }
    }
}

/// The place of a feature's value.
fn place(name: &str) -> usize {
    NAMES.iter().position(|known| *known == name).expect("a feature of the standard set")
}
