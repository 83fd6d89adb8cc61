//! Edge: the exposure of a silent agent becomes reduce-only, and free again when the agent is back.
//!
//! It is freed only if nobody else is responsible for it, and it is as the supervisor set it, by the very same request: whatever a
//! person set meanwhile stands. In doubt it stays reduce-only, and that is said. What was tightened by somebody is never loosened:
//! ours only ever tightens, and if another's command came between the look and ours, it is set again, so that it is seen as theirs.

use super::exposure::Exposure;
use super::memory::Bound;
use crate::acp::ops::Level;
use crate::acp::roster::SUPERVISOR;
use crate::control::plane::command::{Action, Command};
use crate::control::plane::view::InstrumentSetting;
use crate::control::plane::{Host, ScopeId};
use crate::event::operator::{REASON_BYTES, ScopeState};
use crate::event::risk::OperatorOutcome;
use crate::types::time::{MICROS, Nanos, SECONDS, UnixNanos};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// So long a command may take to be in the journal before that is told.
const JOURNAL_PATIENCE: Nanos = 10 * SECONDS;

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How much it matters.
    pub level: Level,
    /// What.
    pub message: String,
}

/// An instrument that is bound.
#[derive(Clone, Debug)]
struct Now {
    bound: Bound,
    /// When the command was given; `None` = it is in the journal.
    asked: Option<UnixNanos>,
    /// The request that frees it, and when it was given.
    lift: Option<(u64, UnixNanos)>,
}

/// What the supervisor has bound, and why.
pub struct Reducer {
    exposure: Arc<Exposure>,
    host: Arc<dyn Host>,
    bound: BTreeMap<String, Now>,
    /// As it was last kept elsewhere.
    kept: BTreeMap<String, Bound>,
    /// Instruments that the host will not bind, as long as they should be.
    hopeless: BTreeSet<String>,
    /// What was told of an instrument last.
    told: BTreeMap<String, String>,
    request: u64,
}

impl Reducer {
    /// Nothing is bound yet.
    pub fn new(exposure: Arc<Exposure>, host: Arc<dyn Host>) -> Self {
        Self {
            exposure,
            host,
            bound: BTreeMap::new(),
            kept: BTreeMap::new(),
            hopeless: BTreeSet::new(),
            told: BTreeMap::new(),
            request: 0,
        }
    }

    /// What an earlier start had bound.
    pub fn recall(&mut self, reduced: BTreeMap<String, Bound>) {
        let settings = self.host.settings();
        for (instrument, bound) in reduced {
            self.kept.insert(instrument.clone(), bound.clone());
            // It was kept before it was journaled: what did not come so far, or was in another journal, binds nothing.
            let is_ours = |s: &InstrumentSetting| {
                s.instrument == instrument && s.who == SUPERVISOR && s.state == ScopeState::Reducing
            };
            if settings.as_ref().is_some_and(|all| !all.iter().any(is_ours)) {
                continue;
            }
            self.bound.entry(instrument).or_insert(Now { bound, asked: None, lift: None });
        }
    }

    /// Instruments that are bound.
    pub fn instruments(&self) -> impl Iterator<Item = &str> {
        self.bound.keys().map(String::as_str)
    }

    /// What is bound otherwise than it was kept: `None` = no more.
    pub fn news(&self) -> Vec<(String, Option<Bound>)> {
        let changed = self.bound.iter().filter(|(name, now)| self.kept.get(*name) != Some(&now.bound));
        let mut news: Vec<_> = changed.map(|(name, now)| (name.clone(), Some(now.bound.clone()))).collect();
        news.extend(self.kept.keys().filter(|name| !self.bound.contains_key(*name)).map(|name| (name.clone(), None)));
        news
    }

    /// That was kept.
    pub fn kept(&mut self, news: Vec<(String, Option<Bound>)>) {
        for (instrument, bound) in news {
            match bound {
                Some(bound) => self.kept.insert(instrument, bound),
                None => self.kept.remove(&instrument),
            };
        }
    }

    fn command(&mut self, action: Action, instrument: &str, reason: &str, now: UnixNanos) -> Result<u64, String> {
        let scope = ScopeId::parse(&format!("instrument:{instrument}"))
            .ok_or_else(|| format!("`{}` is no instrument's name", instrument.escape_debug()))?;
        // Above those of earlier starts, so that none counts as a repeat.
        self.request = (self.request + 1).max(u64::try_from(now / MICROS).unwrap_or(1)).max(1);
        let command = Command {
            request: self.request,
            action,
            scope,
            who: SUPERVISOR.to_owned(),
            ticket: String::new(),
            reason: reason[..reason.floor_char_boundary(REASON_BYTES)].to_owned(),
            trace: String::new(),
        };
        match self.host.command(&command) {
            Ok(_) => Ok(command.request),
            Err(refused) => Err(refused.to_string()),
        }
    }

