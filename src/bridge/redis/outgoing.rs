//! Edge: what a batch carries beside the stream's entries, and what is said between events.

use super::mirror::{Event, GATE_AGENT, Mirror, gate_state};
use super::positions::Positions;
use super::publish::Publisher;
use super::stream::Batch;
use super::told::Teller;
use super::trouble::Trouble;
use crate::acp::names::Names;
use crate::acp::ops::Level;
use crate::acp::topic::{Topic, Topics};
use crate::bridge::config::RedisConfig;
use crate::bridge::id::Id;
use crate::bridge::sampler::Sampler;
use crate::bridge::sight::Sight;
use crate::bridge::status::Status;
use crate::bridge::tail::Tail;
use crate::control::clock_sync::read_clocks;
use crate::control::notices::{Notice, Notices, Word};
use redis::aio::MultiplexedConnection;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two messages with the host's figures.
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// Notices of one transaction.
const NOTICES_AT_ONCE: usize = 64;

/// What the host gives its bridge beside the journal.
pub struct Sources {
    /// What is seen of the running host.
    pub sight: Box<dyn Sight>,
    /// Candles and features; `None` if they are not wanted.
    pub sampler: Option<Box<dyn Sampler>>,
    /// What the host says of itself.
    pub notices: Arc<Notices>,
}

/// All that goes out beside the stream. Lives as long as the bridge.
pub struct Outgoing {
    names: Names,
    behind_max: u64,
    audit_length: u64,
    publisher: Publisher,
    mirror: Mirror,
    sight: Box<dyn Sight>,
    notices: Arc<Notices>,
    positions: Positions,
    /// The newest event of the journal, as of this batch.
    newest: u64,
    /// Notices in the batch that is under way.
    under_way: Vec<Notice>,
    /// Whether states must be said anew: the connection is.
    states_due: bool,
    measured: Instant,
    /// The host has ended.
    ends: bool,
    /// Events of this batch that were written without messages, and whether it was told that there are any.
    left_out: (u64, bool),
    /// The last thing that the server would not do, which was told.
    refused: String,
    /// Up to here all was told before the stream was rebuilt: it is written again, and nothing beside it.
    told: Id,
    /// The stream is not there yet: positions and states are newer than what is written.
    again: bool,
}

impl Outgoing {
    /// For a host's names, as configured.
    pub fn new(names: &Names, config: &RedisConfig, sources: Sources) -> Self {
        // The configuration was checked; no topic is safer than a wrong one.
        let topics = Topics::named(&config.topics).unwrap_or(Topics::NONE);
        let sampler = sources.sampler.filter(|_| topics.has(Topic::Candles) || topics.has(Topic::Micro));
        Self {
            names: names.clone(),
            behind_max: config.publish_behind,
            audit_length: config.audit_length,
            publisher: Publisher::new(names, topics),
            mirror: Mirror::new(names, config.audit_length, sampler),
            sight: sources.sight,
            notices: sources.notices,
            positions: Positions::default(),
            newest: 0,
            under_way: Vec::new(),
            states_due: true,
            measured: Instant::now(),
            ends: false,
            left_out: (0, false),
            refused: String::new(),
            told: Id::default(),
            again: false,
        }
    }

