//! A real cluster of three masters: every sequence once, in order, while keys move between nodes and while a replica takes over.

use crate::bridge_redis::{STREAM, end, is_whole, stop};
use crate::cluster_server::{RedisCluster, wait};
use crate::redis_ear::Ear;
use crate::redis_server::RedisServer;
use crate::redis_topics::audit_is_exact_on;
use crate::support::{arg, tickpath};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;
use tickpath::bridge::redis::connect;
use tickpath::control::secret::load;

const AUDIT: &str = "aism:audit";

/// Runs of the main job against a cluster.
trait Runs {
    fn run(&self, journal: &Path, speed: &str, events: u64) -> Child;
    fn settle(&self, journal: &Path) -> u64;
    fn length(&self) -> u64;
}

impl Runs for RedisCluster {
    fn run(&self, journal: &Path, speed: &str, events: u64) -> Child {
        run(&self.url(), "true", journal, speed, events)
    }

    /// Short runs until the stream has all; the last sequence.
    fn settle(&self, journal: &Path) -> u64 {
        for _ in 0..30 {
            let (summary, _) = end(self.run(journal, "100x", 10));
            let last = summary["last_sequence"].as_u64().unwrap();
            if self.owner(STREAM).ids(STREAM).last().is_some_and(|id| id.1 == last) {
                return last;
            }
        }
        panic!("{:?}", self.owner(STREAM).ids(STREAM).last());
    }

    fn length(&self) -> u64 {
        self.owner(STREAM).ask(&["XLEN", STREAM]).parse().unwrap_or(0)
    }
}

