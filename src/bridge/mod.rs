//! Edge: mirrors of the journal outside: each with its own place in it, each free to be down for as long as it likes.
//!
//! | file | what |
//! |---|---|
//! | [`config`] | where the stores are, how much is kept there |
//! | [`id`] | `{epoch}-{sequence}`: an event's name in every store |
//! | [`tail`] | the journal from a place on, with the instruments as they were then |
//! | [`account`] | what is held, as the audit log tells it |
//! | [`sampler`] | candles and features, made again from the journal |
//! | [`sight`] | what a bridge sees of the running host beside the journal |
//! | [`control`] | what people ask of a bridge: pause, go on, write the store again |
//! | [`sessions`] | one session with a store behind the other, from the beginning to the end |
//! | [`status`] | what a bridge tells of itself: how far, how far behind, what is wrong |
//! | [`redis`] | the event stream, and what goes out beside it |
//! | [`intake`] | what comes in over Redis |
//! | [`postgres`] | the typed record, and the agents' tables |
//!
//! A bridge reads the journal, never a ring: what it does can cost the hot path nothing. Its place is kept by the store itself,
//! together with what it stored (the stream's last id, a row that moves with the rows), so the two cannot disagree.
//!
//! Absences: nothing here can refuse, delay or lose an event; what the journal no longer has is counted as lost and told.
//!
//! **To add a store**: a folder with a `run` that takes a [`tail::Tail`] and a [`status::Status`].

pub mod account;
pub mod config;
pub mod control;
pub mod id;
pub mod intake;
pub mod postgres;
pub mod redis;
pub mod sampler;
pub mod sessions;
pub mod sight;
pub mod status;
pub mod tail;
