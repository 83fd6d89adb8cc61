//! A real Redis Cluster for a test: own ports, own folders, each node ended by its own process id.

use crate::redis_server::{RedisServer, free_port};
use std::process::Command;
use std::time::{Duration, Instant};
use tickpath::bridge::redis::slots::{SLOTS, slot_of};

/// So long anything may take.
const WITHIN: Duration = Duration::from_mins(1);

/// Three masters, and what replicas were added; each started here and ended with the value.
pub struct RedisCluster {
    /// The nodes.
    pub nodes: Vec<RedisServer>,
}

/// Waits until something holds.
#[track_caller]
pub fn wait(what: &str, holds: impl Fn() -> bool) {
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

impl RedisCluster {
    /// Three masters; `None`, and it is said, where there is no server program.
    pub fn start() -> Option<Self> {
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
    pub fn replica_of(&mut self, key: &str) {
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
    pub fn place(&self, key: &str) -> usize {
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

    /// The master that has `key`.
    pub fn owner(&self, key: &str) -> &RedisServer {
        &self.nodes[self.place(key)]
    }

    /// Moves the slot of `key` to the next master, with its keys one by one.
    pub fn move_on(&self, key: &str) {
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
    pub fn url(&self) -> String {
        self.nodes.iter().map(RedisServer::url).collect::<Vec<_>>().join(",")
    }

    /// What the cluster answers to a command, wherever its key is, as redis-cli prints it.
    pub fn ask(&self, command: &[&str]) -> String {
        let port = self.nodes[0].port().to_string();
        let output = Command::new("redis-cli").args(["-c", "-p", &port]).args(command).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}
