//! Edge: the bridge at work: connect, ask where the stream stands, write from there, and all of it again after any fault.

use super::connect;
use super::stream::{Added, Stream};
use super::trouble::Trouble;
use crate::acp::event::{Event, FIELDS, Outputs, Texts};
use crate::acp::names::Names;
use crate::bridge::config::RedisConfig;
use crate::bridge::id::Id;
use crate::bridge::status::{State, Status};
use crate::bridge::tail::Tail;
use crate::journal::Entry;
use redis::Client;
use redis::aio::MultiplexedConnection;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at a journal without news.
const IDLE: Duration = Duration::from_millis(5);
/// Between two tries to reach the store: from, to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Most bytes of a batch.
const BATCH_BYTES: usize = 1 << 20;
/// Between two looks at what can be trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(1);
/// So long the bridge goes on when the host ends, to write what is left.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a bridge works with.
pub struct Setup {
    /// The journal's folder.
    pub journal: PathBuf,
    /// Keys and the host's name.
    pub names: Names,
    /// How much, how fast.
    pub config: RedisConfig,
    /// To the server.
    pub client: Client,
    /// Sequence up to which events may leave the host; `u64::MAX` = all that is in the journal.
    pub durable: Arc<AtomicU64>,
    /// How it stands.
    pub status: Arc<Status>,
    /// Set when the host has ended, and the journal is closed.
    pub end: Arc<AtomicBool>,
    /// Set while somebody holds the bridge.
    pub paused: Arc<AtomicBool>,
}

/// Why a session ended without a fault.
enum Over {
    /// All is written, and the host has ended.
    Done,
    /// The place must be asked again.
    Again,
}

/// Runs until the host has ended and all is written, or it was not within [`LAST_WORDS`]: the rest is written at the next start.
pub async fn run(setup: Setup) {
    let grace = async {
        while !setup.end.load(Ordering::Acquire) {
            tokio::time::sleep(10 * IDLE).await;
        }
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = sessions(&setup) => {}
        () = grace => {}
    }
    let trouble = setup.status.get().trouble;
    setup.status.set(State::Ended, &trouble);
}

async fn sessions(setup: &Setup) {
    let mut wait = AGAIN.0;
    loop {
        let before = setup.status.get().events;
        match session(setup).await {
            Ok(Over::Done) => return,
            Ok(Over::Again) => wait = AGAIN.0,
            Err(Trouble(text)) => {
                if setup.status.set(State::Waiting, &text) {
                    tracing::warn!("{text}");
                }
                if setup.status.get().events > before {
                    wait = AGAIN.0;
                }
                tokio::time::sleep(wait).await;
                wait = (2 * wait).min(AGAIN.1);
            }
        }
    }
}

/// One connection, from asking where the stream stands to the first fault.
async fn session(setup: &Setup) -> Result<Over, Trouble> {
    if setup.status.get().trouble.is_empty() {
        setup.status.set(State::Connecting, "");
    }
    let mut connection = connect::connect(&setup.client).await?;
    let warnings = connect::warnings(&mut connection).await;
    {
        let mut standing = setup.status.lock();
        standing.connections += 1;
        if standing.warnings != warnings {
            for warning in &warnings {
                tracing::warn!("Redis: {warning}");
            }
            standing.warnings = warnings;
        }
    }
    let stream = Stream::new(setup.names.events());
    let place = stream.place(&mut connection).await?;
    let from = if let Some(last) = place.last {
        last.sequence
    } else {
        stream.make(&mut connection).await?;
        beginning(setup)?
    };
    {
        let mut standing = setup.status.lock();
        if from < standing.sequence {
            standing.regressions += 1;
            tracing::warn!(
                "Redis: the event stream ends at sequence {from}, and had {}: it is written again from there",
                standing.sequence
            );
        }
        standing.sequence = from;
    }
    let tail = Tail::open(&setup.journal, from).map_err(|e| Trouble(format!("the journal cannot be read: {e}")))?;
    let writer = Writer {
        setup,
        stream,
        connection,
        tail,
        texts: Texts::default(),
        last: place.last.unwrap_or_default(),
        trimmed: Instant::now(),
    };
    writer.write().await
}

/// Where a new stream begins: at the journal's oldest event, or so far back as entries are kept.
fn beginning(setup: &Setup) -> Result<u64, Trouble> {
    let kept = setup.config.stream_length;
    if kept == 0 {
        return Ok(0);
    }
    let newest =
        crate::bridge::tail::newest(&setup.journal).map_err(|e| Trouble(format!("the journal cannot be read: {e}")))?;
    Ok(newest.saturating_sub(kept))
}

