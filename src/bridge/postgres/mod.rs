//! Edge: the record in PostgreSQL: every journaled event in typed tables, and the agents' tables beside them.
//!
//! | file | what |
//! |---|---|
//! | [`address`] | `DATABASE_URL`: where the database is, and how safely it is reached |
//! | [`connect`] | one connection, or a pool of them |
//! | [`migrate`] | the schema: its version, what is missing, the way there |
//! | [`check`] | whether each column is there, and of which type |
//! | [`rights`] | what the bridge's user may do, and must not for LIVE |
//! | [`tables`] | the tables and their columns, and the statements that follow from them |
//! | [`encode`] | rows in the binary format of COPY |
//! | [`rows`] | an event's rows |
//! | [`batch`] | events that are written together |
//! | [`ahead`] | the next batch is made while one is written |
//! | [`session`] | one connection: looked over, the cursor asked |
//! | [`send`] | a batch becomes rows, in one transaction with the cursor |
//! | [`house`] | partitions to come, and those that may go |
//! | [`run`] | the bridge's thread: connect, write, wait, again |
//! | [`trouble`] | an error in words, with what to do |
//!
//! # Why nothing is lost or doubled
//!
//! A batch is one transaction: the host's cursor moves from where the batch begins to where it ends, and the rows are copied in, or
//! none of it happens. The cursor is moved first, under its row's lock, so an earlier connection whose commit is still under way,
//! and was never answered, is waited for and believed. Where rows may be there already they are staged, and taken over with
//! `ON CONFLICT DO NOTHING`; [`send`] says when that is.

pub mod address;
pub mod ahead;
pub mod batch;
pub mod check;
pub mod connect;
pub mod encode;
pub mod house;
pub mod migrate;
pub mod rights;
pub mod rows;
pub mod run;
pub mod send;
pub mod session;
pub mod tables;
pub mod trouble;
