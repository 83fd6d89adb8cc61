//! What outside agents send over a real Redis: taken once, done once, answered, and never in the way when it is nonsense.

use crate::intake_host::{Host, TASKS, id, length, letters, outcome, python_now, seconds, task, wait};
use crate::postgres_server::PostgresServer;
use crate::redis_ear::Ear;
use crate::redis_server::RedisServer;
use crate::schemas;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn tasks_are_answered_and_those_of_others_stay_where_they_are() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    // What waits before the host is there.
    let others = [
        task(90, "agent:003", "scan_market", json!({"venue": "kalshi"})),
        task(91, "tickpath-2.risk", "ping", json!({})),
    ];
    for item in &others {
        server.ask(&["LPUSH", TASKS, item]);
    }
    server.ask(&["LPUSH", TASKS, &task(1, "market-data", "scan_market", json!({}))]);
    server.ask(&["LPUSH", TASKS, &task(2, "", "ping", json!({}))]);
    let ear = Ear::to(&server, &["binaryrogue:*", "aism:*"], |_, _| {});
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);

    assert_eq!(outcome(&server, 2)["result"]["agent"], "supervisor");
    let mut market = Value::Null;
    wait("a market", || {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(100);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        server.ask(&["LPUSH", TASKS, &task(number, "tickpath-1.market-data", "scan_market", json!({"venue": "sim"}))]);
        market = outcome(&server, number);
        market["status"] == "completed" && market["result"]["instruments"][0]["candle"]["close"].is_string()
    });
    let first = &market["result"]["instruments"][0];
    assert!(first["bid_px"].is_string() && first["ask_px"].is_string() && first["stale"] == false, "{market}");
    assert_eq!((&market["source"], &market["sender"]), (&json!("tickpath-1.market-data"), &json!("agent:001")));

    for (number, action, payload, part) in [
        (10, "scan_market", json!({"venue": "kalshi"}), "this host has"),
        (11, "dance", json!({}), "is no action of this host"),
        (12, "target", json!({"instrument": "BTCUSDT", "size": "1", "ttl_seconds": 5}), "may not move positions"),
        (13, "resume", json!({}), "lifted by a person"),
        (16, "cancel_all", json!({}), "may not move positions"),
        (14, "halt", json!({"scope": "planet:mars"}), "payload.scope"),
        (15, "halt", json!({"scope": "instrument:NOSUCH"}), "no such instrument"),
    ] {
        server.ask(&["LPUSH", TASKS, &task(number, "tickpath-1", action, payload)]);
        let told = outcome(&server, number);
        assert_eq!(told["status"], "failed", "{told}");
        assert!(told["error"].as_str().unwrap().contains(part), "{told}");
    }
    for bad in [
        "no JSON",
        "[1, 2]",
        "{}",
        r#"{"task_id": 7}"#,
        &task(20, "risk", "ping", json!({})).replace(&id(20), "not-a-uuid"),
        &task(21, "risk", "ping", json!({})).replace("\"created_at\":", "\"created_at\": NaN, \"x\":"),
        &task(22, "risk", "ping", json!({"big": "x".repeat(100_000)})),
    ] {
        server.ask(&["LPUSH", TASKS, bad]);
    }
    // To nobody, and with a receiver that is none of it: the host's.
    let nested = task(25, "", "ping", json!({"receiver": "agent:003"}));
    server.ask(&["LPUSH", TASKS, &nested.replacen("\"receiver\":\"\",", "", 1)]);
    assert_eq!(outcome(&server, 25)["status"], "completed");
    // Older than a task may be, and of tomorrow.
    for (number, at) in [(23, 1_000_000_000), (24, seconds() + 86_400)] {
        let item = task(number, "risk", "ping", json!({})).replace(&seconds().to_string(), &at.to_string());
        server.ask(&["LPUSH", TASKS, &item]);
        assert_eq!(outcome(&server, number)["status"], "failed");
    }
    wait("dead letters", || length(&server, "binaryrogue:tasks:dead") == 10);
    let letters = letters(&server, "binaryrogue:tasks:dead");
    assert!(letters.iter().all(|letter| !letter["reason"].as_str().unwrap().is_empty()), "{letters:?}");
    assert!(letters.iter().any(|letter| letter["item"] == "no JSON"), "{letters:?}");
    // The same one again has no second effect, and the same answer.
    server.ask(&["LPUSH", TASKS, &task(2, "", "ping", json!({}))]);
    wait("the queue is worked off", || length(&server, TASKS) == 2);
    let left = server.ask(&["--raw", "LRANGE", TASKS, "0", "-1"]);
    assert_eq!(left.lines().rev().collect::<Vec<_>>(), others, "in their order");
    wait("nothing is in hand", || length(&server, "binaryrogue:tasks:processing:tickpath-1") == 0);
    assert_eq!(server.ask(&["--raw", "HLEN", "binaryrogue:tasks:attempts:tickpath-1"]), "0");
    ear.end();
    let keys = schemas::check_keys(&server);
    for kind in ["task", "dead_letter"] {
        assert!(keys.get(kind).is_some_and(|count| *count >= 10), "{keys:?}");
    }
}

