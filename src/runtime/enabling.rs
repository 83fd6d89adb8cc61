//! Edge: the two people's approval in a running host: looked for twice a second, on the record before it takes effect.

use super::identity::Identity;
use super::recorder::{OperatorRecord, View};
use crate::config::Config;
use crate::control::clock_guard::Reading;
use crate::control::enable::holder::Change;
use crate::control::enable::keyring::changeable_by_own_user;
use crate::control::enable::{self, Facts, Hash, Holder, Keyring, Limits, Now, Store, text};
use crate::control::plane::view::Enablement;
use crate::event::operator::{OperatorAction, OperatorCommand};
use crate::event::risk::OperatorOutcome;
use crate::risk::check::Row;
use crate::types::ids::InstrumentId;
use crate::types::time::{SECONDS, UnixNanos};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

/// A limit in force: the check's stored number, the instrument that has it for itself, the value.
pub type LimitNow = (u8, Option<InstrumentId>, i128);

/// What LIVE hangs on. At the start it is not enabled, and only people enable it.
pub struct Enabling {
    dir: PathBuf,
    keyring: PathBuf,
    holder: Holder,
    facts: Facts,
    /// The keyring as it was at the start: whose key is whose does not change under a running host.
    pinned: Option<Hash>,
    /// The record whose `Enable` the journal was seen to have.
    journaled: Option<Hash>,
    /// The limits in force at the start, by the check's number and the instrument (or `NONE`): never looser than approved.
    at_start: BTreeMap<(u8, u32), i128>,
    /// The limits that were approved; looser ones since are laid over them.
    approved: Vec<(String, String)>,
    /// Up to which command the limits were looked at.
    seen: u64,
    /// For the audit log.
    outbox: VecDeque<OperatorCommand>,
    /// What stands in the way of all requests, told once.
    trouble: Option<String>,
}

/// The store's folder of a host.
pub fn store_dir(config: &Config) -> PathBuf {
    config.host.data_dir.join("enable")
}

/// The file that says whose key is whose.
pub fn keyring_file(config: &Config) -> PathBuf {
    config.host.keyring.clone().unwrap_or_else(|| store_dir(config).join("keyring.toml"))
}

impl Enabling {
    /// Nothing is enabled yet, and no request that is older than `now` will be.
    ///
    /// # Errors
    /// The system gives no random bytes to name this process by.
    pub fn new(identity: Identity, config: &Config, limits: &[LimitNow], now: UnixNanos) -> std::io::Result<Self> {
        let approved = identity.limits.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let Identity { host, build, config: hash, limits: of_config } = identity;
        let process = enable::random()?;
        if let Err(error) = Store::open(&store_dir(config)) {
            // It is told, again, with the first look.
            tracing::warn!("enabling: {error}");
        }
        let keyring = keyring_file(config);
        let pinned = std::fs::read(&keyring).ok().map(|bytes| Hash::of(&bytes));
        if let Some(warning) = changeable_by_own_user(&keyring) {
            tracing::warn!("enabling: {warning}");
        }
        Ok(Self {
            pinned,
            journaled: None,
            at_start: limits
                .iter()
                .map(|(code, id, value)| ((*code, id.unwrap_or(InstrumentId::NONE).0), *value))
                .collect(),
            dir: store_dir(config),
            keyring,
            holder: Holder::default(),
            facts: Facts { host, build, config: hash, limits: of_config, process, started: now },
            approved,
            seen: 0,
            outbox: VecDeque::new(),
            trouble: None,
        })
    }

    /// Looks again. What becomes of it goes into the outbox, and into the log.
    pub fn poll(&mut self, now: Reading, changed: &BTreeMap<(u8, u32), OperatorRecord>) {
        self.lay_over_loosened(changed);
        let read =
            Store::reopen(&self.dir).map_err(|e| e.to_string()).and_then(|store| Ok((store, self.read_keyring()?)));
        let now = Now { wall: now.wall, monotonic: now.steady };
        let changes = match read {
            Ok((mut store, keyring)) => {
                self.trouble = None;
                self.holder.poll(&mut store, &keyring, &self.facts, now)
            }
            Err(error) => {
                let told = self.trouble.as_ref() == Some(&error);
                self.trouble = Some(error.clone());
                // What cannot be checked does not hold.
                let mut changes: Vec<Change> = self.holder.give_up(&error).into_iter().collect();
                if !told {
                    changes.push(Change::Trouble(error));
                }
                changes
            }
        };
        for change in changes {
            match &change {
                Change::Enabled { .. } | Change::Ended { .. } => tracing::warn!("{change}"),
                Change::Refused { .. } | Change::Trouble(_) => tracing::info!("{change}"),
            }
            self.outbox.extend(change.command());
        }
    }

