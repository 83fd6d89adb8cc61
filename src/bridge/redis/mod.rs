//! Edge: the event stream in Redis, and what goes out beside it: topics, positions, the audit stream.
//!
//! | file | what |
//! |---|---|
//! | [`connect`] | the address, TLS, what the server's settings put at risk |
//! | [`link`] | a connection to one server, or to a cluster |
//! | [`slots`] | which node of a cluster has which key |
//! | [`stream`] | where it stands, who writes it, what is trimmed |
//! | [`batch`] | entries with all that follows from them, in one transaction as far as one reaches |
//! | [`setup`] | what the bridge is given |
//! | [`run`] | the bridge's sessions: connect, ask where the stream stands, again |
//! | [`writer`] | a session under way: batch behind batch, trimming |
//! | [`maker`] | events become a batch, while the one before is under way |
//! | [`outgoing`] | what a batch carries beside the stream's entries, and what is said between events |
//! | [`publish`] | the topics: which are wanted, who listens |
//! | [`mirror`] | an event as messages |
//! | [`told`] | what the host says of itself, as messages |
//! | [`positions`] | the positions' hashes |
//! | [`audit`] | an entry of the engine's audit stream, and that stream's place |
//! | [`trouble`] | an error in words, with what to do |
//!
//! # Why nothing is lost or doubled
//!
//! There is one writer. The stream's own last id says how far it is, so that is the place to go on from, after whatever happened:
//! an answer that never came, a server that lost its last second, a replica that was behind. A batch is one transaction, in
//! order, and each entry says that the stream must exist: one that was evicted takes nothing, and is begun anew.
//!
//! What follows from an event goes out in the same transaction, so nobody hears of what is not stored. The server refuses an
//! entry that comes again, but would publish again: so a session first makes itself the writer, and each batch is done only if it
//! still is. Then positions and audit entries are as exact as the stream. A message is a hint all the same: pub/sub keeps nothing
//! for who is not there.
//!
//! The audit stream has a place of its own, moved in the transaction that adds to it: an event stream that is written again (it
//! was evicted, deleted, rebuilt) adds nothing there that is there already. Notices of the host, which no event leads to, are
//! numbered, and the place has the last number: after an answer that never came it says which were told. Where the place itself
//! is lost, what was not answered is told again; those that a stale replica has forgotten though they were confirmed are not.
//!
//! In a cluster only keys of one slot share a transaction, so a batch has [parts](batch), and the audit stream's place may be
//! behind the event stream's: a session begins at the lower of both, and gives each what it lacks. Where keys move to another
//! node, or a replica takes over, the node refuses or the connection ends, and the next session asks where the streams stand.

pub mod audit;
pub mod batch;
pub mod connect;
pub mod link;
pub mod maker;
pub mod mirror;
pub mod outgoing;
pub mod positions;
pub mod publish;
pub mod run;
pub mod setup;
pub mod slots;
pub mod stream;
pub mod told;
pub mod trouble;
pub mod writer;
