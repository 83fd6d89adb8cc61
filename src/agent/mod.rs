//! Edge: the roster's agents beyond the five stages: presence of all seven, the supervisor's watch over every agent, budgets.
//!
//! | file | what |
//! |---|---|
//! | [`config`] | whom to watch, how long silence may last, what may be used of a provider |
//! | [`presence`] | when which heartbeat is due, and what it says |
//! | [`beat`] | heartbeats on their way into Redis |
//! | [`ledger`] | heartbeats on their way into PostgreSQL |
//! | [`watch`] | who is down and who is back: a pure state machine |
//! | [`hearing`] | the watch's ears: the channel, the hashes, the sorted set |
//! | [`memory`] | what the supervisor remembers over a restart |
//! | [`outbox`] | what must be told, kept until it is |
//! | [`exposure`] | which instruments an agent's signals moved |
//! | [`reduce`] | the exposure of a silent agent becomes reduce-only |
//! | [`held`] | what goes on when nobody can watch them any more |
//! | [`budget`] | who crossed a threshold of what: a pure state machine, and the host's own spending |
//! | [`tracker`] | the budgets' keys, read again and again |
//! | [`supervise`] | the watch at work |
//! | [`setup`] | what the agents are given |
//! | [`run`] | all of it on one thread, ended with the host |
//!
//! Several hosts on one Redis each watch all agents, those of the other hosts too, so that each outage is told once by each
//! of them; the alert's `source` says by whom.
//!
//! Absences: nothing here can make an order, loosen what a person set, or be waited for by a hot thread.

pub mod beat;
pub mod budget;
pub mod config;
pub mod exposure;
pub mod hearing;
pub mod held;
pub mod ledger;
pub mod memory;
pub mod outbox;
pub mod presence;
pub mod reduce;
pub mod run;
pub mod setup;
pub mod supervise;
pub mod tracker;
pub mod watch;
