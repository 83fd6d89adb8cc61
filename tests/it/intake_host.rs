//! A host under way that takes in what agents send, on a store that a test started; and what such tests send and ask.

use crate::cluster_server::RedisCluster;
use crate::redis_server::RedisServer;
use crate::support::{arg, tickpath};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One server, or a cluster.
pub trait Store {
    /// Its address.
    fn at(&self) -> String;
    /// What it answers to a command, as redis-cli prints it.
    fn says(&self, command: &[&str]) -> String;
    /// How many listen to a channel.
    fn listeners(&self, channel: &str) -> u32;
    /// A key of the host's beside one of the contract.
    fn beside(&self, key: &str, rest: &str) -> String;
    /// What tells a host which it is.
    fn environment(&self) -> Vec<(&'static str, &'static str)>;
}

impl Store for RedisServer {
    fn at(&self) -> String {
        self.url()
    }
    fn says(&self, command: &[&str]) -> String {
        self.ask(command)
    }
    fn listeners(&self, channel: &str) -> u32 {
        self.ask(&["PUBSUB", "NUMSUB", channel]).lines().last().and_then(|line| line.parse().ok()).unwrap_or(0)
    }
    fn beside(&self, key: &str, rest: &str) -> String {
        format!("{key}:{rest}")
    }
    fn environment(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

impl Store for RedisCluster {
    fn at(&self) -> String {
        self.url()
    }
    fn says(&self, command: &[&str]) -> String {
        self.ask(command)
    }
    fn listeners(&self, channel: &str) -> u32 {
        self.nodes.iter().map(|node| node.listeners(channel)).sum()
    }
    fn beside(&self, key: &str, rest: &str) -> String {
        format!("{{{key}}}:{rest}")
    }
    fn environment(&self) -> Vec<(&'static str, &'static str)> {
        vec![("TICKPATH__REDIS__CLUSTER", "true")]
    }
}

/// The shared queue.
pub const TASKS: &str = "binaryrogue:tasks";

/// A host under way that listens.
pub struct Host {
    /// Its process.
    pub child: Child,
    name: String,
    /// Its journal's folder.
    pub journal: PathBuf,
}

impl Host {
    /// Starts one.
    pub fn start(server: &impl Store, dir: &Path, name: &str) -> Self {
        Self::start_with(server, dir, name, &[])
    }

    /// Starts one with further settings.
    pub fn start_with(server: &impl Store, dir: &Path, name: &str, environment: &[(&str, &str)]) -> Self {
        let journal = dir.join(name);
        let log = |what: &str| std::fs::File::create(dir.join(format!("{name}.{what}"))).unwrap();
        let child = tickpath()
            .args(["run", "--plain", "--speed", "1x", "--seconds", "600", "--journal", arg(&journal)])
            .env("REDIS_URL", server.at())
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .env("TICKPATH__HOST__NAME", name)
            .env("TICKPATH__INTAKE__AGENTS", r#"["agent:002"]"#)
            .env("TICKPATH__INTAKE__BACKOFF_MS", "50")
            .envs(server.environment())
            .envs(environment.iter().copied())
            .stdout(log("out"))
            .stderr(log("err"))
            .spawn()
            .unwrap();
        Self { child, name: name.to_owned(), journal }
    }

    /// Until it listens, with `listeners` in all.
    pub fn listens(&mut self, server: &impl Store, listeners: u32) {
        wait("the host listens", || {
            assert_eq!(self.child.try_wait().unwrap(), None, "{} has ended", self.name);
            server.listeners(TASKS) == listeners
        });
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its journal's events of a type.
    pub fn events(&self, kind: &str) -> Vec<Value> {
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

/// Waits until it holds.
#[track_caller]
pub fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Unix seconds.
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// As Python's `datetime.utcnow().isoformat()`.
pub fn python_now() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    now.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

/// A task's id.
pub fn id(number: u32) -> String {
    format!("6f1c5b4e-0b0a-4f57-8d5e-{number:012x}")
}

/// A task.
pub fn task(number: u32, receiver: &str, action: &str, payload: Value) -> String {
    json!({"task_id": id(number), "sender": "agent:001", "receiver": receiver, "action": action, "payload": payload,
        "priority": "high", "status": "pending", "created_at": seconds()})
    .to_string()
}

/// A task's outcome, once it has one.
#[track_caller]
pub fn outcome(server: &impl Store, number: u32) -> Value {
    let key = server.beside(TASKS, &format!("done:{}", id(number)));
    wait(&format!("an outcome of task {number}"), || !server.says(&["GET", &key]).is_empty());
    serde_json::from_str(&server.says(&["--raw", "GET", &key])).unwrap()
}

/// How long a list is.
pub fn length(server: &impl Store, list: &str) -> u64 {
    server.says(&["--raw", "LLEN", list]).parse().unwrap()
}

/// What stands in a list.
pub fn letters(server: &impl Store, list: &str) -> Vec<Value> {
    let text = server.says(&["--raw", "LRANGE", list, "0", "-1"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often each task's command is in the journal, by the task's id.
pub fn effects(host: &Host) -> BTreeMap<String, u32> {
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
