//! Hot: the risk stage: sizing, the table of checks, positions and P&L.
//!
//! On every input the stage does four things, in this order (`stage`):
//! 1. *takes* the input: epoch, definition, gate, report (`account`, `orders`);
//! 2. remembers the market's mid, for unrealised profit and loss;
//! 3. *decides*: cancel what rests wrongly, or compare the wanted position with what is held and in flight (`sizing`) and
//!    ask every check of the table below, in the order of its rows;
//! 4. *records* its own verdict.
//!
//! Steps 1 and 4 alone change what survives a restart, and they look only at the input and at the verdict. Both are in
//! the audit log, so [`RiskStage::restore`] is those two steps again. Everything that comes from the market (step 2) is
//! forgotten with an `Epoch` input.
//!
//! Absences: no order is approved without passing every row; a check that cannot compute refuses; a limit that is not
//! configured does not load; risk knows neither `execution` nor `market`, only `event`.
//!
//! **To add a check**: one file with a type that implements [`check::Check`], its `mod` line, and its row below. The number
//! is written to disk with each refusal and is never given to something else. Its limit becomes an `Option` in
//! [`config::Limits`], read with `limit(…)` so that a configuration without it does not load.

mod account;
mod aggregate;
pub mod check;
pub mod config;
mod decide;
mod describe;
mod instrument;
mod money;
mod orders;
mod report;
mod sizing;
mod stage;
mod window;

mod account_fault;
mod daily_loss;
mod gate;
mod invalid_book;
mod max_gross;
mod max_notional;
mod max_position;
mod max_qty;
mod open_orders;
mod order_rate;
mod order_rate_total;
mod price_collar;
mod self_trade;
mod stale_data;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests_limits;
#[cfg(test)]
mod tests_session;

pub use config::{Config, ConfigError};
pub use describe::{amount_text, check_name, describe};
pub use stage::RiskStage;

check::checks! {
    1 gate => gate::Gate,
    13 account_fault => account_fault::AccountFault,
    2 stale_data => stale_data::StaleData,
    3 invalid_book => invalid_book::InvalidBook,
    4 max_qty => max_qty::MaxQty,
    5 max_notional => max_notional::MaxNotional,
    6 price_collar => price_collar::PriceCollar,
    7 max_position => max_position::MaxPosition,
    8 max_gross => max_gross::MaxGross,
    9 order_rate => order_rate::OrderRate,
    14 order_rate_total => order_rate_total::OrderRateTotal,
    10 open_orders => open_orders::OpenOrders,
    11 daily_loss => daily_loss::DailyLoss,
    12 self_trade => self_trade::SelfTrade,
}
