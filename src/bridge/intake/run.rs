//! Edge: the intake at work: connect, take up what was left, then listen to the channels and look at the queues, and all of it
//! again after any fault.

use super::act::Answer;
use super::desk::{Dead, Desk, Handled, Heard};
use super::ears::{Ears, Said};
use super::keys::Keys;
use super::outcomes;
use super::queue::{self, Face, Queue, Settled};
use super::seen::request_of;
use super::status::Status;
use crate::acp::inbound::command::{AgentCommand, Response};
use crate::acp::inbound::task::Task;
use crate::acp::roster::NAMES;
use crate::bridge::postgres::address::Address;
use crate::bridge::redis::connect::{self, Server};
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two tries to reach the store: from, to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Between two questions whether the listening connection is alive.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Between two looks at a queue that seems to be the same.
const LOOK_AT_ALL_EVERY: Duration = Duration::from_secs(5);
/// Items that may wait for the journal or another try at once; no more are taken then.
const WAITING_MAX: usize = 1024;
/// Items that are worked on before the channels are listened to again.
const ROUND: usize = 64;
/// So long a command may take into the journal before it counts as not done now.
const JOURNALED_WITHIN: Duration = Duration::from_secs(5);
/// So long the host may take to know its instruments; one without any is listened for all the same.
const UP_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks whether a command is in the journal.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// Senders that are not followed and of whom it was told.
const STRANGERS_TOLD: usize = 256;

/// What the intake works with.
pub struct Setup {
    /// To the server.
    pub client: Server,
    /// What is done with messages.
    pub desk: Desk,
    /// How it stands.
    pub status: Arc<Status>,
    /// Entries of the audit stream that are kept.
    pub audit_length: u64,
    /// The database where outcomes of tasks are kept, if there is one.
    pub outcomes: Option<Address>,
    /// Set when the host ends.
    pub end: Arc<AtomicBool>,
}

