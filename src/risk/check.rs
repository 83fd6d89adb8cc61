//! Hot: what a check is, what it sees, and the macro that makes the table.

use super::aggregate::Totals;
use super::config::{ConfigError, Limits};
use super::instrument::State;
use super::orders::Orders;
use crate::event::market::MarketSection;
use crate::types::instrument::Instrument;
use crate::types::price::Side;
use crate::types::time::UnixNanos;

/// The code of a refusal because a check could not compute (overflow, no reference price, no epoch); `value` is then
/// the number of that check, 0 = before the first.
pub const UNKNOWN: u8 = 255;
/// The name of [`UNKNOWN`].
pub const UNKNOWN_NAME: &str = "VALUE_UNKNOWN";

/// In what a check's `value` and `limit` are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Count,
    /// Bits of the gate reasons.
    GateBits,
    /// Whole units of quantity, × 10¹⁸.
    Quantity,
    /// Quote currency, × 10⁸.
    Quote,
    /// 10⁻⁶ of a price.
    Ppm,
    /// Price units of the instrument.
    Price,
}

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing against it.
    Pass,
    /// Refused: `value` went past `limit`.
    Refuse {
        /// What was looked at.
        value: i128,
        /// What it must not pass.
        limit: i128,
    },
    /// It cannot be computed: refused with the code [`UNKNOWN`].
    Unknown,
}

impl Outcome {
    /// Pass if `value` is known and at most `limit`.
    #[inline]
    pub fn at_most(value: Option<i128>, limit: i128) -> Self {
        match value {
            Some(value) if value <= limit => Self::Pass,
            Some(value) => Self::Refuse { value, limit },
            None => Self::Unknown,
        }
    }
}

/// A refusal, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Number of the check.
    pub code: u8,
    /// What it looked at.
    pub value: i128,
    /// What it must not pass.
    pub limit: i128,
}

/// The order that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) side: Side,
    /// > 0, in quantity units.
    pub(super) qty: i64,
    /// The limit, or the worst price of a market order.
    pub(super) px: i64,
    pub(super) order_type: crate::event::execution::OrderType,
    pub(super) time_in_force: crate::event::execution::TimeInForce,
}

/// All that a check may look at.
pub struct Context<'a> {
    pub(super) now: UnixNanos,
    pub(super) wanted: Wanted,
    pub(super) instrument: &'a Instrument,
    pub(super) market: &'a MarketSection,
    pub(super) state: &'a State,
    pub(super) totals: &'a Totals,
    pub(super) orders: &'a Orders,
}

impl Context<'_> {
    /// Open quantity on the order's own side.
    #[inline]
    pub(super) fn open_same(&self) -> i64 {
        match self.wanted.side {
            Side::Buy => self.state.open_buy,
            Side::Sell => self.state.open_sell,
        }
    }

    /// Position in the order's direction if it and all that is open on its side is filled; positive = beyond zero.
    #[inline]
    pub(super) fn reach(&self) -> i128 {
        i128::from(self.wanted.side.sign()) * i128::from(self.state.account.position)
            + i128::from(self.open_same())
            + i128::from(self.wanted.qty)
    }

    /// Whether the order can only make the position smaller: exits stay open where only new risk must stop.
    #[inline]
    pub(super) fn only_reduces(&self) -> bool {
        self.reach() <= 0
    }

    /// Twice the mid of the market section, if both sides are there.
    #[inline]
    pub(super) fn mid2(&self) -> Option<i128> {
        mid2(self.market)
    }
}

/// Twice the mid, if both sides are there and not crossed.
#[inline]
pub(super) fn mid2(market: &MarketSection) -> Option<i128> {
    let both = market.bid.qty.0 > 0 && market.ask.qty.0 > 0 && market.bid.px < market.ask.px;
    both.then(|| i128::from(market.bid.px.0) + i128::from(market.ask.px.0))
}

/// One pre-trade check.
pub trait Check: Sized {
    /// `CATEGORY_CONDITION`, as people and exports see it.
    const NAME: &'static str;
    /// In what its value and limit are counted.
    const UNIT: Unit;

    /// The check with its limit.
    ///
    /// # Errors
    /// [`ConfigError::MissingLimit`] if the configuration does not give it.
    fn new(limits: &Limits) -> Result<Self, ConfigError>;

    /// Looks at one order.
    fn check(&self, context: &Context<'_>) -> Outcome;
}

/// `number name => module::Type,` rows become the table: one field per check, asked in the order of the rows.
macro_rules! checks {
    ($( $code:literal $name:ident => $module:ident :: $type:ident, )+) => {
        /// All checks with their limits.
        pub(super) struct Checks { $( pub(super) $name: $module::$type, )+ }

        impl Checks {
            /// # Errors
            /// The first missing or impossible limit.
            pub(super) fn new(limits: &config::Limits) -> Result<Self, ConfigError> {
                Ok(Self { $( $name: <$module::$type as check::Check>::new(limits)?, )+ })
            }

            /// The first refusal in the order of the rows.
            #[inline]
            pub(super) fn run(&self, context: &check::Context<'_>) -> Result<(), check::Refusal> {
                $( match check::Check::check(&self.$name, context) {
                    check::Outcome::Pass => {}
                    check::Outcome::Refuse { value, limit } => return Err(check::Refusal { code: $code, value, limit }),
                    check::Outcome::Unknown => {
                        return Err(check::Refusal { code: check::UNKNOWN, value: $code, limit: 0 });
                    }
                } )+
                Ok(())
            }
        }

        /// The table as data: stored number, name, unit; in the order in which the checks are asked.
        pub const TABLE: &[(u8, &str, check::Unit)] =
            &[ $( ($code, <$module::$type as check::Check>::NAME, <$module::$type as check::Check>::UNIT), )+ ];

        /// Stored numbers of the checks.
        pub mod code { $( #[doc = concat!("Number of the check `", stringify!($name), "`.")]
            #[allow(non_upper_case_globals)] pub const $name: u8 = $code; )+ }
    };
}
pub(super) use checks;
