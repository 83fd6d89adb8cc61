//! A real redis-server for a test: own port, own folder, ended by its own process id. `TICKPATH_REDIS_SERVER` names another
//! program that is to be tested against, such as `valkey-server`.

use crate::support::arg;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server, or one that was killed and can be started again over what it saved.
pub struct RedisServer {
    child: Option<Child>,
    port: u16,
    dir: tempfile::TempDir,
    more: Vec<String>,
}

/// The server program.
fn program() -> String {
    std::env::var("TICKPATH_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

/// A port that nobody has now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl RedisServer {
    /// Starts one with further arguments; `None`, and it is said, where there is no redis-server.
    pub fn start(more: &[&str]) -> Option<Self> {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// The same, with its data in `dir`.
    pub fn start_in(dir: tempfile::TempDir, more: &[&str]) -> Option<Self> {
        if Command::new(program()).arg("--version").output().is_err() {
            println!("SKIPPED: there is no {}; tests/run installs redis-server", program());
            return None;
        }
        let mut server =
            Self { child: None, port: free_port(), dir, more: more.iter().map(|text| (*text).to_owned()).collect() };
        server.again();
        Some(server)
    }

    /// Starts it again over what it saved.
    pub fn again(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap();
        let child = Command::new(program())
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir", arg(self.dir.path())])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"])
            .args(&self.more)
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        // One with a password answers too, in its way.
        while !["PONG", "NOAUTH"].iter().any(|word| self.ask(&["PING"]).starts_with(word)) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it logged since it was started last.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its own process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// What it answers to a command, as redis-cli prints it.
    pub fn ask(&self, command: &[&str]) -> String {
        let mut client = Command::new("redis-cli");
        client.args(["-p", &self.port.to_string()]);
        if self.more.iter().any(|word| word == "--cluster-enabled") {
            // It asks where the key is.
            client.arg("-c");
        }
        let output = client.args(command).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The ids of a stream's entries, in order.
    pub fn ids(&self, stream: &str) -> Vec<(u64, u64)> {
        let mut ids = Vec::new();
        let mut from = "-".to_owned();
        loop {
            let text = self.ask(&["--raw", "EVAL", IDS, "1", stream, &from]);
            let before = ids.len();
            for line in text.lines() {
                let (epoch, sequence) = line.split_once('-').unwrap_or_else(|| panic!("{text}"));
                ids.push((epoch.parse().unwrap(), sequence.parse().unwrap()));
            }
            match ids.last() {
                Some((epoch, sequence)) if ids.len() > before => from = format!("({epoch}-{sequence}"),
                _ => return ids,
            }
        }
    }

    /// Where a copy of what it has saved so far is kept.
    pub fn saved(&self) -> PathBuf {
        self.dir.path().join("appendonlydir")
    }
}

/// The next ids alone: the entries' texts would be much more.
const IDS: &str = "local ids = {} for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 5000)) do ids[#ids + 1] = entry[1] end return ids";

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
