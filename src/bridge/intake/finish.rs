//! Edge: how an item ends: with its outcome or response, or among the dead letters with the reason.

use super::claim::is_of_another_kind;
use super::desk::{Dead, Desk};
use super::keys::Keys;
use super::queue::Cut;
use super::run::Intake;
use super::settle::{Letter, Settled};
use crate::acp::inbound::command::{AgentCommand, Response};
use crate::acp::inbound::shown;
use crate::acp::inbound::task::Task;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use std::sync::Arc;

fn json<T: serde::Serialize>(message: &T) -> Result<String, Trouble> {
    serde_json::to_string(message).map_err(|e| Trouble(format!("a message cannot be written: {e}")))
}

/// An agent's state as others see it. What somebody else made of the key is no state: it is overwritten with the next one, and
/// holds up nobody's command.
async fn state(at: &mut Link, key: &str) -> Result<Option<String>, Trouble> {
    match redis::cmd("GET").arg(key).query_async::<Option<Vec<u8>>>(at).await {
        Ok(bytes) => Ok(bytes.map(|bytes| shown(&String::from_utf8_lossy(&bytes)))),
        Err(error) if is_of_another_kind(&error) => {
            tracing::warn!("intake: `{key}` is no text: somebody else wrote there");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

impl Intake {
    /// A task is over.
    pub(super) async fn settle_task(
        &mut self,
        at: &mut Link,
        bytes: &[u8],
        outcome: &Task,
        effect: bool,
        dead: Option<Dead>,
    ) -> Result<(), Trouble> {
        let (keys, text) = (Arc::clone(&self.keys), json(outcome)?);
        let mut settled = Settled::new(&keys, &keys.processing, bytes, 0)
            .done(&outcome.task_id, &text, effect, self.setup.outcomes.is_some())
            .publish(&keys.tasks, &text);
        if let Some(Dead(why)) = &dead {
            settled = self.letter(settled, &keys.tasks_dead, &keys.tasks, bytes, why);
        }
        self.send(at, settled).await?;
        let mut standing = self.setup.status.lock();
        standing.tasks += 1;
        standing.dead += u64::from(dead.is_some());
        Ok(())
    }

    /// A task is not done here, and what becomes of it is not known: that is told, and nothing is remembered as its outcome.
    pub(super) async fn refuse_task(
        &mut self,
        at: &mut Link,
        bytes: &[u8],
        outcome: &Task,
        why: &str,
    ) -> Result<(), Trouble> {
        let keys = Arc::clone(&self.keys);
        let settled = Settled::new(&keys, &keys.processing, bytes, 0)
            .publish(&keys.tasks, &json(outcome)?)
            .untried(&outcome.task_id);
        let settled = self.letter(settled, &keys.tasks_dead, &keys.tasks, bytes, why);
        self.send(at, settled).await?;
        self.setup.status.lock().dead += 1;
        Ok(())
    }

    /// A command is over.
    pub(super) async fn settle_command(
        &mut self,
        at: &mut Link,
        agent: &'static str,
        command: &AgentCommand,
        bytes: &[u8],
        response: &Response,
        dead: Option<Dead>,
    ) -> Result<(), Trouble> {
        let keys = Arc::clone(&self.keys);
        let (desk, text, kept) = (&self.setup.desk, json(response)?, self.setup.audit_length);
        let audit = |kind, data| desk.audit(agent, &command.id, kind, data);
        let mut entries = vec![audit("command", json(command)?), audit("response", text.clone())];
        let old = state(at, &keys.state(agent)).await?;
        let change = desk.changed(agent, response, command, old.as_deref().unwrap_or("active"));
        let change = change.map(|change| Ok::<_, Trouble>((json(&change)?, change))).transpose()?;
        entries.extend(change.iter().map(|(text, _)| audit("transition", text.clone())));
        // The state behind the audit: once it is set, it is no change any more.
        let mut settled = Settled::new(&keys, &keys.commands_processing(agent), bytes, Desk::number_of(agent, command))
            .audit(kept, &entries);
        if let Some((text, change)) = &change {
            settled = settled.state(&keys.state(agent), &change.new_state, text);
        }
        settled = settled.respond(desk.config(), &text).answered(agent);
        if let Some(Dead(why)) = &dead {
            settled = self.letter(settled, &keys.commands_dead(agent), &keys.commands(agent), bytes, why);
        }
        self.send(at, settled).await?;
        let mut standing = self.setup.status.lock();
        standing.commands += 1;
        standing.dead += u64::from(dead.is_some());
        Ok(())
    }

    /// Does it. What could not be told is known until it can be: by the next item, or since somebody mended the key.
    pub(super) async fn send(&mut self, at: &mut Link, settled: Settled<'_>) -> Result<(), Trouble> {
        let told = settled.send(at).await?;
        for (key, refused) in told.refused {
            // Tasks, and what cannot be read, have none: of those the line before says which.
            let request = if told.number == 0 { String::new() } else { format!(" of request {}", told.number) };
            tracing::warn!("intake: not told{request}: {}", refused.why);
            self.setup.status.lock().untold += 1;
            self.untold.insert(key, refused);
        }
        for key in told.kept {
            self.untold.remove(&key);
        }
        self.show_untold();
        Ok(())
    }

    /// Looks whether somebody mended what could not be written to.
    pub(super) async fn look_at_untold(&mut self, at: &mut Link) -> Result<(), Trouble> {
        for (key, refused) in self.untold.clone() {
            let is: String = redis::cmd("TYPE").arg(&key).query_async(at).await?;
            // What takes no more is of the right kind: that it takes something again only the next item shows.
            if is == "none" || (refused.is_another && is == refused.kind) {
                self.untold.remove(&key);
            }
        }
        self.show_untold();
        Ok(())
    }

    fn show_untold(&self) {
        let all: Vec<&str> = self.untold.values().map(|refused| refused.why.as_str()).collect();
        self.setup.status.lock().untold_why = all.join("; ");
    }

    /// With a dead letter, and a line for other agents.
    pub(super) fn letter<'a>(
        &self,
        settled: Settled<'a>,
        list: &str,
        channel: &str,
        item: &[u8],
        why: &str,
    ) -> Settled<'a> {
        let desk = &self.setup.desk;
        tracing::warn!("a message of `{channel}` is refused: {why}");
        let (bytes, item) = Cut::of(item).map_or((item.len() as u64, item), |cut| (cut.bytes, cut.head));
        let letter = Letter { item, bytes, why, by: desk.keys().host(), at: &desk.now() };
        settled.dead(list, desk.config(), &letter).publish(&desk.keys().logs, &desk.refusal(channel, why))
    }

    /// Gives up what cannot be read.
    pub(super) async fn bury(
        &mut self,
        at: &mut Link,
        from: &str,
        list: &str,
        channel: &str,
        item: &[u8],
        why: &str,
    ) -> Result<(), Trouble> {
        let keys = Arc::clone(&self.keys);
        let settled = self.letter(Settled::new(&keys, from, item, 0), list, channel, item, why);
        self.send(at, settled).await?;
        self.setup.status.lock().dead += 1;
        Ok(())
    }

    /// A message of a channel is refused.
    pub(super) async fn refuse_message(
        &mut self,
        at: &mut Link,
        channel: &str,
        message: &[u8],
        why: &str,
    ) -> Result<(), Trouble> {
        let keys = Arc::clone(&self.keys);
        let settled = Settled::of_message(&keys);
        let settled = self.letter(settled, &Keys::dead_of(channel), channel, message, why);
        self.send(at, settled).await?;
        self.setup.status.lock().dead += 1;
        Ok(())
    }
}
