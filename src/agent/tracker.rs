//! Edge: the budgets' keys, read each second; thresholds that were crossed are told on the alerts and the budget channel.

use super::budget::{BYTES_MAX, Budgets, Told};
use super::memory::{Memory, budget_field};
use super::outbox::{Item, Outbox};
use super::setup::Setup;
use crate::acp::budget::Budget;
use crate::acp::ops::Level;
use crate::bridge::redis::connect::{self, Server};
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use redis::RedisResult;
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two looks at all known keys.
const EVERY: Duration = Duration::from_millis(500);
/// Keys that are looked at in a step of the scan.
const STEP: usize = 500;
/// Keys that are known at most.
const KEYS_MAX: usize = 4_096;
/// After a fault.
const AGAIN: Duration = Duration::from_secs(1);
/// To answer.
const WITHIN: Duration = Duration::from_secs(5);

/// What is known of the budgets.
struct Tracker<'a> {
    setup: &'a Setup,
    budgets: Budgets,
    keys: BTreeSet<(String, String)>,
    cursor: u64,
    outbox: Outbox,
    recalled: bool,
}

/// Looks until the host ends; does nothing if no provider has a limit.
pub async fn run(setup: &Setup, client: &Server) {
    let budgets = Budgets::new(setup.config.limits());
    if budgets.is_empty() {
        return;
    }
    let mut tracker =
        Tracker { setup, budgets, keys: BTreeSet::new(), cursor: 0, outbox: Outbox::default(), recalled: false };
    let mut told = String::new();
    while !setup.is_over() {
        if let Err(Trouble(text)) = tracker.session(client).await {
            if told != text {
                tracing::warn!("agents: budgets cannot be read: {text}");
                told = text;
            }
            setup.nap(AGAIN).await;
        }
    }
}

impl Tracker<'_> {
    async fn session(&mut self, client: &Server) -> Result<(), Trouble> {
        let mut connection = connect::connect(client).await?;
        if !self.recalled {
            let memory = Memory::load(&mut connection, &self.setup.names).await?;
            for (rest, crossed) in &memory.budgets {
                if let Some((agent, provider)) = self.budgets.split(rest) {
                    let (agent, provider) = (agent.to_owned(), provider.to_owned());
                    self.budgets.was_crossed(&agent, &provider, *crossed);
                    self.keys.insert((agent, provider));
                }
            }
            self.recalled = true;
        }
        while !self.setup.is_over() {
            self.look(&mut connection).await?;
            self.outbox.flush(&mut connection, &self.setup.names).await?;
            self.setup.show(|now| now.budgets = self.budgets.above());
            self.setup.nap(EVERY).await;
        }
        Ok(())
    }

    async fn look(&mut self, connection: &mut Link) -> Result<(), Trouble> {
        let names = &self.setup.names;
        let pattern = names.budget("*", "*");
        let (next, found): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
            .arg(self.cursor)
            .arg("MATCH")
            .arg(&pattern)
            .arg("COUNT")
            .arg(STEP)
            .query_async(connection)
            .await?;
        self.cursor = next;
        let prefix = pattern.len() - "*:*".len();
        for key in found {
            let rest = key.get(prefix..).and_then(|rest| std::str::from_utf8(rest).ok());
            if let Some((agent, provider)) = rest.and_then(|rest| self.budgets.split(rest)) {
                let key = (agent.to_owned(), provider.to_owned());
                // What has no room is told by `Budgets`, which has as much.
                if self.keys.len() <= KEYS_MAX {
                    self.keys.insert(key);
                }
            }
        }
        if self.keys.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        pipe.ignore_errors();
        for (agent, provider) in &self.keys {
            // Never more than a number can be long.
            pipe.cmd("GETRANGE").arg(names.budget(agent, provider)).arg(0).arg(BYTES_MAX);
        }
        let asked = tokio::time::timeout(WITHIN, pipe.query_async::<Vec<RedisResult<Vec<u8>>>>(connection)).await;
        let values = asked.map_err(|_| Trouble("Redis: it does not answer in time".to_owned()))??;
        let keys: Vec<_> = self.keys.iter().cloned().collect();
        for ((agent, provider), value) in keys.into_iter().zip(values) {
            let text = match value {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) => error.to_string(),
            };
            let before = self.budgets.crossed(&agent, &provider);
            for told in self.budgets.read(&agent, &provider, &text) {
                self.tell(told, connection).await?;
            }
            let now = self.budgets.crossed(&agent, &provider);
            if now < before {
                let value = (now > 0).then(|| now.to_string());
                self.outbox.push(Item::new(budget_field(&agent, &provider), value));
            }
        }
        Ok(())
    }

    async fn tell(&mut self, told: Told, connection: &mut Link) -> Result<(), Trouble> {
        let names = &self.setup.names;
        match told {
            Told::Crossed(crossed) => {
                let message = crossed.message();
                match crossed.level {
                    Level::Critical => tracing::error!("agents: {message}"),
                    Level::Warning | Level::Info => tracing::warn!("agents: {message}"),
                }
                let budget = Budget {
                    agent_id: crossed.agent.clone(),
                    provider: crossed.provider.clone(),
                    usage: crossed.usage.to_string(),
                    limit: crossed.limit.to_string(),
                };
                let step = if crossed.level == Level::Critical { 2 } else { 1 };
                let item = Item::new(budget_field(&crossed.agent, &crossed.provider), Some(step.to_string()))
                    .tell(names.channel("alerts"), &self.setup.alert("budget", crossed.level, &message))
                    .tell(names.channel("budget"), &budget);
                self.outbox.push(item);
            }
            Told::Junk { agent, provider, value } => {
                let key = names.budget(&agent, &provider);
                tracing::warn!("agents: `{key}` is no number: {}", value.escape_debug());
                let fields = serde_json::json!({"key": key, "value": value, "expected": "a decimal number"});
                self.log("budget_refused", fields, connection).await?;
            }
            Told::Full { agent } => {
                tracing::warn!("agents: no room to track the budgets of more agents: {agent} and others are not");
                self.log("budget_untracked", serde_json::json!({"agent_id": agent}), connection).await?;
            }
        }
        Ok(())
    }

    async fn log(&self, event: &'static str, fields: serde_json::Value, connection: &mut Link) -> Result<(), Trouble> {
        self.setup.publish(connection, "logs", &self.setup.line(event, fields)).await
    }
}
