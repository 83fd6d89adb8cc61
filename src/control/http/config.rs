//! Edge: `[http]`: where the control plane listens and what it bears.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// Configuration of the control plane. Times are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether there is a control plane at all.
    pub enabled: bool,
    /// Whether the host must not run on another port than the one of `bind`, if somebody else has that.
    pub required: bool,
    /// Address and port; port 0 takes a free one, which is printed. Loopback unless another machine must reach it: what is
    /// read needs no token.
    pub bind: SocketAddr,
    /// Connections at once, 8..=1024; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Requests a second that need no token, 1..=100 000; a burst of four seconds' worth is let through.
    pub requests_per_second: u32,
    /// Commands a second, 1..=1 000, with a burst of four seconds' worth. A kill is never held up by this.
    pub commands_per_second: u32,
    /// How long a client may take to send a request's head, and how long an idle connection stays, 100..=60 000.
    pub header_timeout_ms: u64,
    /// How long a request may take from its head to its answer, 100..=60 000.
    pub request_timeout_ms: u64,
    /// How long a connection may live, 1 000..=3 600 000: one that never reads its answers ends here.
    pub connection_lifetime_ms: u64,
    /// How long a command's answer waits for the journal, at most half of `request_timeout_ms`; behind that it is told as
    /// `queued`.
    pub journal_wait_ms: u64,
    /// How long open requests may go on at shutdown, 0..=60 000.
    pub shutdown_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            required: false,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            connections_max: 128,
            requests_per_second: 500,
            commands_per_second: 20,
            header_timeout_ms: 5_000,
            request_timeout_ms: 5_000,
            connection_lifetime_ms: 300_000,
            journal_wait_ms: 500,
            shutdown_ms: 2_000,
        }
    }
}

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value}: expected {low} to {high}")]
pub struct ConfigError {
    key: &'static str,
    value: u64,
    low: u64,
    high: u64,
}

impl Config {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The first value outside its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let half = self.request_timeout_ms / 2;
        for (key, value, low, high) in [
            ("connections_max", self.connections_max as u64, 8, 1024),
            ("requests_per_second", self.requests_per_second.into(), 1, 100_000),
            ("commands_per_second", self.commands_per_second.into(), 1, 1_000),
            ("header_timeout_ms", self.header_timeout_ms, 100, 60_000),
            ("request_timeout_ms", self.request_timeout_ms, 100, 60_000),
            ("connection_lifetime_ms", self.connection_lifetime_ms, 1_000, 3_600_000),
            ("journal_wait_ms", self.journal_wait_ms, 0, half),
            ("shutdown_ms", self.shutdown_ms, 0, 60_000),
        ] {
            if !(low..=high).contains(&value) {
                return Err(ConfigError { key, value, low, high });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_loopback_and_in_range() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        assert!(config.enabled && config.bind.ip().is_loopback());
        assert_eq!(config.bind.port(), 8080);
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let text = |config: Config| config.check().unwrap_err().to_string();
        assert_eq!(text(Config { connections_max: 0, ..Config::default() }), "connections_max = 0: expected 8 to 1024");
        assert_eq!(
            text(Config { journal_wait_ms: 2_501, ..Config::default() }),
            "journal_wait_ms = 2501: expected 0 to 2500"
        );
    }
}
