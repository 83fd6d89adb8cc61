//! Edge: every check of an enablement, without effect.

use super::approval::{self, Approval};
use super::keyring::{Key, Keyring};
use super::record::{Nonce, Request};
use super::text::Hash;
use super::why::Why;
use super::{PEOPLE_MIN, limits::Limits};
use crate::types::time::{Nanos, SECONDS, UnixNanos};

/// Most approvals of one record.
pub const APPROVALS_MAX: usize = 16;

/// What is running here, now: what a record is compared with.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Name of the host.
    pub host: String,
    /// SHA-256 of the running program; all zero = not known, which enables nothing.
    pub build: Hash,
    /// SHA-256 of the resolved configuration.
    pub config: Hash,
    /// The limits in force.
    pub limits: Limits,
    /// Random id of this process start, from [`super::random`].
    pub process: [u8; 16],
    /// When this process started.
    pub started: UnixNanos,
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Wall clock: UTC.
    pub wall: UnixNanos,
    /// A clock that never goes back, from any zero: it ends a window also while the wall clock stands still.
    pub monotonic: Nanos,
}

/// What is remembered beyond the process: used nonces and revocations.
pub trait Ledger {
    /// Who revoked the record, and why.
    ///
    /// # Errors
    /// It cannot be read; this enables nothing.
    fn revocation(&self, record: &Hash) -> std::io::Result<Option<Revocation>>;

    /// Whether the nonce was used.
    ///
    /// # Errors
    /// It cannot be read; this enables nothing.
    fn is_used(&self, nonce: &Nonce) -> std::io::Result<bool>;

    /// Uses up the nonce, and has it on the disk before it returns `true`; `false` if it was used before, by anybody.
    ///
    /// # Errors
    /// It cannot be written; this enables nothing, and the nonce may be used up.
    fn use_up(&mut self, activation: &Activation) -> std::io::Result<bool>;
}

/// Somebody took a record back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which.
    pub record: Hash,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, in seconds since 1970.
    pub at_s: i64,
}

/// A record took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Which.
    pub record: Hash,
    /// Its nonce.
    pub nonce: Nonce,
    /// In which process.
    pub process: [u8; 16],
    /// When, in seconds since 1970.
    pub at_s: i64,
    /// Until when, at most.
    pub until_s: i64,
}

/// Who signed, with which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The person.
    pub person: String,
    /// The key's id.
    pub key: String,
    /// The key itself: an id may be given to another key later.
    pub public: [u8; 32],
}

pub(super) fn nanos(seconds: i64) -> Result<Nanos, Why> {
    seconds.checked_mul(SECONDS).ok_or(Why::TimeRange)
}

/// Seconds from `earlier` to `later`, rounded up, so that "in 1 s" is never 0.
pub(super) fn seconds_between(earlier: UnixNanos, later: UnixNanos) -> i64 {
    let difference = later.saturating_sub(earlier);
    difference / SECONDS + i64::from(difference % SECONDS > 0)
}

/// Whether the record could be activated now: all that [`super::evaluate`] asks before it takes effect.
///
/// # Errors
/// The first reason why not.
pub fn assess(
    request: &Request,
    approvals: &[Approval],
    keyring: &Keyring,
    facts: &Facts,
    now: Now,
    ledger: &dyn Ledger,
) -> Result<Vec<Signer>, Why> {
    not_revoked(request.hash(), ledger)?;
    same_host(request, facts)?;
    let terms = request.terms();
    let (created, from, to) = (nanos(terms.created_s)?, nanos(terms.not_before_s)?, nanos(terms.activate_by_s)?);
    // A request is stamped in whole seconds: one of the second in which the process started is behind its start.
    if nanos(terms.created_s.checked_add(1).ok_or(Why::TimeRange)?)? <= facts.started {
        return Err(Why::BeforeStart);
    }
    if now.wall < created {
        return Err(Why::ClockBackward(seconds_between(now.wall, created)));
    }
    if now.wall < facts.started {
        return Err(Why::ClockBackward(seconds_between(now.wall, facts.started)));
    }
    if now.wall >= to {
        return Err(Why::Expired(seconds_between(to, now.wall)));
    }
    if ledger.is_used(&terms.nonce).map_err(|e| Why::Store(e.to_string()))? {
        return Err(Why::Replayed);
    }
    let signers = signers(request, approvals, keyring, now)?;
    // Last, so that whoever waits for it knows that nothing else is missing.
    if now.wall < from {
        return Err(Why::NotYet(seconds_between(now.wall, from)));
    }
    Ok(signers)
}

