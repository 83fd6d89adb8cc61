//! Edge: the watch at work: hear, judge, tell, remember, bind. After any fault: all of it again, and silence counts from then.

use super::hearing::{Hearing, Known, Look};
use super::memory::{Memory, Outage, exposure_field, outage_field, reduced_field};
use super::outbox::{Item, Outbox};
use super::reduce::{Reducer, Said};
use super::setup::{Setup, steady};
use super::watch::{Told, Watch};
use crate::acp::ops::{Alert, Incident, Level, OPEN, RESOLVED};
use crate::acp::time::iso;
use crate::bridge::redis::connect::Server;
use crate::bridge::redis::trouble::Trouble;
use crate::control::plane::view::DownNow;
use crate::types::time::{Nanos, SECONDS};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(200);
/// Between two tries to reach the store: from, to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Between two lines about what was refused.
const LINE_EVERY: Nanos = SECONDS;

/// The supervisor of one run.
struct Supervisor<'a> {
    setup: &'a Setup,
    watch: Watch,
    known: Known,
    reducer: Reducer,
    outbox: Outbox,
    /// What was told of those that are down.
    outages: BTreeMap<String, Outage>,
    recalled: bool,
    incidents: u64,
    /// What was refused and not told yet, and when a line may be said again.
    refused: (u64, Vec<String>),
    line_at: Nanos,
}

/// Watches until the host ends.
pub async fn run(setup: &Setup, client: &Server) {
    let down_after = i64::try_from(setup.config.down_after().as_nanos()).unwrap_or(i64::MAX);
    let mut supervisor = Supervisor {
        setup,
        watch: Watch::new(down_after, setup.config.agents_max),
        known: Known::default(),
        reducer: Reducer::new(Arc::clone(&setup.exposure), Arc::clone(&setup.host)),
        outbox: Outbox::default(),
        outages: BTreeMap::new(),
        recalled: false,
        incidents: 0,
        refused: (0, Vec::new()),
        line_at: Nanos::MIN,
    };
    let mut wait = AGAIN.0;
    while !setup.is_over() {
        let Err(Trouble(text)) = supervisor.session(client, &mut wait).await else { return };
        supervisor.watch.disconnected();
        let mut news = false;
        setup.show(|now| {
            news = now.trouble != text;
            (now.hears, now.trouble) = (false, text.clone());
        });
        if news {
            tracing::warn!("agents: nobody can be heard: {text}");
        }
        // What is bound stays so; what an agent moved meanwhile is bound without the store.
        supervisor.bind();
        setup.nap(wait).await;
        wait = (2 * wait).min(AGAIN.1);
    }
}