    /// The same is not said again and again.
    fn say(&mut self, said: &mut Vec<Said>, instrument: &str, level: Level, message: String) {
        if self.told.get(instrument) != Some(&message) {
            self.told.insert(instrument.to_owned(), message.clone());
            said.push(Said { level, message });
        }
    }

    /// One look: `down` are the silent agents, with since when; what is to be told.
    pub fn step(&mut self, down: &BTreeMap<String, String>, now: UnixNanos) -> Vec<Said> {
        let is_held = self.exposure.is_held();
        let (held, mut wanted) = (self.exposure.held(), BTreeMap::<String, BTreeSet<String>>::new());
        let all: BTreeMap<String, String>;
        let down = if held.is_empty() {
            down
        } else {
            all = held.into_iter().chain(down.clone()).collect();
            &all
        };
        for agent in down.keys() {
            for instrument in self.exposure.instruments_of(agent) {
                wanted.entry(instrument).or_default().insert(agent.clone());
            }
        }
        // Also those that were bound for an agent of whom nothing else is known any more.
        for (instrument, bound) in &self.bound {
            for agent in bound.bound.agents.iter().filter(|agent| down.contains_key(*agent)) {
                wanted.entry(instrument.clone()).or_default().insert(agent.clone());
            }
        }
        let mut said = Vec::new();
        self.hopeless.retain(|instrument| wanted.contains_key(instrument));
        if wanted.is_empty() && self.bound.is_empty() {
            return said;
        }
        let settings = self.host.settings();
        for (instrument, agents) in &wanted {
            if self.bound.contains_key(instrument) {
                continue;
            }
            let since = agents.first().and_then(|agent| down.get(agent)).map_or("", String::as_str);
            self.bind(instrument, agents, since, settings.as_deref(), now, &mut said);
        }
        for instrument in self.bound.keys().cloned().collect::<Vec<_>>() {
            if self.confirm(&instrument, settings.as_deref(), now, &mut said) {
                match wanted.get(&instrument) {
                    Some(agents) => {
                        if let Some(known) = self.bound.get_mut(&instrument) {
                            known.bound.agents.clone_from(agents);
                        }
                    }
                    // Nobody can say that an agent is back.
                    None if is_held => {}
                    None => self.lift(&instrument, settings.as_deref(), now, &mut said),
                }
            }
        }
        self.told.retain(|instrument, _| wanted.contains_key(instrument) || self.bound.contains_key(instrument));
        said
    }

    fn bind(
        &mut self,
        instrument: &str,
        agents: &BTreeSet<String>,
        since: &str,
        settings: Option<&[InstrumentSetting]>,
        now: UnixNanos,
        said: &mut Vec<Said>,
    ) {
        if self.hopeless.contains(instrument) {
            return;
        }
        let own = settings.map(|all| all.iter().find(|setting| setting.instrument == instrument));
        match own {
            // Of an earlier start, whose memory is lost.
            Some(Some(own)) if own.state == ScopeState::Reducing && own.who == SUPERVISOR => {
                let bound = Bound { request: own.request, agents: agents.clone() };
                self.bound.insert(instrument.to_owned(), Now { bound, asked: None, lift: None });
                return;
            }
            // As strict already, or stricter: it is somebody's own.
            Some(Some(own)) if own.state != ScopeState::Active => {
                let text = format!("{instrument} is {} already, by {}: it is left so", own.state.name(), own.who);
                self.say(said, instrument, Level::Info, text);
                return;
            }
            Some(_) => {}
            // Not known: what it may do now is the strictest of all that holds it. Ours could loosen that.
            None => {
                let scope = format!("instrument:{instrument}");
                let bound = |state: &str| state == ScopeState::Reducing.name() || state == ScopeState::Halted.name();
                if self.host.situation().scopes.iter().any(|s| s.scope == scope && s.kill.is_none() && bound(&s.state))
                {
                    return;
                }
            }
        }
        let who: Vec<&str> = agents.iter().map(String::as_str).collect();
        let who = who.join(", ");
        let reason = format!("silent since {since}: {who}");
        // What another tightened since the look stays as tight: the risk stage decides that in the sequence.
        match self.command(Action::Tighten(ScopeState::Reducing), instrument, &reason, now) {
            Ok(request) => {
                let bound = Bound { request, agents: agents.clone() };
                self.bound.insert(instrument.to_owned(), Now { bound, asked: Some(now), lift: None });
                let text = format!("{instrument} is reduce-only: {who} moved it, and is silent since {since}");
                self.say(said, instrument, Level::Warning, text);
            }
            Err(why) => {
                let text = format!("{instrument} could not be made reduce-only, though {who} is silent: {why}");
                self.say(said, instrument, Level::Critical, text);
            }
        }
    }

