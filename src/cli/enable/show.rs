//! Edge: `tickpath enable show`: the requests, who approved, what is missing, how much time is left.

use super::super::Cli;
use super::super::exit::{Code, Failure};
use super::{EnableArgs, revoked_words, wall_now};
use crate::control::enable::assess::{self, assess};
use crate::control::enable::store::field;
use crate::control::enable::text::{escape, from_utc, utc};
use crate::control::enable::{Approval, Facts, Hash, Keyring, Ledger as _, Now, PEOPLE_MIN, Request, Store, Why};
use crate::runtime::identity;
use crate::types::time::{SECONDS, UnixNanos};
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `enable show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Only this record, also one that is not in the store; prints its text.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
}

/// One approval.
#[derive(Debug, Serialize)]
struct Approver {
    key: String,
    person: Option<String>,
    valid: bool,
    why: Option<String>,
}

/// One request.
#[derive(Debug, Serialize)]
struct Shown {
    record: String,
    /// `waiting`, `ready`, `activated`, `over`, `revoked`, `expired`, or the name of the reason why it is refused.
    state: &'static str,
    message: String,
    approvals: Vec<Approver>,
    /// How many more people must approve.
    people_missing: usize,
    /// Until it can be activated no more, or, when activated, until its window is over.
    seconds_left: i64,
    host: String,
    reason: String,
    ticket: String,
    requested_by: String,
    not_before: String,
    activate_by: String,
    window_s: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Shows the requests in the store, compared with this program and this configuration.
///
/// # Errors
/// A configuration, keyring or store that cannot be read.
pub fn main(cli: &Cli, enable: &EnableArgs, args: &ShowArgs) -> Result<Code, Failure> {
    let dir = enable.store_dir(cli)?;
    let only = args.request.as_deref().map(Request::load).transpose()?;
    // To look creates nothing.
    let store = if dir.is_dir() { Some(Store::open(&dir)?) } else { None };
    let mut shown = Vec::new();
    if let Some(store) = store {
        let config = crate::config::load(cli.config.as_deref(), std::env::vars())?.config;
        let identity = identity::of(&config)?;
        let look = Look {
            keyring: enable.keyring(cli, &store)?,
            facts: Facts {
                host: identity.host,
                build: identity.build,
                config: identity.config,
                limits: identity.limits,
                process: [0; 16],
                // Whether the request is older than the running host only that host can say.
                started: UnixNanos::MIN,
            },
            now: Now { wall: wall_now()?, monotonic: 0 },
            store,
        };
        match &only {
            Some(request) => shown.push(look.at(request)?),
            None => {
                for record in look.store.requests()? {
                    shown.push(look.at(&look.store.request(&record)?)?);
                }
            }
        }
    } else if let Some(request) = &only {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "there is no store {} yet: `tickpath enable approve --request` makes it, for record {}",
                dir.display(),
                request.hash()
            ),
        ));
    }
    if let (Some(request), Some(first)) = (&only, shown.first_mut()) {
        first.text = Some(request.text().into_owned());
    }
    if cli.json {
        crate::say!("{}", serde_json::json!({"store": dir, "requests": shown}));
    } else if shown.is_empty() {
        crate::say!("no requests in {}; `tickpath enable request` makes one", dir.display());
    } else {
        for one in &shown {
            tell(one);
        }
    }
    Ok(Code::Ok)
}

/// What a request is looked at with.
struct Look {
    keyring: Keyring,
    facts: Facts,
    now: Now,
    store: Store,
}

impl Look {
    fn at(&self, request: &Request) -> Result<Shown, Failure> {
        let terms = request.terms();
        let now_s = self.now.wall / SECONDS;
        let record: &Hash = request.hash();
        let approvals = if self.store.record_dir(record).is_dir() { self.store.approvals(record)? } else { Vec::new() };
        let approvers: Vec<Approver> = approvals.iter().map(|approval| self.approver(request, approval)).collect();
        let mut people: Vec<_> = approvers.iter().filter(|a| a.valid).filter_map(|a| a.person.as_deref()).collect();
        people.sort_unstable();
        people.dedup();
        let people_missing = PEOPLE_MIN.saturating_sub(people.len());
        let mut seconds_left = (terms.activate_by_s - now_s).max(0);
        let result = assess(request, &approvals, &self.keyring, &self.facts, self.now, &self.store);
        let (state, message) = if let Some(revoked) = self.store.revocation(record)? {
            seconds_left = 0;
            ("revoked", revoked_words(&revoked))
        } else if let Some(note) = self.store.activation_note(&terms.nonce)? {
            let until = field(&note, "until").and_then(|until| from_utc(&until)).unwrap_or(0);
            seconds_left = (until - now_s).max(0);
            let at = field(&note, "at").unwrap_or_default();
            if seconds_left > 0 {
                (
                    "activated",
                    format!("activated at {at}; holds until {} at most, if that process still runs", utc(until)),
                )
            } else {
                ("over", format!("activated at {at}; its window is over"))
            }
        } else {
            match &result {
                Ok(_) => ("ready", "complete: the running host can activate it".to_owned()),
                Err(why @ (Why::TooFewPeople { .. } | Why::NotYet(_))) => ("waiting", why.to_string()),
                Err(why) => (why.name(), why.to_string()),
            }
        };
        Ok(Shown {
            record: record.to_string(),
            state,
            message,
            approvals: approvers,
            people_missing,
            seconds_left,
            host: terms.host.clone(),
            reason: terms.reason.clone(),
            ticket: terms.ticket.clone(),
            requested_by: terms.requested_by.clone(),
            not_before: utc(terms.not_before_s),
            activate_by: utc(terms.activate_by_s),
            window_s: terms.window_s,
            text: None,
        })
    }

    fn approver(&self, request: &Request, approval: &Approval) -> Approver {
        let result = assess::signer(request, approval, &self.keyring, self.now);
        Approver {
            key: approval.key.clone(),
            person: self.keyring.key(&approval.key).map(|key| key.person.clone()),
            valid: result.is_ok(),
            why: result.err().map(|why| why.to_string()),
        }
    }
}

fn tell(one: &Shown) {
    if let Some(text) = &one.text {
        crate::say!("{}\n", text.trim_end());
    }
    crate::say!("record     {}\nstate      {}: {}", one.record, one.state, one.message);
    crate::say!(
        "host       {}   window {} s   activate {} to {}",
        escape(&one.host),
        one.window_s,
        one.not_before,
        one.activate_by
    );
    crate::say!("asked by   {}   ticket {}: {}", one.requested_by, escape(&one.ticket), escape(&one.reason));
    for a in &one.approvals {
        let person = a.person.as_deref().unwrap_or("(nobody in the keyring)");
        match &a.why {
            None => crate::say!("approved   {person}, key {}", a.key),
            Some(why) => crate::say!("NOT VALID  {person}, key {}: {why}", a.key),
        }
    }
    if one.people_missing > 0 && one.state == "waiting" {
        crate::say!("missing    {} more of {PEOPLE_MIN} people", one.people_missing);
    }
    crate::say!("time left  {} s\n", one.seconds_left);
}
