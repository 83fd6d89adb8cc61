//! Edge: the words on the wire: names of channels and keys, times, messages. What outside agents see, and nothing else.
//!
//! | file | what |
//! |---|---|
//! | [`names`] | every key and channel |
//! | [`time`] | ISO-8601 as Python writes and reads it |
//! | [`event`] | a journaled event as an entry of the event stream |
//! | [`trace`] | whose wish an event follows |
//! | [`inbound`] | what outside agents send |
//! | [`payload`] | what an input says, as JSON |
//!
//! **To add a message**: a file with its type, whose field names are the contract's.

pub mod event;
pub mod inbound;
pub mod names;
pub mod payload;
pub mod time;
pub mod trace;
