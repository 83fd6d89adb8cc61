//! Edge: what a batch carries beside the stream's entries, and what is said between events.

use super::audit::{self, Place};
use super::batch::{Batch, Lines};
use super::link::Link;
use super::mirror::{Event, GATE_AGENT, Mirror, gate_state};
use super::positions::Positions;
use super::publish::Publisher;
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
/// Between two notes of the audit stream's place in a cluster, where nothing is to be audited: they cost a transaction of their own.
const KEEP_EVERY: Duration = Duration::from_secs(1);

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
    /// The number of this process start.
    epoch: u64,
    /// Notices that were said for sure.
    said: u64,
    /// Notices that were taken, and are said in order; how many of them in the batch that is under way.
    under_way: Vec<Notice>,
    saying: usize,
    /// Whether states must be said anew: the connection is.
    states_due: bool,
    measured: Instant,
    /// The host has ended.
    ends: bool,
    /// Whether it was told that events are written without messages.
    left_out: bool,
    /// The last thing that the server would not do, which was told.
    refused: String,
    /// The key of the audit stream's place, and of which journal it is.
    place_key: String,
    journal: String,
    /// What that key says.
    place_text: Option<String>,
    /// Up to here all was audited and told: where the stream is written again, nothing is told again beside it.
    told: Place,
    /// The place behind the batch that is under way, as that says it, and when it was noted last.
    next: Option<(Place, String)>,
    kept: Instant,
    /// The stream is not there yet: positions and states are newer than what is written.
    again: bool,
}

