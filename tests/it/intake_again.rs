//! What comes in again, late, or beside keys that somebody made something else of: stops go through, what was done is told as done.

use crate::intake_host::{Host, Store as _, TASKS, id, length, letters, outcome, python_now, seconds, task, wait};
use crate::redis_ear::Ear;
use crate::redis_server::RedisServer;
use crate::schemas;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tickpath::acp::names::Names;
use tickpath::bridge::intake::config::IntakeConfig;
use tickpath::bridge::intake::keys::Keys;
use tickpath::bridge::intake::queue::{Found, Queue};
use tickpath::bridge::redis::connect;

const PROCESSING: &str = "binaryrogue:tasks:processing:tickpath-1";
const COMMANDS: &str = "aism:agent:tickpath-1.risk:commands";
const RESPONSES: &str = "aism:engine:response_queue";

fn command(id: &str, kind: &str, payload: Value, timestamp: &str) -> String {
    json!({"id": id, "type": kind, "payload": payload, "timestamp": timestamp}).to_string()
}

/// How often the journal has a command with this trace.
fn effects(host: &Host, trace: &str) -> usize {
    host.events("host.command").iter().filter(|event| event["traceId"] == trace).count()
}

#[test]
fn a_target_that_is_in_the_journal_is_told_as_done_after_a_long_drop_and_after_a_restart() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let payload = json!({"instrument": "BTCUSDT", "size": "0", "ttl_seconds": 5});
    let item = task(1, "risk", "target", payload).replace("agent:001", "agent:002");
    server.ask(&["LPUSH", TASKS, &item]);
    let first = outcome(&server, 1);
    assert_eq!(first["status"], "completed", "{first}");
    // Longer than what moves positions is taken, and than the position was wanted.
    std::thread::sleep(Duration::from_secs(6));
    let (done, claim) = (format!("{TASKS}:done:{}", id(1)), format!("{TASKS}:claim:{}", id(1)));
    for restarts in [false, true] {
        // As the host leaves it that is cut off or killed behind the journal and before the acknowledgement.
        let leave = || {
            server.ask(&["DEL", &done]);
            server.ask(&["SET", &claim, &format!("tickpath-1 {}", seconds())]);
            server.ask(&["LPUSH", PROCESSING, &item]);
        };
        if restarts {
            host.kill();
            leave();
            host = Host::start(&server, dir.path(), "tickpath-1");
        } else {
            leave();
            server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
            server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        }
        let told = outcome(&server, 1);
        assert_eq!((&told["status"], &told["result"]), (&first["status"], &first["result"]), "{restarts}: {told}");
        let kept: u64 = server.ask(&["--raw", "TTL", &done]).parse().unwrap();
        println!("behind a {}: completed, kept for {kept} s", if restarts { "restart" } else { "drop" });
        assert!((604_700..=604_800).contains(&kept), "{kept}");
        wait("nothing is in hand", || length(&server, PROCESSING) == 0);
    }
    assert_eq!(length(&server, &format!("{TASKS}:dead")), 0);
    host.kill();
    assert_eq!(effects(&host, &id(1)), 1);
}

#[test]
fn a_command_that_is_repeated_at_once_is_done_once_and_never_given_up() {
    const COPIES: usize = 8;
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let text = command("cmd-1", "restrict", json!({"instrument": "BTCUSDT"}), &python_now());
    let mut push = vec!["LPUSH", COMMANDS];
    push.extend([text.as_str(); COPIES]);
    server.ask(&push);
    wait("all are over", || {
        length(&server, COMMANDS) + length(&server, &format!("{COMMANDS}:processing")) == 0
            && length(&server, RESPONSES) > 0
    });
    let told = letters(&server, RESPONSES);
    println!("{COPIES} copies of a command: {} responses", told.len());
    assert!(told.len() <= COPIES && told.iter().all(|response| response["status"] == "completed"), "{told:?}");
    assert_eq!(length(&server, &format!("{COMMANDS}:dead")), 0);
    assert_eq!(server.ask(&["--raw", "HLEN", &format!("{COMMANDS}:attempts")]), "0");
    host.kill();
    assert_eq!(effects(&host, "cmd-1"), 1);
}

