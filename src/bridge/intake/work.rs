//! Edge: one item of our lists from being taken to being over: read, claimed, done, asked after, tried again, given up.

use super::act::Answer;
use super::claim::{self, Claimed};
use super::desk::{Dead, Desk, Handled};
use super::hand::{Item, Next, Until, Waiting};
use super::queue::{self, Cut, Found};
use super::run::Intake;
use super::seen::request_of;
use super::settle::Settled;
use crate::acp::inbound::BadMessage;
use crate::acp::inbound::command::AgentCommand;
use crate::acp::inbound::task::Task;
use crate::acp::roster::NAMES;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Items that may be in hand at once; no more are taken then.
const HAND_MAX: usize = 1_024;
/// Items that are worked on before the channels are listened to again.
const ROUND: usize = 64;
/// Tasks that are taken before the commands are looked at again.
const COMMANDS_EACH: usize = 8;
/// Between two steps through a long queue.
const STEP_EVERY: Duration = Duration::from_millis(50);
/// Between two looks whether a command is in the journal.
pub const ASK_EVERY: Duration = Duration::from_millis(5);
/// Between two looks whether another host has the outcome.
const ELSEWHERE_EVERY: Duration = Duration::from_millis(200);

/// Refuses what was cut for its length.
fn whole(bytes: &[u8], most: usize) -> Result<&[u8], BadMessage> {
    match Cut::of(bytes) {
        None => Ok(bytes),
        Some(cut) => Err(BadMessage(format!("{} bytes: at most {most} are read", cut.bytes))),
    }
}

impl Intake {
    /// What was taken and is not over, of this process or the one before.
    pub(super) async fn take_up(&mut self, at: &mut Link) -> Result<(), Trouble> {
        self.hand.clear();
        self.queue.begin_anew();
        let keys = Arc::clone(&self.keys);
        for bytes in queue::left_in(at, &keys.processing).await? {
            self.task(at, bytes).await?;
        }
        for agent in NAMES {
            for bytes in queue::left_in(at, &keys.commands_processing(agent)).await? {
                self.command(at, agent, bytes).await?;
            }
        }
        Ok(())
    }

    /// Takes what is there; when to look again.
    pub(super) async fn work(&mut self, at: &mut Link) -> Result<Duration, Trouble> {
        let keys = Arc::clone(&self.keys);
        let poll = Duration::from_millis(u64::from(self.setup.desk.config().poll_ms));
        // None: there may be more tasks.
        let (mut commands, mut rest) = (true, None);
        for turn in 0..ROUND {
            if self.hand.len() >= HAND_MAX {
                return Ok(poll);
            }
            if commands || turn % COMMANDS_EACH == 0 {
                let config = self.setup.desk.config();
                let taken = self.queue.take_commands(at, &keys, config, &NAMES).await?;
                commands = !taken.is_empty();
                for (agent, bytes) in taken {
                    self.command(at, agent, bytes).await?;
                }
            }
            if rest.is_none() {
                match self.queue.take(at, &keys, self.setup.desk.config()).await? {
                    Found::Item(bytes) => self.task(at, bytes).await?,
                    Found::NotYet => rest = Some(poll.min(STEP_EVERY)),
                    Found::Nothing => rest = Some(poll),
                }
            }
            if let Some(rest) = rest
                && !commands
            {
                return Ok(rest);
            }
        }
        Ok(Duration::ZERO)
    }

    /// A task that is in our list.
    async fn task(&mut self, at: &mut Link, bytes: Vec<u8>) -> Result<(), Trouble> {
        let (keys, desk) = (Arc::clone(&self.keys), &self.setup.desk);
        let most = desk.config().message_bytes as usize;
        let task = match whole(&bytes, most).and_then(|bytes| Task::read(bytes, most)) {
            Ok(task) => task,
            Err(error) => {
                return self.bury(at, &keys.processing, &keys.tasks_dead, &keys.tasks, &bytes, &error.0).await;
            }
        };
        let over = |bytes: &[u8]| Settled::new(&keys, &keys.processing, bytes, 0);
        if self.hand.iter().any(|waiting| waiting.task_id() == Some(&task.task_id)) {
            // Sent twice: the other copy has its outcome.
            return over(&bytes).send(at).await;
        }
        let takes_over = !desk.may_move_positions(&task);
        let attempt = match self.claims.claim(at, &keys, &task.task_id, takes_over).await? {
            Claimed::Ours(attempt) => attempt,
            // It was done, and its acknowledgement was lost; or its sender sent it twice.
            Claimed::Done(outcome) => return over(&bytes).publish(&keys.tasks, &outcome).send(at).await,
            Claimed::Held(_) => {
                let item = Item::Task(Box::new(task));
                let due = Instant::now() + ELSEWHERE_EVERY;
                self.hand.push(Waiting { bytes, item, due, until: Until::Elsewhere });
                return Ok(());
            }
            Claimed::Lapsed(holder) => {
                let seconds = desk.config().claim_seconds;
                let why = format!(
                    "`{holder}` took it, and was not heard of for {seconds} s: whether it moved positions is known there alone; if it is still wanted, send it as a new task"
                );
                let outcome = desk.outcome(&task, Err(why.clone()));
                return self.refuse_task(at, &bytes, &outcome, &why).await;
            }
        };
        let tries = desk.config().tries;
        let known = desk.what_became(request_of("task", &task.task_id));
        let handled = if attempt > tries && known.is_none() {
            // Each time the host ended over it.
            let why = format!("given up after {tries} tries");
            Handled::Over((desk.outcome(&task, Err(why.clone())), Some(Dead(why))))
        } else {
            desk.task(&task)
        };
        self.go_on(at, Item::Task(Box::new(task)), bytes, attempt, handled.into()).await
    }