    /// Whether the command that bound it is in the journal, and nothing of another's was loosened by it.
    fn confirm(
        &mut self,
        instrument: &str,
        settings: Option<&[InstrumentSetting]>,
        now: UnixNanos,
        said: &mut Vec<Said>,
    ) -> bool {
        let Some(known) = self.bound.get_mut(instrument) else { return false };
        let Some(asked) = known.asked else { return true };
        let request = known.bound.request;
        match self.host.journaled(request) {
            Some(journaled) if journaled.outcome == OperatorOutcome::Accepted => {
                known.asked = None;
                if self.restore(instrument, request, ScopeState::Reducing, settings, now, said) {
                    self.bound.remove(instrument);
                }
            }
            Some(journaled) => {
                let outcome = journaled.outcome.name();
                self.bound.remove(instrument);
                self.hopeless.insert(instrument.to_owned());
                let text = format!("{instrument} could not be made reduce-only: risk says {outcome}");
                self.say(said, instrument, Level::Critical, text);
            }
            None if now.saturating_sub(asked) > JOURNAL_PATIENCE => {
                let text = format!("{instrument}: that it is reduce-only is not in the journal yet");
                self.say(said, instrument, Level::Warning, text);
            }
            None => {}
        }
        false
    }

    /// If our `request` took the place of something stricter than `ours` that another had set just before: it is set again.
    fn restore(
        &mut self,
        instrument: &str,
        request: u64,
        ours: ScopeState,
        settings: Option<&[InstrumentSetting]>,
        now: UnixNanos,
        said: &mut Vec<Said>,
    ) -> bool {
        let setting = settings.into_iter().flatten().find(|s| s.instrument == instrument && s.request == request);
        let Some(replaced) = setting.and_then(|setting| setting.replaced.as_ref()) else { return false };
        if replaced.who == SUPERVISOR || replaced.state.code() <= ours.code() {
            return false;
        }
        let (state, who) = (replaced.state, replaced.who.clone());
        let text = match self.command(Action::SetState(state), instrument, &format!("as {who} set it"), now) {
            Ok(_) => format!("{instrument} is {} again, as {who} set it at the same moment", state.name()),
            Err(why) => format!("{instrument} is not {} any more, as {who} set it, and should be: {why}", state.name()),
        };
        self.say(said, instrument, Level::Warning, text);
        true
    }

    fn lift(&mut self, instrument: &str, settings: Option<&[InstrumentSetting]>, now: UnixNanos, said: &mut Vec<Said>) {
        let Some(known) = self.bound.get(instrument).cloned() else { return };
        let agents: Vec<&str> = known.bound.agents.iter().map(String::as_str).collect();
        let agents = agents.join(", ");
        if let Some((request, at)) = known.lift {
            match self.host.journaled(request) {
                Some(journaled) if journaled.outcome == OperatorOutcome::Accepted => {
                    self.bound.remove(instrument);
                    if !self.restore(instrument, request, ScopeState::Active, settings, now, said) {
                        let text = format!("{instrument} may trade freely again: {agents} is back");
                        self.say(said, instrument, Level::Info, text);
                    }
                }
                Some(journaled) => {
                    self.bound.remove(instrument);
                    let outcome = journaled.outcome.name();
                    let text = format!("{instrument} stays reduce-only: risk says {outcome}; a person must free it");
                    self.say(said, instrument, Level::Warning, text);
                }
                None if now.saturating_sub(at) > JOURNAL_PATIENCE => {
                    let text = format!("{instrument}: that it is free again is not in the journal yet");
                    self.say(said, instrument, Level::Warning, text);
                }
                None => {}
            }
            return;
        }
        let own = settings.map(|all| all.iter().find(|setting| setting.instrument == instrument));
        match own {
            Some(Some(own))
                if own.who == SUPERVISOR && own.request == known.bound.request && own.state == ScopeState::Reducing =>
            {
                match self.command(Action::SetState(ScopeState::Active), instrument, &format!("{agents} is back"), now)
                {
                    Ok(request) => {
                        if let Some(known) = self.bound.get_mut(instrument) {
                            known.lift = Some((request, now));
                        }
                    }
                    Err(why) => {
                        let text = format!("{instrument} stays reduce-only for now: {why}");
                        self.say(said, instrument, Level::Warning, text);
                    }
                }
            }
            Some(Some(own)) => {
                self.bound.remove(instrument);
                let text = format!("{instrument} is left {}, as {} set it meanwhile", own.state.name(), own.who);
                self.say(said, instrument, Level::Info, text);
            }
            Some(None) | None => {
                self.bound.remove(instrument);
                let text = format!(
                    "{instrument} stays reduce-only though {agents} is back: who set it last is not known; a person must free it"
                );
                self.say(said, instrument, Level::Warning, text);
            }
        }
    }
}

#[cfg(test)]
#[path = "reduce_tests.rs"]
mod tests;
