//! A real Redis Cluster of three masters for a test: own ports, own folders, each node ended by its own process id.

use crate::redis_server::RedisServer;
use std::process::Command;
use std::time::{Duration, Instant};

/// Three masters.
pub struct RedisCluster {
    /// The nodes.
    pub nodes: Vec<RedisServer>,
}

/// A port that nobody has now.
fn free_port() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

impl RedisCluster {
    /// Starts one; `None`, and it is said, where there is no redis-server.
    pub fn start() -> Option<Self> {
        let node = |_| {
            // Its own port for the other nodes: a client's port and 10 000 may be none.
            let bus = free_port();
            let more = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "5000"];
            RedisServer::start(&more)
        };
        let nodes: Vec<RedisServer> = (0..3).map(node).collect::<Option<_>>()?;
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let begun = Instant::now();
        while !nodes.iter().all(|node| node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{}", nodes[0].ask(&["CLUSTER", "INFO"]));
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { nodes })
    }

    /// The address of one of them.
    pub fn url(&self) -> String {
        self.nodes[0].url()
    }

    /// What the cluster answers to a command, wherever its key is, as redis-cli prints it.
    pub fn ask(&self, command: &[&str]) -> String {
        let port = self.nodes[0].port().to_string();
        let output = Command::new("redis-cli").args(["-c", "-p", &port]).args(command).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}
