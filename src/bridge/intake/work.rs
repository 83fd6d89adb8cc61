//! Edge: one item of our lists from being taken to being over: read, claimed, done, asked after, tried again, given up.

use super::claim::{self, Claimed};
use super::desk::{Dead, Desk, Handled};
use super::hand::{ASK_EVERY, Item, Next, Until, Waiting};
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
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Items of one kind that may be in hand at once; no more of it are taken then. Tasks that other hosts do and commands count
/// for themselves, so that neither a flood of copies nor one of tasks keeps a stop waiting.
const HAND_MAX: usize = 1_024;
/// Items that are worked on before the channels are listened to again.
const ROUND: usize = 64;
/// Tasks that are taken before the commands are looked at again.
const COMMANDS_EACH: usize = 8;
/// Between two steps through a long queue.
const STEP_EVERY: Duration = Duration::from_millis(50);
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
        // What the host has accepted stays known as such in `begun`: it is not asked for twice.
        self.hand.clear();
        self.queue.begin_anew();
        let keys = Arc::clone(&self.keys);
        for bytes in queue::left_in(at, &keys.processing).await? {
            self.task(at, bytes, false).await?;
        }
        for agent in NAMES {
            for bytes in queue::left_in(at, &keys.commands_processing(agent)).await? {
                self.command(at, agent, bytes, false).await?;
            }
        }
        // What was acknowledged, and the answer to that was lost.
        let in_hand: BTreeSet<u64> = self.hand.iter().map(|waiting| waiting.item.number()).collect();
        self.begun.retain(|number, _| in_hand.contains(number));
        Ok(())
    }

    /// Whether there is room for more tasks, and for more commands.
    fn room(&self) -> (bool, bool) {
        let (mut tasks, mut elsewhere, mut commands) = (0, 0, 0);
        for waiting in &self.hand {
            match (&waiting.item, waiting.until) {
                (Item::Command(..), _) => commands += 1,
                (Item::Task(_), Until::Elsewhere) => elsewhere += 1,
                (Item::Task(_), _) => tasks += 1,
            }
        }
        (tasks < HAND_MAX && elsewhere < HAND_MAX, commands < HAND_MAX)
    }

    /// Takes what is there; when to look again.
    pub(super) async fn work(&mut self, at: &mut Link) -> Result<Duration, Trouble> {
        let keys = Arc::clone(&self.keys);
        let poll = Duration::from_millis(u64::from(self.setup.desk.config().poll_ms));
        // None: there may be more tasks.
        let (mut commands, mut rest) = (true, None);
        for turn in 0..ROUND {
            let (for_tasks, for_commands) = self.room();
            if !for_tasks {
                rest = rest.or(Some(poll));
            }
            if !for_commands {
                commands = false;
            } else if commands || turn % COMMANDS_EACH == 0 {
                let config = self.setup.desk.config();
                let taken = self.queue.take_commands(at, &keys, config, &NAMES).await?;
                commands = !taken.is_empty();
                for (agent, bytes) in taken {
                    self.command(at, agent, bytes, false).await?;
                }
            }
            if rest.is_none() {
                match self.queue.take(at, &keys, self.setup.desk.config()).await? {
                    Found::Item(bytes) => self.task(at, bytes, false).await?,
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

    /// A task that is in our list; `again`: this is another try.
    async fn task(&mut self, at: &mut Link, bytes: Vec<u8>, again: bool) -> Result<(), Trouble> {
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
            return self.send(at, over(&bytes)).await;
        }
        let number = request_of("task", &task.task_id);
        let takes_over = !desk.may_move_positions(&task);
        let counts = again || !self.begun.contains_key(&number);
        let claimed = self.claims.claim(at, &keys, &task.task_id, takes_over, counts).await?;
        // What had its effect had it, whatever would be said of the message now: to say that it failed has it sent again.
        if let Claimed::Ours(_) | Claimed::Broken(_) = claimed {
            if let Some(answer) = desk.journaled(number) {
                desk.note_again(&task);
                let outcome = Next::Outcome(Box::new(desk.outcome(&task, answer)), true, None);
                return self.go_on(at, Item::Task(Box::new(task)), bytes, 0, outcome).await;
            }
            if let Some(Some(since)) = self.begun.get(&number) {
                let until = Until::Journaled { number, since: *since, told: false };
                let (item, due) = (Item::Task(Box::new(task)), Instant::now());
                self.hand.push(Waiting { bytes, item, due, until });
                return Ok(());
            }
        }
        if !matches!(claimed, Claimed::Ours(_) | Claimed::Held(_)) {
            self.begun.remove(&number);
        }
        let attempt = match claimed {
            Claimed::Ours(attempt) => attempt,
            // It was done, and its acknowledgement was lost; or its sender sent it twice.
            Claimed::Done(outcome) => {
                let settled = over(&bytes).publish(&keys.tasks, &outcome).untried(&task.task_id);
                return self.send(at, settled).await;
            }
            Claimed::Broken(key) => {
                let why = format!(
                    "`{key}` is not what hosts write there, so whether the task was done is not known: find who wrote it, delete it, and send the task anew if it is still wanted"
                );
                let outcome = desk.outcome(&task, Err(why.clone()));
                return self.refuse_task(at, &bytes, &outcome, &why).await;
            }
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
        self.begun.insert(number, None);
        let tries = desk.config().tries;
        let handled = if attempt > tries {
            // Each time the host ended over it.
            let why = format!("given up after {tries} tries");
            Handled::Over((desk.outcome(&task, Err(why.clone())), Some(Dead(why))))
        } else {
            desk.task(&task)
        };
        self.go_on(at, Item::Task(Box::new(task)), bytes, attempt, handled.into()).await
    }

    /// A command that is in our list; `again`: this is another try.
    async fn command(
        &mut self,
        at: &mut Link,
        agent: &'static str,
        bytes: Vec<u8>,
        again: bool,
    ) -> Result<(), Trouble> {
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
        let is_same = |waiting: &Waiting| matches!(waiting.item, Item::Command(..)) && waiting.item.number() == number;
        if self.hand.iter().any(is_same) {
            // Sent twice: the other copy has its response.
            return self.send(at, Settled::new(&keys, &keys.commands_processing(agent), &bytes, 0)).await;
        }
        // As with a task.
        if let Some(answer) = desk.journaled(number) {
            let response = Next::Response(Box::new(desk.response(agent, &command, answer)), None);
            return self.go_on(at, Item::Command(agent, Box::new(command)), bytes, 0, response).await;
        }
        if let Some(Some(since)) = self.begun.get(&number) {
            let until = Until::Journaled { number, since: *since, told: false };
            let (item, due) = (Item::Command(agent, Box::new(command)), Instant::now());
            self.hand.push(Waiting { bytes, item, due, until });
            return Ok(());
        }
        let counts = again || !self.begun.contains_key(&number);
        let attempt = claim::begin_command(at, &keys, agent, number, counts).await?;
        self.begun.insert(number, None);
        let tries = desk.config().tries;
        let handled = if attempt > tries {
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
        let number = item.number();
        match (next, item) {
            (Next::Outcome(outcome, effect, dead), Item::Task(_)) => {
                self.settle_task(at, &bytes, &outcome, effect, dead).await?;
                self.begun.remove(&number);
                Ok(())
            }
            (Next::Response(response, dead), Item::Command(agent, command)) => {
                self.settle_command(at, agent, &command, &bytes, &response, dead).await?;
                self.begun.remove(&number);
                Ok(())
            }
            (Next::Asked(number), item) => {
                let since = Instant::now();
                self.begun.insert(number, Some(since));
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
        self.begun.remove(&item.number());
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
                let again = one.until == Until::Again;
                match one.item {
                    Item::Task(_) => self.task(at, one.bytes, again).await?,
                    Item::Command(agent, _) => self.command(at, agent, one.bytes, again).await?,
                }
                continue;
            };
            let desk = &self.setup.desk;
            let Some(answer) = desk.journaled(number) else {
                one.tell_if_late(now);
                one.due = now + ASK_EVERY;
                self.hand.push(one);
                continue;
            };
            let next = match &one.item {
                Item::Task(task) => Next::Outcome(Box::new(desk.outcome(task, answer)), true, None),
                Item::Command(agent, command) => Next::Response(Box::new(desk.response(agent, command, answer)), None),
            };
            // What is over needs no number of tries.
            self.go_on(at, one.item, one.bytes, 0, next).await?;
        }
        self.setup.status.lock().late = self.hand.iter().filter(|one| one.is_late(now)).count() as u64;
        // Copies of what another host does are that one's.
        let ours = self.hand.iter().filter(|one| one.until != Until::Elsewhere);
        self.claims.renew(at, &self.keys, ours.filter_map(Waiting::task_id)).await
    }
}