/// What an item was read as.
enum Item {
    Task(Box<Task>),
    /// To which agent.
    Command(&'static str, Box<AgentCommand>),
}

/// An item that is not over.
struct Waiting {
    bytes: Vec<u8>,
    item: Item,
    attempt: u32,
    /// When to look again.
    due: Instant,
    /// In the journal soon: the number to ask with, and until when.
    asked: Option<(u64, Instant)>,
}

struct Intake {
    setup: Setup,
    queue: Queue,
    strangers: BTreeSet<String>,
}

/// Runs until the host ends. What was taken and is not over is taken up by the next start.
pub async fn run(setup: Setup) {
    let end = Arc::clone(&setup.end);
    let mut intake = Intake { setup, queue: Queue::default(), strangers: BTreeSet::new() };
    let ended = async {
        while !end.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let keep =
        outcomes::run(intake.setup.client.clone(), intake.setup.desk.keys().clone(), intake.setup.outcomes.clone());
    tokio::select! {
        () = intake.sessions() => {}
        () = keep => {}
        () = ended => {}
    }
}

impl Intake {
    async fn sessions(&mut self) {
        let begun = Instant::now();
        while !self.setup.desk.is_up() && begun.elapsed() < UP_WITHIN {
            tokio::time::sleep(ASK_EVERY).await;
        }
        let mut pause = AGAIN.0;
        loop {
            let begun = Instant::now();
            let Err(trouble) = self.session().await;
            {
                let mut standing = self.setup.status.lock();
                standing.listening = false;
                if standing.trouble != trouble.0 {
                    tracing::warn!("intake: {trouble}");
                    standing.trouble = trouble.0;
                }
            }
            pause = if begun.elapsed() > AGAIN.1 { AGAIN.0 } else { (2 * pause).min(AGAIN.1) };
            tokio::time::sleep(pause).await;
        }
    }

    /// One pair of connections, to the first fault.
    async fn session(&mut self) -> Result<std::convert::Infallible, Trouble> {
        let mut at = connect::connect(&self.setup.client).await?;
        let keys = self.setup.desk.keys().clone();
        let mut ears = Ears::open(&at, &keys).await?;
        {
            let mut standing = self.setup.status.lock();
            (standing.listening, standing.trouble) = (true, String::new());
            standing.connections += 1;
        }
        let mut waiting = self.take_up(&mut at, &keys).await?;
        let poll = Duration::from_millis(u64::from(self.setup.desk.config().poll_ms));
        let (mut look, mut pinged) = (Instant::now(), Instant::now());
        // How the queue looked when nothing in it was ours, and when that was.
        let mut fruitless = (Face::default(), Instant::now());
        loop {
            let next = waiting.iter().map(|w| w.due).min().map_or(look, |due| due.min(look));
            tokio::select! {
                () = ears.wait() => {}
                () = tokio::time::sleep_until(next.into()) => {}
            }
            // Not more than a round: the queues have their turn too.
            for _ in 0..ROUND {
                let Some(said) = ears.next()? else { break };
                if self.hear(&mut at, &keys, &said).await? {
                    look = Instant::now();
                }
            }
            if pinged.elapsed() >= PING_EVERY {
                ears.ping().await?;
                pinged = Instant::now();
                self.tell_dropped(ears.dropped());
            }
            self.look_again(&mut at, &keys, &mut waiting).await?;
            if Instant::now() >= look {
                let busy = self.work(&mut at, &keys, &mut waiting, &mut fruitless).await?;
                look = if busy { Instant::now() } else { Instant::now() + poll };
            }
        }
    }

    fn tell_dropped(&self, dropped: u64) {
        if dropped > 0 {
            tracing::warn!(
                "intake: there was no room for {dropped} messages of the channels: somebody says too much there"
            );
            self.setup.status.lock().dropped += dropped;
        }
    }

    /// What was taken and is not over, of this process or the one before.
    async fn take_up(&mut self, at: &mut Link, keys: &Keys) -> Result<Vec<Waiting>, Trouble> {
        let mut waiting = Vec::new();
        for bytes in queue::left_in(at, &keys.processing).await? {
            self.task(at, keys, bytes, &mut waiting).await?;
        }
        for agent in NAMES {
            for bytes in queue::left_in(at, &keys.commands_processing(agent)).await? {
                self.command(at, keys, agent, bytes, &mut waiting).await?;
            }
        }
        Ok(waiting)
    }

    /// Takes what is there; whether there may be more.
    async fn work(
        &mut self,
        at: &mut Link,
        keys: &Keys,
        waiting: &mut Vec<Waiting>,
        fruitless: &mut (Face, Instant),
    ) -> Result<bool, Trouble> {
        for _ in 0..ROUND {
            if waiting.len() >= WAITING_MAX {
                return Ok(false);
            }
            let command = self.queue.take_command(at, keys, &NAMES).await?;
            let face = queue::face(at, keys).await?;
            let is_known = face == fruitless.0 && fruitless.1.elapsed() < LOOK_AT_ALL_EVERY;
            let task = if face.is_empty() || is_known { None } else { self.queue.take(at, keys).await? };
            if task.is_none() && !is_known {
                *fruitless = (face, Instant::now());
            }
            if command.is_none() && task.is_none() {
                return Ok(false);
            }
            if let Some((agent, bytes)) = command {
                self.command(at, keys, agent, bytes, waiting).await?;
            }
            if let Some(bytes) = task {
                self.task(at, keys, bytes, waiting).await?;
            }
        }
        Ok(true)
    }

    async fn task(
        &mut self,
        at: &mut Link,
        keys: &Keys,
        bytes: Vec<u8>,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), Trouble> {
        let desk = &self.setup.desk;
        let task = match Task::read(&bytes, desk.config().message_bytes as usize) {
            Ok(task) => task,
            Err(error) => {
                return self.bury(at, &keys.processing, &keys.tasks_dead, &keys.tasks, &bytes, &error.0).await;
            }
        };
        if let Some(outcome) = queue::outcome_of(at, keys, &task.task_id).await? {
            // It was done, and its acknowledgement was lost; or its sender sent it twice.
            return Settled::new(&keys.processing, &bytes).publish(&keys.tasks, &outcome).send(at).await;
        }
        let in_hand = |w: &Waiting| matches!(&w.item, Item::Task(other) if other.task_id == task.task_id);
        if waiting.iter().any(in_hand) || queue::claim(at, keys, &task.task_id).await? != keys.host() {
            // Sent twice: the other copy has its outcome, here or at another host.
            return Settled::new(&keys.processing, &bytes).send(at).await;
        }
        let attempt = queue::begin(at, keys, &task.task_id).await?;
        let tries = desk.config().tries;
        let known = desk.what_became(request_of("task", &task.task_id));
        let handled = if attempt > tries && known.is_none() {
            // Each time the host ended over it.
            let why = format!("given up after {tries} tries");
            Handled::Over((desk.outcome(&task, Err(why.clone())), Some(Dead(why))))
        } else {
            desk.task(&task)
        };
        self.go_on(at, keys, Item::Task(Box::new(task)), bytes, attempt, handled.into(), waiting).await
    }

    async fn command(
        &mut self,
        at: &mut Link,
        keys: &Keys,
        agent: &'static str,
        bytes: Vec<u8>,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), Trouble> {
        let desk = &self.setup.desk;
        let command = match AgentCommand::read(&bytes, desk.config().message_bytes as usize) {
            Ok(command) => command,
            Err(error) => {
                let (list, dead) = (keys.commands_processing(agent), keys.commands_dead(agent));
                return self.bury(at, &list, &dead, &keys.commands(agent), &bytes, &error.0).await;
            }
        };
        let handled = desk.command(agent, &command);
        self.go_on(at, keys, Item::Command(agent, Box::new(command)), bytes, 1, handled.into(), waiting).await
    }

    /// Settles what is over, and puts the rest aside until it is to be looked at again.
    #[expect(
        clippy::too_many_arguments,
        reason = "an item with all that must be known of it, and where it is worked on"
    )]
    async fn go_on(
        &mut self,
        at: &mut Link,
        keys: &Keys,
        item: Item,
        bytes: Vec<u8>,
        attempt: u32,
        handled: Next,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), Trouble> {
        let now = Instant::now();
        match (handled, item) {
            (Next::Outcome(outcome, effect, dead), Item::Task(_)) => {
                self.settle_task(at, keys, &bytes, &outcome, effect, dead).await
            }
            (Next::Response(response, dead), Item::Command(agent, command)) => {
                self.settle_command(at, keys, agent, &command, &bytes, &response, dead).await
            }
            (Next::Asked(number), item) => {
                let asked = Some((number, now + JOURNALED_WITHIN));
                waiting.push(Waiting { bytes, item, attempt, due: now + ASK_EVERY, asked });
                Ok(())
            }
            (Next::Later(why), item) => self.put_off(at, keys, item, bytes, attempt, why, waiting).await,
            // A task has an outcome and a command a response.
            (Next::Outcome(..) | Next::Response(..), _) => Ok(()),
        }
    }