    /// The keyring, if it is the one that was there at the start.
    fn read_keyring(&self) -> Result<Keyring, String> {
        // For its permissions; then once more, so that what is compared is what is used.
        Keyring::load(&self.keyring).map_err(|e| e.to_string())?;
        let path = self.keyring.display();
        let bytes = std::fs::read(&self.keyring).map_err(|e| format!("{path}: {e}"))?;
        if self.pinned != Some(Hash::of(&bytes)) {
            return Err(format!(
                "{path} is not as it was when the host started; a host takes whose key is whose once: start it again"
            ));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("{path}: no UTF-8"))?;
        Keyring::parse(&text).map_err(|e| e.to_string())
    }

    /// A limit that was loosened by command since the approval is not what two people approved; a tighter one only makes
    /// things safer.
    fn lay_over_loosened(&mut self, changed: &BTreeMap<(u8, u32), OperatorRecord>) {
        let mut over = Vec::new();
        let seen = self.seen;
        for record in changed.values().filter(|r| r.sequence > seen) {
            self.seen = self.seen.max(record.sequence);
            let row = crate::risk::TABLE.iter().find(|row| row.code == record.command.limit);
            let of = |id: InstrumentId| self.at_start.get(&(record.command.limit, id.0)).copied();
            let approved = of(record.instrument).or_else(|| of(InstrumentId::NONE));
            let is_looser = |row: &&Row| approved.is_none_or(|approved| row.sense.is_looser(record.now, approved));
            if let Some(row) = row.filter(is_looser) {
                let value = crate::risk::amount_text(row.unit, record.now);
                over.push((format!("changed.{}", row.name), value));
            }
        }
        if over.is_empty() {
            return;
        }
        for (name, value) in over {
            self.approved.retain(|(known, _)| *known != name);
            self.approved.push((name, value));
        }
        match Limits::new(self.approved.clone()) {
            Ok(limits) => self.facts.limits = limits,
            // Too many to compare: nothing is approved.
            Err(_) => self.facts.build = Hash([0; 32]),
        }
    }

    /// What is to go into the audit log, the oldest first.
    pub fn outbox(&mut self) -> &mut VecDeque<OperatorCommand> {
        &mut self.outbox
    }

    /// Whether LIVE is enabled at `now`, and the journal has it.
    pub fn is_in_force(&mut self, now: Reading, view: &View) -> bool {
        let Some(live) = self.holder.live() else { return false };
        let record = *live.record_hash();
        if now.wall >= live.until() {
            return false;
        }
        if self.journaled == Some(record) {
            return true;
        }
        let is_it = |command: &OperatorCommand| {
            command.action() == Some(OperatorAction::Enable) && command.record() == live.record_hash().0
        };
        let has = |r: &OperatorRecord| {
            is_it(&r.command) && r.outcome == OperatorOutcome::Accepted.code() && r.sequence <= view.journaled
        };
        if view.operators.iter().any(has) {
            self.journaled = Some(record);
        }
        self.journaled == Some(record)
    }

    /// For people.
    pub fn show(&self, in_force: bool) -> Enablement {
        let mut shown = Enablement { valid: in_force, ..Enablement::default() };
        if let Some(live) = self.holder.live() {
            shown.signed_by = live.people().into_iter().map(str::to_owned).collect();
            shown.ticket = Some(live.request().terms().ticket.clone());
            shown.until = Some(text::utc(live.until() / SECONDS));
            if !in_force {
                "approved; not yet in the journal".clone_into(&mut shown.detail);
            }
            return shown;
        }
        let refused: Vec<String> = self.holder.refused().map(|(record, why)| format!("{record}: {why}")).collect();
        shown.detail = match (&self.trouble, refused.is_empty()) {
            (Some(trouble), _) => trouble.clone(),
            (None, true) => "no request: see `tickpath enable request`".to_owned(),
            (None, false) => refused.join("; "),
        };
        shown
    }
}
