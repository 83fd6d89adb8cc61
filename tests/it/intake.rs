//! What outside agents send over a real Redis: taken once, done once, answered, and never in the way when it is nonsense.

use crate::postgres_server::PostgresServer;
use crate::redis_ear::Ear;
use crate::redis_server::RedisServer;
use crate::schemas;
use crate::support::{arg, tickpath};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const TASKS: &str = "binaryrogue:tasks";

/// A host under way that listens.
struct Host {
    child: Child,
    name: String,
    journal: PathBuf,
}

impl Host {
    fn start(server: &RedisServer, dir: &Path, name: &str) -> Self {
        Self::start_with(server, dir, name, &[])
    }

    fn start_with(server: &RedisServer, dir: &Path, name: &str, environment: &[(&str, &str)]) -> Self {
        let journal = dir.join(name);
        let log = |what: &str| std::fs::File::create(dir.join(format!("{name}.{what}"))).unwrap();
        let child = tickpath()
            .args(["run", "--plain", "--speed", "1x", "--seconds", "600", "--journal", arg(&journal)])
            .env("REDIS_URL", server.url())
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .env("TICKPATH__HOST__NAME", name)
            .env("TICKPATH__INTAKE__AGENTS", r#"["agent:002"]"#)
            .env("TICKPATH__INTAKE__BACKOFF_MS", "50")
            .envs(environment.iter().copied())
            .stdout(log("out"))
            .stderr(log("err"))
            .spawn()
            .unwrap();
        Self { child, name: name.to_owned(), journal }
    }

    /// Until it listens, with `listeners` in all.
    fn listens(&mut self, server: &RedisServer, listeners: u32) {
        let all = format!("{TASKS}\n{listeners}");
        wait("the host listens", || {
            assert_eq!(self.child.try_wait().unwrap(), None, "{} has ended", self.name);
            server.ask(&["PUBSUB", "NUMSUB", TASKS]) == all
        });
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its journal's events of a type.
    fn events(&self, kind: &str) -> Vec<Value> {
        let output = tickpath()
            .args(["events", "--journal", arg(&self.journal), "--type", kind])
            .env("TICKPATH__HOST__NAME", &self.name)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // One that ended by itself is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// As Python's `datetime.utcnow().isoformat()`.
fn python_now() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    now.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

fn id(number: u32) -> String {
    format!("6f1c5b4e-0b0a-4f57-8d5e-{number:012x}")
}

fn task(number: u32, receiver: &str, action: &str, payload: Value) -> String {
    json!({"task_id": id(number), "sender": "agent:001", "receiver": receiver, "action": action, "payload": payload,
        "priority": "high", "status": "pending", "created_at": seconds()})
    .to_string()
}

fn outcome(server: &RedisServer, number: u32) -> Value {
    let key = format!("{TASKS}:done:{}", id(number));
    wait(&format!("an outcome of task {number}"), || !server.ask(&["GET", &key]).is_empty());
    serde_json::from_str(&server.ask(&["--raw", "GET", &key])).unwrap()
}

fn length(server: &RedisServer, list: &str) -> u64 {
    server.ask(&["--raw", "LLEN", list]).parse().unwrap()
}

fn letters(server: &RedisServer, list: &str) -> Vec<Value> {
    let text = server.ask(&["--raw", "LRANGE", list, "0", "-1"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

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

/// How often each task's command is in the journal, by the task's id.
fn effects(host: &Host) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for event in host.events("host.command") {
        let trace = event["traceId"].as_str().unwrap().to_owned();
        if trace.starts_with("6f1c5b4e") {
            assert_eq!(event["data"]["action"], "restrict", "{event}");
            *found.entry(trace).or_default() += 1;
        }
    }
    found
}

#[test]
fn a_host_killed_between_take_and_acknowledge_has_each_effect_once() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let kills: u32 = std::env::var("TICKPATH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let mut number = 0;
    for round in 0..=kills {
        let mut host = Host::start(&server, dir.path(), "tickpath-1");
        host.listens(&server, 1);
        let before = number;
        for _ in 0..40 {
            number += 1;
            server.ask(&["LPUSH", TASKS, &task(number, "risk", "restrict", json!({"instrument": "BTCUSDT"}))]);
        }
        if round < kills {
            // Somewhere in the work: after a few of this round's.
            let (some, key) = (before + 1 + round * 7 % 30, |number| format!("{TASKS}:done:{}", id(number)));
            wait("some are done", || !server.ask(&["GET", &key(some)]).is_empty());
            host.kill();
            continue;
        }
        wait("all are done", || {
            length(&server, TASKS) + length(&server, "binaryrogue:tasks:processing:tickpath-1") == 0
        });
        host.kill();
        let effects = effects(&host);
        let wrong: Vec<_> = effects.iter().filter(|(_, times)| **times != 1).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let missing: Vec<u32> = (1..=number).filter(|number| !effects.contains_key(&id(*number))).collect();
        assert!(missing.is_empty(), "no effect: {missing:?}");
        for number in 1..=number {
            assert_eq!(outcome(&server, number)["status"], "completed");
        }
    }
}

#[test]
fn two_hosts_on_one_queue_do_no_task_twice() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut hosts = ["tickpath-1", "tickpath-2"].map(|name| Host::start(&server, dir.path(), name));
    for host in &mut hosts {
        host.listens(&server, 2);
    }
    const TASKS_ALL: u32 = 300;
    for number in 1..=TASKS_ALL {
        server.ask(&["LPUSH", TASKS, &task(number, "risk", "restrict", json!({"instrument": "BTCUSDT"}))]);
    }
    // Sent twice, as a sender does who heard no answer, and once more in other words: each is one task.
    for number in 1..=TASKS_ALL {
        let item = task(number, "risk", "restrict", json!({"instrument": "BTCUSDT"}));
        server.ask(&["LPUSH", TASKS, &item.replacen(':', ": ", 1)]);
    }
    for number in 1..=TASKS_ALL {
        outcome(&server, number);
    }
    wait("the queue is worked off", || length(&server, TASKS) == 0);
    for host in ["tickpath-1", "tickpath-2"] {
        wait("nothing is in hand", || length(&server, &format!("{TASKS}:processing:{host}")) == 0);
    }
    let [one, two] = hosts.each_ref().map(effects);
    assert!(!one.is_empty() && !two.is_empty(), "{} and {}", one.len(), two.len());
    assert_eq!(one.len() + two.len(), TASKS_ALL as usize);
    assert!(one.values().chain(two.values()).all(|times| *times == 1) && one.keys().all(|id| !two.contains_key(id)));
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
