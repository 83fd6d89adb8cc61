//! Hot: how large a position is wanted: one model, then the caps, then whole lots, always rounded toward less risk.
//!
//! | room | what is in it |
//! |---|---|
//! | `units` | amounts of the quote currency and quantities, both ways |
//! | `caps` | `Caps`: what the model's answer is cut to, and the no-trade band |
//! | one file per model | see the registry below |
//!
//! A model answers with a [`Want`]: an amount, or a weight (value of the position ÷ equity). The weight is a float, since
//! it comes from statistics; it becomes an integer (10⁻⁹, rounded down) before it meets money. All behind it is checked
//! integer arithmetic.
//!
//! A target of zero with a reason ([`Bound`]) is an answer: there is no edge, or the size is below the lot. [`Unsized`] is
//! none: something that is needed is not known, and nothing may be traded on it.
//!
//! **To add a model**: one file with a type that implements [`SizingModel`], its `mod` line and its registry row. The row's
//! left side is the `kind` in the configuration.
//!
//! ```toml
//! [risk.size.model]
//! kind = "volatility_target"
//! target = 0.10
//!
//! [risk.size.caps]
//! weight_max = 1.0
//! notional_max = "50000"
//! ```

mod caps;
mod units;

pub mod fixed_fraction;
pub mod fixed_notional;
pub mod kelly;
pub mod risk_per_trade;
pub mod volatility_target;

pub use caps::CapsConfig;
pub use units::days_per_year;

use super::config::ConfigError;
use crate::event::signal::Direction;
use crate::types::instrument::Instrument;
use caps::Caps;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a position is sized from. Everything that is not known is `None`, and only a model or a cap that needs it refuses.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The wanted direction.
    pub direction: Direction,
    /// The signal's confidence, 0..=1.
    pub confidence: f64,
    /// The signal's score, −1..=1; its sign is that of the direction.
    pub score: f64,
    /// Twice the mid, in price units.
    pub mid2: i128,
    /// Standard deviation of the instrument's returns, per year (0.25 = 25 %).
    pub volatility: Option<f64>,
    /// Equity of the host, in 10⁻⁸ of the quote currency.
    pub equity_e8: Option<i128>,
    /// Fall of the equity from its high-water mark, in 10⁻⁶.
    pub drawdown_ppm: Option<u64>,
    /// What the market can take, in quantity units: a day's volume, or what rests in the book; the participation cap is a
    /// part of it.
    pub liquidity: Option<i64>,
    /// The position that is held, signed, in quantity units; for the no-trade band.
    pub position: i64,
    /// What is traded.
    pub instrument: &'a Instrument,
}

/// What a model wants, in the direction of the signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Want {
    /// Value of the position ÷ equity; ≤ 0 = no edge, no position.
    Weight(f64),
    /// Value of the position in 10⁻⁸ of the quote currency.
    Notional(i128),
}

crate::code_enum! {
    /// What decided a target's size. The codes may be written to disk.
    pub enum Bound {
        /// The model.
        Model = 1, "model";
        /// The signal is flat.
        Flat = 2, "flat";
        /// The model sees no edge (Kelly f* ≤ 0).
        NoEdge = 3, "no_edge";
        /// The equity is used up.
        NoEquity = 4, "no_equity";
        /// `weight_max`.
        MaxWeight = 5, "max_weight";
        /// `notional_max`.
        MaxNotional = 6, "max_notional";
        /// `qty_max`.
        MaxQty = 7, "max_qty";
        /// `participation`.
        Participation = 8, "participation";
        /// The drawdown takes size away.
        Drawdown = 9, "drawdown";
        /// Less than one lot: none.
        BelowLot = 10, "below_lot";
        /// Less than `notional_min`: none.
        BelowNotional = 11, "below_notional";
        /// The change is within the no-trade band: the position stays.
        Band = 12, "band";
    }
}

crate::code_enum! {
    /// Why there is no target at all. The codes may be written to disk.
    pub enum Unsized {
        /// The volatility is not known (warming up).
        NoVolatility = 1, "no_volatility";
        /// The equity is not known.
        NoEquity = 2, "no_equity";
        /// The liquidity is not known, and the participation is capped.
        NoLiquidity = 3, "no_liquidity";
        /// The drawdown is not known, and it throttles.
        NoDrawdown = 4, "no_drawdown";
        /// Confidence or score outside its range, or no number.
        BadSignal = 5, "bad_signal";
        /// No price above zero.
        BadPrice = 6, "bad_price";
        /// A number does not fit, or is none.
        Overflow = 7, "overflow";
    }
}

