//! Edge: enabling LIVE takes two people, each with a key that no program holds.
//!
//! | file | what |
//! |---|---|
//! | [`text`] | hashes, hexadecimal, escapes, times: what the signed texts are made of |
//! | [`limits`] | the limits in force, as a readable list and its digest |
//! | [`record`] | [`Request`]: the one canonical record that both people sign |
//! | [`approval`] | [`Approval`]: one signature over a record |
//! | [`keyring`] | [`Keyring`]: which key is whose |
//! | [`why`] | [`Why`]: each reason for *no* |
//! | [`assess`] | every check, without effect |
//! | [`live`] | [`evaluate`], and [`LiveEnabled`], which nothing else can make |
//! | [`store`] | [`Store`]: requests, approvals, revocations and used nonces on disk |
//! | [`files`] | reading with a limit, writing for good |
//! | [`holder`] | [`Holder`]: what a running host keeps, and when it falls back |
//!
//! # The way of an enablement
//!
//! 1. `tickpath enable request`: the host's name, build, configuration and limits, with a reason and a ticket, become a record
//!    with a random nonce. A request is signed by nobody; who makes it is written down in it.
//! 2. Two different **people** read it (`tickpath enable show`) and sign its bytes (`tickpath enable approve`, or
//!    `openssl pkeyutl -sign -rawin` on a machine of their own). Who made the request may be one of the two, never both: people
//!    are counted, not keys.
//! 3. The running host polls its [`Holder`]: [`evaluate`] checks everything, uses up the nonce (on disk, before it takes
//!    effect), and gives a [`LiveEnabled`]. It can be had only between not-before and ten minutes behind it at most.
//! 4. At each further poll it is checked again. It ends with its window, by `tickpath enable revoke`, when build,
//!    configuration, limits or clock are not what they were, when a key that signed is revoked or expires, and with the
//!    process: a request that is older than the process is refused, so that no restart goes LIVE by itself. What has ended
//!    never comes back; a new request is needed.
//!
//! All default to no: what cannot be read, written or compared is a refusal with its own [`Why`]. One invalid approval refuses
//! the whole record and is named, rather than passed over.
//!
//! # What it does not do
//!
//! Who can write to the store and to the keyring file can take a record away, or replace the keyring: both belong to the
//! host's own user, and the keyring is refused if others may write to it. Revoking needs no signature, since it only makes
//! things safer. A record names its host, and used nonces are kept beside that host: two hosts that have the same name, build
//! and configuration but a store each are one host as far as a record can tell. Host names must differ.

pub mod approval;
pub mod assess;
pub mod files;
pub mod holder;
pub mod keyring;
pub mod limits;
pub mod live;
pub mod record;
pub mod store;
pub mod text;
pub mod why;

#[cfg(test)]
mod tests;

pub use approval::Approval;
pub use assess::{Facts, Ledger, Now};
pub use holder::{Change, Holder};
pub use keyring::Keyring;
pub use limits::Limits;
pub use live::{LiveEnabled, evaluate};
pub use record::{Request, Terms};
pub use store::Store;
pub use text::Hash;
pub use why::Why;

/// People that must approve.
pub const PEOPLE_MIN: usize = 2;

/// Sixteen random bytes from the system: a nonce, or the id of a process start.
///
/// # Errors
/// The system gives no random bytes.
pub fn random() -> std::io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| std::io::Error::other("the system gives no random bytes"))?;
    Ok(bytes)
}
