//! Edge: the record of everything: segments on local disk, a hash chain, recovery, verify.
//!
//! Two append-only logs stand side by side: `audit/` (orders, decisions, control; small) and `market/` (bulk). Every
//! slot goes into exactly one of them, so their union has no gap by sequence. One thread writes; a helper thread
//! prepares segments ahead, fills in the hash chain behind the writer, and seals.
//!
//! Promises, as absences:
//! - `append` allocates nothing and makes no system call, except where a segment ends.
//! - A full disk never becomes a SIGBUS: blocks are reserved before a file is mapped, and the audit log owns one
//!   whole segment ahead that the market log cannot take.
//! - Nothing but a torn tail is ever cut off. A fault anywhere else is [`JournalError::Corrupt`] and changes no byte.
//! - A failed sync is never tried again: the writer stays faulted.
//! - No segment goes away unrecorded: retention writes `dropped.jsonl` before it removes a file.
//! - The readers map nothing: what happens to a file that is read can be an error, not a signal.
//! - `open` does not read the bodies of sealed segments (that is what [`verify`] and the readers do): it checks their
//!   headers, their seals and the chain from segment to segment.
//!
//! # A record
//!
//! Little endian, a multiple of 32 bytes long, at a multiple of 32 bytes, so that the hash never straddles a sector.
//!
//! | offset | bytes | field | meaning |
//! |---|---|---|---|
//! | 0 | 32 | `previous` | SHA-256 of the whole record before it in this log, across segments; zero = not yet filled in |
//! | 32 | 4 | `length` | bytes of the record; stored last, so that 0 means "nothing here yet" |
//! | 36 | 1 | `kind` | 1 header, 2 market, 3 audit, 4 seal, 5 note |
//! | 37 | 1 | `version` | 1 |
//! | 38 | 2 | `flags` | audit: bit 0 signal, 1 risk, 2 execution are present (a section of zeros is left out) |
//! | 40 | 8 | `epoch` | the process start |
//! | 48 | 8 | `sequence` | header: the first of the segment; seal and note: the last one before |
//! | 56 | 8 | `time` | `ts_recv`, nanoseconds since 1970 |
//! | 64 | 8 | `durable` | last sequence of this log that was known to be on disk when this was written |
//! | 72 | n | payload | see below |
//! | length − 4 | 4 | `crc` | CRC32C of the bytes 32 .. length − 4 (the chain protects itself) |
//!
//! Payload of market and audit records: the input without its stamp and with `decode_ticks` 0 (56 bytes), the digest
//! (20), `payload_len` bytes of the input's payload, then (audit) the sections that the flags name, with their stamps
//! zeroed: signal 128, risk 256, execution 384. Bytes up to the CRC are zero. A trade or quote takes 192 bytes.
//!
//! Header: magic `TICKPATH` (8), format u32, log u8, 3 zero, segment number u64, segment bytes u64. Seal: first
//! sequence u64, records u64, reason u8 (1 full, 2 closed, 3 recovered), 7 zero, torn bytes cut off u64. Note: first
//! sequence of market data that was refused u64, last u64 (0: recording stops here), reason u8 (1 disk full, 2 no
//! segment could be made), 15 zero.
//!
//! # The chain is filled in behind the writer
//!
//! SHA-256 of a record costs an order of magnitude more than copying it, and an order waits for the copy. So the
//! helper thread hashes published records and fills in `previous`, usually within a millisecond; recovery does it for
//! what a crash left open. Within a sealed segment every link is there; heads kept elsewhere protect the end.
//!
//! # Files
//!
//! | in the directory | what |
//! |---|---|
//! | `lock` | held by the writer; its pid |
//! | `audit/0000000001.seg`, `market/…` | segments, by number; all zeros = prepared, not yet used |
//! | `heads.json` | last sealed sequence and hash per log |
//! | `dropped.jsonl` | what retention removed |
//! | `config-{epoch}.toml` | the configuration of each epoch, whose hash is in the epoch's record |
//! | what else [`write_meta`] stores | anything |
//!
//! | source | what |
//! |---|---|
//! | `config`, `error`, `heads` | what is configured, what goes wrong, heads and the list of what was dropped |
//! | `record`, `encode` | the format: read back with every check but the chain, written in place |
//! | `loss` | the notes of market data that could not be written |
//! | `map` | the mapping in two halves; the room's only `unsafe` |
//! | `disk`, `segment` | reserve, sync, replace, lock; a segment made ahead and finished |
//! | `writer`, `writer_open`, `write_lane`, `helper` | the two threads |
//! | `recovery`, `scan` | open again: what is there, what a crash explains |
//! | `reader`, `place` | read in order, also while it is written; how far it is between two places |
//! | `verify`, `folder`, `walk`, `walk_segment`, `links`, `union`, `meta`, `finding` | find what was altered or lost, and where |

mod config;
mod disk;
mod encode;
mod error;
mod finding;
mod folder;
mod heads;
mod helper;
mod links;
mod loss;
mod map;
mod meta;
mod place;
mod reader;
mod record;
mod recovery;
mod scan;
mod segment;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod union;
mod verify;
mod walk;
mod walk_segment;
mod write_lane;
mod writer;
mod writer_open;

pub use config::{Config, Durability};
pub use disk::write_meta;
pub use encode::is_audit;
pub use error::JournalError;
pub use finding::{Finding, Verification};
pub use heads::{Dropped, Head, read_dropped, read_heads};
pub use loss::{Loss, LossReason};
pub use meta::{config_name, short_hash};
pub use place::{Place, Places, bytes_between};
pub use reader::{AuditSections, Entry, Reader};
pub use record::Log;
pub use recovery::Recovery;
pub use verify::{verify, verify_against};
pub use writer::{Summary, Writer};

#[cfg(not(target_endian = "little"))]
compile_error!("the journal's format is little endian and copied as it stands in memory");
