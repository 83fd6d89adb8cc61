//! Edge: the words on the wire: names of channels and keys, times, messages. What outside agents see, and nothing else.
//!
//! | file | what |
//! |---|---|
//! | [`names`] | every key and channel |
//! | [`time`] | ISO-8601 as Python writes and reads it |
//! | [`event`] | a journaled event as an entry of the event stream |
//! | [`payload`] | what an input says, as JSON |
//! | [`heartbeat`] | a sign of life |
//! | [`alert`] | what somebody must know |
//! | [`incident`] | an outage of an agent, opened and closed |
//! | [`budget`] | what was used of a provider |
//! | [`log`] | a line for other agents |
//!
//! **To add a message**: a file with its type, whose field names are the contract's.

pub mod alert;
pub mod budget;
pub mod event;
pub mod heartbeat;
pub mod incident;
pub mod log;
pub mod names;
pub mod payload;
pub mod time;
