//! Hot: fractional Kelly: the growth-optimal part of the equity, times k.
//!
//! Sources: Kelly 1956 (Bell System Technical Journal 35) and Thorp 2006 for the discrete bet, Merton 1969 for the
//! continuous one. With k·f* the growth is 2k − k² of the best and the variance k² of it, so half of it costs a quarter of
//! the growth; estimates are always too good, so k is at most 1. f* ≤ 0: no position.

use super::{Ask, SizingModel, Unsized, Want, within};
use crate::event::signal::Direction;
use crate::risk::config::ConfigError;
use crate::types::price::pow10_f64;
use serde::{Deserialize, Serialize};

/// f* of a bet that wins `odds` per 1 staked with probability `win`, and loses the part `loss` of the stake otherwise:
/// p ÷ a − (1 − p) ÷ b.
#[inline]
pub fn discrete(win: f64, odds: f64, loss: f64) -> f64 {
    win / loss - (1.0 - win) / odds
}

/// f* of a contract that pays 1 with probability `win` and costs `cost`, fees and all: (p − c) ÷ (1 − c), as the part of
/// the equity that is paid for it.
#[inline]
pub fn binary(win: f64, cost: f64) -> f64 {
    (win - cost) / (1.0 - cost)
}

/// f* of a price that drifts by `mu` and moves by `sigma` a year, at the riskless rate `riskless`: (μ − r) ÷ σ².
#[inline]
pub fn continuous(mu: f64, riskless: f64, sigma: f64) -> f64 {
    (mu - riskless) / (sigma * sigma)
}

fn fraction(value: f64) -> Result<f64, ConfigError> {
    within(value, 0.0..=1.0, "model.fraction", "0..=1 (k of Kelly)")
}

/// `kind = "kelly_continuous"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContinuousParams {
    /// k, 0..=1.
    pub fraction: f64,
    /// Return per year that a score of 1 stands for, 0..=10; the score scales it.
    pub mu_full: f64,
    /// Riskless rate per year, what the money would earn elsewhere, −0.1..=1.
    pub riskless: f64,
}

impl Default for ContinuousParams {
    fn default() -> Self {
        Self { fraction: 0.25, mu_full: 0.10, riskless: 0.0 }
    }
}

/// w = k·(μ − r) ÷ σ̂², μ = `mu_full` × the score in the signal's direction. A score against it is no edge.
#[derive(Clone, Debug)]
pub struct Continuous {
    fraction: f64,
    mu_full: f64,
    riskless: f64,
}

impl SizingModel for Continuous {
    type Params = ContinuousParams;

    fn new(params: &ContinuousParams) -> Result<Self, ConfigError> {
        Ok(Self {
            fraction: fraction(params.fraction)?,
            mu_full: within(params.mu_full, 0.0..=10.0, "model.mu_full", "0..=10 (per year)")?,
            riskless: within(params.riskless, -0.1..=1.0, "model.riskless", "-0.1..=1 (per year)")?,
        })
    }

    #[inline]
    fn want(&self, ask: &Ask<'_>) -> Result<Want, Unsized> {
        let sigma = ask.volatility.ok_or(Unsized::NoVolatility)?;
        let mu = self.mu_full * ask.score * ask.direction.sign() as f64;
        Ok(Want::Weight(self.fraction * continuous(mu, self.riskless, sigma)))
    }
}

/// `kind = "kelly_discrete"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscreteParams {
    /// k, 0..=1.
    pub fraction: f64,
    /// Won per 1 staked, 0.01..=1000.
    pub odds: f64,
    /// Part of the stake that is lost otherwise, 0.01..=1.
    pub loss: f64,
    /// How far the confidence is believed, 0..=1: the win probability is moved toward the one that breaks even.
    pub trust: f64,
}

impl Default for DiscreteParams {
    fn default() -> Self {
        Self { fraction: 0.25, odds: 1.0, loss: 1.0, trust: 1.0 }
    }
}

/// w = k·(p ÷ a − q ÷ b), p from the confidence: p = p₀ + trust·(confidence − p₀), p₀ = a ÷ (a + b) breaks even.
#[derive(Clone, Debug)]
pub struct Discrete {
    fraction: f64,
    odds: f64,
    loss: f64,
    trust: f64,
}

impl SizingModel for Discrete {
    type Params = DiscreteParams;

    fn new(params: &DiscreteParams) -> Result<Self, ConfigError> {
        Ok(Self {
            fraction: fraction(params.fraction)?,
            odds: within(params.odds, 0.01..=1000.0, "model.odds", "0.01..=1000")?,
            loss: within(params.loss, 0.01..=1.0, "model.loss", "0.01..=1")?,
            trust: within(params.trust, 0.0..=1.0, "model.trust", "0..=1")?,
        })
    }

    #[inline]
    fn want(&self, ask: &Ask<'_>) -> Result<Want, Unsized> {
        let even = self.loss / (self.loss + self.odds);
        let win = even + self.trust * (ask.confidence - even);
        Ok(Want::Weight(self.fraction * discrete(win, self.odds, self.loss)))
    }
}

/// `kind = "kelly_binary"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BinaryParams {
    /// k, 0..=1.
    pub fraction: f64,
    /// What the contract pays if it comes true, in the quote currency, 0.01..=1000000.
    pub payout: f64,
    /// Fee of one contract ÷ payout, 0..=0.5.
    pub fee: f64,
    /// How far the confidence is believed, 0..=1: the win probability is moved toward the cost.
    pub trust: f64,
}

impl Default for BinaryParams {
    fn default() -> Self {
        Self { fraction: 0.25, payout: 1.0, fee: 0.0, trust: 1.0 }
    }
}

/// For a contract that pays all or nothing, at the mid. Long pays the price, short pays the rest of the payout; the
/// confidence is the probability that the own side wins. The part f = k·(p − c) ÷ (1 − c) of the equity is *paid*, so the
/// weight, which is counted in value at the mid, is f × price ÷ cost. Each market is sized alone: of outcomes that hang
/// together the sum would be too large, and the caps must hold it.
#[derive(Clone, Debug)]
pub struct Binary {
    fraction: f64,
    payout: f64,
    fee: f64,
    trust: f64,
}

impl SizingModel for Binary {
    type Params = BinaryParams;

    fn new(params: &BinaryParams) -> Result<Self, ConfigError> {
        Ok(Self {
            fraction: fraction(params.fraction)?,
            payout: within(params.payout, 0.01..=1e6, "model.payout", "0.01..=1000000")?,
            fee: within(params.fee, 0.0..=0.5, "model.fee", "0..=0.5 (of the payout)")?,
            trust: within(params.trust, 0.0..=1.0, "model.trust", "0..=1")?,
        })
    }

    #[inline]
    fn want(&self, ask: &Ask<'_>) -> Result<Want, Unsized> {
        let price = ask.mid2 as f64 / (2.0 * pow10_f64(ask.instrument.price_decimals)) / self.payout;
        if !(price > 0.0 && price < 1.0) {
            return Err(Unsized::BadPrice);
        }
        let paid = if ask.direction == Direction::Short { 1.0 - price } else { price };
        let cost = paid + self.fee;
        if cost >= 1.0 {
            // It can only lose.
            return Ok(Want::Weight(0.0));
        }
        let win = cost + self.trust * (ask.confidence - cost);
        Ok(Want::Weight(self.fraction * binary(win, cost) * price / cost))
    }
}
