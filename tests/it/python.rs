//! Agents that others write, in Python: the examples, and the protocol's own pieces of code, each with the effect that it has.

use crate::postgres_server::{PASSWORD, PostgresServer};
use crate::redis_server::RedisServer;
use crate::schemas;
use crate::support::{arg, tickpath};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TASKS: &str = "binaryrogue:tasks";

/// Python with what the examples need; `None`, and it is said, where there is none.
fn python() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let works = Command::new(&path).args(["-c", "import redis, psycopg"]).output().is_ok_and(|o| o.status.success());
    if !works {
        println!("SKIPPED: no Python with redis and psycopg in target/python; tests/run installs it");
    }
    works.then_some(path)
}

/// Both servers' addresses as the examples read them.
#[derive(Default)]
struct Stores {
    redis: String,
    database: String,
}

/// An example, ready to run.
fn example(python: &Path, stores: &Stores, name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(python);
    command
        .arg("-W")
        .arg("ignore::DeprecationWarning")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name))
        .args(args)
        .env("REDIS_URL", &stores.redis)
        .env("DATABASE_URL", &stores.database);
    command
}

/// Runs one to its end: whether it did, and what it printed.
fn tries(python: &Path, stores: &Stores, name: &str, args: &[&str]) -> (bool, String) {
    let output = example(python, stores, name, args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), text + &String::from_utf8_lossy(&output.stderr))
}

