//! The event stream in a real Redis: every sequence once, in order, whatever happens to the server, the bridge or the host.

use crate::altered::copy;
use crate::redis_server::RedisServer;
use crate::redis_topics::audit_is_exact;
use crate::support::{arg, tickpath};
use serde_json::Value;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// The stream of the tests' host.
pub const STREAM: &str = "binaryrogue:events:tickpath-1";

/// A run of the main job that mirrors into `url`.
pub fn start(journal: &Path, url: &str, speed: &str, events: u64) -> Child {
    start_with(journal, url, speed, events, &[])
}

/// The same with more in its environment.
pub fn start_with(journal: &Path, url: &str, speed: &str, events: u64, more: &[(&str, &str)]) -> Child {
    tickpath()
        .args([
            "run",
            "--plain",
            "--json",
            "--speed",
            speed,
            "--events",
            &events.to_string(),
            "--journal",
            arg(journal),
        ])
        .env("REDIS_URL", url)
        .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
        .envs(more.iter().copied())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

/// What it said at its end.
pub fn end(child: Child) -> (Value, String) {
    let output = child.wait_with_output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
    (serde_json::from_str(out.lines().last().unwrap()).unwrap(), errors.into_owned())
}

/// The stream holds 1..=last, once each, in order.
#[track_caller]
pub fn is_whole(server: &RedisServer, last: u64) {
    let ids = server.ids(STREAM);
    let wrong = ids.iter().zip(1..).find(|((_, sequence), expected)| sequence != expected);
    assert_eq!((wrong, ids.len() as u64), (None, last), "entries {}", ids.len());
    assert!(ids.is_sorted());
}

/// What a bridge had no time for when its host ended is written at the next start: short runs, until the stream has all; the
/// last sequence.
pub fn settle(server: &RedisServer, journal: &Path) -> u64 {
    for _ in 0..30 {
        let (summary, _) = end(start(journal, &server.url(), "100x", 10));
        let last = summary["last_sequence"].as_u64().unwrap();
        if server.ids(STREAM).last().is_some_and(|id| id.1 == last) {
            return last;
        }
    }
    panic!("{:?}", server.ids(STREAM).last());
}

#[test]
fn every_event_once_in_order_over_restarts_of_the_host() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let mut last = 0;
    for _ in 0..3 {
        let (summary, errors) = end(start(&journal, &server.url(), "200x", 20_000));
        let sequence = summary["last_sequence"].as_u64().unwrap();
        assert!(sequence > last + 20_000, "{summary}\n{errors}");
        assert!(sequence > last, "{errors}");
        last = settle(&server, &journal);
        is_whole(&server, last);
    }
    // An entry says what the journal does, and whose it is.
    let text = server.ask(&["XRANGE", STREAM, "1-1", "1-1"]);
    for part in ["type", "host.epoch", "tickpath-1.supervisor", "traceId", "tickpath-1-1-1", "+00:00"] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let fills = tickpath().args(["export", "--what", "fills", "--journal", arg(&journal)]).output().unwrap();
    let fills = String::from_utf8(fills.stdout).unwrap();
    let first: Vec<&str> = fills.lines().nth(1).unwrap().split(',').collect();
    let (head, row): (Vec<&str>, _) = (fills.lines().next().unwrap().split(',').collect(), first);
    let cell = |name: &str| row[head.iter().position(|h| *h == name).unwrap()];
    let id = format!("1-{}", cell("sequence"));
    let text = server.ask(&["XRANGE", STREAM, &id, &id]);
    for part in
        ["venue.report", cell("client_order_id"), cell("last_px"), cell("last_qty"), &format!("1-{}", cell("trace"))]
    {
        assert!(text.contains(part), "`{part}` of {row:?} is not in {text}");
    }
    println!("3 runs, {last} events: each once, in order");
}

#[test]
fn a_server_that_is_killed_again_and_again_has_all_in_the_end() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    // Fewer events than the stream keeps, however often it is killed.
    let mut child = start(&journal, &server.url(), "20x", 0);
    let kills = std::env::var("TICKPATH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    for kill in 0..kills {
        std::thread::sleep(Duration::from_millis(150 + 37 * (kill % 7)));
        server.kill();
        if kill % 3 == 0 {
            std::thread::sleep(Duration::from_millis(300));
        }
        server.again();
    }
    assert!(child.try_wait().unwrap().is_none(), "a dead Redis ends no host");
    stop(&child);
    let (summary, errors) = end(child);
    let last = settle(&server, &journal);
    assert!(last > summary["last_sequence"].as_u64().unwrap());
    is_whole(&server, last);
    assert!(errors.contains("Redis:"), "it is told: {errors}");
    println!("{kills} kills of the server, {last} events: each once, in order");
}

