//! Edge: the proof that two people enabled LIVE, and the one function that makes it.

use super::approval::Approval;
use super::assess::{
    Activation, Facts, Ledger, Now, Signer, assess, nanos, not_revoked, same_host, seconds_between, usable,
};
use super::keyring::Keyring;
use super::record::Request;
use super::text::Hash;
use super::why::Why;
use crate::types::time::{Nanos, SECONDS, UnixNanos};

/// LIVE is enabled: only [`evaluate`] makes one, from a record that two people signed. It cannot be copied, stored or read
/// from anywhere, so it ends with the process. It must be checked again and again: see [`LiveEnabled::check`].
#[derive(Debug)]
pub struct LiveEnabled {
    request: Request,
    signers: Vec<Signer>,
    process: [u8; 16],
    until: UnixNanos,
    until_monotonic: Nanos,
    seen: Now,
    ended: Option<Why>,
}

/// Enables LIVE if everything holds, and uses up the record's nonce: it can be done once.
///
/// # Errors
/// The first reason why not. The nonce is used up only when everything else held.
pub fn evaluate(
    request: &Request,
    approvals: &[Approval],
    keyring: &Keyring,
    facts: &Facts,
    now: Now,
    ledger: &mut dyn Ledger,
) -> Result<LiveEnabled, Why> {
    let signers = assess(request, approvals, keyring, facts, now, ledger)?;
    let window = nanos(request.terms().window_s)?;
    let until = now.wall.checked_add(window).ok_or(Why::TimeRange)?;
    let until_monotonic = now.monotonic.checked_add(window).ok_or(Why::TimeRange)?;
    // On the disk before it takes effect: of two processes, or before and behind a crash, one activates.
    let activation = Activation {
        record: *request.hash(),
        nonce: request.terms().nonce,
        process: facts.process,
        at_s: now.wall / SECONDS,
        until_s: until / SECONDS,
    };
    match ledger.use_up(&activation) {
        Ok(true) => {}
        Ok(false) => return Err(Why::Replayed),
        Err(error) => return Err(Why::Store(error.to_string())),
    }
    Ok(LiveEnabled {
        request: request.clone(),
        signers,
        process: facts.process,
        until,
        until_monotonic,
        seen: now,
        ended: None,
    })
}

impl LiveEnabled {
    /// Whether it still holds. Once it does not, it never does again, whatever changes back.
    ///
    /// # Errors
    /// Why it ended.
    pub fn check(&mut self, keyring: &Keyring, facts: &Facts, now: Now, ledger: &dyn Ledger) -> Result<(), Why> {
        if let Some(why) = &self.ended {
            return Err(why.clone());
        }
        let result = self.still(keyring, facts, now, ledger);
        self.seen = now;
        self.ended = result.clone().err();
        result
    }

    fn still(&self, keyring: &Keyring, facts: &Facts, now: Now, ledger: &dyn Ledger) -> Result<(), Why> {
        if self.process != facts.process {
            return Err(Why::OtherProcess);
        }
        for (before, after) in [(self.seen.wall, now.wall), (self.seen.monotonic, now.monotonic)] {
            if after < before {
                return Err(Why::ClockBackward(seconds_between(after, before)));
            }
        }
        if now.wall >= self.until || now.monotonic >= self.until_monotonic {
            return Err(Why::WindowOver(self.request.terms().window_s));
        }
        not_revoked(self.request.hash(), ledger)?;
        same_host(&self.request, facts)?;
        for signer in &self.signers {
            let key = usable(&signer.key, keyring, now)?;
            if key.person != signer.person || *key.public.as_bytes() != signer.public {
                return Err(Why::UnknownKey(signer.key.clone()));
            }
        }
        Ok(())
    }

    /// When its window ends, by the wall clock.
    pub fn until(&self) -> UnixNanos {
        self.until
    }

    /// Who approved, and with which keys.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// The people who approved, by name, each once.
    pub fn people(&self) -> Vec<&str> {
        let mut people: Vec<&str> = self.signers.iter().map(|s| s.person.as_str()).collect();
        people.sort_unstable();
        people.dedup();
        people
    }

    /// SHA-256 of the record.
    pub fn record_hash(&self) -> &Hash {
        self.request.hash()
    }

    /// What they approved.
    pub fn request(&self) -> &Request {
        &self.request
    }
}
