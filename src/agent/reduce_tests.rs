//! Edge: tests: a silent agent's instruments, on a host that a test plays.

use super::*;
use crate::control::plane::command::{Accepted, Refused};
use crate::control::plane::view::{
    Agent, BridgeNow, Enablement, Heartbeat, Limit, MarketNow, Mode, Process, Replaced, ScopeNow, Situation,
};
use crate::control::plane::{BridgeOrder, Journaled, Opinion, Scrape};
use std::sync::Mutex;

/// What the played host knows.
#[derive(Default)]
struct Inside {
    /// `None` = it does not know who set what.
    settings: Option<Vec<InstrumentSetting>>,
    scopes: Vec<ScopeNow>,
    commands: Vec<(u64, String, String)>,
    /// Whether commands are in the journal at once.
    journals: bool,
    refuses: Option<Refused>,
    outcome: Option<OperatorOutcome>,
}

struct Desk(Mutex<Inside>);

impl Desk {
    fn set(&self, instrument: &str, state: ScopeState, who: &str, request: u64) {
        let mut inside = self.0.lock().unwrap();
        let Some(settings) = &mut inside.settings else { return };
        let before = settings.iter().position(|s| s.instrument == instrument).map(|at| settings.remove(at));
        settings.push(InstrumentSetting {
            instrument: instrument.to_owned(),
            state,
            who: who.to_owned(),
            request,
            replaced: before.map(|before| Replaced { state: before.state, who: before.who }),
        });
    }
}

impl Host for Desk {
    fn now(&self) -> UnixNanos {
        0
    }
    fn heartbeat(&self) -> Heartbeat {
        Heartbeat { now: 0, last_tick: None, max_age: 0, forced_stale: false }
    }
    fn process(&self) -> Process {
        Process::default()
    }
    fn agents(&self) -> Vec<Agent> {
        Vec::new()
    }
    fn situation(&self) -> Situation {
        Situation { scopes: self.0.lock().unwrap().scopes.clone(), ..Situation::unknown("h", Mode::Paper) }
    }
    fn journaled_before(&self, _: u64) -> Option<Journaled> {
        None
    }
    fn bridge(&self, name: &str, _: &BridgeOrder) -> Result<BridgeNow, Refused> {
        Err(Refused::Unknown { what: "bridge", given: name.to_owned(), known: Vec::new() })
    }
    fn opinion(&self, _: &Opinion) -> Result<Accepted, Refused> {
        Err(Refused::Busy)
    }
    fn instrument(&self, _: &str) -> Option<String> {
        None
    }
    fn market(&self) -> Vec<MarketNow> {
        Vec::new()
    }
    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }
    fn enablement(&self) -> Enablement {
        Enablement::default()
    }
    fn scrape(&self, _out: &mut Scrape) {}
    fn settings(&self) -> Option<Vec<InstrumentSetting>> {
        self.0.lock().unwrap().settings.clone()
    }
    fn command(&self, command: &Command) -> Result<Accepted, Refused> {
        let (Action::SetState(state) | Action::Tighten(state)) = command.action else { panic!("{command:?}") };
        {
            let mut inside = self.0.lock().unwrap();
            if let Some(refused) = &inside.refuses {
                return Err(refused.clone());
            }
            inside.commands.push((command.request, command.scope.to_string(), state.name().to_owned()));
        }
        self.set(command.scope.id(), state, &command.who, command.request);
        Ok(Accepted::default())
    }
    fn journaled(&self, request: u64) -> Option<Journaled> {
        let inside = self.0.lock().unwrap();
        let is_there = inside.journals && inside.commands.iter().any(|command| command.0 == request);
        let outcome = inside.outcome.unwrap_or(OperatorOutcome::Accepted);
        is_there.then_some(Journaled { sequence: 1, outcome })
    }
}

struct Play {
    desk: Arc<Desk>,
    exposure: Arc<Exposure>,
    reducer: Reducer,
    now: UnixNanos,
}

impl Play {
    fn new() -> Self {
        let inside = Inside { settings: Some(Vec::new()), journals: true, ..Inside::default() };
        let (desk, exposure) = (Arc::new(Desk(Mutex::new(inside))), Arc::new(Exposure::default()));
        let reducer = Reducer::new(Arc::clone(&exposure), Arc::clone(&desk) as Arc<dyn Host>);
        Self { desk, exposure, reducer, now: 1_000 * SECONDS }
    }

    /// Some looks with these agents down; what was said.
    fn look(&mut self, down: &[&str]) -> Vec<String> {
        let down: BTreeMap<String, String> = down.iter().map(|a| ((*a).to_owned(), "then".to_owned())).collect();
        let mut said = Vec::new();
        for _ in 0..4 {
            self.now += SECONDS / 5;
            said.extend(
                self.reducer.step(&down, self.now).into_iter().map(|s| format!("{}: {}", s.level.name(), s.message)),
            );
        }
        said
    }

