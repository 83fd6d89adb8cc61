//! A real cluster of three masters: every sequence once, in order, while keys move between nodes and while a replica takes over.

use crate::bridge_redis::{STREAM, end, is_whole, stop};
use crate::redis_ear::Ear;
use crate::redis_server::{RedisServer, free_port};
use crate::redis_topics::audit_is_exact_on;
use crate::support::{arg, tickpath};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tickpath::bridge::redis::slots::{SLOTS, slot_of};

const AUDIT: &str = "aism:audit";
/// So long anything may take.
const WITHIN: Duration = Duration::from_mins(1);

/// Nodes, each started here and ended with the value.
struct Cluster {
    nodes: Vec<RedisServer>,
}

#[track_caller]
fn wait(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < WITHIN, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn node() -> Option<RedisServer> {
    let bus = free_port().to_string();
    let mut more = vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1500"];
    more.extend(["--maxmemory-policy", "noeviction", "--repl-diskless-sync-delay", "0"]);
    RedisServer::start(&more)
}

fn bus_of(node: &RedisServer) -> String {
    // ID IP:PORT@BUS …
    let me = node.ask(&["CLUSTER", "NODES"]);
    me.lines().find(|line| line.contains("myself")).unwrap().split(['@', ',', ' ']).nth(2).unwrap().to_owned()
}

impl Cluster {
    /// Three masters; `None`, and it is said, where there is no server program.
    fn start() -> Option<Self> {
        let nodes = vec![node()?, node()?, node()?];
        let step = SLOTS / 3;
        for (at, (node, first)) in nodes.iter().zip([0, step, 2 * step]).enumerate() {
            let last = if at == 2 { SLOTS - 1 } else { first + step - 1 };
            assert_eq!(node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]), "OK");
            assert_eq!(node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]), "OK");
        }
        let cluster = Self { nodes };
        for node in &cluster.nodes[1..] {
            cluster.meet(node);
        }
        cluster.wait_until_whole(3);
        Some(cluster)
    }

    fn meet(&self, node: &RedisServer) {
        let port = node.port().to_string();
        assert_eq!(self.nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus_of(node)]), "OK");
    }

    fn wait_until_whole(&self, known: usize) {
        let of = |node: &RedisServer| {
            let info = node.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{known}"))
        };
        wait("the cluster is whole", || self.nodes.iter().all(of));
    }

    /// One more, which follows the master with `key` and has what that has.
    fn replica_of(&mut self, key: &str) {
        let replica = node().unwrap();
        self.meet(&replica);
        let master = self.owner(key).ask(&["CLUSTER", "MYID"]);
        wait("the replica knows its master", || replica.ask(&["CLUSTER", "NODES"]).contains(&master));
        wait("it follows", || replica.ask(&["CLUSTER", "REPLICATE", &master]) == "OK");
        wait("it has all", || replica.ask(&["INFO", "replication"]).contains("master_link_status:up"));
        self.nodes.push(replica);
        self.wait_until_whole(4);
    }

    /// The place of the master that has `key`.
    fn place(&self, key: &str) -> usize {
        let slot = slot_of(key.as_bytes());
        let owns = |node: &RedisServer| {
            let nodes = node.ask(&["CLUSTER", "NODES"]);
            let Some(me) = nodes.lines().find(|line| line.contains("myself,master")) else { return false };
            me.split(' ').skip(8).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let number = |text: &str| text.parse::<u16>().ok();
                number(first).zip(number(last)).is_some_and(|(first, last)| (first..=last).contains(&slot))
            })
        };
        self.nodes.iter().position(owns).unwrap_or_else(|| panic!("nobody has {key}"))
    }

    fn owner(&self, key: &str) -> &RedisServer {
        &self.nodes[self.place(key)]
    }

    /// Moves the slot of `key` to the next master, with its keys one by one.
    fn move_on(&self, key: &str) {
        let slot = slot_of(key.as_bytes()).to_string();
        let at = self.place(key);
        let (from, to) = (&self.nodes[at], &self.nodes[(at + 1) % 3]);
        let (from_id, to_id) = (from.ask(&["CLUSTER", "MYID"]), to.ask(&["CLUSTER", "MYID"]));
        assert_eq!(to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]), "OK");
        assert_eq!(from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]), "OK");
        loop {
            let keys = from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "1"]);
            let Some(key) = keys.lines().next().filter(|key| !key.is_empty()) else { break };
            let port = to.port().to_string();
            let told = from.ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "20000"]);
            assert!(told == "OK" || told == "NOKEY", "{told}");
            // Some commands meet it like this.
            std::thread::sleep(Duration::from_millis(100));
        }
        for node in [to, from, &self.nodes[(at + 2) % 3]] {
            assert_eq!(node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]), "OK");
        }
    }

    /// Their addresses, as a configuration names them.
    fn url(&self) -> String {
        self.nodes.iter().map(RedisServer::url).collect::<Vec<_>>().join(",")
    }

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
    let Some(cluster) = Cluster::start() else { return };
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
    let Some(cluster) = Cluster::start() else { return };
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
    let Some(mut cluster) = Cluster::start() else { return };
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
fn the_setting_must_be_what_the_server_is() {
    let Some(cluster) = Cluster::start() else { return };
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