    /// A new session begins behind what `tail` has read: puts into `batch` what an earlier one may have left wrong. The stream
    /// ends with `last`, and up to `told` all was told before it was rebuilt.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn begin(
        &mut self,
        connection: &mut MultiplexedConnection,
        batch: &mut Batch<'_>,
        tail: &mut Tail,
        (last, told): (Option<Id>, Id),
    ) -> Result<(), Trouble> {
        self.states_due = true;
        self.positions = Positions::default();
        tail.take_touched();
        self.told = told;
        self.again = told != Id::default() && last.is_none_or(|last| last < told);
        if self.again {
            return Ok(());
        }
        self.positions.correct(connection, batch, &self.names, tail).await
    }

    /// Before a batch: who listens, and how far the journal is.
    pub async fn look(&mut self, connection: &mut MultiplexedConnection) {
        self.publisher.ask(connection).await;
        self.newest = self.sight.newest();
    }

    /// Adds what follows from an event whose entry is in the batch.
    pub fn event(&mut self, batch: &mut Batch<'_>, event: &Event<'_>) {
        if event.id <= self.told {
            self.mirror.pass(event);
            return;
        }
        let speaks = self.newest.saturating_sub(event.id.sequence) <= self.behind_max;
        self.left_out.0 += u64::from(!speaks);
        self.mirror.event(batch, &mut self.publisher, self.sight.as_ref(), event, speaks);
    }

    /// Adds what is due behind the batch's events, the last of which is `last`: positions, states, notices, figures.
    pub fn between(&mut self, batch: &mut Batch<'_>, last: Id, tail: &mut Tail) {
        let touched = tail.take_touched();
        if !self.again {
            self.positions.changed(batch, &self.names, tail, &touched);
            self.positions.refresh(batch, &self.names, tail, || self.sight.accounts());
        }
        // What is said names an event that the stream has.
        if last == Id::default() || last.epoch == u64::MAX {
            return;
        }
        let mut teller = Teller {
            names: &self.names,
            audit_length: self.audit_length,
            publisher: &mut self.publisher,
            batch,
            behind: (last.epoch, last.sequence),
        };
        if std::mem::take(&mut self.states_due) {
            for (agent, state) in self.notices.states() {
                teller.set_state(agent, state);
            }
            if let Some(gate) = tail.accounts().gate().filter(|_| !self.ends && !self.again) {
                teller.set_state(GATE_AGENT, gate_state(gate));
            }
        }
        self.under_way = self.notices.take(NOTICES_AT_ONCE);
        for notice in &self.under_way {
            teller.notice(notice);
        }
        let (left_out, told) = &mut self.left_out;
        if *left_out > 0 && !std::mem::replace(told, true) {
            tracing::info!(
                "Redis: the stream is more than {} events behind: they are written without messages until it is nearer",
                self.behind_max
            );
            let fields = json!({ "behind_max": self.behind_max });
            teller.log("supervisor", read_clocks().wall, Level::Warning, "messages.left_out", fields);
        } else if *left_out == 0 {
            *told = false;
        }
        if self.measured.elapsed() >= MEASURE_EVERY {
            self.measured = Instant::now();
            teller.figures(read_clocks().wall, self.sight.figures());
        }
    }

    /// The batch is done. `refused`: something beside the entries was not.
    pub fn done(&mut self, status: &Status, refused: Option<Trouble>) {
        self.under_way.clear();
        {
            let mut standing = status.lock();
            standing.published += self.publisher.take_published();
            standing.left_out += std::mem::take(&mut self.left_out.0);
            standing.notices_dropped += self.notices.take_dropped();
        }
        if let Some(Trouble(text)) = refused
            && self.refused != text
        {
            tracing::warn!("beside the event stream something could not be written: {text}");
            self.refused.clone_from(&text);
            self.trouble(&text);
        }
    }

    /// Whether a rebuilt stream, which ends with `last`, has come to where all was told: a new session sets right what was left
    /// alone meanwhile.
    pub fn is_there_again(&self, last: Id) -> bool {
        self.again && last >= self.told
    }

    /// Up to which event all was told, if the stream ends with `last`.
    pub fn told_up_to(&self, last: Id) -> Id {
        if last.epoch == u64::MAX { self.told } else { self.told.max(last) }
    }

    /// The batch was not done, or it is not known.
    pub fn failed(&mut self) {
        self.notices.put_back(std::mem::take(&mut self.under_way));
        self.publisher.take_published();
        (self.left_out.0, self.states_due) = (0, true);
    }

    /// The host ends, and all its events are written: says so of its agents.
    pub fn farewell(&mut self, tail: &Tail) {
        if std::mem::replace(&mut self.ends, true) {
            return;
        }
        let at = read_clocks().wall;
        if let Some(gate) = tail.accounts().gate() {
            let (old, reason) = (gate_state(gate), "the host ends".to_owned());
            self.notices.put(at, Word::State { agent: GATE_AGENT, old, new: "OFFLINE", trigger: "end", reason });
        }
        self.notices.close(at);
    }

    /// Whether all that was to be said is said.
    pub fn has_said_all(&self) -> bool {
        self.notices.is_empty()
    }

    /// Says that the bridge has a trouble, once it can.
    pub fn trouble(&self, text: &str) {
        self.notices.put(read_clocks().wall, Word::Trouble { bridge: "redis", text: text.to_owned() });
    }
}
