//! Edge: the event stream in Redis.
//!
//! | file | what |
//! |---|---|
//! | [`connect`] | the address, TLS, what the server's settings put at risk |
//! | [`stream`] | write, resume, trim |
//! | [`run`] | the bridge's thread: connect, write, wait, again |
//! | [`trouble`] | an error in words, with what to do |
//!
//! # Why nothing is lost or doubled
//!
//! There is one writer. The stream's own last id says how far it is, so that is the place to go on from, after whatever happened:
//! an answer that never came, a server that lost its last second, a replica that was behind. A batch is one transaction, in
//! order, and each entry says that the stream must exist: one that was evicted takes nothing, and is begun anew.

pub mod connect;
pub mod run;
pub mod stream;
pub mod trouble;