#[test]
fn a_stop_is_taken_however_late_and_whatever_its_sender_s_clock_says() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    for (number, action, at, status) in [
        (1, "restrict", 1_000_000_000, "completed"),
        (2, "restrict", seconds() + 86_400, "completed"),
        (3, "reduce", 0, "completed"),
        (4, "ping", 1_000_000_000, "failed"),
    ] {
        let payload = if action == "restrict" { json!({"instrument": "BTCUSDT"}) } else { json!({}) };
        let item = task(number, "risk", action, payload).replace(&seconds().to_string(), &at.to_string());
        server.ask(&["LPUSH", TASKS, &item]);
        let told = outcome(&server, number);
        assert_eq!(told["status"], status, "{told}");
    }
    assert_eq!(length(&server, &format!("{TASKS}:dead")), 1);
    for (count, (id, kind, at, status)) in [
        ("cmd-1", "restrict", "2025-01-06T00:00:00", "completed"),
        ("cmd-2", "reduce", "2099-01-06T00:00:00", "completed"),
        ("cmd-3", "status", "2025-01-06T00:00:00", "failed"),
    ]
    .into_iter()
    .enumerate()
    {
        let payload = if kind == "restrict" { json!({"instrument": "BTCUSDT"}) } else { json!({}) };
        server.ask(&["LPUSH", COMMANDS, &command(id, kind, payload, at)]);
        wait("a response", || length(&server, RESPONSES) == count as u64 + 1);
        let told = &letters(&server, RESPONSES)[0];
        assert_eq!((&told["id"], &told["status"]), (&json!(id), &json!(status)), "{told}");
    }
    assert_eq!(length(&server, &format!("{COMMANDS}:dead")), 1);
}

#[test]
fn a_key_that_somebody_made_something_else_of_holds_up_one_item_at_most() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let key = |what: &str, number: u32| format!("{TASKS}:{what}:{}", id(number));
    server.ask(&["SADD", &key("done", 1), "x"]);
    server.ask(&["LPUSH", &key("claim", 2), "x"]);
    let set = "return redis.call('SET', KEYS[1], '\\255\\254')";
    server.ask(&["EVAL", set, "1", &key("done", 3)]);
    for number in 1..=3 {
        server.ask(&["LPUSH", TASKS, &task(number, "risk", "restrict", json!({"instrument": "BTCUSDT"}))]);
    }
    let dead = format!("{TASKS}:dead");
    wait("dead letters", || length(&server, &dead) == 3);
    for (letter, wrong) in letters(&server, &dead).iter().rev().zip([key("done", 1), key("claim", 2), key("done", 3)]) {
        assert!(letter["reason"].as_str().unwrap().starts_with(&format!("`{wrong}` is not")), "{letter}");
    }
    // The host's own counts are counted anew.
    server.ask(&["SET", &format!("{TASKS}:attempts:tickpath-1"), "x"]);
    server.ask(&["LPUSH", TASKS, &task(4, "risk", "ping", json!({}))]);
    assert_eq!(outcome(&server, 4)["status"], "completed");
    assert_eq!(length(&server, PROCESSING), 0);

    // What is no state is overwritten; what the command did is told as done.
    let state = "aism:agent:tickpath-1.risk:state";
    server.ask(&["LPUSH", &format!("{COMMANDS}:attempts"), "x"]);
    server.ask(&["DEL", state]);
    server.ask(&["HSET", state, "a", "b"]);
    for (count, target) in [(1, "reducing"), (2, "halted")] {
        let text = command(&format!("cmd-{count}"), "state_transition", json!({"target": target}), &python_now());
        server.ask(&["LPUSH", COMMANDS, &text]);
        wait("a response", || length(&server, RESPONSES) == count);
        assert_eq!(letters(&server, RESPONSES)[0]["status"], "completed");
        assert_eq!(server.ask(&["GET", state]), target);
        server.ask(&["EVAL", set, "1", state]);
    }
    assert_eq!(length(&server, &format!("{COMMANDS}:dead")), 0);
    assert_eq!(server.listeners(TASKS), 1);
    server.ask(&["DEL", state, &key("done", 1), &key("claim", 2), &key("done", 3)]);
    schemas::check_keys(&server);
}