    /// Another try, later; or, after the last one, none.
    #[expect(
        clippy::too_many_arguments,
        reason = "an item with all that must be known of it, and where it is worked on"
    )]
    async fn put_off(
        &mut self,
        at: &mut Link,
        keys: &Keys,
        item: Item,
        bytes: Vec<u8>,
        attempt: u32,
        why: String,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), Trouble> {
        let desk = &self.setup.desk;
        if attempt < desk.config().tries {
            let backoff = Duration::from_millis(u64::from(desk.config().backoff_ms)) * 2u32.saturating_pow(attempt - 1);
            waiting.push(Waiting { bytes, item, attempt, due: Instant::now() + backoff, asked: None });
            self.setup.status.lock().retries += 1;
            return Ok(());
        }
        let why = format!("given up after {attempt} tries: {why}");
        match item {
            Item::Task(task) => {
                let outcome = desk.outcome(&task, Err(why.clone()));
                self.settle_task(at, keys, &bytes, &outcome, false, Some(Dead(why))).await
            }
            Item::Command(agent, command) => {
                let response = desk.response(agent, &command, Err(why.clone()));
                self.settle_command(at, keys, agent, &command, &bytes, &response, Some(Dead(why))).await
            }
        }
    }

    /// Looks at what waits and is due.
    async fn look_again(&mut self, at: &mut Link, keys: &Keys, waiting: &mut Vec<Waiting>) -> Result<(), Trouble> {
        let now = Instant::now();
        let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(waiting).into_iter().partition(|w| w.due <= now);
        *waiting = rest;
        for one in due {
            let Waiting { bytes, item, attempt, asked, .. } = one;
            let desk = &self.setup.desk;
            let Some((number, until)) = asked else {
                match item {
                    Item::Task(_) => self.task(at, keys, bytes, waiting).await?,
                    Item::Command(agent, command) => {
                        let handled = desk.command(agent, &command).into();
                        let item = Item::Command(agent, command);
                        self.go_on(at, keys, item, bytes, attempt + 1, handled, waiting).await?;
                    }
                }
                continue;
            };
            let answer = match desk.what_became(number) {
                Some(Answer::Done(result)) => Some(Ok(result)),
                Some(Answer::Failed(why)) => Some(Err(why)),
                _ => None,
            };
            let next = match (answer, &item) {
                (Some(answer), Item::Task(task)) => Next::Outcome(Box::new(desk.outcome(task, answer)), true, None),
                (Some(answer), Item::Command(agent, command)) => {
                    Next::Response(Box::new(desk.response(agent, command, answer)), None)
                }
                // It is on its way into the journal, however long that takes: saying now that it failed would be wrong.
                (None, _) => {
                    if now >= until && now < until + 2 * ASK_EVERY {
                        tracing::warn!("intake: what was taken is not in the journal yet");
                    }
                    waiting.push(Waiting { bytes, item, attempt, due: now + ASK_EVERY, asked });
                    continue;
                }
            };
            self.go_on(at, keys, item, bytes, attempt, next, waiting).await?;
        }
        Ok(())
    }

    async fn settle_task(
        &mut self,
        at: &mut Link,
        keys: &Keys,
        bytes: &[u8],
        outcome: &Task,
        effect: bool,
        dead: Option<Dead>,
    ) -> Result<(), Trouble> {
        let text = json(outcome)?;
        let mut settled = Settled::new(&keys.processing, bytes)
            .done(keys, &outcome.task_id, &text, effect, self.setup.outcomes.is_some())
            .publish(&keys.tasks, &text);
        if let Some(Dead(why)) = &dead {
            settled = self.letter(settled, &keys.tasks_dead, &keys.tasks, bytes, why);
        }
        settled.send(at).await?;
        let mut standing = self.setup.status.lock();
        standing.tasks += 1;
        standing.dead += u64::from(dead.is_some());
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "an item with all that must be known of it, and where it is worked on"
    )]
    async fn settle_command(
        &mut self,
        at: &mut Link,
        keys: &Keys,
        agent: &'static str,
        command: &AgentCommand,
        bytes: &[u8],
        response: &Response,
        dead: Option<Dead>,
    ) -> Result<(), Trouble> {
        let (desk, text, kept) = (&self.setup.desk, json(response)?, self.setup.audit_length);
        let audit = |kind, data| desk.audit(agent, &command.id, kind, data);
        let mut settled = Settled::new(&keys.commands_processing(agent), bytes)
            .audit(keys, kept, &audit("command", json(command)?))
            .audit(keys, kept, &audit("response", text.clone()))
            .respond(keys, self.setup.desk.config(), &text);
        let old: Option<String> = redis::cmd("GET").arg(keys.state(agent)).query_async(at).await?;
        if let Some(change) = desk.changed(agent, response, command, old.as_deref().unwrap_or("active")) {
            let text = json(&change)?;
            settled = settled
                .state(&keys.state(agent), &change.new_state)
                .audit(keys, kept, &audit("transition", text.clone()))
                .publish(&keys.state_changes, &text);
        }
        if let Some(Dead(why)) = &dead {
            settled = self.letter(settled, &keys.commands_dead(agent), &keys.commands(agent), bytes, why);
        }
        settled.send(at).await?;
        let mut standing = self.setup.status.lock();
        standing.commands += 1;
        standing.dead += u64::from(dead.is_some());
        Ok(())
    }

    fn letter(&self, settled: Settled, list: &str, channel: &str, bytes: &[u8], why: &str) -> Settled {
        let desk = &self.setup.desk;
        tracing::warn!("a message of `{channel}` is refused: {why}");
        settled
            .dead(list, desk.config(), bytes, why, desk.keys().host(), &desk.now())
            .publish(&desk.keys().logs, &desk.refusal(channel, why))
    }

    /// Gives up what cannot be read.
    async fn bury(
        &mut self,
        at: &mut Link,
        from: &str,
        list: &str,
        channel: &str,
        bytes: &[u8],
        why: &str,
    ) -> Result<(), Trouble> {
        self.letter(Settled::new(from, bytes), list, channel, bytes, why).send(at).await?;
        self.setup.status.lock().dead += 1;
        Ok(())
    }

    /// A message of a channel; whether the queue should be looked at.
    async fn hear(&mut self, at: &mut Link, keys: &Keys, said: &Said) -> Result<bool, Trouble> {
        let (channel, bytes) = (said.channel.as_str(), said.message.as_slice());
        if channel == keys.tasks {
            // Outcomes, ours too, are told there as well: they are no new task.
            return Ok(memchr::memmem::find(bytes, b"\"pending\"").is_some());
        }
        let is_signal = channel == keys.signals;
        let heard = if is_signal { self.setup.desk.signal(bytes) } else { self.setup.desk.decision(bytes) };
        match heard {
            Heard::NotOurs => {}
            Heard::Followed => {
                let mut standing = self.setup.status.lock();
                if is_signal { standing.signals += 1 } else { standing.decisions += 1 }
            }
            Heard::Stranger(source) => {
                self.setup.status.lock().strangers += 1;
                if self.strangers.len() < STRANGERS_TOLD && self.strangers.insert(source.clone()) {
                    let why = format!("`{source}` is not followed: it is not in `[intake] agents` of this host");
                    tracing::info!("{channel}: {why}");
                    let text = self.setup.desk.refusal(channel, &why);
                    Settled::of_message().publish(&keys.logs, &text).send(at).await?;
                }
            }
            Heard::Refused(why) => {
                let list = Keys::dead_of(channel);
                self.letter(Settled::of_message(), &list, channel, bytes, &why).send(at).await?;
                self.setup.status.lock().dead += 1;
            }
        }
        Ok(false)
    }
}

/// What comes next for an item.
enum Next {
    /// With whether it had an effect.
    Outcome(Box<Task>, bool, Option<Dead>),
    Response(Box<Response>, Option<Dead>),
    Asked(u64),
    Later(String),
}

impl From<Handled<(Task, Option<Dead>)>> for Next {
    fn from(handled: Handled<(Task, Option<Dead>)>) -> Self {
        match handled {
            Handled::Over((outcome, dead)) => Self::Outcome(Box::new(outcome), false, dead),
            Handled::Taken(number) => Self::Asked(number),
            Handled::Later(why) => Self::Later(why),
        }
    }
}

impl From<Handled<(Response, Option<Dead>)>> for Next {
    fn from(handled: Handled<(Response, Option<Dead>)>) -> Self {
        match handled {
            Handled::Over((response, dead)) => Self::Response(Box::new(response), dead),
            Handled::Taken(number) => Self::Asked(number),
            Handled::Later(why) => Self::Later(why),
        }
    }
}

fn json<T: serde::Serialize>(message: &T) -> Result<String, Trouble> {
    serde_json::to_string(message).map_err(|e| Trouble(format!("a message cannot be written: {e}")))
}
