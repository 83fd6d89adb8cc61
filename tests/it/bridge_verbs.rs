//! `tickpath bridge` against a running host with a real Redis and a real PostgreSQL: paused, resumed, written again; nothing lost,
//! nothing doubled.

use crate::bridge_postgres;
use crate::bridge_redis::{STREAM, end};
use crate::postgres_server::{PostgresServer, free_port};
use crate::redis_ear::Ear;
use crate::redis_server::RedisServer;
use crate::support::{arg, tickpath};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const TOKEN: &str = "canary-5d7e-token";

/// A host that runs until it is told to end, and its control plane.
struct Host {
    /// `None` = it was told to end.
    child: Option<Child>,
    url: String,
}

impl Host {
    fn start(journal: &Path, environment: &[(&str, &str)]) -> Self {
        let bind = format!("127.0.0.1:{}", free_port());
        let child = tickpath()
            .args(["run", "--plain", "--json", "--speed", "1x", "--events", "0", "--journal", arg(journal)])
            .env("TICKPATH__HTTP__BIND", &bind)
            .env("TICKPATH_ADMIN_TOKEN", TOKEN)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child: Some(child), url: format!("http://{bind}") }
    }

    fn verb(&self, token: &str, args: &[&str]) -> (Option<i32>, String) {
        let output = tickpath()
            .arg("bridge")
            .args(args)
            .env("TICKPATH_URL", &self.url)
            .env("TICKPATH_ADMIN_TOKEN", token)
            .env("TICKPATH_OPERATOR", "ada")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    }

    #[track_caller]
    fn check(&self, args: &[&str], code: i32, part: &str) {
        let (status, text) = self.verb(TOKEN, args);
        assert!(status == Some(code) && text.contains(part), "{args:?}: {status:?}: {text}");
    }

    /// Waits until the bridge is as wanted.
    #[track_caller]
    fn wait(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let (begun, mut text) = (Instant::now(), String::new());
        while begun.elapsed() < Duration::from_mins(1) {
            let (status, told) = self.verb(TOKEN, &["status", "--json"]);
            if status == Some(0) {
                let value: Value = serde_json::from_str(&told).unwrap();
                let bridges = value["bridges"].as_array().unwrap();
                if let Some(bridge) = bridges.iter().find(|bridge| bridge["name"] == name && is_so(bridge)) {
                    return bridge.clone();
                }
            }
            text = told;
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{name} never is {what}: {text}");
    }

    fn current(&self, name: &str, at_least: u64) -> Value {
        self.wait(name, "current", |b| b["state"] == "current" && b["sequence"].as_u64() >= Some(at_least))
    }

    fn end(mut self) -> (u64, String) {
        let child = self.child.take().unwrap();
        bridge_postgres::stop(&child);
        let (summary, errors) = end(child);
        (summary["last_sequence"].as_u64().unwrap(), errors)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Of a test that failed: it would run for ever.
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// The stream holds 1..=last, once each, in order.
#[track_caller]
fn is_whole(server: &RedisServer, last: u64) {
    let ids: Vec<u64> = server.ids(STREAM).into_iter().map(|id| id.1).collect();
    assert!(ids.iter().copied().eq(1..=last), "{} entries of {last}, to {:?}", ids.len(), ids.last());
}

/// Sequences and kinds of the audit entries that follow from events.
fn audit(server: &RedisServer) -> Vec<(String, String, String)> {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let all: Vec<(String, std::collections::BTreeMap<String, String>)> =
        redis::cmd("XRANGE").arg("aism:audit").arg("-").arg("+").query(&mut connection).unwrap();
    let of = all.into_iter().map(|(_, f)| f);
    of.filter(|f| f["kind"] == "command" || f["data"].contains(r#""event":"gate""#))
        .map(|f| (f["sequence"].clone(), f["kind"].clone(), f["data"].clone()))
        .collect()
}

#[test]
fn redis_is_paused_resumed_and_rebuilt() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let ear = Ear::to(&server, &["binaryrogue:market.raw"], |_, _| {});
    // However far behind, nothing is too old to be published: only what was told must not be told again.
    let environment = [("REDIS_URL", &*server.url()), ("TICKPATH__REDIS__PUBLISH_BEHIND", "1000000000")];
    let host = Host::start(&dir.path().join("j"), &environment);
    host.current("redis", 500);
    let (status, text) = host.verb("another-token-1234", &["pause", "redis", "--reason", "x"]);
    assert!(status == Some(6) && text.contains("401"), "{text}");

    host.check(&["pause", "redis", "--reason", "the server moves"], 0, "paused");
    let stood = host.wait("redis", "paused", |b| b["state"] == "paused");
    let length = server.ask(&["XLEN", STREAM]);
    let behind =
        host.wait("redis", "behind", |b| b["lag_events"].as_u64() > stood["lag_events"].as_u64().map(|lag| lag + 200));
    // A record of the journal has 128 bytes at least, and few have more than a thousand.
    let (events, bytes) = (behind["lag_events"].as_u64().unwrap(), behind["lag_bytes"].as_u64().unwrap());
    assert!(bytes > 128 * events && bytes < 1_024 * events, "{behind}");
    assert_eq!(server.ask(&["XLEN", STREAM]), length, "the stream stands still");
    host.check(&["status"], 0, "paused by ada since");
    host.check(&["rebuild", "redis", "--reason", "x"], 6, "bridge_paused");
    // Longer than the watch is patient: a person's pause is a warning and no alert.
    std::thread::sleep(Duration::from_secs(3));
    let output = tickpath().args(["status"]).env("TICKPATH_URL", &host.url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("bridge redis is paused by ada") && !text.contains("bridge_down"), "{text}");
    host.check(&["resume", "redis", "--reason", "it is there"], 0, "resumed");
    let now = host.current("redis", stood["sequence"].as_u64().unwrap() + 200);
    assert_eq!((&now["lost"], &now["regressions"]), (&0.into(), &0.into()), "{now}");

    // Entries that somebody deleted come back; groups are not taken away unasked.
    let before = audit(&server);
    assert!(!before.is_empty());
    assert_eq!(server.ask(&["XDEL", STREAM, "1-5", "1-6"]), "2");
    assert_eq!(server.ask(&["XGROUP", "CREATE", STREAM, "desk", "0"]), "OK");
    host.check(&["rebuild", "redis", "--reason", "deleted by hand"], 6, "desk");
    assert!(!server.ids(STREAM).contains(&(1, 5)));
    assert_eq!(server.ask(&["XGROUP", "DESTROY", STREAM, "desk"]), "1");
    host.wait("redis", "without groups", |b| b["groups"] == serde_json::json!([]));
    host.check(&["rebuild", "redis", "--reason", "deleted by hand"], 0, "rebuilds");
    let at = now["sequence"].as_u64().unwrap();
    let now = host.current("redis", at);
    assert_eq!((&now["rebuilds"], &now["lost"], &now["regressions"]), (&1.into(), &0.into(), &0.into()), "{now}");
    assert!(server.ids(STREAM).starts_with(&[(1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6)]));
    // With a group only by force.
    assert_eq!(server.ask(&["XGROUP", "CREATE", STREAM, "desk", "0"]), "OK");
    host.check(&["rebuild", "redis", "--reason", "again", "--force"], 0, "rebuilds");
    let now = host.current("redis", now["sequence"].as_u64().unwrap());
    assert_eq!((&now["rebuilds"], &now["groups"]), (&2.into(), &serde_json::json!([])), "{now}");
    let (last, errors) = host.end();
    is_whole(&server, last);
    let told: Vec<u64> = ear.end().iter().map(|(_, message)| message["sequence"].as_u64().unwrap()).collect();
    let again = told.windows(2).find(|pair| pair[0] >= pair[1]);
    assert!(told.len() > 500 && again.is_none(), "published once, in order: {} messages, {again:?}", told.len());
    let (after, all) = (audit(&server), audit(&server).into_iter().collect::<std::collections::BTreeSet<_>>());
    assert_eq!((after.len(), &after[..before.len()]), (all.len(), &before[..]), "no entry twice");
    assert!(errors.contains("deleted by hand"), "{errors}");
    println!(
        "{last} events, {} messages, {} audit entries: each once over a pause and two rebuildings",
        told.len(),
        after.len()
    );
}

#[test]
fn a_paused_host_ends_in_order_and_the_next_start_writes_the_rest() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let host = Host::start(&journal, &[("REDIS_URL", &server.url())]);
    host.current("redis", 100);
    host.check(&["pause", "redis", "--reason", "x"], 0, "paused");
    host.wait("redis", "behind", |b| b["state"] == "paused" && b["lag_events"].as_u64() > Some(100));
    let (last, _) = host.end();
    assert!(server.ids(STREAM).last().unwrap().1 < last, "it did not write");
    let last = crate::bridge_redis::settle(&server, &journal);
    is_whole(&server, last);
}

#[test]
fn postgres_is_paused_and_its_gaps_are_filled() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(&dir.path().join("j"), &[("DATABASE_URL", &server.admin())]);
    host.current("postgres", 500);
    host.check(&["pause", "postgres", "--reason", "vacuum"], 0, "paused");
    host.wait("postgres", "paused", |b| b["state"] == "paused");
    let rows = server.number("SELECT count(*) FROM tickpath.events");
    host.wait("postgres", "behind", |b| b["lag_events"].as_u64() > Some(200));
    assert_eq!(server.number("SELECT count(*) FROM tickpath.events"), rows, "it stands still");
    // What only a superuser can.
    server.ask("ALTER TABLE tickpath.events DISABLE TRIGGER keep_rows");
    server.ask("DELETE FROM tickpath.events WHERE sequence BETWEEN 5 AND 300");
    server.ask("ALTER TABLE tickpath.events ENABLE ALWAYS TRIGGER keep_rows");
    assert_eq!(server.number("SELECT count(*) FROM tickpath.events"), rows - 296);
    host.check(&["resume", "postgres", "--reason", "done"], 0, "resumed");
    let now = host.current("postgres", rows + 200);
    host.check(&["rebuild", "postgres", "--reason", "rows are missing"], 0, "rebuilds");
    let now = host.current("postgres", now["sequence"].as_u64().unwrap());
    assert_eq!((&now["rebuilds"], &now["lost"], &now["regressions"]), (&1.into(), &0.into(), &0.into()), "{now}");
    let (last, errors) = host.end();
    bridge_postgres::is_whole(&server, last);
    assert!(errors.contains("rows are missing"), "{errors}");
    println!("{last} events: each once after 296 rows were gone");
}