/// The same; it must succeed.
#[track_caller]
fn does(python: &Path, stores: &Stores, name: &str, args: &[&str]) -> String {
    let (done, text) = tries(python, stores, name, args);
    assert!(done, "{name} {args:?}: {text}");
    text
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[track_caller]
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A host under way that follows `agent:002`.
struct Host {
    child: Child,
    dir: tempfile::TempDir,
}

impl Host {
    fn start(server: &RedisServer, stores: &Stores, agents: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("host.toml");
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/default.toml")).unwrap();
        std::fs::write(&config, format!("{text}\n[agents]\n{agents}\n")).unwrap();
        let log = |what: &str| std::fs::File::create(dir.path().join(what)).unwrap();
        let mut command = tickpath();
        if !stores.database.is_empty() {
            command.env("DATABASE_URL", &stores.database);
        }
        let child = command
            .args(["run", "--plain", "--config", arg(&config), "--speed", "1x", "--seconds", "600"])
            .args(["--journal", arg(&dir.path().join("j"))])
            .env("REDIS_URL", &stores.redis)
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .env("TICKPATH__INTAKE__AGENTS", r#"["agent:002"]"#)
            .stdout(log("out"))
            .stderr(log("err"))
            .spawn()
            .unwrap();
        let mut host = Self { child, dir };
        wait("the host listens", || {
            assert_eq!(host.child.try_wait().unwrap(), None, "it has ended: {}", host.text("err"));
            server.ask(&["PUBSUB", "NUMSUB", TASKS]) == format!("{TASKS}\n1")
        });
        host
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// What `/health` says of the agents.
    fn agents(&self) -> Value {
        let text = self.text("out");
        let url = text.split_once("control plane ").expect("an address").1.split_whitespace().next().unwrap();
        let mut answer = ureq::get(format!("{url}/health")).call().unwrap();
        let health: Value = answer.body_mut().read_json().unwrap();
        health["agents"].clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `listen.py` under way.
struct Listener {
    child: Child,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Listener {
    fn start(python: &Path, stores: &Stores, server: &RedisServer) -> Self {
        let patterns = || server.ask(&["PUBSUB", "NUMPAT"]).parse::<u32>().unwrap();
        let before = patterns();
        let mut child = example(python, stores, "listen.py", &[]).stdout(Stdio::piped()).spawn().unwrap();
        let heard: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let (into, lines) = (Arc::clone(&heard), BufReader::new(child.stdout.take().unwrap()).lines());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let (channel, text) = line.split_once(' ').unwrap();
                into.lock().unwrap().push((channel.to_owned(), json(text)));
            }
        });
        wait("the listener listens", || patterns() > before);
        Self { child, heard }
    }

    /// Waits for a message on `channel` that `holds`.
    #[track_caller]
    fn wait(&self, channel: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        wait(&format!("a message on {channel}"), || {
            let heard = self.heard.lock().unwrap();
            found = heard.iter().find(|(on, value)| on == channel && holds(value)).map(|(_, value)| value.clone());
            found.is_some()
        });
        found.unwrap()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_protocol_s_own_code_has_its_effects() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let Some(python) = python() else { return };
    let stores = Stores { redis: server.url(), ..Stores::default() };
    let agents =
        "down_after_seconds = 3\nheartbeat_seconds = 1\n[[agents.budget]]\nprovider = 'anthropic'\nlimit = '100.0'";
    let host = Host::start(&server, &stores, agents);
    let listener = Listener::start(&python, &stores, &server);
    let protocol = |args: &[&str]| does(&python, &stores, "protocol.py", args);
    let length = |list: &str| server.ask(&["--raw", "LLEN", list]);

    protocol(&["alert"]);
    let alert = listener.wait("binaryrogue:alerts", |m| m["source"] == "agent:002");
    assert_eq!((&alert["level"], &alert["message"]), (&"critical".into(), &"MilkBot missed 3 heartbeats".into()));

    // A task for another agent: the host looks at the queue ten times a second, and leaves it.
    protocol(&["push"]);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(length(TASKS), "1");
    let task = json(&protocol(&["pop"]));
    assert_eq!((&task["receiver"], &task["payload"]["venue"]), (&"agent:003".into(), &"kalshi".into()), "{task}");
    assert_eq!((length(TASKS).as_str(), length("binaryrogue:tasks:dead").as_str()), ("0", "0"));

    // An agent of which nobody knew is watched from its first heartbeat on, and missed when it is silent.
    let watched = || host.agents()["watched"].as_u64().unwrap();
    // And the one whose signals are followed, though it was never heard.
    wait("the host's own are watched", || watched() == 8);
    protocol(&["heartbeat", "agent:007"]);
    wait("agent:007 is watched", || watched() == 9);
    let missed = |agent: &'static str| {
        listener.wait("binaryrogue:alerts", |m| m["message"].as_str().unwrap().contains(&format!("{agent} missed")))
    };
    assert_eq!(missed("agent:007")["level"], "critical");
    assert!(host.agents()["down"].to_string().contains("agent:007"), "{}", host.agents());
    protocol(&["heartbeat", "agent:007"]);
    wait("agent:007 is back", || !host.agents()["down"].to_string().contains("agent:007"));

    protocol(&["usage", "agent:002", "anthropic", "85"]);
    protocol(&["usage", "agent:002", "anthropic", "10"]);
    let near = |m: &Value| m["message"].as_str().unwrap().contains("Near anthropic limit");
    listener.wait("binaryrogue:alerts", |m| near(m) && m["source"] == "agent:002");
    listener.wait("binaryrogue:alerts", |m| near(m) && m["source"] == "tickpath-1.supervisor");
    let budget = listener.wait("binaryrogue:budget", |m| m["agent_id"] == "agent:002");
    assert_eq!((&budget["usage"], &budget["limit"]), (&"95".into(), &"100.0".into()), "{budget}");

    // A command to an agent of another program: it alone takes it, answers, and is in the sorted set.
    protocol(&["command", "architect-a1b2c3", "deep_work"]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(length("aism:agent:architect-a1b2c3:commands"), "1");
    let command = json(&protocol(&["agent", "architect-a1b2c3"]));
    assert_eq!(command["payload"]["target"], "deep_work");
    let response = listener.wait("aism:engine:responses", |m| m["agent_id"] == "architect-a1b2c3");
    assert_eq!(json(&server.ask(&["--raw", "RPOP", "aism:engine:response_queue"])), response);
    let change = listener.wait("aism:events:state_changes", |m| m["agent_id"] == "architect-a1b2c3");
    assert_eq!((&change["old_state"], &change["new_state"]), (&"inbox".into(), &"deep_work".into()));
    let score: f64 = server.ask(&["ZSCORE", "aism:agents:heartbeats", "architect-a1b2c3"]).parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - score).abs() < 30.0, "{score} at {now}");
    // Nothing else was ever heard of it.
    assert_eq!(missed("architect-a1b2c3")["level"], "critical");

    // A command to an agent of the host: answered in queue and channel, its state changed and told.
    let said = protocol(&["engine", "tickpath-1.risk", "reducing"]);
    let of = |name: &str| -> Vec<Value> {
        said.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(json)).collect()
    };
    assert_eq!(of("queued"), of("aism:engine:responses"), "{said}");
    let response = &of("queued")[0];
    assert_eq!((&response["id"], &response["status"]), (&"cmd-123".into(), &"completed".into()), "{said}");
    let moved = |m: &&Value| m["agent_id"] == "tickpath-1.risk" && m["new_state"] == "reducing";
    assert_eq!(of("aism:events:state_changes").iter().filter(moved).count(), 1, "{said}");
    assert!(said.trim_end().ends_with("state reducing"), "{said}");
}

#[test]
fn the_protocol_s_inserts_run_as_the_owner_the_writer_and_one_who_may_do_no_more() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let Some(redis) = RedisServer::start(&[]) else { return };
    let Some(python) = python() else { return };
    // The owner of the database, as the protocol names it: it makes the tables, and may make no roles.
    server.ask("CREATE ROLE binaryrogue LOGIN PASSWORD 'b'");
    server.ask("CREATE DATABASE binaryrogue OWNER binaryrogue");
    let at = |user: &str, password: &str| server.url(user, password, "binaryrogue");
    let migrate = |url: &str| tickpath().arg("migrate").env("DATABASE_URL", url).output().unwrap();
    let said = migrate(&at("binaryrogue", "b"));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    // Somebody who may gives the roles.
    let said = migrate(&at("admin", PASSWORD));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    for statement in [
        "CREATE ROLE desk LOGIN PASSWORD 'd' IN ROLE tickpath_writer",
        "CREATE ROLE eye LOGIN PASSWORD 'e' IN ROLE tickpath_reader",
        "CREATE ROLE scout LOGIN PASSWORD 's'",
        // As the README says.
        "GRANT INSERT ON agent_events, agent_heartbeats TO scout",
    ] {
        server.try_ask(&at("admin", PASSWORD), statement).unwrap();
    }
    let rows = || {
        let query = "SELECT (SELECT count(*) FROM agent_events WHERE payload->>'task' = 'deploy-dashboard' AND (payload->>'duration_seconds')::int = 45), \
            (SELECT count(*) FROM agent_heartbeats WHERE agent_name = 'milkbot' AND (metadata->>'uptime')::float > 0)";
        server.try_ask(&at("admin", PASSWORD), query).unwrap()[0].clone()
    };
    for (number, (user, password)) in [("binaryrogue", "b"), ("desk", "d"), ("scout", "s")].into_iter().enumerate() {
        let stores = Stores { redis: redis.url(), database: at(user, password) };
        does(&python, &stores, "protocol.py", &["database"]);
        let expected = (number + 1).to_string();
        assert_eq!(rows(), [expected.clone(), expected], "{user}");
    }
    let stores = Stores { redis: redis.url(), database: at("eye", "e") };
    let (done, text) = tries(&python, &stores, "protocol.py", &["database"]);
    assert!(!done && text.contains("permission denied"), "{text}");
    let refused = server.refusal(&at("scout", "s"), "SELECT count(*) FROM tickpath.orders");
    assert!(refused.starts_with("42501"), "{refused}");
}