#[test]
fn what_cannot_be_told_on_keys_that_all_share_keeps_nothing_waiting_and_is_an_alert_until_it_can() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let ear = Ear::to(&server, &["binaryrogue:alerts"], |_, _| {});
    let listeners = || server.ask(&["PUBSUB", "NUMSUB", TASKS]);
    let connection = || {
        let all = server.ask(&["CLIENT", "LIST", "TYPE", "PUBSUB"]);
        let ids: BTreeSet<String> = all.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect();
        ids
    };
    // The supervisor of the host listens on a connection of its own.
    wait("both listen", || connection().len() == 3);
    let before = (listeners(), connection());
    let (audit, dead) = ("aism:audit", format!("{TASKS}:dead"));
    for key in [audit, RESPONSES, dead.as_str()] {
        server.ask(&["DEL", key]);
        server.ask(&["SET", key, "x"]);
    }
    let say = |number: u32| {
        let text = command(&format!("cmd-{number}"), "state_transition", json!({"target": "reducing"}), &python_now());
        server.ask(&["LPUSH", COMMANDS, &text]);
    };
    server.ask(&["LPUSH", TASKS, "no JSON"]);
    say(1);
    say(2);
    wait("both are taken and over", || {
        ["cmd-1", "cmd-2"].iter().all(|id| effects(&host, id) == 1)
            && length(&server, &format!("{COMMANDS}:processing")) == 0
            && length(&server, PROCESSING) == 0
    });
    let raised =
        ear.wait("binaryrogue:alerts", |alert| alert["name"] == "outside_unheard" && alert["status"] == "raised");
    let told = raised["message"].as_str().unwrap();
    assert!([audit, RESPONSES, dead.as_str()].iter().any(|key| told.contains(&format!("`{key}`"))), "{raised}");
    assert_eq!((listeners(), connection()), before, "it went on listening all the time");

    let log = || std::fs::read_to_string(dir.path().join("tickpath-1.err")).unwrap();
    for key in [audit, RESPONSES, dead.as_str()] {
        assert!(log().contains(&format!("what should stand at `{key}` cannot be kept there")), "{}", log());
    }
    // Mended, and nothing more comes in.
    server.ask(&["DEL", audit, RESPONSES, &dead]);
    ear.wait("binaryrogue:alerts", |alert| alert["name"] == "outside_unheard" && alert["status"] == "over");
    say(3);
    wait("a response", || length(&server, RESPONSES) == 1);
    assert_eq!(letters(&server, RESPONSES)[0]["status"], "completed");

    // A stream that takes no more is one all the same: the alert stands until it is gone.
    let alerts = |status: &str| {
        let heard = ear.heard();
        heard.iter().filter(|(_, alert)| alert["name"] == "outside_unheard" && alert["status"] == status).count()
    };
    server.ask(&["XADD", audit, "18446744073709551615-18446744073709551615", "a", "b"]);
    say(4);
    wait("raised again", || alerts("raised") == 2);
    assert_eq!(length(&server, RESPONSES), 2, "the rest is told");
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!((alerts("raised"), alerts("over")), (2, 1));
    server.ask(&["DEL", audit]);
    wait("over again", || alerts("over") == 2);
    schemas::check_keys(&server);
}

