//! Edge: what a running host keeps of its enablement, and what it tells the audit log.
//!
//! The host polls it, say once a second and before it opens its gate: the gate's reason `enablement` holds no longer while
//! [`Holder::live`] gives something, and holds in all other cases. Each [`Change::command`] goes into the journal.

use super::assess::{Facts, Now};
use super::keyring::Keyring;
use super::live::{LiveEnabled, evaluate};
use super::store::Store;
use super::text::{Hash, utc};
use super::why::Why;
use crate::event::operator::{OperatorAction, OperatorCommand, Scope};
use crate::types::time::{SECONDS, UnixNanos};
use std::collections::BTreeMap;
use std::fmt;

/// What a poll found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// LIVE is enabled from now on.
    Enabled {
        /// The record.
        record: Hash,
        /// Who approved.
        people: Vec<String>,
        /// The record's reason.
        reason: String,
        /// The record's ticket.
        ticket: String,
        /// When its window ends.
        until: UnixNanos,
    },
    /// LIVE is enabled no longer.
    Ended {
        /// The record.
        record: Hash,
        /// Who approved it.
        people: Vec<String>,
        /// Its ticket.
        ticket: String,
        /// Why it ended.
        why: Why,
    },
    /// A request waits or was refused; told once for each reason.
    Refused {
        /// The record.
        record: Hash,
        /// Why.
        why: Why,
    },
    /// The store as a whole cannot be read, so that nothing can be enabled; told once for each reason.
    Trouble(String),
}

impl Change {
    /// What the audit log keeps: enabling and its end, with the record's hash; nothing for what had no effect.
    pub fn command(&self) -> Option<OperatorCommand> {
        match self {
            Self::Enabled { record, people, reason, ticket, until } => {
                let mut command = OperatorCommand::new(OperatorAction::Enable, Scope::Host, &people.join("+"), reason)
                    .with_ticket(ticket)
                    .with_record(&record.0);
                command.until = *until;
                Some(command)
            }
            Self::Ended { record, ticket, why, .. } => {
                // Who revoked it, else the host itself: a window is over without anybody's doing.
                let (who, reason) = match why {
                    Why::Revoked { by, reason } => (by.as_str(), reason.clone()),
                    other => ("host", other.to_string()),
                };
                Some(
                    OperatorCommand::new(OperatorAction::Revoke, Scope::Host, who, &reason)
                        .with_ticket(ticket)
                        .with_record(&record.0),
                )
            }
            Self::Refused { .. } | Self::Trouble(_) => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enabled { record, people, reason, ticket, until } => write!(
                f,
                "LIVE is enabled until {} by {} (ticket {}: {}; record {record})",
                utc(until / SECONDS),
                people.join(" and "),
                super::text::escape(ticket),
                super::text::escape(reason)
            ),
            Self::Ended { record, why, .. } => write!(f, "LIVE is enabled no longer: {why} (record {record})"),
            Self::Refused { record, why } => write!(f, "LIVE is not enabled: {why} (record {record})"),
            Self::Trouble(what) => write!(f, "LIVE cannot be enabled: {what}"),
        }
    }
}

/// The enablement of a running host: none at the start.
#[derive(Debug, Default)]
pub struct Holder {
    live: Option<LiveEnabled>,
    /// What was told last of each request, so that it is told once; final answers are not asked for again.
    told: BTreeMap<Hash, Why>,
    trouble: Option<String>,
}

impl Holder {
    /// The enablement in force at the last poll.
    pub fn live(&self) -> Option<&LiveEnabled> {
        self.live.as_ref()
    }

    /// The requests that are not in force and the reason that was told last, by the record's hash.
    pub fn refused(&self) -> impl Iterator<Item = (&Hash, &Why)> {
        self.told.iter()
    }

    /// Store or keyring cannot be read: what is in force ends, since nobody can say that it still holds.
    pub fn give_up(&mut self, what: &str) -> Option<Change> {
        let live = self.live.take()?;
        let record = *live.record_hash();
        self.told.insert(record, Why::Replayed);
        Some(Change::Ended {
            record,
            people: live.people().into_iter().map(str::to_owned).collect(),
            ticket: live.request().terms().ticket.clone(),
            why: Why::Store(what.to_owned()),
        })
    }

    /// Looks again: checks what is in force; where nothing is, activates the first request that two people approved. While
    /// one is in force no other takes its place: it can be revoked, or the next asked for with a not-before at its end.
    pub fn poll(&mut self, store: &mut Store, keyring: &Keyring, facts: &Facts, now: Now) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(live) = &mut self.live {
            let Err(why) = live.check(keyring, facts, now, store) else { return changes };
            let record = *live.record_hash();
            changes.push(Change::Ended {
                record,
                people: live.people().into_iter().map(str::to_owned).collect(),
                ticket: live.request().terms().ticket.clone(),
                why,
            });
            self.live = None;
            self.told.insert(record, Why::Replayed);
        }
        match store.requests() {
            Ok(records) => {
                self.trouble = None;
                // What was final stays so, also if its files are taken away and put back.
                self.told.retain(|record, why| why.is_final() || records.binary_search(record).is_ok());
                for record in records {
                    self.consider(record, store, keyring, facts, now, &mut changes);
                    if self.live.is_some() {
                        break;
                    }
                }
            }
            Err(error) => {
                let text = error.to_string();
                if self.trouble.as_ref() != Some(&text) {
                    changes.push(Change::Trouble(text.clone()));
                    self.trouble = Some(text);
                }
            }
        }
        changes
    }

    fn consider(
        &mut self,
        record: Hash,
        store: &mut Store,
        keyring: &Keyring,
        facts: &Facts,
        now: Now,
        changes: &mut Vec<Change>,
    ) {
        if self.told.get(&record).is_some_and(Why::is_final) {
            return;
        }
        let read = store.request(&record).and_then(|request| Ok((request, store.approvals(&record)?)));
        let result = match read {
            Ok((request, approvals)) => evaluate(&request, &approvals, keyring, facts, now, store),
            Err(error) => Err(Why::Store(error.to_string())),
        };
        match result {
            Ok(live) => {
                self.told.remove(&record);
                let terms = live.request().terms();
                changes.push(Change::Enabled {
                    record,
                    people: live.people().into_iter().map(str::to_owned).collect(),
                    reason: terms.reason.clone(),
                    ticket: terms.ticket.clone(),
                    until: live.until(),
                });
                self.live = Some(live);
            }
            Err(why) => {
                // By name: "in 41 s" and "in 40 s" are one reason.
                let news = self
                    .told
                    .get(&record)
                    .is_none_or(|old| old.name() != why.name() || (!matches!(why, Why::NotYet(_)) && *old != why));
                if news {
                    changes.push(Change::Refused { record, why: why.clone() });
                }
                self.told.insert(record, why);
            }
        }
    }
}