    fn commands(&self) -> Vec<String> {
        let inside = self.desk.0.lock().unwrap();
        inside.commands.iter().map(|(_, scope, state)| format!("{scope} {state}")).collect()
    }
}

const X: &str = "instrument:X.SIM";

#[test]
fn bound_when_silent_and_free_when_back() {
    let mut play = Play::new();
    play.exposure.note("a", "X.SIM");
    play.exposure.note("b", "Y.SIM");
    assert!(play.look(&[]).is_empty() && play.commands().is_empty());
    let said = play.look(&["a"]);
    assert_eq!(said, ["warning: X.SIM is reduce-only: a moved it, and is silent since then"]);
    assert_eq!(play.commands(), [format!("{X} reducing")]);
    assert_eq!(play.reducer.news().len(), 1);
    play.reducer.kept(play.reducer.news());
    assert!(play.look(&["a"]).is_empty() && play.reducer.news().is_empty());
    // What it moves while it is silent (an input that was on its way) is bound too.
    play.exposure.note("a", "Z.SIM");
    assert_eq!(play.look(&["a"]).len(), 1);
    let said = play.look(&[]);
    assert_eq!(
        said,
        ["info: X.SIM may trade freely again: a is back", "info: Z.SIM may trade freely again: a is back"]
    );
    assert_eq!(play.commands()[2..], [format!("{X} active"), "instrument:Z.SIM active".to_owned()]);
    assert_eq!(play.reducer.news(), [("X.SIM".to_owned(), None)]);
    assert!(play.look(&[]).is_empty());
}

#[test]
fn it_stays_bound_while_another_is_responsible() {
    let mut play = Play::new();
    play.exposure.note("a", "X.SIM");
    play.exposure.note("b", "X.SIM");
    assert_eq!(play.look(&["a", "b"]).len(), 1);
    assert!(play.look(&["b"]).is_empty());
    assert_eq!(play.commands().len(), 1);
    assert_eq!(play.look(&[]), ["info: X.SIM may trade freely again: b is back"]);
}

#[test]
fn what_a_person_set_stands() {
    // (what the person sets meanwhile, what is said at the end)
    for (state, end) in [
        (ScopeState::Active, "info: X.SIM is left active, as ada set it meanwhile"),
        (ScopeState::Reducing, "info: X.SIM is left reducing, as ada set it meanwhile"),
        (ScopeState::Halted, "info: X.SIM is left halted, as ada set it meanwhile"),
    ] {
        let mut play = Play::new();
        play.exposure.note("a", "X.SIM");
        play.look(&["a"]);
        play.desk.set("X.SIM", state, "ada", 5);
        assert!(play.look(&["a"]).is_empty(), "nobody fights with a person");
        assert_eq!(play.look(&[]), [end]);
        assert_eq!(play.commands().len(), 1);
    }
    // Bound by a person before: left as it is, and not freed.
    for state in [ScopeState::Reducing, ScopeState::Halted] {
        let mut play = Play::new();
        play.exposure.note("a", "X.SIM");
        play.desk.set("X.SIM", state, "ada", 5);
        assert_eq!(play.look(&["a"]), [format!("info: X.SIM is {state} already, by ada: it is left so")]);
        assert!(play.look(&[]).is_empty() && play.commands().is_empty());
        // Freed by the person while the agent is still silent: now it is bound.
        play.look(&["a"]);
        play.desk.set("X.SIM", ScopeState::Active, "ada", 6);
        assert_eq!(play.look(&["a"]).len(), 1);
        assert_eq!(play.commands(), [format!("{X} reducing")]);
    }
}

#[test]
fn in_doubt_it_stays_bound() {
    // Who set what is not known.
    let mut play = Play::new();
    play.exposure.note("a", "X.SIM");
    play.look(&["a"]);
    play.desk.0.lock().unwrap().settings = None;
    let said = play.look(&[]);
    assert!(said.len() == 1 && said[0].contains("a person must free it"), "{said:?}");
    assert_eq!(play.commands().len(), 1);
    // And where the strictest of all scopes is what ours would loosen, nothing is set.
    let mut play = Play::new();
    play.exposure.note("a", "X.SIM");
    {
        let mut inside = play.desk.0.lock().unwrap();
        inside.settings = None;
        let (scope, state) = (X.to_owned(), "halted".to_owned());
        inside.scopes = vec![ScopeNow { scope, state, reason: String::new(), kill: None }];
    }
    play.look(&["a"]);
    assert!(play.commands().is_empty());
    play.desk.0.lock().unwrap().scopes.clear();
    play.look(&["a"]);
    assert_eq!(play.commands(), [format!("{X} reducing")]);
    // Not in the journal yet: it is not freed before.
    let mut play = Play::new();
    play.desk.0.lock().unwrap().journals = false;
    play.exposure.note("a", "X.SIM");
    play.look(&["a"]);
    assert!(play.look(&[]).is_empty() && play.commands().len() == 1);
    play.now += JOURNAL_PATIENCE;
    assert!(play.look(&[])[0].contains("not in the journal yet"));
    play.desk.0.lock().unwrap().journals = true;
    assert_eq!(play.look(&[]).len(), 1);
    assert_eq!(play.commands().len(), 2);
}

