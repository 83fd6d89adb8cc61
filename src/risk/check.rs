//! Hot: what a check is, what it sees, and the macro that makes the table.

use super::aggregate::Totals;
use super::aggregate::signed_e8;
use super::breaker::Breakers;
use super::bucket::{Bucket, Rate};
use super::config::{ConfigError, Limits};
use super::instrument::State;
use super::money::div_ceil;
use super::orders::Orders;
use super::portfolio::{Asked, Exposure, Portfolio, Tail, to_e8};
use super::settings::Settings;
use super::stage::RiskStage;
use crate::event::market::MarketSection;
use crate::types::instrument::Instrument;
use crate::types::price::Side;
use crate::types::time::UnixNanos;
use crate::types::wide::{mul, mul_saturating, to_f64};

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
    /// Code of a `ScopeState`.
    State,
    /// Whole units of quantity, × 10¹⁸.
    Quantity,
    /// Quote currency, × 10⁸.
    Quote,
    /// 10⁻⁶ of a price or of a total.
    Ppm,
    /// A ratio, × 10⁶.
    Ratio,
    /// Price units of the instrument.
    Price,
    /// Quantity units of the instrument.
    Lots,
    /// Nanoseconds.
    Nanos,
}

/// On which side of its limit a value is right, and so which way a limit becomes tighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// The value must not be larger. A smaller limit is tighter.
    AtMost,
    /// The value must not be smaller. A larger limit is tighter.
    AtLeast,
}

impl Sense {
    /// Whether `limit` allows something that `than` does not.
    #[inline]
    pub const fn is_looser(self, limit: i128, than: i128) -> bool {
        match self {
            Self::AtMost => limit > than,
            Self::AtLeast => limit < than,
        }
    }

    /// The one of the two that allows less.
    #[inline]
    pub const fn tighter(self, a: i128, b: i128) -> i128 {
        if self.is_looser(a, b) { b } else { a }
    }
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

/// Value of the instrument's position after an order, in 10⁻⁸ of the quote currency.
#[allow(clippy::struct_field_names)] // Units stand last in names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct After {
    /// At the mid if all buys of the instrument are filled, the order among them; signed.
    pub(super) high_e8: i128,
    /// The same if all sells are.
    pub(super) low_e8: i128,
    /// The larger of the two, without its sign: the worst case.
    pub(super) own_e8: i128,
}

/// All that a check may look at. What several checks ask for is computed once, here.
pub struct Context<'a> {
    pub(super) now: UnixNanos,
    pub(super) wanted: Wanted,
    /// The order belongs to an operator's flatten: reasons that only halt do not hold for it, if it only reduces.
    pub(super) flatten: bool,
    pub(super) instrument: &'a Instrument,
    pub(super) market: &'a MarketSection,
    pub(super) state: &'a State,
    pub(super) totals: &'a Totals,
    pub(super) orders: &'a Orders,
    pub(super) settings: &'a Settings,
    pub(super) portfolio: &'a Portfolio,
    pub(super) breakers: &'a Breakers,
    /// Twice the mid of the market section, if both sides are there.
    pub(super) mid2: Option<i128>,
    /// Position in the order's direction if it and all that is open on its side is filled; positive = beyond zero.
    pub(super) reach: i128,
    /// What the order leads to. `None`: it cannot be computed.
    pub(super) after: Option<After>,
    /// The host's gross value after this order; `None` while any instrument cannot be valued.
    pub(super) gross_after: Option<i128>,
    /// What the portfolio says of it. `None`: too few returns, or it cannot be computed, or it matters to nobody.
    asked: Option<Asked>,
}

