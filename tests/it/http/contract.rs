//! What is read: probes, state, metrics, and the one shape of errors.

use super::{Stand, because};
use serde_json::{Value, json};
use tickpath::control::http::auth::Tokens;
use tickpath::control::plane::view::{ExecutionState, KillSource};
use tickpath::types::time::SECONDS;

#[test]
fn healthz_is_the_market_data_heartbeat() {
    let stand = Stand::new();
    // (age, forced) → status, age in the answer
    for (age, forced, status, shown) in [
        (Some(SECONDS), false, 200, json!(1.0)),
        (Some(60 * SECONDS), false, 200, json!(60.0)),
        (Some(60 * SECONDS + 1), false, 503, json!(60.000_000_001)),
        (None, false, 503, Value::Null),
        // A tick from the future: the clock ran backward.
        (Some(-SECONDS), false, 503, Value::Null),
        (Some(SECONDS), true, 503, json!(1.0)),
    ] {
        {
            let mut inside = stand.desk.inside();
            (inside.tick_age, inside.forced_stale) = (age, forced);
        }
        let reply = stand.get("/healthz");
        assert_eq!(reply.status, status, "{age:?} {forced}");
        let body = reply.json();
        let keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["service", "last_tick_epoch_seconds", "age_seconds", "max_age_seconds", "ok", "forced_stale"];
        assert_eq!(keys, expected);
        assert_eq!((&body["age_seconds"], &body["ok"]), (&shown, &json!(status == 200)), "{age:?}");
        assert_eq!((&body["max_age_seconds"], &body["forced_stale"]), (&json!(60.0), &json!(forced)));
    }
}

#[test]
fn probes_say_what_is_wrong() {
    let stand = Stand::new();
    for path in ["/health", "/ready", "/live", "/agents/risk/ready", "/agents/risk/live"] {
        assert_eq!(stand.get(path).status, 200, "{path}");
    }
    stand.desk.inside().agent_down = Some("risk");
    assert_eq!(stand.get("/agents/risk/ready").status, 503);
    assert_eq!(stand.get("/agents/risk/live").status, 200);
    assert_eq!(stand.get("/agents/signal/ready").status, 200);
    let ready = stand.get("/ready");
    assert_eq!((ready.status, &ready.json()["waiting_for"]), (503, &json!(["risk"])));
    stand.desk.inside().agent_down = None;
    stand.desk.inside().state = ExecutionState::Degraded;
    assert_eq!(stand.get("/ready").status, 503);
    assert_eq!(stand.get("/health").status, 200, "the process itself is well");
    stand.desk.inside().faults = vec!["journal: disk full".to_owned()];
    let health = stand.get("/health");
    assert_eq!((health.status, &health.json()["faults"][0]), (503, &json!("journal: disk full")));
    assert_eq!(stand.get("/live").status, 200, "a restart would not help");
    stand.desk.inside().live = false;
    assert_eq!(stand.get("/live").status, 503);
}

#[test]
fn state_tells_where_execution_stands() {
    let stand = Stand::new();
    let state = stand.get("/state").json();
    assert_eq!(
        (&state["state"], &state["mode"], &state["gate"]["open"]),
        (&json!("READY"), &json!("PAPER"), &json!(true))
    );
    assert_eq!(state["broker_routing"]["missing"], json!(["agent_mode_not_live:PAPER", "live_not_enabled"]));
    stand.desk.inside().tick_age = None;
    stand.desk.inside().kills = vec![KillSource::new("file", false)];
    let state = stand.get("/state").json();
    assert_eq!(state["kill_switch"]["sources"][0]["name"], "file");
    assert_eq!(
        state["gate"]["reasons"],
        json!([{"name": "kill", "runbook": "kill"}, {"name": "marketdata_stale", "runbook": "marketdata_stale"}])
    );
    assert_eq!(state["broker_routing"]["allowed"], false);
    stand.desk.inside().kills.clear();
    stand.desk.inside().tick_age = Some(0);
    stand.desk.inside().state = ExecutionState::Error;
    assert_eq!(stand.post("/recover", &because(json!({}))).status, 200);
    let last = stand.get("/state").json()["last_transition"].clone();
    assert_eq!(
        last,
        json!({"from": "ERROR", "to": "READY", "trigger": "recover", "at": "2026-01-02T03:04:05.123456+00:00"})
    );
}

#[test]
fn limits_are_shown_exactly() {
    let stand = Stand::new();
    let limits = stand.get("/limits").json();
    let first = &limits["limits"][0];
    assert_eq!(
        (&first["value"], &first["used"], &first["headroom"]),
        (&json!("50000"), &json!("1.5"), &json!("49998.5"))
    );
    assert_eq!(limits["limits"][2]["used"], Value::Null);
    assert_eq!(stand.get("/enable").json()["valid"], false);
}

