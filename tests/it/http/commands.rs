//! Commands: the refusals of the contract, what the host was given, repeats, and the way into the journal.

use super::{SECRET, Stand, because};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tickpath::control::http::Config;
use tickpath::control::http::auth::{TOKEN_FILE, Tokens};
use tickpath::control::plane::view::{ExecutionState, KillSource};
use tickpath::control::plane::{Action, ScopeId};
use tickpath::event::operator::ScopeState;

/// Arranges the host, posts, and compares status, reason and whether it had an effect.
fn check(arrange: impl Fn(&mut super::desk::Inside), path: &str, body: Value, status: u16, reason: &str) {
    let stand = Stand::new();
    arrange(&mut stand.desk.inside());
    let reply = stand.post(path, &because(body));
    let answer = reply.json();
    assert_eq!(reply.status, status, "{path}: {answer}");
    if status < 300 {
        assert_eq!((&answer["status"], &answer["who"]), (&json!("journaled"), &json!("ada")), "{path}: {answer}");
        assert_eq!(answer["sequence"], 1001);
        assert_eq!(stand.desk.effects(), 1, "{path}");
    } else {
        assert_eq!(answer["reason"], reason, "{path}: {answer}");
        assert_eq!(stand.desk.effects(), 0, "{path}");
    }
}

#[test]
fn recovery_is_refused_as_the_contract_says() {
    let by = |source: &'static str| {
        move |inside: &mut super::desk::Inside| {
            inside.state = ExecutionState::Halted;
            inside.kills = vec![KillSource::new(source, source == "http")];
        }
    };
    check(|i| i.state = ExecutionState::Degraded, "/recover", json!({}), 200, "");
    check(|i| i.state = ExecutionState::Error, "/recover", json!({}), 200, "");
    check(|i| i.state = ExecutionState::Init, "/recover", json!({}), 409, "agent_state_not_ready:INIT");
    check(|i| i.state = ExecutionState::Halted, "/recover", json!({}), 409, "agent_state_not_ready:HALTED");
    check(by("file"), "/recover", json!({}), 409, "kill_switch_enabled");
    check(by("http"), "/recover", json!({}), 409, "kill_switch_enabled");
    let stale = |i: &mut super::desk::Inside| (i.state, i.tick_age) = (ExecutionState::Degraded, None);
    check(stale, "/recover", json!({}), 503, "marketdata_stale");
    check(by("file"), "/kill/release", json!({"scope": "host", "number": 1}), 409, "kill_switch_enabled");
    check(by("http"), "/kill/release", json!({"scope": "host", "number": 1}), 200, "");
    check(|_| {}, "/kill/release", json!({"scope": "host", "number": 1}), 409, "kill_switch_not_set");
}

#[test]
fn scopes_and_limits_are_checked() {
    let ok = |_: &mut super::desk::Inside| {};
    let btc = "instrument:BTCUSDT.BINANCE_USDM";
    for path in ["/flatten", "/cancel", "/restrict", "/unrestrict", "/reenable"] {
        check(ok, path, json!({"scope": btc}), 200, "");
        check(ok, path, json!({"scope": "instrument:DOGE"}), 404, "unknown_instrument");
        check(ok, path, json!({}), 400, "invalid_body");
    }
    check(ok, "/breaker/reset", json!({"scope": btc}), 409, "nothing_to_reset");
    check(ok, "/stop", json!({}), 200, "");
    check(ok, &format!("/state/{btc}"), json!({"state": "reducing"}), 200, "");
    check(ok, "/state/venue:x", json!({"state": "reducing"}), 404, "unknown_venue");
    let limit = |old: &str, new: &str| json!({"limit": "NOTIONAL_EXCEEDS_MAX_PER_ORDER", "old": old, "new": new});
    check(ok, "/limits", limit("50000", "40000.5"), 200, "");
    check(ok, "/limits", limit("50000.00", "40000"), 200, "");
    check(ok, "/limits", limit("49999", "40000"), 409, "limit_changed");
    check(ok, "/limits", limit("0.000000001", "1"), 409, "limit_changed");
    check(ok, "/limits", limit("50000", "0"), 409, "out_of_range");
    check(ok, "/limits", limit("50000", "0.000000001"), 409, "out_of_range");
    check(ok, "/limits", json!({"limit": "NO_SUCH", "old": "1", "new": "2"}), 404, "unknown_limit");
    check(|i| i.lane_full = true, "/stop", json!({}), 429, "command_lane_full");
}

