//! What outside agents send over a real Redis Cluster of three masters: the same as over one server, though the keys of one
//! command lie on different nodes.

use crate::cluster_server::RedisCluster;
use crate::intake_host::{Host, Store as _, TASKS, effects, id, length, letters, outcome, python_now, task, wait};
use crate::redis_ear::Ear;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const RESPONSES: &str = "aism:engine:response_queue";

fn restrict(number: u32) -> String {
    task(number, "risk", "restrict", json!({"instrument": "BTCUSDT"}))
}

fn commands(agent: &str) -> String {
    format!("aism:agent:tickpath-1.{agent}:commands")
}

fn command(id: &str, kind: &str, payload: Value) -> String {
    json!({"id": id, "type": kind, "payload": payload, "timestamp": python_now()}).to_string()
}

/// All keys of all nodes.
fn keys(cluster: &RedisCluster) -> BTreeSet<String> {
    cluster
        .nodes
        .iter()
        .flat_map(|node| node.ask(&["--raw", "KEYS", "*"]).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn tasks_and_commands_are_done_in_a_cluster_and_each_is_told_once() {
    let Some(cluster) = RedisCluster::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&cluster, dir.path(), "tickpath-1");
    host.listens(&cluster, 1);
    cluster.ask(&["LPUSH", TASKS, &task(90, "agent:003", "scan_market", json!({}))]);
    cluster.ask(&["LPUSH", TASKS, "no JSON"]);
    cluster.ask(&["LPUSH", TASKS, &restrict(1)]);
    assert_eq!(outcome(&cluster, 1)["status"], "completed");
    let dead = cluster.beside(TASKS, "dead");
    wait("a dead letter", || length(&cluster, &dead) == 1);
    assert_eq!((letters(&cluster, &dead)[0]["item"].as_str(), length(&cluster, TASKS)), (Some("no JSON"), 1));
    assert_eq!(length(&cluster, &cluster.beside(TASKS, "processing:tickpath-1")), 0);
    // One to each agent: their lists lie on different nodes, as do state, responses and audit.
    let agents = ["market-data", "feature", "signal", "risk", "execution", "supervisor", "compliance"];
    for agent in agents {
        cluster.ask(&["LPUSH", &commands(agent), &command(&format!("cmd-{agent}"), "ping", json!({}))]);
    }
    let reduce = json!({"target": "reducing"});
    cluster.ask(&["LPUSH", &commands("risk"), &command("cmd-8", "state_transition", reduce)]);
    cluster.ask(&["LPUSH", &commands("risk"), "nonsense"]);
    wait("responses", || length(&cluster, RESPONSES) == 8);
    let mut by_id: BTreeMap<String, u32> = BTreeMap::new();
    for response in letters(&cluster, RESPONSES) {
        assert_eq!(response["status"], "completed", "{response}");
        *by_id.entry(response["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(by_id.len() == 8 && by_id.values().all(|times| *times == 1), "{by_id:?}");
    wait("a dead letter", || length(&cluster, &cluster.beside(&commands("risk"), "dead")) == 1);
    assert_eq!(cluster.ask(&["GET", "aism:agent:tickpath-1.risk:state"]), "reducing");
    let audit = cluster.ask(&["--raw", "XRANGE", "aism:audit", "-", "+"]);
    for (part, times) in [("\"old_state\":\"active\"", 1), ("transition", 1), ("cmd-8", 1)] {
        assert!(audit.matches(part).count() >= times, "{part}: {audit}");
    }
    // What was known of steps under way is gone with them, and nobody's names have braces but those of ours beside them.
    // The place that the audit stream has been told up to is no step: it stays.
    let is_step = |key: &String| key.contains(":told:") && !key.ends_with(":told:tickpath-1");
    wait("nothing is under way", || !keys(&cluster).iter().any(is_step));
    for key in keys(&cluster) {
        let beside = key.starts_with('{') && key.contains("}:");
        assert!(beside || !key.contains('{'), "{key}");
    }
}

#[test]
fn a_response_that_cannot_be_kept_in_a_cluster_is_published_all_the_same() {
    let Some(cluster) = RedisCluster::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start(&cluster, dir.path(), "tickpath-1");
    host.listens(&cluster, 1);
    let ear = Ear::to(&cluster.nodes[0], &["aism:engine:responses", "binaryrogue:alerts"], |_, _| {});
    cluster.ask(&["SET", RESPONSES, "x"]);
    let say = |id: &str| cluster.ask(&["LPUSH", &commands("risk"), &command(id, "ping", json!({}))]);
    for id in ["cmd-1", "cmd-2"] {
        say(id);
        ear.wait("aism:engine:responses", |response| response["id"] == id);
    }
    let processing = cluster.beside(&commands("risk"), "processing");
    wait("both are over", || length(&cluster, &processing) == 0);
    let is = |alert: &Value, status: &str| alert["name"] == "outside_unheard" && alert["status"] == status;
    ear.wait("binaryrogue:alerts", |alert| is(alert, "raised"));
    cluster.ask(&["DEL", RESPONSES]);
    ear.wait("binaryrogue:alerts", |alert| is(alert, "over"));
    say("cmd-3");
    wait("a response", || length(&cluster, RESPONSES) == 1);
    ear.wait("aism:engine:responses", |response| response["id"] == "cmd-3");
    ear.wait_until_quiet();
    let heard = ear.heard();
    let responses = heard.iter().filter(|(channel, _)| channel == "aism:engine:responses");
    assert_eq!(responses.count(), 3, "each once");
}

#[test]
fn a_host_killed_over_a_cluster_answers_each_command_and_does_each_task_once() {
    let Some(cluster) = RedisCluster::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let kills: u32 = std::env::var("TICKPATH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4).min(25);
    let (mut number, mut between) = (0, 0);
    let in_hand = |agent: &str| length(&cluster, &cluster.beside(&commands(agent), "processing"));
    for round in 0..=kills {
        let mut host = Host::start(&cluster, dir.path(), "tickpath-1");
        host.listens(&cluster, 1);
        for _ in 0..10 {
            number += 1;
            cluster.ask(&["LPUSH", TASKS, &restrict(number)]);
            let to = if number % 2 == 0 { "risk" } else { "signal" };
            cluster.ask(&["LPUSH", &commands(to), &command(&format!("cmd-{number}"), "ping", json!({}))]);
        }
        if round < kills {
            std::thread::sleep(Duration::from_millis(u64::from(round * 13 % 40)));
            host.kill();
            let left = length(&cluster, &cluster.beside(TASKS, "processing:tickpath-1"));
            between += u32::from(left + in_hand("risk") + in_hand("signal") > 0);
            continue;
        }
        wait("all are done", || {
            let tasks = length(&cluster, TASKS) + length(&cluster, &cluster.beside(TASKS, "processing:tickpath-1"));
            let waiting = length(&cluster, &commands("risk")) + length(&cluster, &commands("signal"));
            tasks + waiting + in_hand("risk") + in_hand("signal") == 0
        });
        host.kill();
        let effects = effects(&host);
        assert!(effects.values().all(|times| *times == 1), "{effects:?}");
        let missing: Vec<u32> = (1..=number).filter(|number| !effects.contains_key(&id(*number))).collect();
        assert!(missing.is_empty(), "no effect: {missing:?}");
        let mut answered: BTreeMap<String, u32> = BTreeMap::new();
        for response in letters(&cluster, RESPONSES) {
            *answered.entry(response["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert!(answered.len() == number as usize, "{} of {number} commands are answered", answered.len());
        let twice: Vec<_> = answered.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        println!("{between} of {kills} kills were with something in hand; {number} tasks and commands");
    }
}

#[test]
fn two_hosts_on_one_queue_of_a_cluster_do_no_task_twice() {
    const TASKS_ALL: u32 = 60;
    let Some(cluster) = RedisCluster::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut hosts = ["tickpath-1", "tickpath-2"].map(|name| Host::start(&cluster, dir.path(), name));
    for host in &mut hosts {
        host.listens(&cluster, 2);
    }
    for turn in 0..2 {
        for number in 1..=TASKS_ALL {
            // The same once more, in other words.
            let item = if turn == 0 { restrict(number) } else { restrict(number).replacen(':', ": ", 1) };
            cluster.ask(&["LPUSH", TASKS, &item]);
        }
    }
    for number in 1..=TASKS_ALL {
        outcome(&cluster, number);
    }
    wait("the queue is worked off", || length(&cluster, TASKS) == 0);
    for host in ["tickpath-1", "tickpath-2"] {
        wait("nothing is in hand", || length(&cluster, &cluster.beside(TASKS, &format!("processing:{host}"))) == 0);
    }
    let [one, two] = hosts.each_ref().map(effects);
    println!("{} tasks were done by one host, {} by the other", one.len(), two.len());
    assert_eq!(one.len() + two.len(), TASKS_ALL as usize);
    assert!(one.values().chain(two.values()).all(|times| *times == 1) && one.keys().all(|id| !two.contains_key(id)));
}