#[test]
fn metrics_are_prometheus_text() {
    let stand = Stand::new();
    stand.get("/nothing");
    let reply = stand.get("/metrics");
    assert!(reply.head.contains("content-type: text/plain; version=0.0.4"), "{}", reply.head);
    let (mut typed, mut helped, mut samples) = (Vec::new(), Vec::new(), 0);
    for line in reply.body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty());
            helped.push(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(!typed.contains(&name), "{name} twice");
            typed.push(name);
        } else {
            samples += 1;
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value == "NaN" || value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name);
            let last = *typed.last().unwrap();
            assert!(last == name || last == family, "{line} stands under {last}");
        }
    }
    assert_eq!(typed, helped, "each family has its help");
    assert!(samples > 100, "{samples}");
    for line in [
        "tickpath_execution_state{state=\"READY\"} 1",
        "tickpath_gate_closed{reason=\"kill\"} 0",
        "tickpath_orders_total 2",
        "tickpath_http_answers_total{status=\"4xx\"} 1",
        "tickpath_marketdata_age_seconds 1",
        "tickpath_journey_seconds_count{span=\"risk\"} 0",
    ] {
        assert!(reply.body.lines().any(|l| l == line), "{line} is not in:\n{}", reply.body);
    }
}

#[test]
fn every_error_has_the_same_shape() {
    let stand = Stand::new();
    let long = "x".repeat(70_000);
    let json_type = ("Content-Type", "application/json");
    let bearer = format!("Bearer {}", super::SECRET);
    let right = ("Authorization", bearer.as_str());
    let who = ("X-Operator", "ada");
    for (method, path, headers, body, status, reason, place) in [
        ("GET", "/nothing", &[][..], "", 404, "unknown_path", "path"),
        ("GET", "/agents/nobody/ready", &[], "", 404, "unknown_agent", "path"),
        // Whatever is no GET or HEAD needs the token first.
        ("DELETE", "/state", &[], "", 401, "unauthorized", "header Authorization"),
        ("DELETE", "/state", &[right, who], "", 405, "method_not_allowed", "method"),
        ("POST", "/healthz", &[right, who], "", 405, "method_not_allowed", "method"),
        ("GET", "/kill", &[], "", 405, "method_not_allowed", "method"),
        ("POST", "/kill", &[], "", 401, "unauthorized", "header Authorization"),
        (
            "POST",
            "/kill",
            &[("Authorization", "Bearer no-such-token-here"), who],
            "",
            401,
            "unauthorized",
            "header Authorization",
        ),
        ("POST", "/kill", &[right], "{}", 400, "invalid_operator", "header X-Operator"),
        ("POST", "/kill", &[right, ("X-Operator", "a b")], "{}", 400, "invalid_operator", "header X-Operator"),
        ("POST", "/kill", &[right, who, who], "{}", 400, "invalid_operator", "header X-Operator"),
        ("POST", "/kill", &[right, who], "{}", 415, "unsupported_media_type", "header Content-Type"),
        (
            "POST",
            "/kill",
            &[right, who, ("Content-Type", "text/plain")],
            "{}",
            415,
            "unsupported_media_type",
            "header Content-Type",
        ),
        ("POST", "/kill", &[right, who, json_type], "{", 400, "invalid_json", "body"),
        ("POST", "/kill", &[right, who, json_type], "{}", 400, "invalid_body", "body"),
        ("POST", "/kill", &[right, who, json_type], r#"{"reason": ""}"#, 400, "invalid_body", "body.reason"),
        (
            "POST",
            "/kill",
            &[right, who, json_type],
            r#"{"reason": "x", "scope": "desk"}"#,
            400,
            "invalid_body",
            "body.scope",
        ),
        (
            "POST",
            "/state/desk",
            &[right, who, json_type],
            r#"{"reason": "x", "state": "halted"}"#,
            400,
            "invalid_scope",
            "path",
        ),
        ("POST", "/kill", &[right, who, json_type], &long, 413, "body_too_large", "body"),
    ] {
        let reply = stand.call(method, path, headers, body);
        let problem = reply.json();
        assert_eq!(
            (reply.status, &problem["reason"]),
            (status, &json!(reason)),
            "{method} {path} {headers:?}: {problem}"
        );
        assert_eq!(problem["where"], place, "{method} {path}: {problem}");
        for key in ["what", "expected"] {
            assert!(problem[key].as_str().is_some_and(|t| !t.is_empty()), "{key}: {problem}");
        }
        assert_eq!(problem.as_object().unwrap().len(), 5, "{problem}");
        assert!(reply.head.contains("content-type: application/json"), "{}", reply.head);
        assert_eq!(reply.head.contains("www-authenticate: bearer"), status == 401, "{}", reply.head);
        assert!(status != 405 || reply.head.contains("\r\nallow: "), "{}", reply.head);
        assert!(reply.head.contains("cache-control: no-store"), "{}", reply.head);
    }
    assert_eq!(stand.desk.effects(), 0);
}

#[test]
fn without_a_token_the_answer_says_how_to_set_one() {
    let stand = Stand::guarded(super::config(), Tokens::none());
    for path in ["/recover", "/kill", "/kill/release", "/limits", "/stop", "/flatten", "/restrict", "/state/host"] {
        let reply = stand.post(path, &because(json!({})));
        let problem = reply.json();
        assert_eq!((reply.status, &problem["reason"]), (401, &json!("no_admin_token")), "{path}");
        assert!(problem["what"].as_str().unwrap().contains("TICKPATH_ADMIN_TOKEN"), "{problem}");
    }
    assert_eq!(stand.desk.effects(), 0);
    assert_eq!(stand.get("/state").status, 200);
}