pub(super) fn not_revoked(record: &Hash, ledger: &dyn Ledger) -> Result<(), Why> {
    match ledger.revocation(record) {
        Ok(None) => Ok(()),
        Ok(Some(revoked)) => Err(Why::Revoked { by: revoked.by, reason: revoked.reason }),
        Err(error) => Err(Why::Store(error.to_string())),
    }
}

/// Whether host, build, configuration and limits are those that were approved.
pub(super) fn same_host(request: &Request, facts: &Facts) -> Result<(), Why> {
    let terms = request.terms();
    if terms.host != facts.host {
        return Err(Why::OtherHost { record: terms.host.clone(), here: facts.host.clone() });
    }
    if facts.build.is_zero() {
        return Err(Why::UnknownBuild);
    }
    if terms.build != facts.build {
        return Err(Why::OtherBuild { record: terms.build, here: facts.build });
    }
    if terms.config != facts.config {
        return Err(Why::OtherConfig { record: terms.config, here: facts.config });
    }
    if terms.limits != facts.limits {
        return Err(Why::OtherLimits { record: terms.limits.digest(), here: facts.limits.digest() });
    }
    Ok(())
}

/// Whether a key may still approve.
pub(super) fn usable<'a>(id: &str, keyring: &'a Keyring, now: Now) -> Result<&'a Key, Why> {
    let key = keyring.key(id).ok_or_else(|| Why::UnknownKey(id.to_owned()))?;
    if key.revoked {
        return Err(Why::KeyRevoked(key.id.clone()));
    }
    // Out of range = so far away that it never comes, or was always over.
    if key.not_after_s.is_some_and(|s| now.wall >= s.saturating_mul(SECONDS)) {
        return Err(Why::KeyExpired(key.id.clone()));
    }
    Ok(key)
}

/// Who approved: everybody's approval must be valid, and they must be at least two people.
///
/// # Errors
/// The first reason why not.
pub fn signers(request: &Request, approvals: &[Approval], keyring: &Keyring, now: Now) -> Result<Vec<Signer>, Why> {
    if approvals.len() > APPROVALS_MAX {
        return Err(Why::TooManyApprovals(approvals.len()));
    }
    let mut signers: Vec<Signer> = Vec::with_capacity(approvals.len());
    for approval in approvals {
        if signers.iter().any(|s| s.key == approval.key) {
            return Err(Why::SameKeyTwice(approval.key.clone()));
        }
        signers.push(signer(request, approval, keyring, now)?);
    }
    let mut people: Vec<&str> = signers.iter().map(|s| s.person.as_str()).collect();
    people.sort_unstable();
    people.dedup();
    if people.len() >= PEOPLE_MIN {
        return Ok(signers);
    }
    let person = people.first().copied().unwrap_or("").to_owned();
    if signers.len() >= PEOPLE_MIN {
        let keys = signers.iter().map(|s| s.key.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Why::OnePerson { person, keys });
    }
    Err(Why::TooFewPeople { have: people.len(), person })
}

/// Who gave this approval.
///
/// # Errors
/// Why it is not valid.
pub fn signer(request: &Request, approval: &Approval, keyring: &Keyring, now: Now) -> Result<Signer, Why> {
    let key = usable(&approval.key, keyring, now)?;
    if approval.record != *request.hash() {
        return Err(Why::OtherRecord { key: key.id.clone(), record: approval.record });
    }
    if !approval::is_signed_by(request.bytes(), &approval.signature, &key.public) {
        return Err(Why::BadSignature(key.id.clone()));
    }
    Ok(Signer { person: key.person.clone(), key: key.id.clone(), public: key.public.to_bytes() })
}
