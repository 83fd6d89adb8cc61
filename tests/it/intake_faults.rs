//! What may go wrong with tasks and commands: hosts that are killed or gone, copies, queues that are long, items that are huge.

use crate::intake_host::{
    Host, Store as _, TASKS, effects, id, length, letters, outcome, python_now, seconds, task, wait,
};
use crate::redis_ear::Ear;
use crate::redis_server::RedisServer;
use crate::schemas;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tickpath::acp::inbound::command::AgentCommand;
use tickpath::acp::names::Names;
use tickpath::bridge::intake::claim::{Claimed, Claims};
use tickpath::bridge::intake::config::IntakeConfig;
use tickpath::bridge::intake::desk::Desk;
use tickpath::bridge::intake::keys::Keys;
use tickpath::bridge::redis::connect;

const PROCESSING: &str = "binaryrogue:tasks:processing:tickpath-1";

fn restrict(number: u32) -> String {
    task(number, "risk", "restrict", json!({"instrument": "BTCUSDT"}))
}

/// A connection for what is asked too often for redis-cli.
fn connection(server: &RedisServer) -> redis::Connection {
    redis::Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn push(at: &mut redis::Connection, item: &str) {
    redis::cmd("LPUSH").arg(TASKS).arg(item).query::<u64>(at).unwrap();
}

fn count(at: &mut redis::Connection, list: &str) -> u64 {
    redis::cmd("LLEN").arg(list).query(at).unwrap()
}

#[test]
fn a_host_killed_between_take_and_acknowledge_has_each_effect_once() {
    const TASKS_EACH: u32 = 20;
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let kills: u32 = std::env::var("TICKPATH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let mut at = connection(&server);
    let (mut number, mut between, mut in_hand, begun) = (0, 0, 0, Instant::now());
    for round in 0..=kills {
        let mut host = Host::start(&server, dir.path(), "tickpath-1");
        host.listens(&server, 1);
        let before = number;
        for _ in 0..TASKS_EACH {
            number += 1;
            push(&mut at, &restrict(number));
        }
        if round < kills {
            // Somewhere in the work: behind some of this round's, and as soon as something is in hand.
            let some = format!("{TASKS}:done:{}", id(before + 1 + round * 7 % (TASKS_EACH - 5)));
            let patience = Instant::now();
            while redis::cmd("EXISTS").arg(&some).query::<u32>(&mut at).unwrap() == 0 || count(&mut at, PROCESSING) < 2
            {
                assert!(patience.elapsed() < Duration::from_mins(1), "nothing is done");
                if count(&mut at, TASKS) == 0 && count(&mut at, PROCESSING) == 0 {
                    break;
                }
            }
            host.kill();
            let left = count(&mut at, PROCESSING);
            between += u32::from(left > 0);
            in_hand += left;
            continue;
        }
        wait("all are done", || length(&server, TASKS) + length(&server, PROCESSING) == 0);
        host.kill();
        println!(
            "{between} of {kills} kills were between take and acknowledge, with {in_hand} tasks in hand; {number} tasks in {:.0?}",
            begun.elapsed()
        );
        assert!(between * 2 >= kills, "{between} of {kills} kills were between take and acknowledge");
        let effects = effects(&host);
        let wrong: Vec<_> = effects.iter().filter(|(_, times)| **times != 1).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let missing: Vec<u32> = (1..=number).filter(|number| !effects.contains_key(&id(*number))).collect();
        assert!(missing.is_empty(), "no effect: {missing:?}");
        for number in 1..=number {
            let key = format!("{TASKS}:done:{}", id(number));
            let text: String = redis::cmd("GET").arg(key).query(&mut at).unwrap();
            let told: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(told["status"], "completed", "{told}");
        }
    }
}

#[test]
fn two_hosts_on_one_queue_do_no_task_twice() {
    const TASKS_ALL: u32 = 300;
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut hosts = ["tickpath-1", "tickpath-2"].map(|name| Host::start(&server, dir.path(), name));
    for host in &mut hosts {
        host.listens(&server, 2);
    }
    let mut at = connection(&server);
    for number in 1..=TASKS_ALL {
        push(&mut at, &restrict(number));
    }
    // Sent twice, as a sender does who heard no answer, and once more in other words: each is one task.
    for number in 1..=TASKS_ALL {
        push(&mut at, &restrict(number).replacen(':', ": ", 1));
    }
    for number in 1..=TASKS_ALL {
        outcome(&server, number);
    }
    wait("the queue is worked off", || length(&server, TASKS) == 0);
    for host in ["tickpath-1", "tickpath-2"] {
        wait("nothing is in hand", || length(&server, &format!("{TASKS}:processing:{host}")) == 0);
    }
    let [one, two] = hosts.each_ref().map(effects);
    println!("{} tasks were done by one host, {} by the other", one.len(), two.len());
    assert!(!one.is_empty() && !two.is_empty(), "{} and {}", one.len(), two.len());
    assert_eq!(one.len() + two.len(), TASKS_ALL as usize);
    assert!(one.values().chain(two.values()).all(|times| *times == 1) && one.keys().all(|id| !two.contains_key(id)));
}

#[test]
fn a_copy_waits_for_whoever_has_the_task_and_outlives_one_that_is_gone() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let claim = |number: u32| format!("{TASKS}:claim:{}", id(number));
    // Others' claims: of one that said so now, and of ones that did not for longer than a lease.
    let claimed = |number: u32, at: u64| server.ask(&["SET", &claim(number), &format!("tickpath-9 {at}")]);
    let target = |number: u32| {
        let payload = json!({"instrument": "BTCUSDT", "size": "0", "ttl_seconds": 5});
        task(number, "risk", "target", payload).replace("agent:001", "agent:002")
    };
    claimed(1, seconds());
    claimed(2, seconds());
    claimed(3, seconds() - 601);
    claimed(4, seconds() - 601);
    let ear = Ear::to(&server, &["binaryrogue:tasks"], |_, _| {});
    for item in [restrict(1), restrict(2), restrict(3), target(4)] {
        server.ask(&["LPUSH", TASKS, &item]);
    }
    // What can only stop is done by this host.
    assert_eq!(outcome(&server, 3)["source"], "tickpath-1.risk");
    // What moves positions may have been done there: refused, and nothing is remembered as its outcome.
    let dead = format!("{TASKS}:dead");
    wait("a dead letter", || length(&server, &dead) == 1);
    let reason = letters(&server, &dead)[0]["reason"].to_string();
    assert!(reason.contains("`tickpath-9` took it") && reason.contains("send it as a new task"), "{reason}");
    assert_eq!(server.ask(&["EXISTS", &format!("{TASKS}:done:{}", id(4))]), "0");
    // While the other host is there its copies wait, and are not lost.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((length(&server, PROCESSING), length(&server, TASKS)), (2, 0));
    // The other host says what came of one: so it is.
    let mut done: Value = serde_json::from_str(&restrict(1)).unwrap();
    (done["status"], done["source"]) = (json!("completed"), json!("tickpath-9.risk"));
    server.ask(&["SET", &format!("{TASKS}:done:{}", id(1)), &done.to_string()]);
    wait("the first is over", || length(&server, PROCESSING) == 1);
    assert_eq!(outcome(&server, 1)["source"], "tickpath-9.risk");
    // It says nothing of the second for too long.
    claimed(2, seconds() - 601);
    assert_eq!(outcome(&server, 2)["status"], "completed");
    wait("nothing is in hand", || length(&server, PROCESSING) == 0);
    for number in [1, 2, 3] {
        // The outcome says more than the claim.
        assert_eq!(server.ask(&["EXISTS", &claim(number)]), if number == 1 { "1" } else { "0" });
    }
    assert_eq!(server.ask(&["--raw", "HLEN", &format!("{TASKS}:attempts:tickpath-1")]), "0");
    let heard = ear.end();
    let of = |number: u32| heard.iter().filter(|(_, m)| m["task_id"] == id(number).as_str()).count();
    assert_eq!([1, 2, 3, 4].map(of), [1, 1, 1, 1], "each is told");
    host.kill();
    let effects = effects(&host);
    assert_eq!(effects.keys().cloned().collect::<Vec<_>>(), [id(2), id(3)]);
    assert!(effects.values().all(|times| *times == 1), "{effects:?}");
}

#[test]
fn a_claim_that_is_renewed_is_left_alone_and_one_that_is_not_is_taken_over() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let settings = [("TICKPATH__INTAKE__CLAIM_SECONDS", "2")];
    let mut hosts = ["tickpath-1", "tickpath-2"].map(|name| Host::start_with(&server, dir.path(), name, &settings));
    for host in &mut hosts {
        host.listens(&server, 2);
    }
    // A third has it in hand, and says so each second: nobody takes it over.
    let claim = format!("{TASKS}:claim:{}", id(1));
    server.ask(&["SET", &claim, &format!("tickpath-9 {}", seconds())]);
    server.ask(&["LPUSH", TASKS, &restrict(1)]);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        server.ask(&["SET", &claim, &format!("tickpath-9 {}", seconds())]);
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(server.ask(&["EXISTS", &format!("{TASKS}:done:{}", id(1))]), "0");
    let last = Instant::now();
    outcome(&server, 1);
    println!("a claim of 2 s that was not renewed any more was taken over after {:?}", last.elapsed());
    assert!(last.elapsed() < Duration::from_secs(10));
    for host in &mut hosts {
        host.kill();
    }
    let all: Vec<u32> = hosts.iter().flat_map(|host| effects(host).into_values()).collect();
    assert_eq!(all, [1], "by one of them, once");
}