    /// A command that is in our list.
    async fn command(&mut self, at: &mut Link, agent: &'static str, bytes: Vec<u8>) -> Result<(), Trouble> {
        let (keys, desk) = (Arc::clone(&self.keys), &self.setup.desk);
        let most = desk.config().message_bytes as usize;
        let command = match whole(&bytes, most).and_then(|bytes| AgentCommand::read(bytes, most)) {
            Ok(command) => command,
            Err(error) => {
                let (from, list) = (keys.commands_processing(agent), keys.commands_dead(agent));
                return self.bury(at, &from, &list, &keys.commands(agent), &bytes, &error.0).await;
            }
        };
        let number = Desk::number_of(agent, &command);
        let attempt = claim::begin_command(at, &keys, agent, number).await?;
        let tries = desk.config().tries;
        let handled = if attempt > tries && desk.what_became(number).is_none() {
            // Each time the host ended over it.
            let why = format!("given up after {tries} tries");
            Handled::Over((desk.response(agent, &command, Err(why.clone())), Some(Dead(why))))
        } else {
            desk.command(agent, &command)
        };
        self.go_on(at, Item::Command(agent, Box::new(command)), bytes, attempt, handled.into()).await
    }

    /// Settles what is over, and puts the rest aside until it is to be looked at again.
    async fn go_on(
        &mut self,
        at: &mut Link,
        item: Item,
        bytes: Vec<u8>,
        attempt: u32,
        next: Next,
    ) -> Result<(), Trouble> {
        match (next, item) {
            (Next::Outcome(outcome, effect, dead), Item::Task(_)) => {
                self.settle_task(at, &bytes, &outcome, effect, dead).await
            }
            (Next::Response(response, dead), Item::Command(agent, command)) => {
                self.settle_command(at, agent, &command, &bytes, &response, dead).await
            }
            (Next::Asked(number), item) => {
                let since = Instant::now();
                let until = Until::Journaled { number, since, told: false };
                self.hand.push(Waiting { bytes, item, due: since + ASK_EVERY, until });
                Ok(())
            }
            (Next::Later(why), item) => self.put_off(at, item, bytes, attempt, why).await,
            // A task has an outcome and a command a response.
            (Next::Outcome(..) | Next::Response(..), _) => Ok(()),
        }
    }

    /// Another try, later; or, after the last one, none.
    async fn put_off(
        &mut self,
        at: &mut Link,
        item: Item,
        bytes: Vec<u8>,
        attempt: u32,
        why: String,
    ) -> Result<(), Trouble> {
        let desk = &self.setup.desk;
        if attempt < desk.config().tries {
            let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
            let backoff = Duration::from_millis(u64::from(desk.config().backoff_ms)).saturating_mul(doubled);
            self.hand.push(Waiting { bytes, item, due: Instant::now() + backoff, until: Until::Again });
            self.setup.status.lock().retries += 1;
            return Ok(());
        }
        let why = format!("given up after {attempt} tries: {why}");
        match item {
            Item::Task(task) => {
                let outcome = desk.outcome(&task, Err(why.clone()));
                self.settle_task(at, &bytes, &outcome, false, Some(Dead(why))).await
            }
            Item::Command(agent, command) => {
                let response = desk.response(agent, &command, Err(why.clone()));
                self.settle_command(at, agent, &command, &bytes, &response, Some(Dead(why))).await
            }
        }
    }

    /// Looks at what is in hand and due.
    pub(super) async fn look_again(&mut self, at: &mut Link) -> Result<(), Trouble> {
        let now = Instant::now();
        let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.hand).into_iter().partition(|w| w.due <= now);
        self.hand = rest;
        for mut one in due {
            let Until::Journaled { number, .. } = one.until else {
                match one.item {
                    Item::Task(_) => self.task(at, one.bytes).await?,
                    Item::Command(agent, _) => self.command(at, agent, one.bytes).await?,
                }
                continue;
            };
            let desk = &self.setup.desk;
            let answer = match desk.what_became(number) {
                Some(Answer::Done(result)) => Ok(result),
                Some(Answer::Failed(why)) => Err(why),
                _ => {
                    one.tell_if_late(now);
                    one.due = now + ASK_EVERY;
                    self.hand.push(one);
                    continue;
                }
            };
            let next = match &one.item {
                Item::Task(task) => Next::Outcome(Box::new(desk.outcome(task, answer)), true, None),
                Item::Command(agent, command) => Next::Response(Box::new(desk.response(agent, command, answer)), None),
            };
            // What is over needs no number of tries.
            self.go_on(at, one.item, one.bytes, 0, next).await?;
        }
        self.setup.status.lock().late = self.hand.iter().filter(|one| one.is_late(now)).count() as u64;
        self.claims.renew(at, &self.keys, self.hand.iter().filter_map(Waiting::task_id)).await
    }
}