#[test]
fn what_another_tightened_at_the_same_moment_is_set_again() {
    let mut play = Play::new();
    play.desk.0.lock().unwrap().journals = false;
    play.exposure.note("a", "X.SIM");
    play.look(&["a"]);
    // The record has ada's halt in front of our command.
    {
        let mut inside = play.desk.0.lock().unwrap();
        inside.journals = true;
        inside.settings.as_mut().unwrap()[0].replaced =
            Some(Replaced { state: ScopeState::Halted, who: "ada".to_owned() });
    }
    let said = play.look(&["a"]);
    assert!(said[0].contains("is halted again, as ada set it"), "{said:?}");
    assert_eq!(play.commands(), [format!("{X} reducing"), format!("{X} halted")]);
}

#[test]
fn what_the_host_refuses_is_told_once() {
    let mut play = Play::new();
    play.exposure.note("a", "X.SIM");
    play.exposure.note("b", "no name");
    play.desk.0.lock().unwrap().refuses =
        Some(Refused::Unknown { what: "instrument", given: "X.SIM".to_owned(), known: vec![] });
    let said = play.look(&["a", "b"]);
    assert!(said.len() == 2 && said.iter().all(|text| text.starts_with("critical")), "{said:?}");
    // Busy is over at some time.
    play.desk.0.lock().unwrap().refuses = None;
    assert_eq!(play.look(&["a", "b"]).len(), 1);
    play.desk.0.lock().unwrap().refuses = Some(Refused::Busy);
    assert!(play.look(&[])[0].contains("stays reduce-only for now"));
    play.desk.0.lock().unwrap().refuses = None;
    assert!(play.look(&[])[0].contains("trade freely again"));
    // Risk says no: told, and not asked again and again.
    let mut play = Play::new();
    play.exposure.note("a", "X.SIM");
    play.desk.0.lock().unwrap().outcome = Some(OperatorOutcome::NoSuchScope);
    let said = play.look(&["a"]);
    assert!(said.iter().any(|text| text.contains("risk says")), "{said:?}");
    assert!(play.look(&["a"]).is_empty() && play.commands().len() == 1);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut play = Play::new();
    play.desk.set("X.SIM", ScopeState::Reducing, SUPERVISOR, 77);
    play.reducer.recall(BTreeMap::from([(
        "X.SIM".to_owned(),
        Bound { request: 77, agents: BTreeSet::from(["a".to_owned()]) },
    )]));
    assert!(play.look(&["a"]).is_empty() && play.commands().is_empty(), "bound already");
    assert_eq!(play.look(&[]), ["info: X.SIM may trade freely again: a is back"]);
    assert_eq!(play.commands(), [format!("{X} active")]);
    // The memory is lost: what the record says the supervisor set is taken on when the agent is found silent again.
    let mut play = Play::new();
    play.exposure.note("a", "X.SIM");
    play.desk.set("X.SIM", ScopeState::Reducing, SUPERVISOR, 77);
    assert!(play.look(&["a"]).is_empty() && play.commands().is_empty());
    assert_eq!(play.look(&[]).len(), 1);
    assert_eq!(play.commands(), [format!("{X} active")]);
}

#[test]
fn nothing_is_freed_while_nobody_watches() {
    let mut play = Play::new();
    play.desk.set("X.SIM", ScopeState::Reducing, SUPERVISOR, 77);
    // It failed before the memory of the earlier start was read.
    play.exposure.hold("then");
    assert!(play.exposure.recall("a", "Y.SIM"));
    play.reducer.recall(BTreeMap::from([(
        "X.SIM".to_owned(),
        Bound { request: 77, agents: BTreeSet::from(["a".to_owned()]) },
    )]));
    assert_eq!(play.look(&[]), ["warning: Y.SIM is reduce-only: a moved it, and is silent since then"]);
    assert_eq!(play.commands(), ["instrument:Y.SIM reducing"]);
}