impl Outgoing {
    /// For a host's names, as configured.
    pub fn new(names: &Names, config: &RedisConfig, epoch: u64, sources: Sources) -> Self {
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
            epoch,
            said: 0,
            under_way: Vec::new(),
            saying: 0,
            states_due: true,
            measured: Instant::now(),
            ends: false,
            left_out: false,
            refused: String::new(),
            place_key: names.beside(&names.aism("audit"), &format!("told:{}", names.host())),
            journal: String::new(),
            place_text: None,
            told: Place::default(),
            next: None,
            kept: Instant::now(),
            again: false,
        }
    }

    /// A new session for `journal` begins: asks up to where all was audited and told; the event is `None` if that is not known.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ask(&mut self, link: &mut Link, journal: &str) -> Result<Option<Id>, Trouble> {
        journal.clone_into(&mut self.journal);
        self.place_text = audit::ask(link, &self.place_key).await?;
        let known = self.place_text.as_deref().and_then(|text| Place::of(text, journal));
        self.told = known.unwrap_or_default();
        if let Some(Place { notice: (epoch, said), .. }) = known
            && epoch == self.epoch
        {
            // Of those that were sent and not answered, the ones that were said.
            let count = usize::try_from(said.saturating_sub(self.said)).unwrap_or(0).min(self.under_way.len());
            self.under_way.drain(..count);
            self.said += count as u64;
        }
        Ok(known.map(|known| known.id))
    }

    /// It begins behind what `tail` has read: puts into `batch` what an earlier one may have left wrong. The stream ends with
    /// `last`, and that is where all was told, too, if nothing else is known.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn begin(
        &mut self,
        link: &mut Link,
        batch: &mut Batch,
        tail: &mut Tail,
        last: Option<Id>,
    ) -> Result<(), Trouble> {
        (self.states_due, self.next, self.saying) = (true, None, 0);
        self.positions = Positions::default();
        tail.take_touched();
        if self.told.start.is_some_and(|start| tail.is_another(self.told.id.epoch, start)) {
            // What was told of the start with this number was told of another one.
            self.told = Place { id: Id::default(), start: None, ..self.told };
        } else if self.told == Place::default() {
            let id = last.unwrap_or_default();
            self.told = Place { id, start: tail.start(id.epoch), notice: (self.epoch, self.said) };
        }
        if self.place_text.is_none() {
            // Before anything else is written: what is audited behind it may fail, and must be known to be missing then.
            let text = self.told.text(&self.journal);
            redis::cmd("SET").arg(&self.place_key).arg(&text).arg("NX").query_async::<()>(link).await?;
            self.place_text = Some(text);
        }
        self.again = self.told.id != Id::default() && last.is_none_or(|last| last < self.told.id);
        if self.again {
            return Ok(());
        }
        self.positions.correct(link, batch, &self.names, tail).await
    }

    /// The key of the audit stream's place, and what it says.
    pub fn place(&self) -> (&str, Option<&str>) {
        (&self.place_key, self.place_text.as_deref())
    }

    /// Forgets the audit stream's place: it is of events that this journal has not.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn forget(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        redis::cmd("DEL").arg(&self.place_key).query_async::<()>(&mut lines.link).await?;
        (self.place_text, self.told) = (None, Place::default());
        Ok(())
    }

    /// Before a batch: who listens, and how far the journal is.
    pub async fn look(&mut self, connection: &mut MultiplexedConnection) {
        self.publisher.ask(connection).await;
        self.newest = self.sight.newest();
    }

    /// Adds what follows from an event. One that `is_new` has its entry in the batch; the stream had the others.
    pub fn event(&mut self, batch: &mut Batch, event: &Event<'_>, tail: &Tail, is_new: bool) {
        if self.told.start.is_some_and(|start| tail.begins_another(event.entry, self.told.id.epoch, start)) {
            // What was told of the start with this number was told of another one.
            self.told = Place { id: Id::default(), start: None, ..self.told };
            if let Some((next, _)) = &mut self.next {
                *next = Place { id: Id::default(), start: None, ..*next };
            }
        }
        if event.id <= self.told.id {
            self.mirror.pass(event);
            return;
        }
        let speaks = self.newest.saturating_sub(event.id.sequence) <= self.behind_max;
        if is_new && !speaks {
            batch.leave_out();
        }
        self.mirror.event(batch, &mut self.publisher, self.sight.as_ref(), event, is_new && speaks);
    }

    /// Adds what is due behind the batch's events, up to `at` in the journal and `last` in the stream: positions, states, notices,
    /// figures, and the audit stream's place.
    pub fn between(&mut self, batch: &mut Batch, (at, last): (Id, Id), tail: &mut Tail) {
        let touched = tail.take_touched();
        if !self.again {
            self.positions.changed(batch, &self.names, tail, &touched);
            self.positions.refresh(batch, &self.names, tail, || self.sight.accounts());
        }
        // What is said names an event that the stream has.
        if last != Id::default() && last.epoch != u64::MAX {
            self.say(batch, last, tail);
        }
        self.keep_place(batch, at, tail);
    }

    fn say(&mut self, batch: &mut Batch, last: Id, tail: &Tail) {
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
        if self.under_way.is_empty() {
            self.under_way = self.notices.take(NOTICES_AT_ONCE);
        }
        self.saying = self.under_way.len();
        for notice in &self.under_way {
            teller.notice(notice);
        }
        let left_out = teller.batch.left_out() > 0;
        if left_out && !self.left_out {
            tracing::info!(
                "Redis: the stream is more than {} events behind: they are written without messages until it is nearer",
                self.behind_max
            );
            let fields = json!({ "behind_max": self.behind_max });
            teller.log("supervisor", read_clocks().wall, Level::Warning, "messages.left_out", fields);
        }
        self.left_out = left_out;
        if self.measured.elapsed() >= MEASURE_EVERY {
            self.measured = Instant::now();
            teller.figures(read_clocks().wall, self.sight.figures());
        }
    }

    /// Notes with the batch up to where all is audited and told behind it.
    fn keep_place(&mut self, batch: &mut Batch, at: Id, tail: &Tail) {
        let moves = at.epoch != u64::MAX && at > self.told.id;
        let may_wait = self.names.is_cluster() && self.kept.elapsed() < KEEP_EVERY;
        if !batch.has_audit() && (!moves || may_wait) {
            return;
        }
        let notice = (self.epoch, self.said + self.saying as u64);
        let next =
            if moves { Place { id: at, start: tail.start(at.epoch), notice } } else { Place { notice, ..self.told } };
        let mut command = redis::cmd("SET");
        let text = next.text(&self.journal);
        command.arg(&self.place_key).arg(&text);
        batch.once(command);
        self.next = Some((next, text));
    }

    /// Notes now that all up to `at` is told.
    pub fn keep_now(&mut self, batch: &mut Batch, at: Id, tail: &Tail) {
        batch.beside_audit(true);
        batch.beside_audit(false);
        self.keep_place(batch, at, tail);
    }

    /// `batch`, which goes up to `at` in the journal, is done. `refused`: something beside the entries was not.
    pub fn done(&mut self, status: &Status, (batch, at): (&Batch, Id), refused: Option<Trouble>) {
        let said = std::mem::take(&mut self.saying);
        self.under_way.drain(..said.min(self.under_way.len()));
        self.said += said as u64;
        if let Some((next, text)) = self.next.take() {
            (self.told, self.place_text, self.kept) = (next, Some(text), Instant::now());
        }
        self.mirror.said(at);
        {
            let mut standing = status.lock();
            standing.published += batch.messages();
            standing.left_out += batch.left_out();
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
        self.again && last >= self.told.id
    }

    /// The batch was not done, or it is not known.
    pub fn failed(&mut self) {
        (self.states_due, self.next, self.saying) = (true, None, 0);
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
        self.notices.is_empty() && self.under_way.is_empty()
    }

    /// Says that the bridge has a trouble, once it can.
    fn trouble(&self, text: &str) {
        say_trouble(&self.notices, text);
    }
}

/// Has it said that the bridge has a trouble, once that can be said.
pub fn say_trouble(notices: &Notices, text: &str) {
    notices.put(read_clocks().wall, Word::Trouble { bridge: "redis", text: text.to_owned() });
}