#[test]
fn the_host_is_given_who_why_and_what() {
    let stand = Stand::new();
    let post = |path: &str, body: Value| assert_eq!(stand.post(path, &because(body)).status, 200, "{path}");
    post(
        "/limits",
        json!({"limit": "NOTIONAL_EXCEEDS_MAX_PER_ORDER", "old": "50000", "new": "40000.5", "ticket": "OPS-1"}),
    );
    post("/state/venue:binance_usdm", json!({"state": "halted"}));
    post("/kill", json!({"flatten": true, "scope": "strategy:0", "request": 77}));
    let taken = &stand.desk.inside().taken;
    assert_eq!(taken[0].action, Action::SetLimit { number: 5, old: 5_000_000_000_000, new: 4_000_050_000_000 });
    assert_eq!((taken[0].who.as_str(), taken[0].reason.as_str(), taken[0].ticket.as_str()), ("ada", "drill", "OPS-1"));
    assert_eq!(taken[1].action, Action::SetState(ScopeState::Halted));
    assert_eq!(taken[1].scope, ScopeId::parse("venue:binance_usdm").unwrap());
    assert_eq!((&taken[2].action, taken[2].request), (&Action::Kill { flatten: true }, 77));
    assert!(taken[0].request != taken[1].request);
}

#[test]
fn a_change_of_a_limit_is_shown_with_who_when_and_old() {
    let stand = Stand::new();
    stand.post("/limits", &because(json!({"limit": "OPEN_ORDERS_EXCEED_MAX", "old": "50", "new": "10"})));
    let row = stand.get("/limits").json()["limits"][1].clone();
    assert_eq!((&row["value"], &row["was"], &row["changed_by"]), (&json!("10"), &json!("50"), &json!("ada")));
    assert_eq!(row["changed_at"], "2026-01-02T03:04:05.123456+00:00");
}

#[test]
fn a_repeat_has_no_second_effect() {
    let stand = Stand::new();
    let body = because(json!({"scope": "host", "request": 4711}));
    let first = stand.post("/flatten", &body);
    let second = stand.post("/flatten", &body);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.json(), second.json());
    assert_eq!(stand.desk.effects(), 1);
    let other = stand.post("/reenable", &body);
    assert_eq!((other.status, &other.json()["reason"]), (409, &json!("request_reused")));
    assert_eq!(stand.desk.effects(), 1);
    // What only stops is done all the same, under a number of its own; and a kill kills again.
    let stops = stand.post("/cancel", &body);
    assert_eq!(stops.status, 200);
    assert_ne!(stops.json()["request"], 4711);
    assert_eq!(stand.desk.effects(), 2);
    let kill = because(json!({"scope": "host", "request": 4712}));
    assert_eq!((stand.post("/kill", &kill).status, stand.post("/kill", &kill).status), (200, 200));
    assert_eq!(stand.desk.effects(), 4);
}

