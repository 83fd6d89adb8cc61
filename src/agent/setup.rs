//! Edge: what the agents are given, and what their parts share.

use super::config::AgentsConfig;
use super::exposure::Exposure;
use crate::acp::head::Head;
use crate::acp::names::Names;
use crate::acp::ops::{Alert, Level, Log};
use crate::acp::roster::SUPERVISOR;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use crate::control::plane::Host;
use crate::control::plane::view::WatchNow;
use crate::types::time::Nanos;
use serde::Serialize;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks whether the host has ended.
pub(super) const GLANCE: Duration = Duration::from_millis(50);

/// What the agents work with.
pub struct Setup {
    /// Keys and the host's name.
    pub names: Names,
    /// Whom to watch, …
    pub config: AgentsConfig,
    /// The running host.
    pub host: Arc<dyn Host>,
    /// Who moved what.
    pub exposure: Arc<Exposure>,
    /// For whoever asks.
    pub now: Arc<Mutex<WatchNow>>,
    /// Set when the host has ended.
    pub end: Arc<AtomicBool>,
}

impl Setup {
    /// Whether the host has ended.
    pub fn is_over(&self) -> bool {
        self.end.load(Ordering::Acquire)
    }

    /// The id of this host's supervisor: the source of what is told.
    pub fn supervisor(&self) -> String {
        self.names.agent(SUPERVISOR)
    }

    /// What a message that the supervisor says now begins with.
    pub fn head(&self) -> Head<'static> {
        let process = self.host.process();
        Head::said(self.names.host(), SUPERVISOR, self.host.now(), process.epoch, process.journaled_sequence)
    }

    /// An alert.
    pub fn alert(&self, name: &'static str, level: Level, message: &str) -> Alert<'static> {
        Alert {
            head: self.head(),
            level,
            message: message.to_owned().into(),
            name: name.into(),
            runbook: name.into(),
            status: if level == Level::Info { "over" } else { "raised" }.into(),
        }
    }

    /// A line for other agents.
    pub fn line(&self, event: &'static str, fields: Value) -> Log<'static> {
        Log { head: self.head(), level: Level::Warning, event: event.into(), fields }
    }

    /// Changes what others see.
    pub fn show(&self, change: impl FnOnce(&mut WatchNow)) {
        // Whole between any two statements, so a poisoned lock is good.
        change(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Sleeps, unless the host ends.
    pub(super) async fn nap(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_over() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(GLANCE)).await;
        }
    }

    /// Says something on a channel, once; nobody may be listening.
    pub(super) async fn publish(
        &self,
        connection: &mut Link,
        channel: &str,
        message: &impl Serialize,
    ) -> Result<(), Trouble> {
        // What goes on the wire here is made of texts and numbers, which always have a JSON form.
        let text = serde_json::to_string(message).unwrap_or_default();
        redis::cmd("PUBLISH").arg(self.names.channel(channel)).arg(text).query_async::<()>(connection).await?;
        Ok(())
    }
}

/// The steady clock: nanoseconds since its first reading in this process.
pub(super) fn steady() -> Nanos {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    i64::try_from(BEGUN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(i64::MAX)
}
