//! Hot: tests: what must become of an operator's command, and what it does.

use super::world::{Rules, Tokens};
use super::world::{World, at};
use crate::event::operator::{OperatorAction as A, OperatorCommand, Scope};
use crate::event::risk::OperatorOutcome as O;
use crate::risk::TABLE;
use crate::risk::check::Sense;
use crate::types::time::NO_TIME;

impl World {
    /// What must become of `command`, which is about the instrument `about`.
    pub(super) fn outcome(&self, about: Option<usize>, command: &OperatorCommand, rules: &Rules) -> O {
        let (Some(action), Some(scope)) = (command.action(), command.scope()) else { return O::NotUnderstood };
        if action == A::SetState && !(1..=3).contains(&command.state) {
            return O::NotUnderstood;
        }
        // What only stops is never refused for its form.
        let stops =
            matches!(action, A::CancelAll | A::Restrict | A::Flatten | A::Kill | A::Release | A::Recover | A::Stop)
                || action == A::SetState && command.state > 1;
        if !stops && command.request != 0 && self.requests.contains(&command.request) {
            return O::Repeated;
        }
        if !stops && command.who().is_empty() {
            return O::Anonymous;
        }
        let there = match scope {
            Scope::Host => true,
            Scope::Venue => (1..=6).contains(&command.scope_id),
            Scope::Instrument => about.is_some(),
            Scope::Strategy => command.scope_id == 0,
        };
        if !there {
            return O::NoSuchScope;
        }
        let one = about.filter(|_| scope == Scope::Instrument);
        let timely = match action {
            A::Target | A::Enable => command.until != NO_TIME && command.until > self.now,
            _ => command.until == NO_TIME,
        };
        if !stops && !timely {
            return O::BadUntil;
        }
        match action {
            A::SetState | A::Flatten | A::CancelAll | A::Kill | A::Release | A::Recover | A::Stop => O::Accepted,
            A::Enable | A::Revoke if scope == Scope::Host => O::Accepted,
            A::Enable | A::Revoke => O::NoSuchScope,
            A::Restrict | A::Unrestrict => {
                if one.is_some() {
                    O::Accepted
                } else {
                    O::NoSuchScope
                }
            }
            A::ResetBreaker => {
                if scope == Scope::Host {
                    O::Accepted
                } else {
                    O::NothingStopped
                }
            }
            A::Reenable => {
                let any = match command.limit {
                    0 | 25 => {
                        (0..self.one.len()).any(|i| self.is_in(i, about, command) && self.one[i].stopped != [false; 2])
                    }
                    30 if scope == Scope::Host || scope == Scope::Strategy => self.drawdown_stopped,
                    _ => return O::NoSuchLimit,
                };
                if any { O::Accepted } else { O::NothingStopped }
            }
            A::Target => match one.and_then(|i| self.one[i].spec) {
                None => O::NoSuchScope,
                Some(spec) if command.new.abs() < 1 << 62 && command.new % i128::from(spec.lot_size.0) == 0 => {
                    O::Accepted
                }
                Some(_) => O::BadTarget,
            },
            A::SetLimit => {
                let Some(at) = TABLE.iter().position(|row| row.code == command.limit && row.key.is_some()) else {
                    return O::NoSuchLimit;
                };
                let (now, ceiling) = match (scope, one) {
                    (Scope::Host, _) => (self.limits[at], rules.ceiling[at]),
                    (Scope::Instrument, Some(i)) if TABLE[at].per_instrument => {
                        if self.one[i].spec.is_none() {
                            return O::NoSuchScope;
                        }
                        let own = rules.own.get(&at).filter(|_| i == 1).copied().unwrap_or(rules.ceiling[at]);
                        let looser = if TABLE[at].sense == Sense::AtMost {
                            own.max(rules.ceiling[at])
                        } else {
                            own.min(rules.ceiling[at])
                        };
                        (self.one[i].limits[at], looser)
                    }
                    _ => return O::NoSuchLimit,
                };
                let beyond = match TABLE[at].sense {
                    Sense::AtMost => command.new > ceiling,
                    Sense::AtLeast => command.new < ceiling,
                };
                if command.old != now {
                    O::OldDiffers
                } else if command.new < 0 || TABLE[at].sense == Sense::AtLeast && command.new > 864_000_000_000_000 {
                    O::BadValue
                } else if beyond {
                    O::BeyondCeiling
                } else {
                    O::Accepted
                }
            }
        }
    }

    fn is_in(&self, i: usize, about: Option<usize>, command: &OperatorCommand) -> bool {
        match command.scope() {
            Some(Scope::Instrument) => about == Some(i),
            Some(Scope::Venue) => self.one[i].spec.is_some_and(|s| u32::from(s.venue.code()) == command.scope_id),
            _ => true,
        }
    }

    /// Does it, if it is to be done.
    pub(super) fn obey(&mut self, about: Option<usize>, command: &OperatorCommand, rules: &Rules) {
        match self.outcome(about, command, rules) {
            O::Accepted => {}
            O::NotUnderstood => {
                self.states[0] = 3;
                return;
            }
            _ => return,
        }
        if command.request != 0 {
            self.requests.insert(command.request);
        }
        let (action, scope) = (command.action().unwrap(), command.scope().unwrap());
        let inside: Vec<usize> = (0..self.one.len()).filter(|i| self.is_in(*i, about, command)).collect();
        match action {
            A::Enable | A::Revoke | A::Recover | A::Stop => {}
            A::Kill | A::Release => {
                let to = action == A::Kill;
                match scope {
                    Scope::Host => {}
                    Scope::Strategy => self.killed[0] = to,
                    Scope::Venue if command.scope_id == 6 => self.killed[1] = to,
                    Scope::Venue => {}
                    Scope::Instrument => self.one[about.unwrap()].killed = to,
                }
            }
            A::SetState => match scope {
                Scope::Host => self.states[0] = command.state,
                Scope::Strategy => self.states[1] = command.state,
                // All instruments of the streams are at the same venue.
                Scope::Venue if command.scope_id == 6 => self.states[2] = command.state,
                Scope::Venue => {}
                Scope::Instrument => self.one[about.unwrap()].state = command.state,
            },
            A::Reenable if command.limit == 30 => {
                self.drawdown_stopped = false;
                self.high = self.is_known().then(|| self.equity());
            }
            A::Reenable => {
                for i in inside {
                    for side in 0..2 {
                        if self.one[i].stopped[side] {
                            self.one[i].stopped[side] = false;
                            self.one[i].executions[side] = Tokens::default();
                        }
                    }
                }
            }
            A::Flatten => inside.into_iter().for_each(|i| self.one[i].flatten = true),
            A::CancelAll => inside.into_iter().for_each(|i| self.one[i].flatten = false),
            A::Restrict | A::Unrestrict => self.one[about.unwrap()].restricted = action == A::Restrict,
            A::SetLimit => {
                let row = at(command.limit);
                if scope == Scope::Instrument {
                    let i = about.unwrap();
                    self.flow(about);
                    self.one[i].limits[row] = command.new;
                    self.one[i].own.insert(row);
                } else {
                    self.flow(None);
                    self.limits[row] = command.new;
                    for i in 0..self.one.len() {
                        if !self.one[i].own.contains(&row) {
                            self.flow(Some(i));
                            self.one[i].limits[row] = command.new;
                        }
                    }
                }
            }
            A::Target | A::ResetBreaker => {}
        }
    }
}