#[test]
fn the_examples_do_what_they_say() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let Some(database) = PostgresServer::start(&[]) else { return };
    let Some(python) = python() else { return };
    let stores = Stores { redis: server.url(), database: database.admin() };
    let host = Host::start(&server, &stores, "heartbeat_seconds = 1");

    let text = does(&python, &stores, "listen.py", &["--seconds", "4"]);
    let mut heard = BTreeSet::new();
    for line in text.lines() {
        let (channel, message) = line.split_once(' ').unwrap();
        schemas::check_channel(channel, &json(message));
        heard.insert(channel);
    }
    for name in ["market.raw", "features.micro", "features.candles", "heartbeats"] {
        assert!(heard.contains(format!("binaryrogue:{name}").as_str()), "{name} is not in {heard:?}");
    }

    // Risk may have nothing to do in one direction.
    let mut told = String::new();
    let ordered = (0..10).any(|turn| {
        let direction = if turn % 2 == 0 { "long" } else { "short" };
        let (done, text) = tries(&python, &stores, "send_signal.py", &["BTCUSDT", direction, "0.95", "--wait", "4"]);
        told = text;
        done
    });
    assert!(ordered, "{told}\n{}", host.text("err"));
    let placed = json(told.lines().last().unwrap().splitn(3, ' ').nth(2).unwrap());
    assert!(placed[0]["client_order_id"].is_string(), "{told}");

    let market = json(&does(&python, &stores, "take_task.py", &["ask", "scan_market"]));
    assert_eq!(market["status"], "completed", "{market}");
    assert!(market["result"]["instruments"][0]["bid_px"].is_string(), "{market}");
    does(&python, &stores, "protocol.py", &["push"]);
    let done = json(&does(&python, &stores, "take_task.py", &["work", "agent:003"]));
    assert_eq!((&done["status"], &done["result"]["by"]), (&"completed".into(), &"agent:003".into()), "{done}");
    for list in [TASKS, "binaryrogue:tasks:processing:agent:003"] {
        assert_eq!(server.ask(&["--raw", "LLEN", list]), "0");
    }

    let mut story = String::new();
    wait("an order that was filled", || {
        let (done, text) = tries(&python, &stores, "read_audit.py", &[]);
        story = text;
        done
    });
    let story: Vec<Value> = story.lines().map(json).collect();
    let (head, rest) = story.split_first().unwrap();
    let order = head["client_order_id"].as_str().unwrap();
    let events: Vec<&Value> = rest.iter().filter(|line| line["type"].is_string()).collect();
    let of_order = |event: &&&Value| event["data"].to_string().contains(order);
    assert!(events.iter().any(|event| !event["data"]["orders"].is_null()), "what placed it: {story:?}");
    assert!(events.iter().filter(of_order).count() >= 2, "placed and reported: {story:?}");
    let states: Vec<&str> = rest.iter().filter_map(|line| line["state"].as_str()).collect();
    assert!(states.len() >= 2 && states.iter().any(|state| state.to_uppercase().contains("FILLED")), "{story:?}");
    println!("heard {heard:?}; the story of {order}: {} events, {states:?}", events.len());
}