#[test]
fn a_claim_is_one_host_s_until_it_lapses_and_renewing_keeps_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let keys = |host: &str| Keys::new(&Names::new("binaryrogue", host).unwrap(), &IntakeConfig::default());
    let (one, two) = (keys("tickpath-1"), keys("tickpath-2"));
    let client = redis::Client::open(server.url()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut at = connect::connect(&client.into()).await.unwrap();
        let mut claims = Claims::new(Duration::from_secs(2));
        let task = id(1);
        assert_eq!(claims.claim(&mut at, &one, &task, false, true).await.unwrap(), Claimed::Ours(1));
        assert_eq!(
            claims.claim(&mut at, &one, &task, false, true).await.unwrap(),
            Claimed::Ours(2),
            "its own, once more"
        );
        let held = Claimed::Held("tickpath-1".to_owned());
        assert_eq!(claims.claim(&mut at, &two, &task, true, true).await.unwrap(), held);
        // Renewed for longer than it lasts; another host's renewal changes nothing of it.
        for turn in 0..6 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if turn == 3 {
                // The server forgot it: whoever has the task in hand says so again.
                assert_eq!(server.ask(&["DEL", &one.claim(&task)]), "1");
            }
            claims.renew(&mut at, &one, std::iter::once(task.as_str())).await.unwrap();
            assert_eq!(claims.claim(&mut at, &two, &task, true, true).await.unwrap(), held);
        }
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            claims.renew(&mut at, &two, std::iter::once(task.as_str())).await.unwrap();
        }
        let lapsed = Claimed::Lapsed("tickpath-1".to_owned());
        assert_eq!(claims.claim(&mut at, &two, &task, false, true).await.unwrap(), lapsed);
        assert_eq!(claims.claim(&mut at, &two, &task, true, true).await.unwrap(), Claimed::Ours(1));
        assert_eq!(
            claims.claim(&mut at, &one, &task, true, true).await.unwrap(),
            Claimed::Held("tickpath-2".to_owned())
        );
        server.ask(&["SET", &one.done(&task), "done"]);
        assert_eq!(claims.claim(&mut at, &one, &task, true, true).await.unwrap(), Claimed::Done("done".to_owned()));
        // What is done is nobody's any more, whoever still has a copy.
        server.ask(&["DEL", &one.claim(&task)]);
        tokio::time::sleep(Duration::from_millis(500)).await;
        claims.renew(&mut at, &two, std::iter::once(task.as_str())).await.unwrap();
        assert_eq!(server.ask(&["EXISTS", &one.claim(&task)]), "0");
    });
}