impl<'a> Context<'a> {
    /// Of `wanted` at `now`; `flatten`: by an operator's flatten.
    #[inline]
    pub(super) fn new(
        stage: &'a RiskStage,
        (state, instrument, market): (&'a State, &'a Instrument, &'a MarketSection),
        now: UnixNanos,
        wanted: Wanted,
        flatten: bool,
    ) -> Self {
        let (side, qty) = (wanted.side, i128::from(wanted.qty));
        let (mid2, position) = (mid2(market), i128::from(state.account.position));
        let (mut high, mut low) = state.span();
        let reach = match side {
            Side::Buy => {
                high += qty;
                high
            }
            Side::Sell => {
                low -= qty;
                -low
            }
        };
        debug_assert_eq!(
            reach,
            i128::from(side.sign()) * position + i128::from(state.open(side)) + qty,
            "what the order reaches is the end of the span on its side"
        );
        let value = |qty| signed_e8(instrument, qty, mid2?);
        let after = value(high).zip(value(low)).and_then(|(high_e8, low_e8)| {
            let own_e8 = high_e8.checked_abs()?.max(low_e8.checked_abs()?);
            Some(After { high_e8, low_e8, own_e8 })
        });
        let gross_after = after
            .as_ref()
            .filter(|_| stage.totals.unknown == 0)
            .and_then(|after| stage.totals.sum.gross_e8.checked_sub(state.part.gross_e8)?.checked_add(after.own_e8));
        // An exit passes whatever the figures are.
        let asked = after.as_ref().filter(|_| reach > 0).and_then(|after| {
            let exposure = exposure((after.high_e8, after.low_e8))?;
            stage.portfolio.asked(instrument.id.index(), exposure)
        });
        Self {
            now,
            wanted,
            flatten,
            instrument,
            market,
            state,
            totals: &stage.totals,
            orders: &stage.orders,
            settings: &stage.settings,
            portfolio: &stage.portfolio,
            breakers: &stage.breakers,
            mid2,
            reach,
            after,
            gross_after,
            asked,
        }
    }

    /// Whether the order can only make the position smaller: exits stay open where only new risk must stop.
    #[inline]
    pub(super) fn only_reduces(&self) -> bool {
        self.reach <= 0
    }

    /// Whether reasons that only halt are passed over: an audited flatten, as long as it only reduces.
    #[inline]
    pub(super) fn may_pass_halt(&self) -> bool {
        self.flatten && self.only_reduces()
    }

    /// The host's net value in the order's direction after this order and all that is open on its side, on the whole host.
    #[inline]
    pub(super) fn net_after(&self) -> Option<i128> {
        let after = self.after.as_ref().filter(|_| self.totals.unknown == 0)?;
        let (sum, part) = (&self.totals.sum, &self.state.part);
        match self.wanted.side {
            Side::Buy => sum.high_e8.checked_sub(part.high_e8)?.checked_add(after.high_e8),
            Side::Sell => sum.low_e8.checked_sub(part.low_e8)?.checked_add(after.low_e8)?.checked_neg(),
        }
    }

    /// Whether a tail figure of the host is at most `limit` after this order: the larger one of history and covariances. While an
    /// instrument has too few returns, a configured part of the gross value stands for both; without one it is not known. Not
    /// to be asked of an exit.
    #[inline]
    pub(super) fn tail_after(&self, limit: i128, pick: fn(Tail) -> f64) -> Outcome {
        if self.after.is_none() {
            return Outcome::Unknown;
        }
        let Some(asked) = &self.asked else {
            let cold = self.settings.cold_tail_ppm;
            let gross = self.gross_after.and_then(|gross| div_ceil(mul(gross, cold?)?, 1_000_000));
            return Outcome::at_most(gross, limit);
        };
        let normal = to_e8(pick(asked.parametric));
        // Mostly the limit is far away, and the history need not be looked through.
        if normal.is_some() && asked.historical_bound.is_some_and(|bound| pick(bound) <= to_f64(limit) / 1e8) {
            return Outcome::at_most(normal, limit);
        }
        self.tail_by_history(asked, normal, limit, pick)
    }

    /// The larger of a parametric figure and the historical one, which is looked for in the window.
    #[cold]
    #[inline(never)]
    fn tail_by_history(&self, asked: &Asked, normal: Option<i128>, limit: i128, pick: fn(Tail) -> f64) -> Outcome {
        let Some((normal, tail)) = normal.zip(self.portfolio.historical_of(asked)) else { return Outcome::Unknown };
        if pick(tail) <= to_f64(limit) / 1e8 {
            return Outcome::at_most(Some(normal), limit);
        }
        match to_e8(pick(tail)) {
            Some(history) => Outcome::Refuse { value: normal.max(history).max(limit.saturating_add(1)), limit },
            None => Outcome::Unknown,
        }
    }

    /// Whether `bucket` has one more, by the window of the rates. Exits may use as much again: what was spent on entries
    /// never holds them back.
    #[inline]
    pub(super) fn within_rate(&self, bucket: &Bucket, limit: i128) -> Outcome {
        let rate = Rate { limit, window: self.settings.rate_window };
        let allowance = if self.only_reduces() { mul_saturating(limit, 2) } else { limit };
        if bucket.fits(rate, self.now, 1, allowance) {
            return Outcome::Pass;
        }
        Outcome::Refuse { value: bucket.in_use(rate, self.now, 1), limit: allowance }
    }
}

/// An instrument's exposure out of its signed values in 10⁻⁸ of the quote currency, all buys filled and all sells filled.
#[inline]
pub(super) fn exposure((high_e8, low_e8): (i128, i128)) -> Option<Exposure> {
    Exposure::new(to_f64(low_e8) / 1e8, to_f64(high_e8) / 1e8)
}

/// Twice the mid, if both sides are there and not crossed.
#[inline]
pub(super) fn mid2(market: &MarketSection) -> Option<i128> {
    let both = market.bid.qty.0 > 0 && market.ask.qty.0 > 0 && market.bid.px < market.ask.px;
    both.then(|| i128::from(market.bid.px.0) + i128::from(market.ask.px.0))
}

/// One pre-trade check. It keeps nothing: what it looks at is in the [`Context`], its limit is given, so that a limit can be
/// another one with the next input, and for each instrument.
pub trait Check {
    /// `CATEGORY_CONDITION`, as people and exports see it.
    const NAME: &'static str;
    /// In what its value and limit are counted.
    const UNIT: Unit;
    /// Which side of the limit is right.
    const SENSE: Sense = Sense::AtMost;
    /// The key of its limit in the configuration; `None` = it has no limit.
    const KEY: Option<&'static str> = None;
    /// Whether an instrument may have a limit of its own.
    const PER_INSTRUMENT: bool = false;

