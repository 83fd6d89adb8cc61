//! Edge: the words on the wire: names of channels and keys, times, messages. What outside agents see, and nothing else.
//!
//! | file | what |
//! |---|---|
//! | [`names`] | every key and channel |
//! | [`roster`] | the names of the host's agents |
//! | [`time`] | ISO-8601 as Python writes and reads it |
//! | [`event`] | a journaled event as an entry of the event stream |
//! | [`trace`] | whose wish an event follows |
//! | [`inbound`] | what outside agents send |
//! | [`payload`] | what an input says, as JSON |
//! | [`head`] | what every message begins with |
//! | [`topic`] | the pub/sub topics |
//! | [`market`] | market data, candles, features |
//! | [`signal`] | signals |
//! | [`trade`] | targets, fills, positions |
//! | [`decision`] | decisions of the host |
//! | [`ops`] | alerts, incidents, logs |
//! | [`agent`] | states, errors and figures of the host's agents, audit entries |
//! | [`heartbeat`] | a sign of life |
//! | [`budget`] | what was used of a provider |
//! | [`schema`], [`places`] | every message as JSON Schema; every channel, key and table in one list |
//!
//! **To add a message**: a file with its type, whose field names are the contract's, and a row in [`schema`] and [`places`].

pub mod agent;
pub mod budget;
pub mod decision;
pub mod event;
pub mod head;
pub mod heartbeat;
pub mod inbound;
pub mod market;
pub mod names;
pub mod ops;
pub mod payload;
pub mod places;
pub mod roster;
pub mod schema;
pub mod signal;
pub mod time;
pub mod topic;
pub mod trace;
pub mod trade;