/// A sized position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Signed, in quantity units, whole lots (but for [`Bound::Band`], which is the position as it is).
    pub qty: i64,
    /// What decided the size.
    pub bound: Bound,
}

/// One way to size a position.
pub trait SizingModel: Sized {
    /// Parameters as they stand in the configuration.
    type Params: Clone + PartialEq + core::fmt::Debug + Serialize + DeserializeOwned;

    /// The model.
    ///
    /// # Errors
    /// [`ConfigError`] for a parameter outside its range.
    fn new(params: &Self::Params) -> Result<Self, ConfigError>;

    /// What is wanted. The direction is not flat, confidence and score are in range, the price is above zero and the
    /// volatility, where it is known, is a number above zero.
    ///
    /// # Errors
    /// [`Unsized`] if something that it needs is not known.
    fn want(&self, ask: &Ask<'_>) -> Result<Want, Unsized>;
}

macro_rules! models {
    ($( $kind:ident => $module:ident :: $type:ident, $what:literal; )+) => {
        /// `kind` and parameters of the model.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        #[allow(non_camel_case_types)]
        pub enum ModelConfig { $( #[doc = $what] $kind(<$module::$type as SizingModel>::Params), )+ }

        /// All kinds of models.
        pub const KINDS: &[&str] = &[ $( stringify!($kind), )+ ];

        /// Any registered model. An enum, so that the call is direct.
        #[derive(Clone, Debug)]
        #[allow(non_camel_case_types)]
        enum AnyModel { $( $kind($module::$type), )+ }

        impl AnyModel {
            fn build(config: &ModelConfig) -> Result<Self, ConfigError> {
                match config { $( ModelConfig::$kind(params) => Ok(Self::$kind(SizingModel::new(params)?)), )+ }
            }

            #[inline]
            fn want(&self, ask: &Ask<'_>) -> Result<Want, Unsized> {
                match self { $( Self::$kind(model) => model.want(ask), )+ }
            }
        }
    };
}

models! {
    fixed_notional => fixed_notional::FixedNotional, "The same amount for every position.";
    fixed_fraction => fixed_fraction::FixedFraction, "The same part of the equity for every position.";
    kelly_continuous => kelly::Continuous, "Fractional Kelly from the expected return and the variance.";
    kelly_discrete => kelly::Discrete, "Fractional Kelly from a win probability and odds.";
    kelly_binary => kelly::Binary, "Fractional Kelly for a contract that pays all or nothing.";
    volatility_target => volatility_target::VolatilityTarget, "The same risk for every position.";
    risk_per_trade => risk_per_trade::RiskPerTrade, "The same loss at the stop for every position.";
}

/// `[risk.size]`: a model and its caps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model.
    pub model: ModelConfig,
    /// What its answer is cut to.
    #[serde(default)]
    pub caps: CapsConfig,
}

impl Default for Config {
    /// An amount of 1000 for every position, no caps.
    fn default() -> Self {
        Self { model: ModelConfig::fixed_notional(fixed_notional::Params::default()), caps: CapsConfig::default() }
    }
}

/// The model with its caps. It keeps no state: the same question has the same answer.
#[derive(Clone, Debug)]
pub struct SizeRule {
    model: AnyModel,
    caps: Caps,
}

impl SizeRule {
    /// # Errors
    /// [`ConfigError`]: a value outside its range.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self { model: AnyModel::build(&config.model)?, caps: Caps::new(&config.caps)? })
    }

    /// The wanted position.
    ///
    /// # Errors
    /// [`Unsized`]: it is not known how large the position should be; nothing is to be traded on it.
    #[inline]
    pub fn target(&self, ask: &Ask<'_>) -> Result<Target, Unsized> {
        if ask.direction == Direction::Flat {
            return Ok(Target { qty: 0, bound: Bound::Flat });
        }
        // A NaN is in no range.
        if !(0.0..=1.0).contains(&ask.confidence) || !(-1.0..=1.0).contains(&ask.score) {
            return Err(Unsized::BadSignal);
        }
        if ask.mid2 <= 0 {
            return Err(Unsized::BadPrice);
        }
        let ask = &Ask { volatility: self.caps.floored(ask.volatility), ..*ask };
        let want = self.model.want(ask)?;
        self.caps.cut(want, ask)
    }
}

/// A parameter within `range`, or the error that says so. A NaN is in no range.
fn within(
    value: f64,
    range: core::ops::RangeInclusive<f64>,
    name: &'static str,
    allowed: &'static str,
) -> Result<f64, ConfigError> {
    if range.contains(&value) { Ok(value) } else { Err(ConfigError::Range { name, range: allowed }) }
}

#[cfg(test)]
mod tests;
