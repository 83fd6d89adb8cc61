//! What goes out beside the event stream, with a real Redis and somebody who listens: topics, positions, states, the audit trail.

use crate::bridge_redis::{STREAM, end, settle, start};
use crate::redis_ear::{Ear, Heard};
use crate::redis_server::RedisServer;
use crate::schemas;
use crate::support::{arg, tickpath};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const ALL: &[&str] = &["binaryrogue:*", "aism:*"];
const TOKEN: &str = "canary-91d2-token";

fn on<'a>(heard: &'a Heard, channel: &str) -> Vec<&'a Value> {
    heard.iter().filter(|(at, _)| at == channel).map(|(_, value)| value).collect()
}

fn sequences(messages: &[&Value]) -> BTreeSet<u64> {
    messages.iter().map(|m| m["sequence"].as_u64().unwrap()).collect()
}

/// Ids and fields of a stream's entries.
pub fn entries(server: &RedisServer, stream: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    redis::cmd("XRANGE").arg(stream).arg("-").arg("+").query(&mut connection).unwrap()
}

/// A hash.
fn hash(server: &RedisServer, key: &str) -> BTreeMap<String, Value> {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let fields: BTreeMap<String, String> = redis::cmd("HGETALL").arg(key).query(&mut connection).unwrap();
    fields.into_iter().map(|(name, value)| (name, serde_json::from_str(&value).unwrap())).collect()
}

/// Every message says when, who, in which chain and where; the event is in the stream.
#[track_caller]
fn are_whole(heard: &Heard, last: u64) {
    // A heartbeat has the contract's three fields alone.
    for (channel, message) in heard.iter().filter(|(channel, _)| channel != "binaryrogue:heartbeats") {
        let text = |name: &str| message[name].as_str().unwrap_or_else(|| panic!("{channel}: {name}: {message}"));
        assert!(text("timestamp").ends_with("+00:00") && text("source").starts_with("tickpath-1."), "{message}");
        let place = text("traceId").strip_prefix("tickpath-1-").unwrap_or_else(|| panic!("{channel}: {message}"));
        assert!(place.split('-').all(|part| part.parse::<u64>().is_ok()), "{channel}: {message}");
        let sequence = message["sequence"].as_u64().unwrap_or_else(|| panic!("{channel}: {message}"));
        assert!((1..=last).contains(&sequence), "{channel}: {message}");
    }
}

/// The audit stream has every gate change and command of the event stream, once.
#[track_caller]
pub fn audit_is_exact(server: &RedisServer) {
    audit_is_exact_on(server, server);
}