#[test]
fn commands_are_answered_queued_first_and_only_a_person_lifts_a_stop() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let ear = Ear::to(&server, &["binaryrogue:*", "aism:*"], |_, _| {});
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let commands = "aism:agent:tickpath-1.risk:commands";
    let say = |id: &str, kind: &str, payload: Value| {
        let text = json!({"id": id, "type": kind, "payload": payload, "timestamp": python_now()}).to_string();
        server.ask(&["LPUSH", commands, &text]);
    };
    say("cmd-1", "status", json!({}));
    say("cmd-2", "state_transition", json!({"target": "reducing"}));
    say("cmd-3", "state_transition", json!({"target": "deep_work"}));
    say("cmd-4", "state_transition", json!({"target": "active"}));
    say("cmd-5", "dance", json!({}));
    server.ask(&[
        "LPUSH",
        commands,
        r#"{"id": "cmd-6", "type": "status", "payload": {}, "timestamp": "2025-01-06T00:00:00"}"#,
    ]);
    server.ask(&["LPUSH", commands, "nonsense"]);
    wait("responses", || length(&server, "aism:engine:response_queue") == 6);
    let by_id: BTreeMap<String, Value> = letters(&server, "aism:engine:response_queue")
        .into_iter()
        .map(|response| (response["id"].as_str().unwrap().to_owned(), response))
        .collect();
    let status: Vec<&str> = by_id.values().map(|response| response["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["completed", "completed", "failed", "failed", "failed", "failed"], "{by_id:?}");
    assert_eq!(by_id["cmd-1"]["agent_id"], "tickpath-1.risk");
    for (id, part) in [("cmd-3", "halted, reducing or active"), ("cmd-4", "by a person"), ("cmd-6", "s old")] {
        assert!(by_id[id]["error"].as_str().unwrap().contains(part), "{by_id:?}");
    }
    assert_eq!(server.ask(&["GET", "aism:agent:tickpath-1.risk:state"]), "reducing");
    wait("dead letters", || length(&server, &format!("{commands}:dead")) == 3);
    assert_eq!(length(&server, &format!("{commands}:processing")), 0);
    let audit = server.ask(&["--raw", "XRANGE", "aism:audit", "-", "+"]);
    for part in ["transition", "response", "\"old_state\":\"active\"", "\"new_state\":\"reducing\""] {
        assert!(audit.contains(part), "{part}: {audit}");
    }
    let heard = ear.end();
    for channel in ["aism:engine:responses", "aism:events:state_changes"] {
        assert!(heard.iter().any(|(on, _)| on == channel), "nothing on {channel}");
    }
    let keys = schemas::check_keys(&server);
    assert!(keys["response"] == 6 && keys["dead_letter"] == 3, "{keys:?}");
    // It is in the journal, with who and why, and in force.
    let told = host.events("host.command");
    let told = told.iter().find(|event| event["data"]["state"] == "reducing").expect("the command");
    assert_eq!((&told["data"]["who"], &told["traceId"]), (&json!("redis:engine"), &json!("cmd-2")), "{told}");
}

#[test]
fn a_followed_agent_s_signal_becomes_orders_with_its_trace() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let signal = |source: &str, trace: &str, kind: &str, confidence: &str, at: &str| {
        let instrument = "BTCUSDT";
        let text = format!(
            r#"{{"timestamp": "{at}", "source": "{source}", "traceId": "{trace}", "type": "{kind}", "instrument": "{instrument}", "confidence": {confidence}, "model": "scout@v260101"}}"#
        );
        server.ask(&["PUBLISH", "binaryrogue:signals", &text]);
    };
    let mut number = 0;
    wait("an order that follows", || {
        number += 1;
        let kind = if number % 2 == 0 { "signal.short" } else { "signal.long" };
        signal("agent:002", &format!("scout-{number}"), kind, "0.95", &python_now());
        std::thread::sleep(Duration::from_millis(500));
        host.events("venue.report").iter().any(|event| event["traceId"].as_str().unwrap().starts_with("scout-"))
    });
    let reports = host.events("venue.report");
    let report = reports.iter().find(|event| event["traceId"].as_str().unwrap().starts_with("scout-")).unwrap();
    let (trace, order) = (&report["traceId"], &report["data"]["client_order_id"]);
    let all = host.events("");
    let placed = all.iter().find(|event| event["data"]["orders"][0]["client_order_id"] == *order).expect("the order");
    assert_eq!(&placed["traceId"], trace, "{placed}");
    let said =
        all.iter().find(|event| event["type"] == "agent.signal" && event["traceId"] == *trace).expect("the signal");
    assert_eq!(
        (&said["data"]["who"], &said["data"]["model"]),
        (&json!("agent:002"), &json!("scout@v260101")),
        "{said}"
    );
    // And the mirror tells the same.
    wait("the mirror", || {
        let text = server.ask(&["--raw", "XREVRANGE", "binaryrogue:events:tickpath-1", "+", "-", "COUNT", "20000"]);
        text.contains(trace.as_str().unwrap())
    });

    let before = host.events("agent.signal").len();
    let dead = "binaryrogue:signals:dead";
    assert_eq!(length(&server, dead), 0);
    // The same message twice: the first is followed.
    let at = python_now();
    signal("agent:002", "again-1", "signal.flat", "0.5", &at);
    signal("agent:002", "again-1", "signal.flat", "0.5", &at);
    signal("agent:002", "bad-1", "signal.long", "NaN", &python_now());
    signal("agent:002", "bad-2", "signal.long", "1.5", &python_now());
    signal("agent:002", "bad-3", "signal.up", "0.5", &python_now());
    signal("agent:002", "bad-4", "signal.long", "0.5", "2026-01-02T03:04:05");
    signal("agent:002", "bad-5", "signal.long", "0.5", "yesterday");
    server.ask(&["PUBLISH", "binaryrogue:signals", "{"]);
    signal("agent:666", "stranger-1", "signal.long", "0.5", &python_now());
    wait("dead letters", || length(&server, dead) == 7);
    let reasons: Vec<String> =
        letters(&server, dead).iter().map(|letter| letter["reason"].as_str().unwrap().to_owned()).collect();
    for part in ["was sent before", "`confidence`: 1.5", "`type`", "s old", "yesterday", "not the JSON"] {
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{part}: {reasons:?}");
    }
    schemas::check_keys(&server);
    host.kill();
    assert_eq!(host.events("agent.signal").len(), before + 1, "none of them went into the sequence");
}