/// Asks the host to end in order.
pub fn stop(child: &Child) {
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_host_without_its_redis_trades_on_and_the_rest_comes_with_the_next_start() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    server.kill();
    let begun = Instant::now();
    let (summary, errors) = end(start(&journal, &server.url(), "500x", 20_000));
    assert!(summary["orders"].as_u64() > Some(0) && errors.contains("nobody listens there"), "{errors}");
    assert!(begun.elapsed() < Duration::from_secs(30), "the end waits for some seconds, not for ever");
    server.again();
    let last = settle(&server, &journal);
    is_whole(&server, last);
}

#[test]
fn a_frozen_server_and_one_that_forgot_are_healed() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let child = start(&journal, &server.url(), "100x", 0);
    std::thread::sleep(Duration::from_millis(700));
    server.signal("STOP");
    std::thread::sleep(Duration::from_millis(700));
    server.signal("CONT");
    std::thread::sleep(Duration::from_millis(300));
    // A replica that was behind takes over: the last entries are gone though they were confirmed.
    let (saved, older) = (server.saved(), server.dir().join("older"));
    assert!(std::process::Command::new("cp").args(["-r", arg(&saved), arg(&older)]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(700));
    server.kill();
    std::fs::remove_dir_all(&saved).unwrap();
    std::fs::rename(&older, &saved).unwrap();
    server.again();
    std::thread::sleep(Duration::from_millis(500));
    // And the stream is evicted whole while the bridge is connected.
    assert_eq!(server.ask(&["DEL", STREAM]), "1");
    std::thread::sleep(Duration::from_millis(500));
    stop(&child);
    let (summary, errors) = end(child);
    let last = settle(&server, &journal);
    assert!(last > summary["last_sequence"].as_u64().unwrap());
    is_whole(&server, last);
    audit_is_exact(&server);
    assert!(errors.contains("it is written again from there"), "{errors}");
}

#[test]
fn what_cannot_work_says_what_to_do() {
    let Some(server) = RedisServer::start(&["--requirepass", "right-5b1c", "--appendonly", "no"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let check = |number: u32, url: &str, environment: &[(&str, &str)], code: i32, parts: &[&str]| {
        let journal = dir.path().join(format!("j{number}"));
        let output = tickpath()
            .args(["run", "--plain", "--speed", "500x", "--events", "3000", "--journal", arg(&journal)])
            .env("REDIS_URL", url)
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{text}");
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
        assert!(!text.contains("5b1c"), "no password in {text}");
    };
    let port = server.url();
    let at = port.trim_start_matches("redis://");
    check(1, &format!("redis://:wrong-5b1c@{at}"), &[], 0, &["name or password is wrong"]);
    check(2, &port, &[], 0, &["it wants a password"]);
    check(3, "no address 5b1c", &[], 4, &["is no address", "REDIS_URL"]);
    check(4, "redis://:right-5b1c@far.example:6379", &[], 4, &["without TLS", "rediss://"]);
    let right = format!("redis://:right-5b1c@{at}");
    check(5, &right, &[("TICKPATH__REDIS__PREFIX", "a:b")], 4, &["prefix"]);
    check(6, &right, &[], 0, &["appendonly"]);
    // TLS to a server that speaks none: told, and nothing ends.
    check(7, &format!("rediss://:right-5b1c@{at}"), &[], 0, &["Redis:"]);
}

#[test]
fn a_stream_of_somebody_else_is_left_alone() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    end(start(&one, &server.url(), "500x", 2_000));
    let last = settle(&server, &one);
    // Two hosts of one name.
    let (_, errors) = end(start(&other, &server.url(), "500x", 2_000));
    assert!(errors.contains("is of another journal"), "{errors}");
    is_whole(&server, last);
    // Entries of somebody else's.
    assert!(server.ask(&["XADD", STREAM, "*", "x", "y"]).contains('-'));
    let length = server.ask(&["XLEN", STREAM]);
    let (_, errors) = end(start(&one, &server.url(), "500x", 2_000));
    assert!(errors.contains("somebody else writes to it"), "{errors}");
    assert_eq!(server.ask(&["XLEN", STREAM]), length);
    // Another kind of value.
    server.ask(&["FLUSHALL"]);
    server.ask(&["SET", STREAM, "x"]);
    let (_, errors) = end(start(&one, &server.url(), "500x", 2_000));
    assert!(errors.contains("is there as a string"), "{errors}");
    // And one that a consumer made before us: it is new.
    server.ask(&["FLUSHALL"]);
    server.ask(&["XGROUP", "CREATE", STREAM, "readers", "0", "MKSTREAM"]);
    let last = settle(&server, &one);
    is_whole(&server, last);
}

#[test]
fn a_journal_that_was_put_back_and_went_on_by_itself_is_not_mixed_with_the_one_that_is_mirrored() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (journal, backup) = (dir.path().join("j"), dir.path().join("backup"));
    settle(&server, &journal);
    copy(&journal, &backup);
    end(start(&journal, &server.url(), "100x", 3_000));
    let last = settle(&server, &journal);
    std::fs::remove_dir_all(&journal).unwrap();
    copy(&backup, &journal);
    // It goes on by itself, until it has as many starts as the stream knows, and more.
    for _ in 0..6 {
        let output = tickpath()
            .args(["run", "--plain", "--speed", "100x", "--events", "10", "--journal", arg(&journal)])
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .output()
            .unwrap();
        assert!(output.status.success());
    }
    for _ in 0..3 {
        let (_, errors) = end(start(&journal, &server.url(), "100x", 2_000));
        assert!(errors.contains("put back to an older copy"), "{errors}");
        assert_eq!(server.ids(STREAM).last().unwrap().1, last, "nothing is added");
    }
}

