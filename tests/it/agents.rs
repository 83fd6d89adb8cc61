//! Presence, watch and budgets in a real Redis: the host's seven agents are seen everywhere, a silent agent is told once and in
//! time, and nothing that is put into the store makes a false alarm.

use crate::redis_server::RedisServer;
use crate::schemas;
use crate::support::{arg, tickpath};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const NAMES: [&str; 7] = ["market-data", "feature", "signal", "risk", "execution", "supervisor", "compliance"];
const CHANNELS: [&str; 5] = ["heartbeats", "alerts", "incidents", "budget", "logs"];

/// A run of the main job with its agents, until it is stopped.
struct Run {
    child: Child,
    errors: Arc<Mutex<String>>,
}

impl Run {
    /// With `[agents]` as TOML.
    fn start(journal: &Path, url: &str, agents: &str, environment: &[(&str, &str)]) -> Self {
        let config = journal.with_extension("toml");
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/default.toml")).unwrap();
        std::fs::write(&config, format!("{text}\n[agents]\n{agents}\n")).unwrap();
        let mut child = tickpath()
            .args(["run", "--plain", "--config", arg(&config), "--speed", "1x", "--journal", arg(journal)])
            .env("REDIS_URL", url)
            .env_remove("DATABASE_URL")
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stderr.take().unwrap()), Box::new(child.stdout.take().unwrap())];
        for stream in streams {
            let kept = Arc::clone(&errors);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    kept.lock().unwrap().push_str(&(line + "\n"));
                }
            });
        }
        Self { child, errors }
    }

    fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// What the control plane says.
    fn get(&self, path: &str) -> Value {
        let begun = Instant::now();
        let address = loop {
            let text = self.errors();
            let found = text.split_whitespace().find_map(|word| word.strip_prefix("http://").map(str::to_owned));
            if let Some(address) = found {
                break address.trim_end_matches(|c: char| !c.is_ascii_digit()).to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{text}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut stream = TcpStream::connect(address).unwrap();
        std::io::Write::write_all(
            &mut stream,
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// Waits until what the control plane says has all `parts` in it.
    #[track_caller]
    fn shows(&self, path: &str, key: &str, parts: &[&str]) {
        let begun = Instant::now();
        loop {
            let text = self.get(path)[key].to_string();
            if parts.iter().all(|part| text.contains(part)) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "{parts:?} are not in {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it in order.
    fn stop(&mut self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", self.errors());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Messages with when they came.
type Messages = Arc<Mutex<Vec<(Instant, String, Value)>>>;

/// A listener on all channels of the agents, with when each message came.
struct Ear {
    child: Child,
    heard: Messages,
}

impl Ear {
    fn new(server: &RedisServer) -> Self {
        let port = server.url().rsplit_once(':').unwrap().1.to_owned();
        let mut child = Command::new("redis-cli")
            .args(["-p", &port, "SUBSCRIBE"])
            .args(CHANNELS.map(|name| format!("binaryrogue:{name}")))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let heard: Messages = Arc::default();
        let (kept, stream) = (Arc::clone(&heard), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
            while let Some(line) = lines.next() {
                if line == b"message" {
                    let channel = String::from_utf8_lossy(&lines.next().unwrap_or_default()).into_owned();
                    let message = lines.next().unwrap_or_default();
                    // What a test publishes may be junk.
                    let value = serde_json::from_slice(&message).unwrap_or(Value::Null);
                    let name = channel.trim_start_matches("binaryrogue:").to_owned();
                    kept.lock().unwrap().push((Instant::now(), name, value));
                }
            }
        });
        let begun = Instant::now();
        while !server.ask(&["PUBSUB", "NUMSUB", "binaryrogue:logs"]).ends_with('1') {
            assert!(begun.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, heard }
    }

    /// What came on a channel and has `part` in it.
    fn of(&self, channel: &str, part: &str) -> Vec<(Instant, Value)> {
        let heard = self.heard.lock().unwrap();
        let is = |(_, name, value): &&(Instant, String, Value)| name == channel && value.to_string().contains(part);
        heard.iter().filter(is).map(|(at, _, value)| (*at, value.clone())).collect()
    }

    /// Waits for the `count`-th of them.
    #[track_caller]
    fn wait(&self, channel: &str, part: &str, count: usize, within: Duration, run: &Run) -> (Instant, Value) {
        let begun = Instant::now();
        loop {
            let found = self.of(channel, part);
            if found.len() >= count {
                return found[count - 1].clone();
            }
            assert!(
                begun.elapsed() < within,
                "{count} of `{part}` on {channel}, heard {:?}\n{}",
                self.heard.lock().unwrap().iter().map(|(_, name, v)| format!("{name} {v}")).collect::<Vec<_>>(),
                run.errors()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            return;
        }
        for (_, channel, message) in self.heard.lock().unwrap().iter() {
            // Heartbeats of others are the test's own, junk among them.
            let own = || message["agent_id"].as_str().is_some_and(|id| id.starts_with("tickpath-1."));
            if channel != "heartbeats" || own() {
                schemas::check_channel(&format!("binaryrogue:{channel}"), message);
            }
        }
    }
}

/// The seed's `send_heartbeat`, its Redis part: the very same commands and fields.
fn send_heartbeat(server: &RedisServer, agent: &str, timestamp: &str) -> Instant {
    let key = format!("binaryrogue:agents:{agent}");
    server.ask(&["HSET", &key, "status", "alive", "last_seen", timestamp, "uptime_seconds", "12.5"]);
    let message = json!({"agent_id": agent, "status": "alive", "timestamp": timestamp}).to_string();
    server.ask(&["PUBLISH", "binaryrogue:heartbeats", &message]);
    Instant::now()
}

/// Now, as Python's `datetime.utcnow().isoformat()` writes it.
fn utcnow() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    tickpath::acp::time::iso(now.as_nanos() as i64).trim_end_matches("+00:00").to_owned()
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn the_seven_agents_are_seen_in_all_places_and_stop_in_order() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let ear = Ear::new(&server);
    let mut run = Run::start(&dir.path().join("j"), &server.url(), "heartbeat_seconds = 1", &[]);
    for name in NAMES {
        let id = format!("tickpath-1.{name}");
        let (first, beat) = ear.wait("heartbeats", &format!("\"{id}\""), 1, SOON, &run);
        assert_eq!(beat.as_object().unwrap().keys().collect::<Vec<_>>(), ["agent_id", "status", "timestamp"]);
        // Each round, and not rarer.
        let alive = format!("\"agent_id\":\"{id}\",\"status\":\"alive\"");
        let (one, _) = ear.wait("heartbeats", &alive, 1, SOON, &run);
        let (four, _) = ear.wait("heartbeats", &alive, 4, SOON, &run);
        assert!(one >= first && four.duration_since(one) < Duration::from_millis(4_500), "{id}");
        let hash = server.ask(&["HGETALL", &format!("binaryrogue:agents:{id}")]);
        for part in
            ["status", "alive", "last_seen", "+00:00", "uptime_seconds", "host", "version", "mode", "PAPER", "epoch"]
        {
            assert!(hash.contains(part), "`{part}` is not in {hash}");
        }
        let score: f64 = server.ask(&["ZSCORE", "aism:agents:heartbeats", &id]).parse().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - score).abs() < 3.0, "{id}: {score} at {now}");
        assert!(server.ask(&["HGETALL", &format!("aism:agent:{id}:metadata")]).contains("host-agent"));
        assert_eq!(run.get(&format!("/agents/{name}/ready"))["ready"], json!(true), "{name}");
    }
    assert_eq!(run.get("/agents")["agents"].as_array().unwrap().len(), 7);
    let watch = run.get("/health")["agents"].clone();
    assert_eq!((&watch["hears"], &watch["watched"], &watch["down"]), (&json!(true), &json!(7), &json!([])));
    run.stop();
    for name in NAMES {
        let status = server.ask(&["HGET", &format!("binaryrogue:agents:tickpath-1.{name}"), "status"]);
        assert_eq!(status, "stopped", "{}", run.errors());
    }
    assert_eq!(ear.of("heartbeats", "stopped").len(), 7);
    assert!(ear.of("alerts", "").is_empty(), "{:?}", ear.of("alerts", ""));
}

#[test]
fn a_silent_agent_is_told_once_within_a_second_and_once_when_it_is_back() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let ear = Ear::new(&server);
    let journal = dir.path().join("j");
    let agents = "down_after_seconds = 3\nheartbeat_seconds = 1\nwatch = ['agent:never']";
    let mut run = Run::start(&journal, &server.url(), agents, &[]);
    let (begun, _) = ear.wait("heartbeats", "tickpath-1.supervisor", 1, SOON, &run);
    // Never seen, but registered.
    let (at, alert) = ear.wait("alerts", "agent:never", 1, SOON, &run);
    println!("never seen: told {:?} after the host's first heartbeat (limit 3 s)", at.duration_since(begun));
    assert!(at.duration_since(begun) < Duration::from_secs(4));
    assert_eq!((&alert["level"], &alert["source"]), (&json!("critical"), &json!("tickpath-1.supervisor")));
    for name in ["level", "source", "message", "timestamp", "traceId", "sequence"] {
        assert!(alert.get(name).is_some(), "{name}: {alert}");
    }
    // An outside agent by the seed's own commands, then silence. Three ways to be heard: both, hash alone, sorted set alone.
    let mut worst = Duration::ZERO;
    for _ in 0..3 {
        send_heartbeat(&server, "agent:002", &utcnow());
        server.ask(&["ZADD", "aism:agents:heartbeats", "1", "agent:zset"]);
        std::thread::sleep(Duration::from_millis(500));
    }
    let last = send_heartbeat(&server, "agent:002", &utcnow());
    server.ask(&["ZADD", "aism:agents:heartbeats", "2", "agent:zset"]);
    let last_set = Instant::now();
    for (agent, last) in [("agent:002", last), ("agent:zset", last_set)] {
        let (at, alert) = ear.wait("alerts", &format!("{agent} missed"), 1, SOON, &run);
        let late = at.duration_since(last).checked_sub(Duration::from_secs(3)).expect("not before the mark");
        println!("{agent}: told {late:?} behind the mark");
        worst = worst.max(late);
        assert_eq!(alert["level"], json!("critical"));
    }
    assert!(worst < Duration::from_secs(1), "{worst:?}");
    let opened = ear.wait("incidents", "agent:002", 1, SOON, &run).1;
    assert_eq!((&opened["status"], &opened["severity"]), (&json!("open"), &json!("critical")));
    run.shows("/health", "agents", &["agent:002", "agent:never", "since"]);
    run.shows("/state", "alerts", &["agent_down", "agent:002", "agent:never"]);
    // Once, also over a restart of the host.
    run.stop();
    let mut run = Run::start(&journal, &server.url(), agents, &[]);
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(ear.of("alerts", "agent:002 missed").len(), 1, "{:?}", ear.of("alerts", "agent:002"));
    assert_eq!(ear.of("alerts", "agent:never").len(), 1);
    // Back, once; and the next outage is a new one.
    for _ in 0..3 {
        send_heartbeat(&server, "agent:002", &utcnow());
        std::thread::sleep(Duration::from_millis(300));
    }
    let (_, alert) = ear.wait("alerts", "agent:002 is back", 1, SOON, &run);
    assert_eq!(alert["level"], json!("info"));
    let closed = ear.wait("incidents", "resolved", 1, SOON, &run).1;
    assert_eq!(closed["incident_id"], opened["incident_id"]);
    ear.wait("alerts", "agent:002 missed", 2, SOON, &run);
    assert_eq!(ear.of("alerts", "agent:002 is back").len(), 1);
    // The host's own were never called down.
    assert!(ear.of("alerts", "tickpath-1.risk").is_empty());
    run.stop();
}

#[test]
fn an_agent_that_wrote_once_and_never_again_is_missed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let unix = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    // One wrote an hour before the host began.
    server.ask(&["ZADD", "aism:agents:heartbeats", &(unix() - 3_600.0).to_string(), "agent:old"]);
    let ear = Ear::new(&server);
    let agents = "down_after_seconds = 3\nheartbeat_seconds = 1";
    let mut run = Run::start(&dir.path().join("j"), &server.url(), agents, &[]);
    ear.wait("heartbeats", "tickpath-1.supervisor", 3, SOON, &run);
    // Each by one word in one place, and then silent.
    server.ask(&["ZADD", "aism:agents:heartbeats", &unix().to_string(), "agent:set"]);
    let set = Instant::now();
    server.ask(&["HSET", "binaryrogue:agents:agent:hash", "status", "alive", "last_seen", &utcnow()]);
    let hash = Instant::now();
    let message = json!({"agent_id": "agent:said", "status": "alive", "timestamp": utcnow()}).to_string();
    server.ask(&["PUBLISH", "binaryrogue:heartbeats", &message]);
    let said = Instant::now();
    for (agent, last) in [("agent:set", set), ("agent:hash", hash), ("agent:said", said)] {
        let (at, alert) = ear.wait("alerts", &format!("{agent} missed its heartbeats"), 1, SOON, &run);
        let late = at.duration_since(last).checked_sub(Duration::from_secs(3)).expect("not before the mark");
        println!("{agent}: told {late:?} behind the mark");
        assert!(late < Duration::from_secs(1), "{agent}: {late:?}");
        assert_eq!(alert["level"], json!("critical"));
    }
    ear.wait("alerts", "agent:old missed its heartbeats", 1, SOON, &run);
    // One word more, and it is back.
    server.ask(&["ZADD", "aism:agents:heartbeats", &unix().to_string(), "agent:set"]);
    ear.wait("alerts", "agent:set is back", 1, SOON, &run);
    run.stop();
    // None of them twice.
    for agent in ["agent:hash", "agent:said", "agent:old"] {
        assert_eq!(ear.of("alerts", agent).len(), 1, "{:?}", ear.of("alerts", agent));
    }
}

#[test]
fn a_dead_or_frozen_redis_is_not_the_death_of_all_agents() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let agents = "down_after_seconds = 2\nheartbeat_seconds = 1";
    let mut run = Run::start(&dir.path().join("j"), &server.url(), agents, &[]);
    let beat_for = |server: &RedisServer, millis: u64| {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(millis) {
            send_heartbeat(server, "agent:002", &utcnow());
            std::thread::sleep(Duration::from_millis(300));
        }
    };
    let ear = Ear::new(&server);
    ear.wait("heartbeats", "tickpath-1.risk", 1, SOON, &run);
    beat_for(&server, 1_000);
    assert!(ear.of("alerts", "").is_empty());
    drop(ear);
    // Dead for longer than the limit.
    server.kill();
    std::thread::sleep(Duration::from_millis(3_500));
    let health = run.get("/health");
    assert_eq!((&health["ok"], &health["agents"]["hears"]), (&json!(true), &json!(false)));
    assert!(health["agents"]["trouble"].as_str().unwrap().contains("Redis"), "{health}");
    assert_eq!(run.get("/agents/supervisor/ready")["ready"], json!(false));
    server.again();
    let ear = Ear::new(&server);
    beat_for(&server, 2_500);
    // Frozen for longer than the limit.
    server.signal("STOP");
    std::thread::sleep(Duration::from_millis(4_500));
    server.signal("CONT");
    beat_for(&server, 2_500);
    // That the bridge had no store is told; that anybody is down is not.
    assert!(ear.of("alerts", "agent_down").is_empty(), "{:?}", ear.of("alerts", ""));
    assert_eq!(run.get("/health")["agents"]["hears"], json!(true));
    // And it still watches.
    let (_, alert) = ear.wait("alerts", "agent:002 missed", 1, SOON, &run);
    assert_eq!(alert["level"], json!("critical"));
    run.stop();
}

#[test]
fn junk_is_refused_counted_and_told_and_nothing_falls() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    // A hash that is none, before the host begins.
    server.ask(&["SET", "binaryrogue:agents:agent:odd", "x"]);
    let agents = "down_after_seconds = 3\nheartbeat_seconds = 1\nagents_max = 16\nwatch = ['agent:odd']";
    let mut run = Run::start(&dir.path().join("j"), &server.url(), agents, &[]);
    let ear = Ear::new(&server);
    ear.wait("heartbeats", "tickpath-1.risk", 1, SOON, &run);
    ear.wait("logs", "agent:odd", 1, SOON, &run);
    let publish = |text: &str| server.ask(&["PUBLISH", "binaryrogue:heartbeats", text]);
    for text in ["", "x", "[]", "{\"agent_id\": 7}", "{\"agent_id\": \"\", \"status\": \"alive\", \"timestamp\": \"\"}"]
    {
        publish(text);
    }
    ear.wait("logs", "heartbeat_refused", 2, SOON, &run);
    // 10 MB, in a message, a hash and the sorted set.
    let script = |text: &str| server.ask(&["EVAL", text, "0"]);
    script("return redis.call('PUBLISH', 'binaryrogue:heartbeats', string.rep('x', 10000000))");
    script(
        "return redis.call('HSET', 'binaryrogue:agents:agent:long', 'last_seen', string.rep('x', 10000000), 'status', 'alive')",
    );
    script("return redis.call('ZADD', 'aism:agents:heartbeats', 'inf', string.rep('x', 10000000))");
    ear.wait("logs", "10000000 bytes", 1, SOON, &run);
    // A clock that is hours off is told once, and the agent is alive all the same.
    for _ in 0..10 {
        send_heartbeat(&server, "agent:ahead", "2199-01-01T00:00:00");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(ear.of("alerts", "clock of agent:ahead").len(), 1, "{:?}", ear.of("alerts", ""));
    assert!(ear.of("alerts", "agent:ahead missed").is_empty());
    // More agents than there is room for.
    for number in 0..30 {
        send_heartbeat(&server, &format!("crowd:{number}"), &utcnow());
    }
    let (_, full) = ear.wait("alerts", "agents_max", 1, SOON, &run);
    assert_eq!(full["level"], json!("warning"));
    // All of them have fallen silent, and the host's own are heard.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(ear.of("alerts", "agents_max").len(), 1);
    assert_eq!(ear.of("alerts", "agent:ahead missed").len(), 1);
    let own = |alert: &Value| alert["message"].to_string().contains("tickpath-1.");
    assert!(!ear.of("alerts", "missed").iter().any(|(_, alert)| own(alert)));
    let watch = run.get("/health")["agents"].clone();
    assert_eq!(watch["watched"], json!(16));
    assert!(watch["refused"].as_u64() > Some(6) && watch["unwatched"].as_u64() > Some(10), "{watch}");
    assert!(!run.errors().contains("panicked"), "{}", run.errors());
    run.stop();
}

#[test]
fn budgets_are_told_above_90_and_100_percent_once_per_crossing() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let agents = "heartbeat_seconds = 1\n[[agents.budget]]\nprovider = 'openai'\nlimit = '100.0'";
    let mut run = Run::start(&journal, &server.url(), agents, &[]);
    let ear = Ear::new(&server);
    ear.wait("heartbeats", "tickpath-1.risk", 1, SOON, &run);
    let key = "binaryrogue:budget:agent:002:openai";
    let spend = |cost: &str| server.ask(&["INCRBYFLOAT", key, cost]);
    let quiet = || std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(spend("90"), "90");
    server.ask(&["INCRBYFLOAT", "binaryrogue:budget:agent:002:unlimited", "1e9"]);
    quiet();
    assert!(ear.of("alerts", "").is_empty(), "90 % is not above 90 %");
    spend("0.01");
    let (_, alert) = ear.wait("alerts", "openai", 1, SOON, &run);
    assert_eq!(alert["level"], json!("warning"));
    let budget = ear.wait("budget", "openai", 1, SOON, &run).1;
    assert_eq!(budget, json!({"agent_id": "agent:002", "provider": "openai", "usage": "90.01", "limit": "100.0"}));
    spend("5");
    quiet();
    assert_eq!(ear.of("alerts", "openai").len(), 1);
    spend("5");
    let (_, alert) = ear.wait("alerts", "over its openai budget", 1, SOON, &run);
    assert_eq!(alert["level"], json!("critical"));
    run.shows("/state", "alerts", &["budget", "agent:002 openai"]);
    // Over a restart of the host they are not told again.
    run.stop();
    let mut run = Run::start(&journal, &server.url(), agents, &[]);
    ear.wait("heartbeats", "tickpath-1.risk", 1, SOON, &run);
    quiet();
    quiet();
    assert_eq!(ear.of("alerts", "openai").len(), 2);
    // A reset, and crossed anew; junk is told.
    server.ask(&["DEL", key]);
    quiet();
    spend("95");
    ear.wait("alerts", "Near openai", 2, SOON, &run);
    server.ask(&["SET", key, "a lot"]);
    ear.wait("logs", "budget_refused", 1, SOON, &run);
    // The host's own spending goes by what the store made of it.
    server.ask(&["SET", key, "0.1"]);
    let spent = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let client = redis::Client::open(server.url()).unwrap();
        let mut connection = tickpath::bridge::redis::connect::connect(&client.into()).await.unwrap();
        let names = tickpath::acp::names::Names::new("binaryrogue", "tickpath-1").unwrap();
        let cost = "0.2".parse().unwrap();
        tickpath::agent::budget::spend(&mut connection, &names, "agent:002", "openai", cost).await.unwrap()
    });
    assert_eq!(spent.to_string(), "0.3");
    run.stop();
}

#[test]
fn settings_out_of_range_are_refused_with_their_name() {
    for (setting, part) in [
        ("down_after_seconds = 0", "down_after_seconds"),
        ("agents_max = 1", "agents_max"),
        ("budget = [{ provider = 'x', limit = 'much' }]", "budget.limit"),
        ("watched = []", "watch"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut run = Run::start(&dir.path().join("j"), "redis://127.0.0.1:1", setting, &[]);
        let code = run.child.wait().unwrap().code();
        std::thread::sleep(Duration::from_millis(100));
        assert!(code != Some(0) && run.errors().contains(part), "{setting}: {code:?} {}", run.errors());
    }
}
