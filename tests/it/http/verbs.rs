//! The verbs that people type, against a host in memory: words, exit codes, JSON.

use super::{SECRET, Stand};
use crate::support::tickpath;
use serde_json::{Value, json};
use std::process::Output;
use tickpath::control::plane::view::{ExecutionState, KillSource};

/// Runs a verb against the stand, with the token and a name.
fn verb(stand: &Stand, args: &[&str]) -> (Option<i32>, String) {
    let output = tickpath()
        .args(args)
        .env("TICKPATH_URL", format!("http://{}", stand.plane.address()))
        .env("TICKPATH_ADMIN_TOKEN", SECRET)
        .env("TICKPATH_OPERATOR", "ada")
        .env_remove("TICKPATH_ADMIN_TOKEN_FILE")
        .output()
        .unwrap();
    words(&output)
}

fn words(output: &Output) -> (Option<i32>, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains(SECRET), "the token is shown: {text}");
    (output.status.code(), text)
}

#[track_caller]
fn check(stand: &Stand, args: &[&str], code: i32, parts: &[&str]) {
    let (status, text) = verb(stand, args);
    assert_eq!(status, Some(code), "{args:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{args:?}: `{part}` is not in: {text}");
    }
}

#[test]
fn status_is_one_screen() {
    let stand = Stand::new();
    check(
        &stand,
        &["status"],
        0,
        &["desk-1", "READY  mode PAPER", "fresh: age 1.000 s", "gate", "open", "market-data ready"],
    );
    stand.desk.inside().tick_age = None;
    stand.desk.inside().kills = vec![KillSource::new("file", false)];
    stand.desk.inside().state = ExecutionState::Halted;
    check(&stand, &["status"], 0, &["HALTED by file", "STALE (tickpath runbook marketdata_stale)", "age unknown"]);
    let (_, text) = verb(&stand, &["status", "--json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["state"]["state"], &value["agents"][0]["name"]), (&json!("HALTED"), &json!("market-data")));
}

#[test]
fn kill_recover_and_limits_reach_the_host() {
    let stand = Stand::new();
    check(&stand, &["kill", "--scope", "strategy", "--id", "0"], 0, &["KILLED strategy:0", "sequence 1001"]);
    check(&stand, &["kill", "--flatten", "--reason", "drill", "--ticket", "OPS-1"], 0, &["KILLED host"]);
    check(&stand, &["recover", "--reason", "try"], 6, &["409 kill_switch_enabled", "tickpath runbook kill"]);
    check(&stand, &["kill", "--release", "1", "--reason", "over"], 0, &["kill of host released"]);
    check(&stand, &["recover", "--reason", "feed is back", "--json"], 0, &["\"status\":\"journaled\""]);
    check(&stand, &["limits", "show"], 0, &["NOTIONAL_EXCEEDS_MAX_PER_ORDER", "49998.5", "quote currency"]);
    let name = "NOTIONAL_EXCEEDS_MAX_PER_ORDER";
    check(&stand, &["limits", "set", name, "--to", "40000", "--reason", "smaller"], 0, &["50000 to 40000"]);
    check(&stand, &["limits", "set", name, "--to", "1", "--old", "7", "--reason", "x"], 6, &["limit_changed", "40000"]);
    check(&stand, &["limits", "set", "NOTIONAL", "--to", "1", "--reason", "x"], 2, &["did you mean NOTIONAL_EXCEEDS"]);
    let inside = stand.desk.inside();
    let whys: Vec<&str> = inside.taken.iter().map(|c| c.reason.as_str()).collect();
    assert_eq!(whys, ["killed from the command line", "drill", "over", "feed is back", "smaller"]);
    assert!(inside.taken.iter().all(|c| c.who == "ada"));
}

#[test]
fn bridges_are_shown_paused_and_rebuilt() {
    let stand = Stand::new();
    check(&stand, &["bridge", "status"], 0, &["redis", "postgres", "current", "1000"]);
    let pause = ["bridge", "pause", "redis", "--reason", "the server moves"];
    check(&stand, &pause, 0, &["bridge redis paused", "sequence 1000"]);
    check(&stand, &["bridge", "status"], 0, &["paused by ada since 2026-01-02T", "the server moves"]);
    let (_, text) = verb(&stand, &["bridge", "status", "--json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["bridges"][0]["paused"]["who"], "ada", "{value}");
    check(&stand, &["bridge", "resume", "redis", "--reason", "it is there"], 0, &["bridge redis resumed"]);
    assert_eq!(stand.desk.inside().bridges[0].paused, None);
    check(&stand, &["bridge", "rebuild", "postgres", "--reason", "x"], 0, &["bridge postgres rebuilds"]);
    stand.desk.inside().bridges[0].groups = vec!["desk".to_owned()];
    check(&stand, &["bridge", "rebuild", "redis", "--reason", "x"], 6, &["409 has_consumer_groups", "desk"]);
    check(&stand, &["bridge", "rebuild", "redis", "--reason", "x", "--force"], 0, &["bridge redis rebuilds"]);
    check(&stand, &["bridge", "rebuild", "nats", "--reason", "x"], 2, &["no bridge `nats`", "redis, postgres"]);
    check(&stand, &["bridge", "pause", "nats", "--reason", "x"], 6, &["404 unknown_bridge", "redis, postgres"]);
    check(&stand, &["bridge", "pause", "../kill", "--reason", "x"], 2, &["is no name of a bridge"]);
    check(&stand, &["bridge", "pause", "redis"], 2, &["--reason"]);
    for path in ["pause", "resume", "rebuild"].map(|verb| format!("/bridges/redis/{verb}")) {
        let headers = [("X-Operator", "ada"), ("Content-Type", "application/json")];
        let reply = stand.call("POST", &path, &headers, r#"{"reason": "x"}"#);
        assert_eq!(reply.status, 401, "{path}");
    }
    assert_eq!(stand.desk.effects(), 0, "no command of the sequence");
}

#[test]
fn wrong_arguments_are_told_before_anything_is_sent() {
    let stand = Stand::new();
    check(&stand, &["recover"], 2, &["--reason"]);
    check(&stand, &["kill", "--scope", "venue"], 2, &["needs --id"]);
    check(&stand, &["kill", "--operator", "a b"], 2, &["cannot be an operator"]);
    check(
        &stand,
        &["kill", "--token-file", "/no/such/file"],
        2,
        &["cannot read the admin token", "TRADING WAS NOT STOPPED"],
    );
    check(&stand, &["status", "--url", "ftp://x"], 2, &["expected http://HOST:PORT"]);
    check(&stand, &["stop", "--no-wait", "--request", "9"], 0, &["stop (request 9"]);
    assert_eq!(stand.desk.effects(), 1);
}

#[test]
fn a_wrong_or_missing_token_and_an_absent_host_have_their_codes() {
    let stand = Stand::new();
    let run = |url: &str, token: Option<&str>, args: &[&str]| {
        let mut command = tickpath();
        command
            .args(args)
            .env("TICKPATH_URL", url)
            .env_remove("TICKPATH_ADMIN_TOKEN")
            .env_remove("TICKPATH_ADMIN_TOKEN_FILE");
        if let Some(token) = token {
            command.env("TICKPATH_ADMIN_TOKEN", token);
        }
        words(&command.env("TICKPATH_OPERATOR", "ada").output().unwrap())
    };
    let here = format!("http://{}", stand.plane.address());
    let (code, text) = run(&here, Some("wrong-wrong-wrong-wrong"), &["kill"]);
    assert!(code == Some(6) && text.contains("401 unauthorized"), "{code:?} {text}");
    let (code, text) = run(&here, None, &["kill"]);
    assert!(code == Some(2) && text.contains("TICKPATH_ADMIN_TOKEN"), "{code:?} {text}");
    stand.plane.stop();
    let (code, text) = run(&here, None, &["status"]);
    assert!(code == Some(3) && text.contains("tickpath run"), "{code:?} {text}");
    let (code, text) = run(&here, Some(SECRET), &["kill"]);
    assert!(code == Some(3) && text.contains("EXECUTION_HALTED_FILE"), "{code:?} {text}");
    let (code, text) = run(&here, None, &["status", "--json"]);
    assert!(code == Some(3) && text.contains("\"exit_code\":3"), "{code:?} {text}");
}

#[test]
fn stop_waits_until_the_host_is_gone() {
    let stand = Stand::new();
    check(&stand, &["stop", "--timeout", "1"], 5, &["still answers", "tickpath runbook shutdown"]);
    let plane = std::sync::Arc::new(stand);
    let other = std::sync::Arc::clone(&plane);
    let ends = std::thread::spawn(move || {
        while other.desk.effects() < 2 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        other.plane.stop();
    });
    check(&plane, &["stop", "--reason", "end of day"], 0, &["stop (request"]);
    ends.join().unwrap();
}

#[test]
fn runbooks_are_in_the_program() {
    let stand = Stand::new();
    check(&stand, &["runbook"], 0, &["marketdata_stale  ", "Market data is stale", "kill_switch_unknown"]);
    check(&stand, &["runbook", "HALTED"], 0, &["# The kill switch is set", "## What to do", "## Whom to tell"]);
    check(&stand, &["runbook", "marketdata_stal"], 2, &["did you mean marketdata_stale?"]);
    let (code, text) = verb(&stand, &["runbook", "--json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(0));
    assert!(value["runbooks"].as_array().unwrap().len() >= 30);
}

#[test]
fn every_risk_check_has_its_runbook() {
    for row in tickpath::risk::TABLE {
        let (number, name) = (row.code, row.name);
        assert!(
            tickpath::control::runbook::of_check(name).is_some(),
            "check {number} {name} has no runbook: add it to a `Covers:` line"
        );
    }
}