/// A session under way.
struct Writer<'a> {
    setup: &'a Setup,
    stream: Stream,
    connection: MultiplexedConnection,
    tail: Tail,
    texts: Texts,
    /// The last id that the stream has.
    last: Id,
    trimmed: Instant,
}

impl Writer<'_> {
    async fn write(mut self) -> Result<Over, Trouble> {
        loop {
            if self.setup.paused.load(Ordering::Acquire) {
                self.setup.status.set(State::Paused, "");
                if self.setup.end.load(Ordering::Acquire) {
                    return Ok(Over::Done);
                }
                tokio::time::sleep(10 * IDLE).await;
                continue;
            }
            // In this order: what was written before the end is seen behind it.
            let ended = self.setup.end.load(Ordering::Acquire);
            let begun = Instant::now();
            let Some(written) = self.step().await? else { return Ok(Over::Again) };
            if written == 0 {
                self.setup.status.set(State::Current, "");
                if ended {
                    return Ok(Over::Done);
                }
                tokio::time::sleep(IDLE).await;
            } else {
                self.setup.status.set(State::CatchingUp, "");
                self.hold_back(written, begun).await;
            }
            if self.trimmed.elapsed() >= TRIM_EVERY {
                self.trimmed = Instant::now();
                self.trim().await?;
            }
        }
    }

    /// Writes one batch; how many entries. `None`: the stream is gone.
    async fn step(&mut self) -> Result<Option<usize>, Trouble> {
        let limit = self.setup.durable.load(Ordering::Acquire);
        let mut batch = self.stream.batch(self.setup.config.batch as usize);
        let (mut last, mut at) = (self.last, 0);
        let read = |e| Trouble(format!("the journal cannot be read: {e}"));
        while batch.len() < self.setup.config.batch as usize && batch.bytes() < BATCH_BYTES {
            let Some(entry) = self.tail.peek(limit).map_err(read)? else { break };
            let id = Id { epoch: entry.epoch, sequence: entry.sequence };
            let entry: Entry = *entry;
            let event = Event {
                epoch: entry.epoch,
                input: &entry.input,
                instrument: self.tail.instrument(entry.input.instrument),
                outputs: entry.audit.as_ref().map(|s| Outputs {
                    signal: &s.signal,
                    risk: &s.risk,
                    execution: &s.execution,
                }),
            };
            batch.add(id, &FIELDS, &self.texts.write(self.setup.names.host(), &event));
            (last, at) = (id, entry.input.ts_recv);
            self.tail.take();
        }
        if batch.is_empty() {
            return Ok(Some(0));
        }
        if batch.send(&mut self.connection).await? == Added::Gone {
            return Ok(None);
        }
        self.last = last;
        let mut standing = self.setup.status.lock();
        standing.sequence = last.sequence;
        standing.event_at = at;
        standing.events += batch.len() as u64;
        standing.bytes += batch.bytes() as u64;
        standing.lost += self.tail.take_missing();
        Ok(Some(batch.len()))
    }

    /// Not faster than the operator allows.
    async fn hold_back(&self, written: usize, begun: Instant) {
        let most = self.setup.config.events_per_second;
        if most > 0 {
            let least = Duration::from_secs_f64(written as f64 / f64::from(most));
            tokio::time::sleep(least.saturating_sub(begun.elapsed())).await;
        }
    }

    /// Takes off what is older than is kept, but nothing that a consumer group waits for, unless that has become too much.
    async fn trim(&mut self) -> Result<(), Trouble> {
        let kept = self.setup.config.stream_length;
        if kept == 0 {
            return Ok(());
        }
        let first_of = |kept: u64| self.tail.id_of(self.last.sequence.saturating_sub(kept).saturating_add(1));
        let (wanted, at_most) = (first_of(kept), first_of(kept.saturating_mul(self.setup.config.stream_patience)));
        let (needed, _) = self.stream.needed(&mut self.connection).await?;
        let first = needed.map_or(wanted, |needed| wanted.min(needed)).max(at_most);
        let trimmed = self.stream.trim(&mut self.connection, first).await?;
        if trimmed > 0 && needed.is_some_and(|needed| needed < first) {
            self.setup.status.lock().trimmed_pending += trimmed;
            tracing::warn!(
                "Redis: {trimmed} entries of `{}` were trimmed though a consumer group had not finished with them: it is further behind than {} times `[redis] stream_length`",
                self.stream.key(),
                self.setup.config.stream_patience
            );
        }
        Ok(())
    }
}