#[test]
fn a_task_behind_more_of_others_than_one_look_takes_is_found() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let others = task(900, "agent:003", "scan_market", json!({"venue": "kalshi"}));
    let script =
        "for i = 1, 50000 do redis.call('LPUSH', KEYS[1], (string.gsub(ARGV[1], 'kalshi', 'kalshi' .. i))) end";
    server.ask(&["EVAL", script, "1", TASKS, &others]);
    server.ask(&["LPUSH", TASKS, &restrict(1)]);
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let begun = Instant::now();
    assert_eq!(outcome(&server, 1)["status"], "completed");
    let first = begun.elapsed();
    // Once all was looked through, what is new is found at once; also where somebody took some of the old.
    let begun = Instant::now();
    server.ask(&["LPUSH", TASKS, &restrict(2)]);
    outcome(&server, 2);
    let second = begun.elapsed();
    server.ask(&["RPOP", TASKS, "10"]);
    let begun = Instant::now();
    server.ask(&["LPUSH", TASKS, &restrict(3)]);
    outcome(&server, 3);
    println!(
        "behind 50 000 of others: the first found after {first:?}, a new one {second:?}, behind a change {:?}",
        begun.elapsed()
    );
    assert!(first < Duration::from_secs(20) && second < Duration::from_secs(5));
    assert_eq!(length(&server, TASKS), 49_990, "others' stay");
    // Nor is the server held up: no step of ours was long.
    type Slow = (u64, u64, u64, Vec<String>, String, String);
    let slow: Vec<Slow> = redis::cmd("SLOWLOG").arg("GET").arg(128).query(&mut connection(&server)).unwrap();
    // The test's own script is the one that is sent as a whole and long.
    let of_host = slow.iter().filter(|(_, _, _, words, ..)| !words.iter().any(|word| word.contains("kalshi")));
    let slow = of_host.map(|(_, _, micros, ..)| *micros).max().unwrap_or(0);
    println!("the longest step of the host in the server: {slow} us");
    assert!(slow < 500_000, "{slow}");
}

