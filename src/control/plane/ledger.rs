//! Edge: the last commands that were taken: what `/state` shows of them, and how a repeat is known.

use super::Host;
use super::command::Command;
use super::view::iso;
use crate::event::risk::OperatorOutcome;
use crate::types::time::UnixNanos;
use serde::Serialize;
use std::collections::VecDeque;
use utoipa::ToSchema;

/// Commands that are remembered.
const KEPT: usize = 256;

/// Largest number of a request: beyond it JSON readers lose digits.
pub const REQUEST_MAX: u64 = (1 << 53) - 1;

#[derive(Debug)]
struct Entry {
    command: Command,
    at: UnixNanos,
    sequence: Option<u64>,
    outcome: Option<OperatorOutcome>,
    in_force: bool,
}

/// A command that was taken, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Request {
    /// Its number; in the journal with the command.
    pub request: u64,
    /// What was wanted.
    pub action: String,
    /// Of what.
    pub scope: String,
    /// `journaled` (its input is in the journal), `queued` (on its way there).
    pub status: String,
    /// The sequence of its input, once it is in the journal.
    pub sequence: Option<u64>,
    /// What became of it there: `accepted`, or why it was not done; null until it is in the journal.
    pub outcome: Option<String>,
    /// Whether it has its effect without waiting for the journal (a kill).
    pub in_force: bool,
    /// Who.
    pub who: String,
    /// Under which ticket; may be empty.
    pub ticket: String,
    /// Why, as the journal keeps it (the first 128 bytes).
    pub reason: String,
    /// When it was taken.
    #[schema(format = DateTime)]
    pub at: Option<String>,
}

/// Whether a request's number was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No.
    New,
    /// Yes, with the same command: a repeat, which must have no second effect.
    Repeat,
    /// Yes, with another command.
    Reused,
}

/// The last commands, bounded.
#[derive(Debug)]
pub struct Ledger {
    entries: VecDeque<Entry>,
    next: u64,
}

impl Ledger {
    /// An empty one; numbers begin at the time in microseconds, so that they differ between starts of the host.
    pub fn new(now: UnixNanos) -> Self {
        Self { entries: VecDeque::with_capacity(KEPT), next: (now.max(0) as u64 / 1000).clamp(1, REQUEST_MAX) }
    }

    /// A number that was not given out by this ledger.
    pub fn number(&mut self) -> u64 {
        loop {
            let number = self.next;
            self.next = if number >= REQUEST_MAX { 1 } else { number + 1 };
            if self.find(number).is_none() {
                return number;
            }
        }
    }

    /// Whether the command's number is known.
    pub fn seen(&self, command: &Command) -> Seen {
        match self.find(command.request) {
            None => Seen::New,
            Some(entry) if entry.command == *command => Seen::Repeat,
            Some(_) => Seen::Reused,
        }
    }

    /// Remembers a command that the host took.
    pub fn add(&mut self, command: Command, at: UnixNanos, accepted: &super::Accepted) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            command,
            at,
            sequence: accepted.sequence,
            outcome: accepted.sequence.map(|_| OperatorOutcome::Accepted),
            in_force: accepted.in_force,
        });
    }

    /// Asks the host about everything that is still on its way.
    pub fn refresh(&mut self, host: &dyn Host) {
        for entry in self.entries.iter_mut().filter(|e| e.sequence.is_none()) {
            if let Some(journaled) = host.journaled(entry.command.request) {
                (entry.sequence, entry.outcome) = (Some(journaled.sequence), Some(journaled.outcome));
            }
        }
    }

    /// The request with this number.
    pub fn get(&self, number: u64) -> Option<Request> {
        self.find(number).map(show)
    }

    /// All that are remembered, the newest first.
    pub fn list(&self) -> Vec<Request> {
        self.entries.iter().rev().map(show).collect()
    }

    fn find(&self, number: u64) -> Option<&Entry> {
        self.entries.iter().rev().find(|e| e.command.request == number)
    }
}

fn show(entry: &Entry) -> Request {
    let Entry { command, at, sequence, outcome, in_force } = entry;
    Request {
        request: command.request,
        action: command.action.name().to_owned(),
        scope: command.scope.to_string(),
        status: if sequence.is_some() { "journaled" } else { "queued" }.to_owned(),
        sequence: *sequence,
        outcome: outcome.map(|outcome| outcome.name().to_owned()),
        in_force: *in_force,
        who: command.who.clone(),
        ticket: command.ticket.clone(),
        reason: command.reason.clone(),
        at: iso(*at),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Accepted, Action, ScopeId};
    use super::*;

    fn command(request: u64, reason: &str) -> Command {
        Command {
            request,
            action: Action::Stop,
            scope: ScopeId::HOST,
            who: "ada".to_owned(),
            ticket: String::new(),
            trace: String::new(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn repeats_are_known_and_memory_is_bounded() {
        let mut ledger = Ledger::new(1_700_000_000_000_000_000);
        assert_eq!(ledger.number(), 1_700_000_000_000_000);
        assert_eq!(ledger.seen(&command(5, "a")), Seen::New);
        ledger.add(command(5, "a"), 0, &Accepted::default());
        assert_eq!(ledger.seen(&command(5, "a")), Seen::Repeat);
        assert_eq!(ledger.seen(&command(5, "b")), Seen::Reused);
        for request in 100..1000 {
            ledger.add(command(request, "a"), 0, &Accepted::default());
        }
        assert_eq!(ledger.list().len(), KEPT);
        assert_eq!(ledger.list()[0].request, 999);
        assert_eq!(ledger.get(5), None);
    }

    #[test]
    fn own_numbers_step_over_those_in_use_and_stay_exact_in_json() {
        let mut ledger = Ledger::new(i64::MAX);
        ledger.next = REQUEST_MAX;
        ledger.add(command(1, "a"), 0, &Accepted::default());
        assert_eq!((ledger.number(), ledger.number()), (REQUEST_MAX, 2));
        assert_eq!(Ledger::new(i64::MIN).number(), 1);
    }
}