fn run(url: &str, cluster: &str, journal: &Path, speed: &str, events: u64) -> Child {
    tickpath()
        .args(["run", "--plain", "--json", "--speed", speed, "--events", &events.to_string()])
        .args(["--journal", arg(journal)])
        .env("REDIS_URL", url)
        .env("TICKPATH__REDIS__CLUSTER", cluster)
        .env("TICKPATH__REDIS__PUBLISH_BEHIND", "1000000000")
        .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_cluster_has_all_that_one_server_has() {
    let Some(cluster) = RedisCluster::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    assert_ne!(cluster.place(STREAM), cluster.place(AUDIT), "the test is to have them apart");
    // People listen at any node.
    let ears: Vec<Ear> =
        cluster.nodes.iter().map(|node| Ear::to(node, &["binaryrogue:*", "aism:*"], |_, _| {})).collect();
    let (_, errors) = end(cluster.run(&journal, "100x", 20_000));
    assert!(!errors.contains("CROSSSLOT") && !errors.contains("could not be written"), "{errors}");
    let last = cluster.settle(&journal);
    is_whole(cluster.owner(STREAM), last);
    audit_is_exact_on(cluster.owner(STREAM), cluster.owner(AUDIT));
    let ask = |command: &[&str]| cluster.nodes[0].ask(command);
    let positions = ask(&["HGETALL", "binaryrogue:positions:SIM"]);
    assert!(positions.contains("\"host\":\"tickpath-1\""), "{positions}");
    assert_eq!(ask(&["GET", "aism:agent:tickpath-1.gate:state"]), "OFFLINE");
    for agent in ["market-data", "feature", "signal", "risk", "execution", "supervisor", "compliance"] {
        let id = format!("tickpath-1.{agent}");
        assert_eq!(ask(&["HGET", &format!("binaryrogue:agents:{id}"), "status"]), "stopped", "{id}");
        assert!(ask(&["ZSCORE", "aism:agents:heartbeats", &id]).parse::<f64>().unwrap() > 1e9, "{id}");
        assert_eq!(ask(&["HGET", &format!("aism:agent:{id}:metadata"), "host"]), "tickpath-1", "{id}");
    }
    for ear in &ears {
        ear.wait_until_quiet();
    }
    for ear in ears {
        let heard = ear.end();
        for channel in
            ["market.raw", "signals", "execution.fill", "portfolio.target", "decisions", "heartbeats", "logs"]
        {
            let channel = format!("binaryrogue:{channel}");
            assert!(heard.iter().any(|(on, _)| *on == channel), "{channel}: {} messages", heard.len());
        }
        assert!(heard.iter().any(|(on, _)| on == "aism:events:state_changes"), "{} messages", heard.len());
    }
    println!("3 masters, {last} events: each once, in order; topics heard at each node");
}

#[test]
fn slots_move_while_they_are_written() {
    let Some(cluster) = RedisCluster::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let child = cluster.run(&journal, "50x", 0);
    let before = cluster.place(STREAM);
    for round in 1..=4 {
        wait("it writes", || cluster.length() > round * 500);
        cluster.move_on(if round == 3 { AUDIT } else { STREAM });
    }
    assert_eq!(cluster.place(STREAM), before, "once around");
    let now = cluster.length();
    wait("it goes on", || cluster.length() > now + 500);
    stop(&child);
    let (summary, errors) = end(child);
    let last = cluster.settle(&journal);
    assert!(last > summary["last_sequence"].as_u64().unwrap());
    is_whole(cluster.owner(STREAM), last);
    audit_is_exact_on(cluster.owner(STREAM), cluster.owner(AUDIT));
    assert!(errors.contains("on their way to another node") || errors.contains("the keys have moved"), "{errors}");
    println!("4 slots moved while {last} events were written: each once, in order");
}

#[test]
fn a_replica_takes_over() {
    let Some(mut cluster) = RedisCluster::start() else { return };
    cluster.replica_of(STREAM);
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let child = cluster.run(&journal, "50x", 0);
    wait("it writes", || cluster.length() > 2_000);
    let at = cluster.place(STREAM);
    cluster.nodes[at].kill();
    let dead = Instant::now();
    wait("the replica is master", || {
        cluster.nodes[3].ask(&["CLUSTER", "NODES"]).lines().any(|line| line.contains("myself,master"))
    });
    let now = cluster.length();
    wait("it goes on", || cluster.length() > now + 500);
    println!("written again {:.1} s behind the master's death", dead.elapsed().as_secs_f64());
    stop(&child);
    let (summary, _) = end(child);
    let last = cluster.settle(&journal);
    assert!(last > summary["last_sequence"].as_u64().unwrap());
    is_whole(cluster.owner(STREAM), last);
    audit_is_exact_on(cluster.owner(STREAM), cluster.owner(AUDIT));
    println!("a replica took over, {last} events: each once, in order");
}

#[test]
fn a_node_that_is_cut_off_from_the_others_is_not_believed() {
    let Some(cluster) = RedisCluster::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = cluster.nodes[0].url();
    let secret = load("X", |name| (name == "X").then(|| url.clone().into())).unwrap().unwrap().secret;
    let connects = || {
        let server = connect::server(&secret, false, true).unwrap();
        runtime.block_on(connect::connect(&server)).map(|_| ()).map_err(|trouble| trouble.0)
    };
    connects().unwrap();
    // It reaches only a minority of the masters: its own.
    for node in &cluster.nodes[1..] {
        node.signal("STOP");
    }
    wait("it knows that it is alone", || cluster.nodes[0].ask(&["CLUSTER", "INFO"]).contains("cluster_state:fail"));
    let refused = connects().unwrap_err();
    for node in &cluster.nodes[1..] {
        node.signal("CONT");
    }
    assert!(refused.contains("says that the cluster is down"), "{refused}");
    wait("it is believed again", || connects().is_ok());
}

#[test]
fn the_setting_must_be_what_the_server_is() {
    let Some(cluster) = RedisCluster::start() else { return };
    let Some(alone) = RedisServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let check = |name: &str, url: &str, setting: &str, part: &str| {
        let (_, errors) = end(run(url, setting, &dir.path().join(name), "500x", 2_000));
        assert!(errors.contains(part), "`{part}` is not in {errors}");
    };
    check("one", &cluster.nodes[1].url(), "false", "set `[redis] cluster = true`");
    check("two", &alone.url(), "true", "set `[redis] cluster = false`");
    assert_eq!((cluster.length(), alone.ask(&["EXISTS", STREAM]).as_str()), (0, "0"));
}
