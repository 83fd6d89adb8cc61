//! The control plane over a real socket, in front of a host in memory.

mod bounds;
mod commands;
mod contract;
mod desk;
mod fuzz;
mod schema;
mod verbs;

use desk::Desk;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use tickpath::control::http::auth::{TOKEN, Tokens};
use tickpath::control::http::{Config, Plane, start};

/// The token of the tests.
const SECRET: &str = "correct-horse-battery-staple";

/// A plane in front of a host in memory.
struct Stand {
    plane: Plane,
    desk: Arc<Desk>,
}

/// What came back: status, lower-case header lines, body.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Reads a raw answer of a connection that was closed behind it.
    fn parse(raw: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(raw);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
    }
}

fn config() -> Config {
    Config { bind: ([127, 0, 0, 1], 0).into(), ..Config::default() }
}

impl Stand {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: Config) -> Self {
        Self::guarded(config, Tokens::parse(SECRET, TOKEN).unwrap())
    }

    fn guarded(config: Config, tokens: Tokens) -> Self {
        let desk = Arc::new(Desk::default());
        let plane = start(config, tokens, Arc::clone(&desk) as _, || {}).unwrap();
        Self { plane, desk }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.plane.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends bytes and reads until the other side closes.
    fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // A server that answers before it has read all may close: then the rest is not sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text.push_str("\r\n");
        text.push_str(body);
        let raw = self.raw(text.as_bytes());
        Reply::parse(&raw).unwrap_or_else(|| panic!("{method} {path}: no answer: {:?}", String::from_utf8_lossy(&raw)))
    }

    fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], "")
    }

    /// A command with the right token.
    fn post(&self, path: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {SECRET}");
        let headers = [("Authorization", bearer.as_str()), ("X-Operator", "ada"), ("Content-Type", "application/json")];
        self.call("POST", path, &headers, &body.to_string())
    }
}

/// A body with a reason and what else there is.
fn because(mut body: Value) -> Value {
    body["reason"] = json!("drill");
    body
}
