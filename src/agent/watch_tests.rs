//! Edge: tests: the watch by a table, and against an oracle that looks at the whole history each time.

use super::*;
use crate::acp::heartbeat::ALIVE;
use proptest::prelude::*;

const LIMIT: Nanos = 90 * SECONDS;

/// What happens to the watch; seconds.
#[derive(Clone, Debug)]
enum Event {
    Connected(i64),
    Disconnected,
    Wanted(&'static str, i64),
    Found(&'static str, i64),
    Lived(&'static str),
    Heard(&'static str, i64),
    Stopped(&'static str, i64),
    Tick(i64),
}
use Event as E;

fn play(watch: &mut Watch, event: &Event) -> Vec<Told> {
    match *event {
        E::Connected(at) => {
            watch.connected(at * SECONDS);
            Vec::new()
        }
        E::Disconnected => {
            watch.disconnected();
            Vec::new()
        }
        E::Wanted(agent, at) => watch.registered(agent, true, at * SECONDS).into_iter().collect(),
        E::Found(agent, at) => watch.registered(agent, false, at * SECONDS).into_iter().collect(),
        E::Lived(agent) => {
            watch.lived(agent);
            Vec::new()
        }
        E::Heard(agent, at) => watch.heard(agent, ALIVE, None, at * SECONDS),
        E::Stopped(agent, at) => watch.heard(agent, STOPPED, None, at * SECONDS),
        E::Tick(at) => watch.tick(at * SECONDS),
    }
}

fn word(told: &Told) -> String {
    match told {
        Told::Down { agent, heard, orderly, silent } => {
            let never = if *heard { "" } else { " never heard" };
            let orderly = if *orderly { " orderly" } else { "" };
            format!("-{agent} {}{never}{orderly}", silent / SECONDS)
        }
        Told::Back { agent } => format!("+{agent}"),
        Told::Forgotten { agent } => format!("forgotten {agent}"),
        Told::ClockOff { agent, by } => format!("clock {agent} {}", by / SECONDS),
        Told::Full { agent } => format!("full {agent}"),
    }
}

#[test]
fn each_outage_is_told_once_and_its_end_once() {
    let check = |what: &str, events: &[Event], expected: &[&str]| {
        let mut watch = Watch::new(LIMIT, 8);
        let told: Vec<String> = events.iter().flat_map(|event| play(&mut watch, event)).map(|t| word(&t)).collect();
        assert_eq!(told, expected, "{what}");
    };
    check("in time", &[E::Connected(0), E::Heard("a", 0), E::Tick(89), E::Heard("a", 89), E::Tick(178)], &[]);
    check(
        "silent, told once, back, told once, silent again",
        &[
            E::Connected(0),
            E::Heard("a", 10),
            E::Tick(99),
            E::Tick(100),
            E::Tick(500),
            E::Heard("a", 501),
            E::Heard("a", 531),
            E::Tick(620),
            E::Tick(621),
        ],
        &["-a 90", "+a", "-a 90"],
    );
    check(
        "never seen, from when one could hear",
        &[E::Wanted("a", -1000), E::Connected(5), E::Tick(94), E::Tick(95)],
        &["-a 90 never heard"],
    );
    check(
        "nobody is called dead who could not be heard",
        &[
            E::Connected(0),
            E::Heard("a", 0),
            E::Disconnected,
            E::Tick(100),
            E::Tick(1000),
            E::Connected(1000),
            E::Tick(1001),
            E::Tick(1089),
            E::Heard("a", 1089),
            E::Tick(1090),
        ],
        &[],
    );
    check(
        "one that is down stays so over an outage of the store, untold",
        &[E::Connected(0), E::Heard("a", 0), E::Tick(90), E::Disconnected, E::Connected(200), E::Tick(400)],
        &["-a 90"],
    );
    check(
        "one that says that it stops is no outage, unless somebody wants it there",
        &[E::Connected(0), E::Wanted("w", 0), E::Stopped("a", 1), E::Stopped("w", 1), E::Tick(91), E::Heard("a", 92)],
        &["-a 90 orderly", "-w 90", "+a"],
    );
    check(
        "its last word is no return",
        &[E::Connected(0), E::Heard("a", 0), E::Tick(90), E::Stopped("a", 91), E::Heard("a", 95)],
        &["-a 90", "+a"],
    );
    check(
        "one that wrote once, before anybody looked, is missed",
        &[E::Connected(0), E::Found("a", 5), E::Lived("a"), E::Tick(94), E::Tick(95), E::Heard("a", 96)],
        &["-a 90", "+a"],
    );
    check("no room", &["1", "2", "3", "4", "5", "6", "7", "8", "9", "A"].map(|agent| E::Found(agent, 0)), &["full 9"]);
}

#[test]
fn what_an_earlier_start_told_is_not_told_again() {
    let mut watch = Watch::new(LIMIT, 8);
    watch.was_down("a", 0);
    watch.connected(0);
    assert!(watch.tick(LIMIT * 3).is_empty());
    assert_eq!(watch.heard("a", ALIVE, None, LIMIT * 4), [Told::Back { agent: "a".to_owned() }]);
}

#[test]
fn who_is_nowhere_any_more_is_forgotten_unless_heard_or_wanted() {
    let mut watch = Watch::new(LIMIT, 8);
    watch.connected(0);
    watch.heard("heard", ALIVE, None, 0);
    watch.registered("wanted", true, 0);
    watch.registered("found", false, 0);
    assert_eq!(watch.unregistered("found"), None, "not yet down");
    assert_eq!(watch.tick(LIMIT).len(), 3);
    for agent in ["heard", "wanted", "other"] {
        assert_eq!(watch.unregistered(agent), None);
    }
    assert_eq!(watch.unregistered("found"), Some(Told::Forgotten { agent: "found".to_owned() }));
    assert_eq!(watch.agents().collect::<Vec<_>>(), ["heard", "wanted"]);
}

#[test]
fn a_clock_that_is_off_is_told_once_and_does_not_count() {
    let mut watch = Watch::new(LIMIT, 8);
    watch.connected(0);
    let mut at = |seconds: i64, ahead: i64| -> Vec<String> {
        watch.heard("a", ALIVE, Some(ahead * SECONDS), seconds * SECONDS).iter().map(word).collect()
    };
    assert!(at(0, 3600).is_empty());
    assert_eq!(at(30, 3601), ["clock a 3601"]);
    assert!(at(60, 7200).is_empty());
    assert!(at(90, -5).is_empty());
    assert_eq!(at(120, -9000), ["clock a -9000"]);
    // However far in the future it says to be: silence counts by when it was heard.
    assert_eq!(watch.tick(210 * SECONDS).len(), 1);
    assert_eq!(watch.heard("a", ALIVE, Some(i64::MIN), 211 * SECONDS).len(), 1, "back; the clock was told");
}

/// Whether `agent` is down behind `history`, looked up in the whole of it: some tick, while one could hear, found it silent for
/// long enough, and no sign of life came behind that.
fn is_down(agent: &str, history: &[Event]) -> bool {
    (0..history.len()).any(|tick| {
        let E::Tick(at) = history[tick] else { return false };
        let before = &history[..tick];
        let hearing = before.iter().rev().find_map(|event| match event {
            E::Connected(at) => Some(Some(*at)),
            E::Disconnected => Some(None),
            _ => None,
        });
        let Some(Some(connected)) = hearing else { return false };
        let signs = before.iter().filter_map(|event| match event {
            E::Heard(who, at) | E::Stopped(who, at) if *who == agent => Some(*at),
            _ => None,
        });
        let known = before.iter().find_map(|event| match event {
            E::Wanted(who, at) | E::Found(who, at) | E::Heard(who, at) | E::Stopped(who, at) if *who == agent => {
                Some(*at)
            }
            _ => None,
        });
        let Some(known) = known else { return false };
        let since = signs.max().unwrap_or(known).max(known).max(connected);
        let heard_behind = history[tick..].iter().any(|event| matches!(event, E::Heard(who, _) if *who == agent));
        at - since >= 90 && !heard_behind
    })
}

proptest! {
    #[test]
    fn it_agrees_with_the_whole_history(steps in prop::collection::vec((0u8..12, 0usize..3, 0i64..60), 0..80)) {
        const AGENTS: [&str; 3] = ["a", "b", "c"];
        let (mut watch, mut history, mut now) = (Watch::new(LIMIT, 8), Vec::new(), 0);
        let mut told_down: Vec<&str> = Vec::new();
        for (what, who, passed) in steps {
            now += passed;
            let agent = AGENTS[who];
            let event = match what {
                0 => E::Connected(now),
                1 => E::Disconnected,
                2 => E::Wanted(agent, now),
                3 => E::Found(agent, now),
                4..=6 => E::Heard(agent, now),
                7 => E::Stopped(agent, now),
                _ => E::Tick(now),
            };
            let told = play(&mut watch, &event);
            history.push(event);
            for told in told {
                match told {
                    Told::Down { agent, .. } => {
                        let agent = AGENTS.into_iter().find(|a| *a == agent).unwrap();
                        prop_assert!(!told_down.contains(&agent), "{} is told twice", agent);
                        told_down.push(agent);
                    }
                    Told::Back { agent } => {
                        prop_assert!(told_down.contains(&agent.as_str()));
                        told_down.retain(|a| *a != agent);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            let expected: Vec<&str> = AGENTS.into_iter().filter(|agent| is_down(agent, &history)).collect();
            let mut down: Vec<&str> = told_down.clone();
            down.sort_unstable();
            prop_assert_eq!(&down, &expected);
            prop_assert_eq!(watch.down().collect::<Vec<_>>(), expected);
        }
    }
}
