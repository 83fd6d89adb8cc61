//! Hot: the table of checks: one file each, asked in the order of the rows, with the numbers that are stored.
//!
//! **To add a check**: one file with a type that implements [`Check`], its `mod` line, and its row below. The number is written to
//! disk with each refusal and is never given to something else. Its limit becomes an `Option` in `config::Limits`, so that a
//! configuration without it does not load; with `PER_INSTRUMENT` also in `config::InstrumentLimits`.
//!
//! The order: whether anything may be done at all; whether we know enough; whether the order itself is sane; what it leads to;
//! how much of it there was; what was lost; and at last whether there is room for it. So a refusal names the most fundamental reason.

mod account_fault;
mod breaker;
mod concentration;
mod daily_loss;
mod drawdown;
mod duplicate;
mod expected_shortfall;
mod gate;
mod invalid_book;
mod last_collar;
mod leverage;
mod lot;
mod max_gross;
mod max_net;
mod max_notional;
mod max_position;
mod max_qty;
mod message_rate;
mod open_orders;
mod order_rate;
mod order_rate_total;
mod price_collar;
mod reduce_only;
mod repeat_throttle;
mod restricted;
mod self_trade;
mod session;
mod stale_data;
mod stale_price;
mod static_collar;
mod tick;
mod trading_state;
mod value_at_risk;

use super::check::{Check, Context, Outcome, Refusal, Row, UNKNOWN, checks};
use super::config::{ConfigError, Limits};

pub(super) use daily_loss::DailyLoss;
pub(super) use drawdown::Drawdown;
#[cfg(test)]
pub(super) use {lot::Lot, self_trade::SelfTrade, tick::Tick};

checks! {
    1 gate => Gate,
    15 trading_state => TradingHalted,
    16 reduce_only => ReduceOnly,
    17 restricted => Restricted,
    33 breaker => BreakerOpen,
    13 account_fault => AccountFault,
    2 stale_data => StaleData,
    18 stale_price => StalePrice,
    19 session => Session,
    3 invalid_book => InvalidBook,
    20 tick => Tick,
    21 lot => Lot,
    4 max_qty => MaxQty,
    5 max_notional => MaxNotional,
    6 price_collar => PriceCollar,
    22 last_collar => LastCollar,
    23 static_collar => StaticCollar,
    24 duplicate => Duplicate,
    25 repeat_throttle => RepeatThrottle,
    7 max_position => MaxPosition,
    8 max_gross => MaxGross,
    26 max_net => MaxNet,
    27 leverage => Leverage,
    28 concentration => Concentration,
    9 order_rate => OrderRate,
    14 order_rate_total => OrderRateTotal,
    29 message_rate => MessageRate,
    11 daily_loss => DailyLoss,
    30 drawdown => Drawdown,
    31 value_at_risk => ValueAtRisk,
    32 expected_shortfall => ExpectedShortfall,
    12 self_trade => SelfTrade,
    10 open_orders => OpenOrders,
}
