//! Hot: the risk stage: sizing, the table of checks, positions and P&L.
//!
//! On every input the stage does four things, in this order (`stage`):
//! 1. *takes* the input: epoch, definition, gate, report (`account`, `orders`), operator's command (`operator`, `limits`);
//! 2. remembers the market's mid, for unrealised profit and loss, and tells the first of each interval to the portfolio;
//! 3. *decides*: cancel what rests wrongly, or compare the wanted position (an operator's flatten, a target, the signal by
//!    `sizing` or a rule of `sizing_models`) with what is held and in flight, and ask every check of the table in `checks`;
//! 4. *records* its own verdict.
//!
//! | room | what is in it |
//! |---|---|
//! | `checks` | the table; one file per check |
//! | `portfolio` | returns, value at risk, expected shortfall, high-water mark |
//! | `sizing_models` | how large a position is wanted |
//! | `breaker` | circuit breakers of strategy, venue and instrument |
//! | `oracle_tests` | random streams against a slow oracle |
//!
//! Steps 1 and 4 alone change what survives a restart, and they look only at the input and at what the section says: verdict,
//! outcome of the command, told mark, high-water mark. Both are in the audit log, so [`RiskStage::restore`] is those two steps
//! again. Everything else that comes from the market (step 2) is forgotten with an `Epoch` input.
//!
//! What an operator's command may do: see `operator`. An audited flatten passes the checks that only halt (a killed or halted
//! host, the limits that hold new risk back), and no other: its orders are made by the same table.
//!
//! Absences: no order is approved without passing every row; a check that cannot compute refuses; a limit that is not
//! configured does not load; risk knows neither `execution` nor `market`, only `event`.
//!
//! **To add a check**: see `checks`.

mod account;
mod aggregate;
pub mod breaker;
mod bucket;
pub mod check;
mod checks;
pub mod config;
mod decide;
mod describe;
mod instrument;
mod limits;
mod money;
mod operator;
mod orders;
mod outcome;
pub mod portfolio;
mod repeats;
mod report;
mod settings;
mod sizing;
pub mod sizing_models;
mod stage;

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests_incidents;
#[cfg(test)]
mod tests_limits;
#[cfg(test)]
mod tests_operator;
#[cfg(test)]
mod tests_session;

pub use checks::{ROWS, TABLE, code};
pub use config::{Config, ConfigError};
pub use describe::{amount_text, check_amount_text, check_name, describe, describe_outcome, parse_amount};
pub use stage::RiskStage;
