//! Hot: the execution stage: order states, the order store, and the commands to the venue.
//!
//! - `state`: the states of an order and the table of its legal moves;
//! - `store`: the working orders and the recently finished ones, in a slab of fixed size;
//! - `compare`: what a venue states against what execution and risk hold;
//! - `stage`: verdict → commands, report → update, statement → agreement.
//!
//! An approved verdict becomes one new order (child 0), within the approval. `CancelAll` becomes one cancel for each working
//! order of the instrument (of the host, if the input has no instrument), at most `COMMANDS_MAX` per input; the others follow
//! with the next inputs. A finished order leaves the store, so the cost of an order does not grow with the session.
//!
//! Absences: no new order without `Verdict::Approved` in the same slot; a report never makes an order smaller than what was
//! filled; execution knows neither `risk` nor `market`, only `event`.
//!
//! **To add a state or a move**: a row or a column of the table in `state`. **To add a kind of command**: a variant in
//! `event::execution`, a column of the table, and its arm in `stage`.

mod compare;
pub mod config;
mod stage;
pub mod state;
pub mod store;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_compare;

pub use config::{Config, ConfigError};
pub use stage::ExecutionStage;
pub use store::Order;