impl Supervisor<'_> {
    async fn session(&mut self, client: &Server, wait: &mut Duration) -> Result<(), Trouble> {
        let mut hearing = Hearing::open(self.setup, client).await?;
        if !self.recalled {
            let memory = Memory::load(hearing.store(), &self.setup.names).await?;
            self.recall(memory);
        }
        let begun = steady();
        self.watch.connected(begun);
        for agent in &self.setup.config.watch {
            // The configuration has room for all of them.
            let _ = self.watch.registered(agent, true, begun);
        }
        self.setup.show(|now| now.connections += 1);
        while !self.setup.is_over() {
            let at = steady();
            let agents: Vec<String> = self.watch.agents().map(str::to_owned).collect();
            let look = hearing.look(self.setup, &agents, &mut self.known).await?;
            *wait = AGAIN.0;
            self.take(look, at);
            for told in self.watch.tick(at) {
                self.tell(told);
            }
            self.bind();
            self.remember();
            self.outbox.flush(hearing.store(), &self.setup.names).await?;
            self.say_refused(&mut hearing).await?;
            self.show();
            self.setup.nap(EVERY).await;
        }
        Ok(())
    }

    /// What an earlier start told and bound.
    fn recall(&mut self, memory: Memory) {
        self.recalled = true;
        let at = steady();
        for (agent, outage) in memory.outages {
            self.watch.was_down(&agent, at);
            self.outages.insert(agent, outage);
        }
        for (agent, moved) in &memory.exposures {
            for instrument in moved {
                // What has no room stays in the memory, and stays bound if it is.
                let _ = self.setup.exposure.recall(agent, instrument);
            }
            self.setup.exposure.kept(agent, moved.len());
        }
        self.reducer.recall(memory.reduced);
        if memory.junk > 0 {
            let key = self.setup.names.supervisor();
            tracing::warn!("agents: {} fields of `{key}` make no sense, and are left out", memory.junk);
        }
    }

    /// Takes in what was heard.
    fn take(&mut self, look: Look, at: Nanos) {
        let wall = self.setup.host.now();
        for agent in &look.found {
            if let Some(told) = self.watch.registered(agent, false, at) {
                self.tell(told);
            }
        }
        for agent in &look.lived {
            self.watch.lived(agent);
        }
        for sign in look.signs {
            let ahead = sign.claimed.map(|claimed| claimed.saturating_sub(wall));
            for told in self.watch.heard(&sign.agent, &sign.status, ahead, sign.at) {
                self.tell(told);
            }
        }
        for agent in &look.absent {
            if let Some(told) = self.watch.unregistered(agent) {
                self.tell(told);
            }
        }
        self.refused.0 += look.refused.0;
        self.refused.1.extend(look.refused.1);
        self.refused.1.truncate(3);
        self.setup.show(|now| now.refused += look.refused.0);
    }

    fn alert(&self, level: Level, message: &str) -> (String, Alert<'static>) {
        match level {
            Level::Critical => tracing::error!("agents: {message}"),
            Level::Warning => tracing::warn!("agents: {message}"),
            Level::Info => tracing::info!("agents: {message}"),
        }
        (self.setup.names.channel("alerts"), self.setup.alert("agent_down", level, message))
    }

    fn incident(
        &self,
        agent: &str,
        outage: &Outage,
        status: &'static str,
        message: &str,
    ) -> (String, Incident<'static>) {
        let incident = Incident {
            head: self.setup.head(),
            incident_id: outage.incident_id.clone().into(),
            severity: Level::from_name(&outage.severity).unwrap_or(Level::Critical),
            status: status.into(),
            details: serde_json::json!({"agent_id": agent, "since": outage.since, "message": message}),
        };
        (self.setup.names.channel("incidents"), incident)
    }

    fn tell(&mut self, told: Told) {
        match told {
            Told::Down { agent, heard, silent, orderly } => {
                let now = self.setup.host.now();
                let since = iso(now.saturating_sub(silent));
                let seconds = silent as f64 / SECONDS as f64;
                let message = match (orderly, heard) {
                    (true, _) => format!("{agent} has stopped, in order, and is not heard any more"),
                    (false, true) => {
                        format!("{agent} missed its heartbeats: nothing heard for {seconds:.1} s, since {since}")
                    }
                    (false, false) => {
                        format!("{agent} is registered, but nothing was heard of it in {seconds:.1} s of listening")
                    }
                };
                let level = if orderly { Level::Info } else { Level::Critical };
                self.incidents += 1;
                let micros = now.div_euclid(1_000);
                let incident_id = format!("{}-{micros}-{}", self.setup.names.host(), self.incidents);
                let outage = Outage { incident_id, severity: level.name().to_owned(), since };
                let (alerts, alert) = self.alert(level, &message);
                let (incidents, incident) = self.incident(&agent, &outage, OPEN, &message);
                let value = serde_json::to_string(&outage).unwrap_or_default();
                let item = Item::new(outage_field(&agent), Some(value)).tell(alerts, &alert).tell(incidents, &incident);
                self.outbox.push(item);
                self.outages.insert(agent, outage);
            }
            Told::Back { agent } => self.over(&agent, &format!("{agent} is back: it is heard again")),
            Told::Forgotten { agent } => self.over(
                &agent,
                &format!("{agent} is not watched any more: its hash and its place in the sorted set are gone"),
            ),
            Told::ClockOff { agent, by } => {
                let seconds = by.unsigned_abs() / SECONDS.unsigned_abs();
                let side = if by > 0 { "ahead of" } else { "behind" };
                let message = format!("the clock of {agent} is {seconds} s {side} ours: it goes by when it is heard");
                self.tell_alert(&agent, Level::Warning, &message);
            }
            Told::Full { agent } => {
                let max = self.setup.config.agents_max;
                let message =
                    format!("{max} agents are watched, and there is no room for {agent}: raise `[agents] agents_max`");
                self.tell_alert(&agent, Level::Warning, &message);
            }
        }
    }

    /// An alert that nothing has to be remembered of.
    fn tell_alert(&mut self, about: &str, level: Level, message: &str) {
        let (alerts, alert) = self.alert(level, message);
        // By its time: after an answer that never came, the field says whether it was told.
        let value = Some(alert.head.timestamp.clone().into_owned());
        self.outbox.push(Item::new(format!("told:{about}"), value).tell(alerts, &alert));
    }

    fn over(&mut self, agent: &str, message: &str) {
        let (alerts, alert) = self.alert(Level::Info, message);
        let mut item = Item::new(outage_field(agent), None).tell(alerts, &alert);
        if let Some(outage) = self.outages.remove(agent) {
            let (incidents, incident) = self.incident(agent, &outage, RESOLVED, message);
            item = item.tell(incidents, &incident);
        }
        self.outbox.push(item);
    }

    /// Holds the exposure of the silent agents, and frees that of the others.
    fn bind(&mut self) {
        let since = |agent: &str| self.outages.get(agent).map_or_else(String::new, |outage| outage.since.clone());
        let down = self.watch.down().map(|agent| (agent.to_owned(), since(agent))).collect();
        for Said { level, message } in self.reducer.step(&down, self.setup.host.now()) {
            self.tell_alert("reduce", level, &message);
        }
    }

    /// What a next start must know.
    fn remember(&mut self) {
        let news = self.reducer.news();
        for (instrument, bound) in &news {
            let value = bound.as_ref().map(|bound| serde_json::to_string(bound).unwrap_or_default());
            self.outbox.push(Item::new(reduced_field(instrument), value));
        }
        self.reducer.kept(news);
        for (agent, moved) in self.setup.exposure.news() {
            let value = serde_json::to_string(&moved).unwrap_or_default();
            self.outbox.push(Item::new(exposure_field(&agent), Some(value)));
            self.setup.exposure.kept(&agent, moved.len());
        }
    }

    /// Tells others what was refused: not more than a line each second.
    async fn say_refused(&mut self, hearing: &mut Hearing) -> Result<(), Trouble> {
        let now = steady();
        if self.refused.0 == 0 || now < self.line_at {
            return Ok(());
        }
        self.line_at = now.saturating_add(LINE_EVERY);
        let (count, sample) = std::mem::take(&mut self.refused);
        tracing::warn!("agents: {count} heartbeats were refused, such as: {}", sample.join("; "));
        let fields = serde_json::json!({"count": count, "reasons": sample});
        self.setup.publish(hearing.store(), "logs", &self.setup.line("heartbeat_refused", fields)).await
    }

    fn show(&self) {
        let down = self.watch.down().map(|agent| DownNow {
            agent: agent.to_owned(),
            since: self.outages.get(agent).map(|outage| outage.since.clone()).unwrap_or_default(),
            orderly: self.outages.get(agent).is_some_and(|outage| outage.severity == Level::Info.name()),
        });
        let down: Vec<DownNow> = down.collect();
        let reduced: Vec<String> = self.reducer.instruments().map(str::to_owned).collect();
        self.setup.show(|now| {
            now.watched = self.watch.agents().count() as u64;
            (now.down, now.reduced) = (down, reduced);
            now.unwatched = self.watch.refused();
            (now.hears, now.trouble) = (true, String::new());
        });
    }
}
