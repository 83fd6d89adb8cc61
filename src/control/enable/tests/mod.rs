//! Edge: tests of the enabling: a small world with two people, and one thing wrong at a time.

mod holder;
mod keyring;
mod record;
mod refusals;
mod store;
mod vectors;

use super::assess::{Activation, Facts, Ledger, Now, Revocation};
use super::record::Nonce;
use super::text::hex;
use super::{Approval, Hash, Keyring, Limits, LiveEnabled, Request, Terms, Why, evaluate};
use crate::types::time::SECONDS;
use ed25519_dalek::{Signer as _, SigningKey};
use std::collections::{BTreeMap, BTreeSet};

/// When the requests of these tests are made: 2026-11-21T12:00:00Z.
const CREATED: i64 = 1_795_262_400;

fn secret(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> String {
    hex(secret(seed).verifying_key().as_bytes())
}

/// `ada` has two keys, `bob` one; `cyd`'s expires an hour behind the request, `dee`'s is revoked.
fn keyring_text() -> String {
    let person = |person: &str, name: &str, keys: &str| {
        format!("[[person]]\nperson = \"{person}\"\nname = \"{name}\"\nkeys = [{keys}]\n")
    };
    let key = |id: &str, seed: u8, more: &str| format!("{{ id = \"{id}\", public = \"{}\"{more} }},", public(seed));
    format!(
        "version = 1\n{}{}{}{}",
        person("ada", "Ada L", &format!("{}{}", key("ada-1", 1, ""), key("ada-2", 2, ""))),
        person("bob", "Bob M", &key("bob-1", 3, "")),
        person("cyd", "Cyd N", &key("cyd-1", 4, ", not_after = \"2026-11-21T13:00:00Z\"")),
        person("dee", "Dee O", &key("dee-1", 5, ", revoked = true")),
    )
}

fn limits(max: &str) -> Limits {
    let limit = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Limits::new([limit("limits.max_order_qty", max), limit("limits.max_daily_loss", "5000")]).unwrap()
}

fn terms() -> Terms {
    Terms {
        host: "desk-1".to_owned(),
        build: Hash::of(b"build"),
        config: Hash::of(b"config"),
        limits: limits("10"),
        reason: "first day, as agreed".to_owned(),
        ticket: "OPS-17".to_owned(),
        requested_by: "ada".to_owned(),
        nonce: [7; 16],
        created_s: CREATED,
        not_before_s: CREATED + 60,
        activate_by_s: CREATED + 360,
        window_s: 3600,
    }
}

fn facts() -> Facts {
    Facts {
        host: "desk-1".to_owned(),
        build: Hash::of(b"build"),
        config: Hash::of(b"config"),
        limits: limits("10"),
        process: [1; 16],
        started: (CREATED - 1000) * SECONDS,
    }
}

/// Both clocks, `seconds` behind the request.
fn at(seconds: i64) -> Now {
    Now { wall: (CREATED + seconds) * SECONDS, monotonic: (1000 + seconds) * SECONDS }
}

fn approve(request: &Request, key: &str, seed: u8) -> Approval {
    Approval { record: *request.hash(), key: key.to_owned(), signature: secret(seed).sign(request.bytes()).to_bytes() }
}

/// A ledger without a disk.
#[derive(Clone, Default)]
struct Memory {
    used: BTreeSet<Nonce>,
    revoked: BTreeMap<Hash, String>,
    broken: bool,
}

impl Memory {
    fn works(&self) -> std::io::Result<()> {
        if self.broken { Err(std::io::Error::other("the disk is gone")) } else { Ok(()) }
    }
}

impl Ledger for Memory {
    fn revocation(&self, record: &Hash) -> std::io::Result<Option<Revocation>> {
        self.works()?;
        Ok(self.revoked.get(record).map(|reason| Revocation {
            record: *record,
            by: "bob".to_owned(),
            reason: reason.clone(),
            at_s: CREATED,
        }))
    }

    fn is_used(&self, nonce: &Nonce) -> std::io::Result<bool> {
        self.works()?;
        Ok(self.used.contains(nonce))
    }

    fn use_up(&mut self, activation: &Activation) -> std::io::Result<bool> {
        self.works()?;
        Ok(self.used.insert(activation.nonce))
    }
}

/// Everything that an evaluation looks at; good as it is made.
struct World {
    request: Request,
    approvals: Vec<Approval>,
    keyring: Keyring,
    facts: Facts,
    now: Now,
    ledger: Memory,
}

impl World {
    fn new() -> Self {
        Self::with(terms())
    }

    fn with(terms: Terms) -> Self {
        let request = Request::new(terms).unwrap();
        Self {
            approvals: vec![approve(&request, "ada-1", 1), approve(&request, "bob-1", 3)],
            request,
            keyring: Keyring::parse(&keyring_text()).unwrap(),
            facts: facts(),
            now: at(100),
            ledger: Memory::default(),
        }
    }

    fn evaluate(&mut self) -> Result<LiveEnabled, Why> {
        evaluate(&self.request, &self.approvals, &self.keyring, &self.facts, self.now, &mut self.ledger)
    }
}