#[test]
fn where_another_host_took_its_own_no_newer_item_overtakes_an_older_one() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let config = IntakeConfig::default();
    let keys = |host: &str| Keys::new(&Names::new("binaryrogue", host).unwrap(), &config);
    let (one, two) = (keys("tickpath-1"), keys("tickpath-2"));
    let push = |number: u32, host: &str| {
        let item = task(number, host, "ping", json!({}));
        server.ask(&["LPUSH", TASKS, &item]);
        Found::Item(item.into_bytes())
    };
    let client = redis::Client::open(server.url()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut at = connect::connect(&client.into()).await.unwrap();
        let (mut of_one, mut of_two) = (Queue::default(), Queue::default());
        let (a1, b1, b2) = (push(1, "tickpath-1"), push(2, "tickpath-2"), push(3, "tickpath-2"));
        assert_eq!(of_two.take(&mut at, &two, &config).await.unwrap(), b1);
        assert_eq!(of_one.take(&mut at, &one, &config).await.unwrap(), a1);
        let b3 = push(4, "tickpath-2");
        assert_eq!(of_two.take(&mut at, &two, &config).await.unwrap(), b2, "not the newer one");
        assert_eq!(of_two.take(&mut at, &two, &config).await.unwrap(), b3);
        // Many, in turns, each with more of the other's between them.
        let mut expected = [Vec::new(), Vec::new()];
        for number in 10..310 {
            let host = usize::from(number % 7 < 3);
            expected[host].push(push(number, ["tickpath-1", "tickpath-2"][host]));
        }
        let mut taken = [Vec::new(), Vec::new()];
        for turn in 0..2_000 {
            let host = usize::from(turn % 5 < 2);
            let (queue, keys) = if host == 0 { (&mut of_one, &one) } else { (&mut of_two, &two) };
            match queue.take(&mut at, keys, &config).await.unwrap() {
                Found::Item(item) => taken[host].push(Found::Item(item)),
                Found::NotYet | Found::Nothing => {}
            }
        }
        assert_eq!(taken, expected, "each host's in their order");
        // The same twice, to the letter, behind those of others: nothing overtakes.
        server.ask(&["DEL", TASKS]);
        let of_others: Vec<Found> = (400..420).map(|number| push(number, "tickpath-2")).collect();
        let (first, copy, last) = (push(500, "tickpath-1"), push(500, "tickpath-1"), push(501, "tickpath-1"));
        push(600, "tickpath-3");
        assert_eq!(first, copy);
        for item in [first, copy, last] {
            assert_eq!(of_one.take(&mut at, &one, &config).await.unwrap(), item);
        }
        assert_eq!(length(&server, TASKS), 21);
        for item in of_others {
            assert_eq!(of_two.take(&mut at, &two, &config).await.unwrap(), item);
        }
    });
}

#[test]
fn copies_that_wait_for_another_host_keep_no_command_waiting() {
    const COPIES: u32 = 1_100;
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let (mut at, mut fill) = (client.get_connection().unwrap(), redis::pipe());
    for number in 1..=COPIES {
        fill.set(format!("{TASKS}:claim:{}", id(number)), format!("tickpath-9 {}", seconds())).ignore();
        fill.lpush(TASKS, task(number, "risk", "ping", json!({}))).ignore();
    }
    fill.query::<()>(&mut at).unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    wait("the hand is full", || length(&server, PROCESSING) == 1_024);
    let begun = std::time::Instant::now();
    server.ask(&["LPUSH", COMMANDS, &command("cmd-1", "restrict", json!({"instrument": "BTCUSDT"}), &python_now())]);
    wait("a response", || length(&server, RESPONSES) == 1);
    println!("with 1 024 copies in hand a command was answered after {:?}", begun.elapsed());
    assert_eq!(letters(&server, RESPONSES)[0]["status"], "completed");
    assert_eq!(
        (length(&server, PROCESSING), length(&server, TASKS)),
        (1_024, u64::from(COPIES) - 1_024),
        "the rest stays"
    );
}