#[test]
fn what_became_of_tasks_and_heartbeats_is_kept_in_postgres_over_an_outage() {
    let (Some(server), Some(mut database)) = (RedisServer::start(&[]), PostgresServer::start(&[])) else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = database.admin();
    let environment = [("DATABASE_URL", url.as_str()), ("TICKPATH__AGENTS__HEARTBEAT_SECONDS", "1")];
    let mut host = Host::start_with(&server, dir.path(), "tickpath-1", &environment);
    host.listens(&server, 1);
    let column = |database: &PostgresServer, query: &str| -> Vec<String> {
        // While the tables are not there yet, nothing is.
        database
            .try_ask(&url, query)
            .map(|rows| rows.into_iter().map(|row| row.join("|")).collect())
            .unwrap_or_default()
    };
    server.ask(&["LPUSH", TASKS, &task(1, "risk", "ping", json!({"note": "a\u{0}b"}))]);
    server.ask(&["LPUSH", TASKS, &task(2, "risk", "dance", json!({}))]);
    let all = "SELECT right(task_id::text, 3), status, receiver FROM task_queue ORDER BY 1";
    wait("both tasks", || column(&database, all).len() == 2);
    assert_eq!(column(&database, all), ["001|completed|risk", "002|failed|risk"]);
    let outcomes = "SELECT right(task_id::text, 3), agent_id, outcome FROM ops_outcomes ORDER BY 1";
    assert_eq!(column(&database, outcomes), ["001|tickpath-1.risk|completed", "002|tickpath-1.risk|failed"]);
    assert_eq!(column(&database, "SELECT payload ? 'left_out' FROM task_queue ORDER BY task_id"), ["t", "f"]);
    let beats = "SELECT DISTINCT agent_name FROM agent_heartbeats ORDER BY 1";
    wait("heartbeats of all seven", || column(&database, beats).len() == 7);

    // With the database gone outcomes wait; they are written when it is back, each once.
    database.kill();
    for number in 3..=20 {
        server.ask(&["LPUSH", TASKS, &task(number, "risk", "ping", json!({}))]);
        assert_eq!(outcome(&server, number)["status"], "completed");
    }
    assert!(length(&server, "binaryrogue:tasks:outcomes:tickpath-1") > 0);
    database.again();
    wait("the rest", || column(&database, all).len() == 20);
    wait("nothing waits", || length(&server, "binaryrogue:tasks:outcomes:tickpath-1") == 0);
    assert_eq!(column(&database, outcomes).len(), 20);
}