/// Most memory that a process had, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn an_item_of_hundreds_of_megabytes_is_cut_where_it_stands() {
    const BYTES: u64 = 200_000_000;
    let Some(server) = RedisServer::start(&["--appendonly", "no"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    let (before, sent) = (peak_kib(host.child.id()), sent_bytes(&server));
    let big = |list: &str, head: &str| {
        let script = "return redis.call('LPUSH', KEYS[1], ARGV[1] .. string.rep('x', ARGV[2] - #ARGV[1]))";
        server.ask(&["EVAL", script, "1", list, head, &BYTES.to_string()]);
    };
    let commands = "aism:agent:tickpath-1.risk:commands";
    big(TASKS, r#"{"receiver": "agent:003", "payload": {"a": ""#);
    big(TASKS, r#"{"receiver": "risk", "payload": {"a": ""#);
    big(TASKS, "no JSON");
    big(commands, r#"{"id": "cmd-1", "payload": {"a": ""#);
    // What stands behind them has its turn.
    server.ask(&["LPUSH", TASKS, &restrict(1)]);
    outcome(&server, 1);
    let dead = format!("{TASKS}:dead");
    wait("dead letters", || length(&server, &dead) == 2 && length(&server, &format!("{commands}:dead")) == 1);
    for letter in letters(&server, &dead).into_iter().chain(letters(&server, &format!("{commands}:dead"))) {
        assert_eq!(letter["bytes"], BYTES, "{letter}");
        assert!(letter["reason"].as_str().unwrap().contains("200000000 bytes: at most 65536 are read"), "{letter}");
        assert!((7..=1_024).contains(&letter["item"].as_str().unwrap().len()), "{letter}");
    }
    assert_eq!((length(&server, TASKS), length(&server, PROCESSING)), (1, 0), "another's stays");
    // The kernel's count of pages is not exact to the last one.
    let (grown, sent) = (peak_kib(host.child.id()).saturating_sub(before), sent_bytes(&server) - sent);
    println!("three items of 200 MB: the host took {grown} KiB more, the server sent {sent} bytes to all");
    assert!(grown < 100_000 && sent < 50_000_000, "{grown} KiB, {sent} bytes");
    server.ask(&["DEL", TASKS]);
    schemas::check_keys(&server);
}

fn sent_bytes(server: &RedisServer) -> u64 {
    let text = server.ask(&["--raw", "INFO", "stats"]);
    let line = text.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn a_command_that_the_host_ended_over_three_times_is_a_dead_letter() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let commands = "aism:agent:tickpath-1.risk:commands";
    let attempts = format!("{commands}:attempts");
    let command = |id: &str| {
        let payload = json!({"target": "reducing"});
        json!({"id": id, "type": "state_transition", "payload": payload, "timestamp": python_now()}).to_string()
    };
    // As three starts left them that were killed over them: in hand, with as many tries. The fourth has one less.
    for (id, tries) in [("cmd-1", "3"), ("cmd-2", "2")] {
        let text = command(id);
        let read = AgentCommand::read(text.as_bytes(), 10_000).unwrap();
        server.ask(&["HSET", &attempts, &Desk::number_of("risk", &read).to_string(), tries]);
        server.ask(&["LPUSH", &format!("{commands}:processing"), &text]);
    }
    let mut host = Host::start(&server, dir.path(), "tickpath-1");
    host.listens(&server, 1);
    wait("responses", || length(&server, "aism:engine:response_queue") == 2);
    let responses = letters(&server, "aism:engine:response_queue");
    let of = |id: &str| responses.iter().find(|response| response["id"] == id).unwrap();
    assert_eq!((&of("cmd-1")["status"], &of("cmd-2")["status"]), (&json!("failed"), &json!("completed")));
    assert_eq!(of("cmd-1")["error"], "given up after 3 tries");
    let dead = letters(&server, &format!("{commands}:dead"));
    assert!(dead.len() == 1 && dead[0]["item"].as_str().unwrap().contains("cmd-1"), "{dead:?}");
    assert_eq!(length(&server, &format!("{commands}:processing")), 0);
    assert_eq!(server.ask(&["--raw", "HLEN", &attempts]), "0", "what is over is forgotten");
    schemas::check_keys(&server);
    let told = host.events("host.command");
    let traces: Vec<&Value> = told.iter().map(|event| &event["traceId"]).collect();
    assert!(traces.contains(&&json!("cmd-2")) && !traces.contains(&&json!("cmd-1")), "{traces:?}");
    // One that is well is counted while it is in hand, and then no more.
    server.ask(&["LPUSH", commands, &command("cmd-3")]);
    wait("a third response", || length(&server, "aism:engine:response_queue") == 3);
    assert_eq!(server.listeners(TASKS), 1);
    assert_eq!(server.ask(&["--raw", "HLEN", &attempts]), "0");
}