/// The same where the event stream and the audit stream are on two nodes.
#[track_caller]
pub fn audit_is_exact_on(events: &RedisServer, audit: &RedisServer) {
    let of = |stream: &str, is: &dyn Fn(&BTreeMap<String, String>) -> bool| -> Vec<(u64, String)> {
        let all = entries(if stream == STREAM { events } else { audit }, stream);
        let chosen = all.into_iter().filter(|(_, fields)| is(fields));
        chosen.map(|(_, f)| (f["sequence"].parse().unwrap(), f["traceId"].clone())).collect()
    };
    let events = of(STREAM, &|fields| ["host.gate", "host.command"].contains(&fields["type"].as_str()));
    let audit = of("aism:audit", &|f| f["kind"] == "command" || f["data"].contains(r#""event":"gate""#));
    assert!(!events.is_empty());
    assert_eq!(audit, events);
}

#[test]
fn every_topic_is_heard_with_its_fields() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    // What earlier runs and other hosts left.
    server.ask(&["HSET", "binaryrogue:positions:SIM", "OLD.SIM", r#"{"qty":"5","avg_price":"1","unrealized_pnl":"0","realized_pnl":"0","fees":"0","updated_at":"","host":"tickpath-1","sequence":9}"#]);
    server.ask(&["HSET", "binaryrogue:positions:SIM", "OTHER.SIM", r#"{"qty":"7","avg_price":"1","unrealized_pnl":"0","realized_pnl":"0","fees":"0","updated_at":"","host":"other","sequence":9}"#]);
    let ear = Ear::to(&server, ALL, |_, _| {});
    // However far behind a busy machine makes it, nothing is old here.
    let run = |events: &str| -> u64 {
        let output = tickpath()
            .args(["run", "--plain", "--json", "--speed", "60x", "--events", events, "--journal", arg(&journal)])
            .env("REDIS_URL", server.url())
            .env("TICKPATH__REDIS__PUBLISH_BEHIND", "1000000000")
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let summary: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        summary["last_sequence"].as_u64().unwrap()
    };
    let mut last = run("30000");
    for _ in 0..30 {
        if server.ids(STREAM).last().is_some_and(|id| id.1 == last) {
            break;
        }
        last = run("10");
    }
    ear.wait_until_quiet();
    let heard = ear.end();
    are_whole(&heard, last);
    let stream = entries(&server, STREAM);

    let raw = on(&heard, "binaryrogue:market.raw");
    let said = sequences(&raw);
    let of_market = stream.iter().filter(|(_, fields)| fields["type"].starts_with("market."));
    let missing: Vec<u64> =
        of_market.map(|(_, fields)| fields["sequence"].parse().unwrap()).filter(|at| !said.contains(at)).collect();
    assert!(
        missing.is_empty(),
        "{} are missing, {:?} to {:?} of {last}",
        missing.len(),
        missing.first(),
        missing.last()
    );
    assert!(raw.iter().all(|m| m["type"].as_str().unwrap().starts_with("market.") && m["data"].is_object()));

    let sides: Vec<&Value> =
        ["long", "short", "flat"].iter().flat_map(|side| on(&heard, &format!("binaryrogue:signal.{side}"))).collect();
    let signals = on(&heard, "binaryrogue:signals");
    assert_eq!(sequences(&sides), sequences(&signals));
    assert!(!on(&heard, "binaryrogue:signal.long").is_empty() && !on(&heard, "binaryrogue:signal.short").is_empty());
    for signal in &signals {
        assert!((0.0..=1.0).contains(&signal["confidence"].as_f64().unwrap()), "{signal}");
        assert!(signal["type"].as_str().unwrap().starts_with("signal."), "{signal}");
        assert!(signal["instrument"].as_str().unwrap().split('.').next_back() == Some("SIM"), "{signal}");
        // A flat one may be nobody's.
        let model = signal["model"].as_str().unwrap();
        assert!(model.contains("@v") || signal["type"] == "signal.flat", "{signal}");
    }

    let targets = on(&heard, "binaryrogue:portfolio.target");
    let decided = on(&heard, "binaryrogue:decisions");
    assert!(!targets.is_empty() && targets.iter().any(|t| t["verdict"] == "approved"));
    let of_targets: Vec<&Value> =
        decided.iter().copied().filter(|d| d["decision"].as_str().unwrap().starts_with("target.")).collect();
    assert_eq!(sequences(&targets), sequences(&of_targets));

    let fills = on(&heard, "binaryrogue:execution.fill");
    let output = tickpath().args(["export", "--what", "fills", "--journal", arg(&journal)]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let column = table.lines().next().unwrap().split(',').position(|name| name == "sequence").unwrap();
    let of_journal: BTreeSet<u64> =
        table.lines().skip(1).map(|row| row.split(',').nth(column).unwrap().parse().unwrap()).collect();
    assert_eq!(sequences(&fills), of_journal, "fills");

    let candles = on(&heard, "binaryrogue:features.candles");
    assert!(candles.iter().any(|c| c["interval"] == "1s" && c["volume"].is_string()), "{}", candles.len());
    let vectors = on(&heard, "binaryrogue:features.micro");
    let warm = |v: &&&Value| v["warm"].as_object().unwrap().values().any(|warm| warm == true);
    assert!(vectors.iter().filter(warm).count() > 3, "{}", vectors.len());
    assert!(vectors.iter().all(|v| v["values"].as_object().unwrap().keys().eq(v["warm"].as_object().unwrap().keys())));

    let logs = on(&heard, "binaryrogue:logs");
    assert!(logs.iter().any(|l| l["event"] == "gate.opened" && l["fields"]["reason"].is_string()), "{logs:?}");
    let states = on(&heard, "aism:events:state_changes");
    for (agent, state) in [("tickpath-1.gate", "OPEN"), ("tickpath-1.execution", "READY")] {
        let moved = |s: &&Value| s["agent_id"] == agent && s["new_state"] == state && s["old_state"].is_string();
        assert!(states.iter().copied().any(|s| moved(&s)), "{agent} {state}: {states:?}");
    }
    audit_is_exact(&server);

    // Positions are those of the last fill of each instrument; what an earlier run left is gone, what is another's is not.
    let positions = hash(&server, "binaryrogue:positions:SIM");
    assert!(!positions.contains_key("OLD.SIM") && positions["OTHER.SIM"]["qty"] == "7", "{positions:?}");
    let of_fills: BTreeMap<&str, &Value> =
        fills.iter().map(|fill| (fill["instrument"].as_str().unwrap(), &fill["position"])).collect();
    assert!(!of_fills.is_empty());
    for (instrument, position) in of_fills {
        assert_eq!(&positions[instrument]["qty"], position, "{instrument}");
        for name in ["avg_price", "unrealized_pnl", "realized_pnl"] {
            positions[instrument][name].as_str().unwrap().parse::<f64>().unwrap();
        }
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (channel, _) in &heard {
        *kinds.entry(channel).or_default() += 1;
    }
    let keys = schemas::check_keys(&server);
    println!("{last} events: {kinds:?}, keys of {keys:?}");
}

/// A host that people can talk to.
struct Host {
    child: Child,
    url: String,
    dir: tempfile::TempDir,
}

impl Host {
    fn start(redis: &str, speed: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(dir.path().join(name)).unwrap();
        let child = tickpath()
            .args(["run", "--plain", "--speed", speed, "--journal", arg(&dir.path().join("j"))])
            .env("REDIS_URL", redis)
            // However far behind a busy machine makes it, nothing is old here.
            .env("TICKPATH__REDIS__PUBLISH_BEHIND", "1000000000")
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .env("TICKPATH__HOST__DATA_DIR", dir.path().join("data"))
            .env("TICKPATH_ADMIN_TOKEN", TOKEN)
            .env_remove("EXECUTION_HALTED")
            .env_remove("AGENT_MODE")
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let mut host = Self { child, url: String::new(), dir };
        let begun = Instant::now();
        while host.url.is_empty() {
            if let Some((_, rest)) = host.text("stdout").split_once("control plane ") {
                rest.split_whitespace().next().unwrap_or("").clone_into(&mut host.url);
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{}", host.text("stderr"));
            std::thread::sleep(Duration::from_millis(5));
        }
        host
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    fn journal(&self) -> std::path::PathBuf {
        self.dir.path().join("j")
    }

    #[track_caller]
    fn verb(&self, args: &[&str]) -> String {
        let output = tickpath()
            .args(args)
            .env("TICKPATH__HOST__DATA_DIR", self.dir.path().join("data"))
            .env("TICKPATH_URL", &self.url)
            .env("TICKPATH_ADMIN_TOKEN", TOKEN)
            .env("TICKPATH_OPERATOR", "ada")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {text} {}", String::from_utf8_lossy(&output.stderr));
        text
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let mut answer = ureq::get(format!("{}/state", self.url)).call().unwrap();
            let state: Value = answer.body_mut().read_json().unwrap();
            if holds(&state) {
                return state;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {state}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        self.verb(&["stop", "--reason", "the test is over"]);
        self.child.wait().unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_kill_is_heard_everywhere_and_positions_are_those_of_the_host() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let ear = Ear::to(&server, ALL, |_, _| {});
    let mut host = Host::start(&server.url(), "20x");
    host.wait("READY", |state| state["state"] == "READY");
    ear.wait("aism:events:state_changes", |m| m["agent_id"] == "tickpath-1.execution" && m["new_state"] == "READY");
    let held =
        |state: &Value| state["exposures"].as_array().is_some_and(|all| all.iter().any(|e| e["position"] != "0"));
    host.wait("a position", held);
    let since = ear.heard().len();
    host.verb(&["kill", "--reason", "drill 17", "--wait", "5"]);
    let state = |agent: &'static str, new: &'static str| {
        ear.wait("aism:events:state_changes", |m| {
            m["agent_id"] == agent && m["new_state"] == new && (new != "OPEN" || m["old_state"] == "CLOSED")
        })
    };
    assert_eq!(state("tickpath-1.execution", "HALTED")["old_state"], "READY");
    state("tickpath-1.gate", "CLOSED");
    let command = ear.wait("binaryrogue:decisions", |m| m["decision"] == "command.kill");
    assert_eq!((&command["payload"]["who"], &command["payload"]["reason"]), (&"ada".into(), &"drill 17".into()));
    let decision = ear
        .wait("binaryrogue:decisions", |m| m["decision"] == "execution.state" && m["payload"]["new_state"] == "HALTED");
    assert_eq!(decision["payload"]["old_state"], "READY");
    let alert = ear.wait("binaryrogue:alerts", |m| m["name"] == "kill" && m["status"] == "raised");
    assert_eq!(alert["level"], "critical");
    assert!(alert["message"].is_string() && alert["source"] == "tickpath-1.supervisor", "{alert}");
    let open = ear.wait("binaryrogue:incidents", |m| m["status"] == "open" && m["details"]["alert"] == "kill");
    ear.wait("binaryrogue:logs", |m| m["event"] == "gate.closed" && m["fields"]["reason"] == "kill");
    ear.wait("aism:events:errors", |m| m["error"] == "kill" && m["agent_id"] == "tickpath-1.supervisor");
    assert!(ear.heard().len() > since);
    // Nothing trades now: what is held stays as it is.
    let state_now = host.wait("nothing rests", |s| {
        s["exposures"].as_array().is_some_and(|all| all.iter().all(|e| e["open_buy"] == "0" && e["open_sell"] == "0"))
    });
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.ask(&["GET", "aism:agent:tickpath-1.execution:state"]), "HALTED");
    assert_eq!(server.ask(&["GET", "aism:agent:tickpath-1.gate:state"]), "CLOSED");
    assert_eq!(server.ask(&["GET", "aism:agent:tickpath-1.market-data:state"]), "READY");
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let at_host: BTreeMap<String, f64> = state_now["exposures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["instrument"].as_str().unwrap().to_owned(), number(&e["position"])))
        .filter(|(_, qty)| *qty != 0.0)
        .collect();
    let positions = || hash(&server, "binaryrogue:positions:SIM");
    let in_redis: BTreeMap<String, f64> =
        positions().into_iter().map(|(name, at)| (name, number(&at["qty"]))).filter(|(_, qty)| *qty != 0.0).collect();
    assert!(!at_host.is_empty());
    assert_eq!(in_redis, at_host);
    // What is held is worth another thing from second to second, also while nothing trades.
    let before = positions();
    let begun = Instant::now();
    while in_redis.keys().all(|name| positions()[name]["unrealized_pnl"] == before[name]["unrealized_pnl"]) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{before:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let figures = ear.wait("aism:events:measurements", |_| true);
    assert!(figures["rates"]["inputs_per_second"].as_f64().unwrap() > 0.0, "{figures}");
    assert!(figures["latency_ns"].is_object() && figures["depths"]["bridge_redis"].is_u64(), "{figures}");

    let number = host.wait("its number", |s| s["kill_switch"]["sources"][0]["number"].is_u64());
    let number = number["kill_switch"]["sources"][0]["number"].to_string();
    host.verb(&["kill", "--release", &number, "--reason", "drill over"]);
    ear.wait("binaryrogue:incidents", |m| m["status"] == "resolved" && m["incident_id"] == open["incident_id"]);
    ear.wait("binaryrogue:alerts", |m| m["name"] == "kill" && m["status"] == "over" && m["level"] == "info");
    state("tickpath-1.gate", "OPEN");
    host.stop();
    let last = settle(&server, &host.journal());
    assert_eq!(server.ask(&["GET", "aism:agent:tickpath-1.execution:state"]), "OFFLINE");
    assert_eq!(server.ask(&["GET", "aism:agent:tickpath-1.gate:state"]), "OFFLINE");
    are_whole(&ear.end(), last);
    audit_is_exact(&server);
    let audit = entries(&server, "aism:audit");
    let halted = |data: &str| data.contains(r#""new_state":"HALTED""#);
    assert!(audit.iter().any(|(_, f)| f["kind"] == "transition" && halted(&f["data"])), "{audit:?}");
    schemas::check_keys(&server);
}

#[test]
fn nobody_hears_of_what_is_not_stored_whatever_becomes_of_the_server() {
    let Some(mut server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let client = redis::Client::open(server.url()).unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    // Of one start, so that a message's event has one id.
    let check = move |channel: &str, message: &Value| {
        let id = format!("1-{}", message["sequence"]);
        let Ok(mut connection) = client.get_connection_with_timeout(Duration::from_millis(200)) else { return };
        let answer: redis::RedisResult<Vec<redis::Value>> =
            redis::cmd("XRANGE").arg(STREAM).arg(&id).arg(&id).query(&mut connection);
        if let Ok(entries) = answer {
            count.fetch_add(1, Ordering::Relaxed);
            assert_eq!(entries.len(), 1, "{channel}: {message} is heard, and its event is not in the stream");
        }
    };
    let ear = Ear::to(&server, &["binaryrogue:execution.fill", "binaryrogue:signals", "binaryrogue:logs"], check);
    let mut host = Host::start(&server.url(), "50x");
    for kill in 0..8u64 {
        std::thread::sleep(Duration::from_millis(250 + 37 * kill));
        server.kill();
        if kill % 3 == 0 {
            std::thread::sleep(Duration::from_millis(200));
        }
        server.again();
    }
    let begun = Instant::now();
    while asked.load(Ordering::Relaxed) < 200 {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", asked.load(Ordering::Relaxed));
        std::thread::sleep(Duration::from_millis(100));
    }
    let heard = ear.end();
    host.stop();
    let last = settle(&server, &host.journal());
    are_whole(&heard, last);
    audit_is_exact(&server);
    let asked = asked.load(Ordering::Relaxed);
    println!("8 kills, {} messages heard, {asked} asked for: each event was in the stream", heard.len());
}

#[test]
fn what_the_server_evicts_is_written_again_and_told() {
    let Some(server) = RedisServer::start(&["--maxmemory", "5mb", "--maxmemory-policy", "allkeys-lru"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let ear = Ear::to(&server, &["binaryrogue:alerts"], |_, _| {});
    let child = start(&journal, &server.url(), "100x", 0);
    let evicted = || {
        let info = server.ask(&["INFO", "stats"]);
        let line = info.lines().find_map(|line| line.trim_end().strip_prefix("evicted_keys:")).map(str::to_owned);
        line.unwrap().parse::<u64>().unwrap()
    };
    let begun = Instant::now();
    while evicted() < 5 {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", server.ask(&["INFO", "memory"]));
        std::thread::sleep(Duration::from_millis(50));
    }
    let alert = ear.wait("binaryrogue:alerts", |m| m["name"] == "queue_eviction");
    assert!(alert["message"].as_str().unwrap().contains("allkeys-lru"), "{alert}");
    ear.end();
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    let times = evicted();
    std::thread::sleep(Duration::from_millis(500));
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let (summary, errors) = end(child);
    let last = settle(&server, &journal);
    assert!(last > summary["last_sequence"].as_u64().unwrap());
    let ids = server.ids(STREAM);
    let expected: Vec<u64> = (1..=last).collect();
    assert_eq!(ids.iter().map(|id| id.1).collect::<Vec<_>>(), expected, "each once, in order");
    assert!(errors.contains("ALERT queue_eviction"), "{errors}");
    println!("{times} evictions, {last} events: each once, in order");
}

#[test]
fn an_old_backlog_is_written_without_messages_and_a_topic_can_be_off() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let ear = Ear::to(&server, ALL, |_, _| {});
    // A run of which no Redis knows.
    let run = |more: &[(&str, &str)], events: &str| -> String {
        let output = tickpath()
            .args(["run", "--plain", "--json", "--speed", "200x", "--events", events, "--journal", arg(&journal)])
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .env("TICKPATH__REDIS__PUBLISH_BEHIND", "2000")
            .env("TICKPATH__REDIS__TOPICS", r#"["execution.fill", "signals", "logs"]"#)
            .envs(more.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    run(&[], "20000");
    let errors = run(&[("REDIS_URL", &server.url())], "200");
    assert!(errors.contains("written without messages"), "{errors}");
    ear.wait_until_quiet();
    let heard = ear.end();
    are_whole(&heard, settle(&server, &journal));
    let channels: BTreeSet<&str> = heard.iter().map(|(channel, _)| channel.as_str()).collect();
    assert!(channels.contains("binaryrogue:logs") && !channels.contains("binaryrogue:market.raw"), "{channels:?}");
    let first = heard.iter().filter(|(c, _)| c != "binaryrogue:logs").filter_map(|(_, m)| m["sequence"].as_u64()).min();
    assert!(first.is_none_or(|first| first > 15_000), "{first:?}");
    assert!(on(&heard, "binaryrogue:logs").iter().any(|m| m["event"] == "messages.left_out"));
    // The exact part is exact all the same.
    audit_is_exact(&server);
    assert!(!hash(&server, "binaryrogue:positions:SIM").is_empty());
}
