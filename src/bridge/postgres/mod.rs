//! Edge: the record in PostgreSQL: every journaled event in typed tables, and the agents' tables beside them.
//!
//! | file | what |
//! |---|---|
//! | [`address`] | `DATABASE_URL`: where the database is, and how safely it is reached |
//! | [`connect`] | one connection, or a pool of them |
//! | [`migrate`] | the schema: its version, what is missing, the way there |
//! | [`tables`] | the tables and their columns, and the statements that follow from them |
//! | [`encode`] | rows in the binary format of COPY |
//! | [`rows`] | an event's rows |
//! | [`batch`] | events that are written together |
//! | [`session`] | one connection: looked over, then batch after batch |
//! | [`run`] | the bridge's thread: connect, write, wait, again |
//! | [`trouble`] | an error in words, with what to do |
//!
//! # Why nothing is lost or doubled
//!
//! A batch is one transaction: rows are copied into tables of the connection's own, taken over with `ON CONFLICT DO NOTHING`, and
//! the host's cursor moves, or none of it happens. Each transaction first locks the cursor and looks whether it stands where the
//! batch begins, so an earlier connection whose commit is still under way, and was never answered, is waited for and believed.

pub mod address;
pub mod batch;
pub mod connect;
pub mod encode;
pub mod migrate;
pub mod rows;
pub mod run;
pub mod session;
pub mod tables;
pub mod trouble;