#[test]
fn a_stream_is_trimmed_but_not_what_a_group_waits_for() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let run = |patience: &str| {
        let more = [("TICKPATH__REDIS__STREAM_LENGTH", "1000"), ("TICKPATH__REDIS__STREAM_PATIENCE", patience)];
        let child = start_with(&journal, &server.url(), "100x", 30_000, &more);
        end(child)
    };
    let length = || server.ask(&["XLEN", STREAM]).parse::<u64>().unwrap();
    let first = || server.ids(STREAM)[0].1;
    server.ask(&["XGROUP", "CREATE", STREAM, "readers", "0", "MKSTREAM"]);
    let (_, errors) = run("1000");
    assert!(!errors.contains("are trimmed though"), "{errors}");
    let all = length();
    assert!(all > 20_000, "{all}: a group waits for them");
    // A bridge that came late begins so far back as entries are kept.
    let begun = first();
    // It has taken all of them, and confirmed but the first: that is waited for too.
    server.ask(&["XREADGROUP", "GROUP", "readers", "a", "COUNT", "1000000", "STREAMS", STREAM, ">"]);
    server.ask(&["EVAL", CONFIRM, "1", STREAM, "readers"]);
    assert!(server.ask(&["XPENDING", STREAM, "readers"]).starts_with('1'));
    let (_, errors) = run("1000");
    assert!(!errors.contains("are trimmed though"), "{errors}");
    assert!(first() == begun && length() > all + 20_000, "{} {}", first(), length());
    let all = length();
    // It takes some and never confirms them.
    server.ask(&["XREADGROUP", "GROUP", "readers", "a", "COUNT", "7000", "STREAMS", STREAM, ">"]);
    let (_, errors) = run("2");
    assert!(errors.contains("are trimmed though"), "{errors}");
    assert!(first() > 1 && length() < all + 30_000, "{} from {}", length(), first());
    // Nobody waits any more.
    server.ask(&["XGROUP", "DESTROY", STREAM, "readers"]);
    let (summary, _) = run("1000");
    let last = summary["last_sequence"].as_u64().unwrap();
    println!("trimmed to {} entries of {last}", length());
    assert!(first() > last / 2, "{} of {last}", first());
}

/// Confirms all entries but the first.
const CONFIRM: &str = "for at, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do if at > 1 then redis.call('XACK', KEYS[1], ARGV[1], entry[1]) end end";