    /// Its limit in its own unit; `None` if it has none.
    ///
    /// # Errors
    /// [`ConfigError::MissingLimit`] if the configuration does not give it.
    fn limit(_limits: &Limits) -> Result<Option<i128>, ConfigError> {
        Ok(None)
    }

    /// Looks at one order.
    fn check(limit: i128, context: &Context<'_>) -> Outcome;
}

/// A row of the table, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Stored number.
    pub code: u8,
    /// `CATEGORY_CONDITION`.
    pub name: &'static str,
    /// In what value and limit are counted.
    pub unit: Unit,
    /// Which side of the limit is right.
    pub sense: Sense,
    /// The limit's key in `[risk.limits]`; `None` = it has no limit, and none can be set.
    pub key: Option<&'static str>,
    /// Whether an instrument may have a limit of its own.
    pub per_instrument: bool,
}

impl Row {
    /// The row of a check.
    pub const fn of<C: Check>(code: u8) -> Self {
        Self { code, name: C::NAME, unit: C::UNIT, sense: C::SENSE, key: C::KEY, per_instrument: C::PER_INSTRUMENT }
    }
}

/// `number name => Type,` rows become the table; the checks are asked in the order of the rows.
macro_rules! checks {
    ($( $code:literal $name:ident => $type:ident, )+) => {
        /// How many checks there are.
        pub const ROWS: usize = [$( $code ),+].len();

        /// One limit for each check, in the order of the rows; 0 where it has none.
        pub(in crate::risk) type LimitRow = [i128; ROWS];

        /// Place of a check in the table.
        #[allow(non_camel_case_types, missing_docs)]
        #[derive(Clone, Copy)]
        pub(in crate::risk) enum At { $( $name, )+ }

        /// The table as data, in the order in which the checks are asked.
        pub const TABLE: &[Row; ROWS] = &[ $( Row::of::<$name::$type>($code), )+ ];

        /// Stored numbers of the checks.
        pub mod code { $( #[doc = concat!("Number of the check `", stringify!($name), "`.")]
            #[allow(non_upper_case_globals)] pub const $name: u8 = $code; )+ }

        /// The limits that `limits` gives, and bit i set for row i; a key that is not there is an error unless `partial`.
        pub(in crate::risk) fn read(limits: &Limits, partial: bool) -> Result<(LimitRow, u64), ConfigError> {
            let (mut row, mut given) = ([0; ROWS], 0);
            $( match <$name::$type as Check>::limit(limits) {
                Ok(Some(limit)) => {
                    row[At::$name as usize] = limit;
                    given |= 1 << At::$name as usize;
                }
                Ok(None) => {}
                Err(ConfigError::MissingLimit(_)) if partial => {}
                Err(error) => return Err(error),
            } )+
            Ok((row, given))
        }

        /// The first refusal in the order of the rows.
        #[inline]
        pub(in crate::risk) fn run(limits: &LimitRow, context: &Context<'_>) -> Result<(), Refusal> {
            $( match <$name::$type as Check>::check(limits[At::$name as usize], context) {
                Outcome::Pass => {}
                Outcome::Refuse { value, limit } => return Err(Refusal { code: $code, value, limit }),
                Outcome::Unknown => return Err(Refusal { code: UNKNOWN, value: $code, limit: 0 }),
            } )+
            Ok(())
        }
    };
}
pub(super) use checks;