#[test]
fn a_command_that_waits_for_the_journal_is_told_as_queued() {
    let stand = Stand::with(Config { journal_wait_ms: 50, ..super::config() });
    stand.desk.inside().journal_stalled = true;
    let reply = stand.post("/flatten", &because(json!({"scope": "host"})));
    let answer = reply.json();
    assert_eq!((reply.status, &answer["status"], &answer["sequence"]), (202, &json!("queued"), &Value::Null));
    let shown = stand.get("/state").json()["requests"][0].clone();
    assert_eq!((&shown["request"], &shown["status"]), (&answer["request"], &json!("queued")));
    // A kill is in force whatever the journal does.
    let kill = stand.post("/kill", &because(json!({})));
    assert_eq!((kill.status, &kill.json()["in_force"]), (200, &json!(true)));
    stand.desk.resume_journal();
    let requests = stand.get("/state").json()["requests"].clone();
    assert_eq!((&requests[1]["status"], &requests[1]["sequence"]), (&json!("journaled"), &json!(1001)));
    assert_eq!((&requests[0]["action"], &requests[0]["sequence"]), (&json!("kill"), &json!(1002)));
}

#[test]
fn a_slow_journal_is_waited_for() {
    let stand = Stand::with(Config { journal_wait_ms: 2_000, ..super::config() });
    stand.desk.inside().journal_stalled = true;
    let desk = std::sync::Arc::clone(&stand.desk);
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(60));
        desk.resume_journal();
    });
    let begun = Instant::now();
    let reply = stand.post("/flatten", &because(json!({"scope": "host"})));
    later.join().unwrap();
    assert_eq!((reply.status, &reply.json()["sequence"]), (200, &json!(1001)));
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
}

#[test]
fn a_token_may_belong_to_a_name() {
    let tokens = Tokens::parse(&format!("ada {SECRET}\nbob another-token-of-bob"), TOKEN_FILE).unwrap();
    let stand = Stand::guarded(super::config(), tokens);
    let call = |token: &str, who: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("X-Operator", who), ("Content-Type", "application/json")];
        stand.call("POST", "/cancel", &headers, r#"{"scope": "host", "reason": "r"}"#).status
    };
    assert_eq!(call(SECRET, "ada"), 200);
    assert_eq!(call("another-token-of-bob", "bob"), 200);
    assert_eq!(call(SECRET, "bob"), 401);
    assert_eq!(call("another-token-of-bob", "ada"), 401);
    assert_eq!(stand.desk.effects(), 2);
}

#[test]
fn wrong_tokens_are_slowed_down_and_a_kill_still_gets_in() {
    let stand = Stand::with(Config { commands_per_second: 1, ..super::config() });
    let wrong = [("Authorization", "Bearer wrong-token-wrong-token"), ("X-Operator", "eve")];
    let statuses: Vec<u16> = (0..100).map(|_| stand.call("POST", "/kill", &wrong, "{}").status).collect();
    assert!(statuses.iter().all(|s| *s == 401 || *s == 429), "{statuses:?}");
    let limited = statuses.iter().filter(|s| **s == 429).count();
    assert!(limited >= 50, "only {limited} of 100 wrong tokens were told to wait");
    // The rate of commands holds for right tokens, but never for what only stops.
    let many: Vec<u16> = (0..20).map(|_| stand.post("/reenable", &because(json!({"scope": "host"}))).status).collect();
    assert!(many.contains(&429), "{many:?}");
    for _ in 0..20 {
        assert_eq!(stand.post("/cancel", &because(json!({"scope": "host"}))).status, 200);
        assert_eq!(stand.post("/kill", &because(json!({"scope": "strategy:0"}))).status, 200);
    }
}

#[test]
fn no_answer_shows_the_token() {
    let stand = Stand::new();
    stand.post("/kill", &because(json!({})));
    let bearer = format!("Bearer {SECRET}");
    let replies = [
        stand.get("/state"),
        stand.get("/metrics"),
        stand.get("/openapi.json"),
        stand.call("POST", "/kill", &[("Authorization", &bearer), ("X-Operator", "a b")], "{}"),
        stand.call("POST", "/kill", &[("Authorization", &format!("Basic {SECRET}")), ("X-Operator", "ada")], "{}"),
        stand.call("DELETE", "/state", &[("Authorization", &bearer)], ""),
    ];
    for reply in replies {
        assert!(!reply.body.contains(SECRET) && !reply.head.contains(SECRET), "{reply:?}");
    }
}
