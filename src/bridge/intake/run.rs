//! Edge: the intake at work: connect, take up what was left, then listen to the channels and look at the queues, and all of it
//! again after any fault.

use super::claim::Claims;
use super::desk::{Desk, Heard};
use super::ears::{Ears, Said};
use super::hand::{ASK_EVERY, Waiting};
use super::keys::Keys;
use super::outcomes;
use super::queue::Queue;
use super::settle::{Refused, Settled};
use super::status::Status;
use crate::bridge::postgres::address::Address;
use crate::bridge::redis::connect::{self, Server};
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two tries to reach the store: from, to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Between two questions whether the listening connection is alive.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Messages of the channels that are read before the queues have their turn.
const ROUND: usize = 64;
/// So long the host may take to know its instruments; one without any is listened for all the same.
const UP_WITHIN: Duration = Duration::from_secs(10);
/// Senders that are not followed and of whom it was told.
const STRANGERS_TOLD: usize = 256;

/// Stops of a channel that wait for another try.
const LATE_STOPS: usize = 64;
/// Tries of a stop of a channel: it stands nowhere but here.
const LATE_TRIES: u32 = 20;

/// A stop of the decisions' channel that the host could not take.
struct LateStop {
    said: Said,
    tries: u32,
    due: Instant,
}

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

/// The intake of one host.
pub(super) struct Intake {
    pub(super) setup: Setup,
    pub(super) keys: Arc<Keys>,
    pub(super) queue: Queue,
    pub(super) claims: Claims,
    /// What was taken and is not over, in this session.
    pub(super) hand: Vec<Waiting>,
    /// What this process has begun and is not over, over all sessions, by its number: since when the host has accepted it, if it
    /// has.
    pub(super) begun: BTreeMap<u64, Option<Instant>>,
    /// Keys that all share and on which something could not be told.
    pub(super) untold: BTreeMap<String, Refused>,
    /// Stops of the decisions' channel that the host could not take yet.
    late: Vec<LateStop>,
    strangers: BTreeSet<String>,
}

/// Runs until the host ends. What was taken and is not over is taken up by the next start.
pub async fn run(setup: Setup) {
    let end = Arc::clone(&setup.end);
    let (keys, lease) = (Arc::new(setup.desk.keys().clone()), setup.desk.config().lease());
    let keep = outcomes::run(setup.client.clone(), setup.desk.keys().clone(), setup.outcomes.clone());
    let (queue, claims) = (Queue::default(), Claims::new(lease));
    let mut intake = Intake {
        setup,
        keys,
        queue,
        claims,
        hand: Vec::new(),
        begun: BTreeMap::new(),
        untold: BTreeMap::new(),
        late: Vec::new(),
        strangers: BTreeSet::new(),
    };
    let ended = async {
        while !end.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
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
        let mut ears = Ears::open(&at, &self.keys).await?;
        {
            let mut standing = self.setup.status.lock();
            standing.listening = true;
            standing.connections += 1;
        }
        // What ended the last session may end this one too, before it has done anything.
        let mut works = false;
        self.take_up(&mut at).await?;
        let (mut look, mut pinged) = (Instant::now(), Instant::now());
        loop {
            let dues = self.hand.iter().map(|one| one.due).chain(self.late.iter().map(|stop| stop.due));
            let next = dues.fold(look.min(pinged + PING_EVERY), Instant::min);
            tokio::select! {
                () = ears.wait() => {}
                () = tokio::time::sleep_until(next.into()) => {}
            }
            // Not more than a round: the queues have their turn too.
            for _ in 0..ROUND {
                let Some(said) = ears.next()? else { break };
                if self.hear(&mut at, said, 1).await? {
                    look = Instant::now();
                }
            }
            let now = Instant::now();
            while let Some(at_place) = self.late.iter().position(|stop| stop.due <= now) {
                let LateStop { said, tries, .. } = self.late.swap_remove(at_place);
                self.hear(&mut at, said, tries + 1).await?;
            }
            if pinged.elapsed() >= PING_EVERY {
                ears.ping().await?;
                pinged = Instant::now();
                self.tell_dropped(ears.dropped());
                self.look_at_untold(&mut at).await?;
            }
            self.look_again(&mut at).await?;
            if Instant::now() >= look {
                let rest = self.work(&mut at).await?;
                look = Instant::now() + rest;
                if !std::mem::replace(&mut works, true) {
                    self.setup.status.lock().trouble.clear();
                }
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

    /// A message of a channel, for the so-many-th time; whether the queue should be looked at.
    async fn hear(&mut self, at: &mut Link, said: Said, tries: u32) -> Result<bool, Trouble> {
        let keys = Arc::clone(&self.keys);
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
                    self.send(at, Settled::of_message(&keys).publish(&keys.logs, &text)).await?;
                }
            }
            Heard::Later(why) if tries >= LATE_TRIES || self.late.len() >= LATE_STOPS => {
                let why = format!("given up after {tries} tries: {why}");
                self.refuse_message(at, channel, bytes, &why).await?;
            }
            Heard::Later(_) => {
                let due = Instant::now() + Duration::from_millis(u64::from(self.setup.desk.config().backoff_ms));
                self.setup.status.lock().retries += 1;
                self.late.push(LateStop { said, tries, due });
            }
            Heard::Refused(why) => self.refuse_message(at, channel, bytes, &why).await?,
        }
        Ok(false)
    }
}
