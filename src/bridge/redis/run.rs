//! Edge: the bridge at work: connect, ask where the stream stands, write from there, and all of it again after any fault.

use super::connect::{self, Risks, Server};
use super::mirror;
use super::outgoing::{Outgoing, Sources};
use super::stream::{Added, Cleared, Sent, Stream};
use super::trouble::Trouble;
use crate::acp::event::{FIELDS, Texts};
use crate::acp::names::Names;
use crate::bridge::config::RedisConfig;
use crate::bridge::control::has_groups;
use crate::bridge::id::Id;
use crate::bridge::status::{State, Status};
use crate::bridge::tail::{self, Start, Tail};
use crate::control::clock_sync::read_clocks;
use crate::control::plane::BridgeAction;
use crate::event::input::InputKind;
use crate::journal::{Entry, JournalError};
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
/// So long it may take each time.
const TRIM_WITHIN: Duration = Duration::from_millis(200);
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
    pub client: Server,
    /// Sequence up to which events may leave the host; `u64::MAX` = all that is in the journal.
    pub durable: Arc<AtomicU64>,
    /// The number of this process start.
    pub epoch: u64,
    /// How it stands.
    pub status: Arc<Status>,
    /// Set when the host has ended, and the journal is closed.
    pub end: Arc<AtomicBool>,
}

/// Why a session ended without a fault.
enum Over {
    /// All is written, and the host has ended.
    Done,
    /// The place must be asked again.
    Again,
}

/// Where the last session left off: if the stream says the same, the journal need not be read again for its definitions.
type Left = Option<(Id, Tail)>;

/// Runs until the host has ended and all is written, or it was not within some seconds: the rest is written at the next start.
pub async fn run(setup: Setup, sources: Sources) {
    let mut outgoing = Outgoing::new(&setup.names, &setup.config, sources);
    let grace = async {
        while !setup.end.load(Ordering::Acquire) {
            tokio::time::sleep(10 * IDLE).await;
        }
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = sessions(&setup, &mut outgoing) => {}
        () = grace => {}
    }
    let trouble = setup.status.get().trouble;
    setup.status.set(State::Ended, &trouble);
}

async fn sessions(setup: &Setup, outgoing: &mut Outgoing) {
    let (mut wait, mut left) = (AGAIN.0, None);
    loop {
        if setup.status.control().is_paused() {
            if setup.end.load(Ordering::Acquire) {
                return;
            }
            setup.status.set(State::Paused, "");
            tokio::time::sleep(IDLE).await;
            continue;
        }
        let before = setup.status.get().events;
        match session(setup, outgoing, &mut left).await {
            Ok(Over::Done) => return,
            Ok(Over::Again) => {
                // Of two that write for one host each throws the other out: not at full speed.
                tokio::time::sleep(wait).await;
                wait = (2 * wait).min(AGAIN.1);
                if setup.status.get().events > before {
                    wait = AGAIN.0;
                }
            }
            Err(Trouble(text)) => {
                if setup.status.set(State::Waiting, &text) {
                    tracing::warn!("{text}");
                    outgoing.trouble(&text);
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

fn unreadable(error: JournalError) -> Trouble {
    Trouble(format!("the journal cannot be read: {error}"))
}

/// One connection, from asking where the stream stands to the first fault.
async fn session(setup: &Setup, outgoing: &mut Outgoing, left: &mut Left) -> Result<Over, Trouble> {
    if setup.status.get().trouble.is_empty() {
        setup.status.set(State::Connecting, "");
    }
    let Some(journal) = tail::identity(&setup.journal).map_err(unreadable)? else {
        // Nothing is written yet.
        if setup.end.load(Ordering::Acquire) {
            return Ok(Over::Done);
        }
        tokio::time::sleep(IDLE).await;
        return Ok(Over::Again);
    };
    let mut link = connect::connect(&setup.client).await?;
    tell_risks(setup, connect::risks(&mut link).await);
    let names = &setup.names;
    let mut connection = link.own(&names.events()).await?;
    let stream = Stream::new(names.events(), names.events_journal(), names.events_writer());
    let owner = stream.claim(&mut connection, &journal).await?;
    if owner != journal {
        return Err(Trouble(format!(
            "Redis: the stream `{}` is of another journal: two hosts of one name, or a new `data_dir`; give this host a `[host] name` of its own, or, if the other is gone, delete `{}` and `{}`",
            setup.names.events(),
            setup.names.events(),
            setup.names.events_journal()
        )));
    }
    let token = token(setup.epoch);
    stream.take_over(&mut connection, &token).await?;
    let place = stream.place(&mut connection).await?;
    if !place.is_there {
        stream.make(&mut connection).await?;
    }
    let Some((last, mut tail)) = resume(setup, place.last, left.take())? else { return Ok(Over::Done) };
    {
        let mut standing = setup.status.lock();
        let had = standing.sequence.unwrap_or(0);
        if last.sequence < had {
            standing.regressions += 1;
            tracing::warn!(
                "Redis: the event stream ends at sequence {}, and had {had}: it is written again from there",
                last.sequence
            );
        }
        standing.sequence = Some(last.sequence);
    }
    let start: Option<String> = redis::cmd("GET").arg(names.events_start()).query_async(&mut connection).await?;
    let start = start.as_deref().and_then(start_of);
    let another = start.filter(|(epoch, start)| {
        place.last.is_some_and(|last| last.epoch == *epoch) && tail.is_another(*epoch, *start)
    });
    let mut batch = stream.batch(0);
    let told = stream.told(&mut connection, &names.events_told(), &journal).await?;
    if another.is_none() {
        outgoing.begin(&mut connection, &mut batch, &mut tail, (place.last, told)).await?;
    }
    if !batch.is_empty() && stream.is_writer(&mut connection, &token).await? {
        outgoing.done(&setup.status, batch.send(&mut connection).await?.refused);
    }
    drop(batch);
    let mut writer = Writer {
        setup,
        outgoing,
        journal,
        token,
        stream,
        connection,
        tail,
        texts: Texts::default(),
        last,
        trimmed: None,
        told: false,
        counts_losses: place.last.is_some(),
        had_all: false,
    };
    if let Some((epoch, _)) = another {
        // Unless people have said meanwhile that this journal is the one that counts.
        writer.rebuild().await?;
        return Err(Trouble(format!(
            "Redis: start {epoch} of this host is another one in the stream `{}` than in the journal, which was put back to an older copy and went on from there: bring the newer journal back, or, if this one is to count, `tickpath bridge rebuild redis`",
            writer.stream.key()
        )));
    }
    let over = writer.write().await;
    *left = Some((writer.last, writer.tail));
    over
}

/// A process start as it is kept beside the stream: its number, and how it began.
fn start_of(text: &str) -> Option<(u64, Start)> {
    let mut words = text.split(' ');
    let mut next = || words.next()?.parse::<i64>().ok();
    let (epoch, sequence, at) = (next()?, next()?, next()?);
    Some((u64::try_from(epoch).ok()?, Start { sequence: u64::try_from(sequence).ok()?, at }))
}

/// A name that no other session has.
fn token(epoch: u64) -> String {
    static SESSIONS: AtomicU64 = AtomicU64::new(0);
    let session = SESSIONS.fetch_add(1, Ordering::Relaxed);
    format!("{epoch}-{}-{}-{session}", std::process::id(), read_clocks().wall)
}

fn tell_risks(setup: &Setup, risks: Risks) {
    let mut standing = setup.status.lock();
    standing.connections += 1;
    if standing.warnings != risks.words {
        for warning in &risks.words {
            tracing::warn!("Redis: {warning}");
        }
    }
    (standing.warnings, standing.evicts) = (risks.words, risks.evicts);
}

/// The last event that the stream has, or that need not be written, and the journal behind it. `None`: the host has ended.
fn resume(setup: &Setup, last: Option<Id>, left: Left) -> Result<Option<(Id, Tail)>, Trouble> {
    if let Some((known, tail)) = left
        && Some(known) == last
        && tail.last() == known.sequence
    {
        return Ok(Some((known, tail)));
    }
    let stop = || setup.end.load(Ordering::Acquire);
    let last = match last {
        Some(last) => last,
        None if setup.config.stream_length == 0 => Id::default(),
        // So far back as entries are kept.
        None => {
            let Some(newest) = tail::newest(&setup.journal, &stop).map_err(unreadable)? else { return Ok(None) };
            let sequence = newest.saturating_sub(setup.config.stream_length);
            if sequence == 0 { Id::default() } else { Id { epoch: u64::MAX, sequence } }
        }
    };
    let Some(tail) = Tail::open(&setup.journal, last, &stop).map_err(unreadable)? else { return Ok(None) };
    if last.epoch < u64::MAX && last.epoch > tail.newest_epoch().max(setup.epoch) {
        return Err(Trouble(format!(
            "Redis: the stream `{}` ends with the id `{last}`, which no start of this host gave: somebody else writes to it",
            setup.names.events()
        )));
    }
    Ok(Some((last, tail)))
}

/// A session under way.
struct Writer<'a> {
    setup: &'a Setup,
    outgoing: &'a mut Outgoing,
    /// Of which journal the stream is.
    journal: String,
    /// The session's name.
    token: String,
    stream: Stream,
    connection: MultiplexedConnection,
    tail: Tail,
    texts: Texts,
    /// The last id that the stream has.
    last: Id,
    /// When it was trimmed last; `None` = not in this session.
    trimmed: Option<Instant>,
    /// Whether it was told that trimming does not work, or takes what is waited for.
    told: bool,
    /// Whether what the journal lacks is a loss: before the stream's first entry it is not.
    counts_losses: bool,
    /// Whether the last batch had all that may be mirrored.
    had_all: bool,
}

impl Writer<'_> {
    async fn write(&mut self) -> Result<Over, Trouble> {
        loop {
            // First: a server that is full takes nothing more before it.
            if self.trimmed.is_none_or(|at| at.elapsed() >= TRIM_EVERY) {
                self.trimmed = Some(Instant::now());
                self.try_to_trim().await;
            }
            if self.setup.status.control().stops() {
                self.rebuild().await?;
                return Ok(Over::Again);
            }
            // In this order: what was written before the end is seen behind it.
            let ended = self.setup.end.load(Ordering::Acquire);
            let begun = Instant::now();
            let Some(written) = self.step().await? else { return Ok(Over::Again) };
            self.setup.status.set(if self.had_all { State::Current } else { State::CatchingUp }, "");
            if written > 0 {
                self.hold_back(written, begun).await;
            } else if ended {
                self.outgoing.farewell(&self.tail);
                if self.outgoing.has_said_all() || self.last == Id::default() {
                    return Ok(Over::Done);
                }
            } else {
                tokio::time::sleep(IDLE).await;
            }
        }
    }

    /// Writes one batch; how many entries. `None`: the place must be asked again (the stream is gone, or a rebuilt one is whole).
    async fn step(&mut self) -> Result<Option<usize>, Trouble> {
        self.outgoing.look(&mut self.connection).await;
        let limit = self.setup.durable.load(Ordering::Acquire);
        let mut batch = self.stream.batch(self.setup.config.batch as usize);
        // A batch may also be cut for its bytes.
        self.had_all = false;
        let mut last = self.last;
        while batch.entries() < self.setup.config.batch as usize && batch.bytes() < BATCH_BYTES {
            let Some(entry) = self.tail.peek(limit).map_err(unreadable)? else {
                self.had_all = true;
                break;
            };
            let entry: Entry = *entry;
            let gate_before = self.tail.accounts().gate();
            self.tail.take();
            let instrument = self.tail.instrument(entry.input.instrument);
            let event = self.tail.event(&entry);
            last = Id { epoch: entry.epoch, sequence: entry.sequence };
            let values = self.texts.write(self.setup.names.host(), &event);
            batch.add(last, &FIELDS, &values);
            if entry.input.kind == InputKind::Epoch.code() {
                let start = format!("{} {} {}", entry.epoch, entry.sequence, entry.input.ts_recv);
                let mut command = redis::cmd("SET");
                command.arg(self.setup.names.events_start()).arg(start);
                batch.also(command);
            }
            let event = mirror::Event { id: last, entry: &entry, instrument, values: &values, gate_before };
            self.outgoing.event(&mut batch, &event);
        }
        self.outgoing.between(&mut batch, last, &mut self.tail);
        if batch.is_empty() {
            return Ok(Some(0));
        }
        let sent = match self.stream.is_writer(&mut self.connection, &self.token).await {
            Ok(true) => batch.send(&mut self.connection).await,
            Ok(false) => Ok(Sent { added: Added::Gone, refused: None }),
            Err(trouble) => Err(trouble),
        };
        let refused = match sent {
            Ok(Sent { added: Added::All, refused }) => refused,
            other => {
                self.outgoing.failed();
                return other.map(|_| None);
            }
        };
        self.outgoing.done(&self.setup.status, refused);
        self.last = last;
        let missing = self.tail.take_missing();
        let mut standing = self.setup.status.lock();
        standing.sequence = Some(last.sequence);
        standing.events += batch.entries() as u64;
        standing.bytes += batch.bytes() as u64;
        standing.lost += if self.counts_losses { missing } else { 0 };
        self.counts_losses |= batch.entries() > 0;
        let entries = (!self.outgoing.is_there_again(last)).then_some(batch.entries());
        Ok(entries)
    }

    /// Does what people asked for, if they asked for a rebuilding: the stream goes, and the next session writes it again.
    async fn rebuild(&mut self) -> Result<(), Trouble> {
        let control = self.setup.status.control();
        let Some(order) = control.rebuild() else { return Ok(()) };
        let (force, mark) = (order.action == BridgeAction::Rebuild { force: true }, self.setup.names.events_told());
        let told = (self.journal.as_str(), self.outgoing.told_up_to(self.last));
        match self.stream.clear(&mut self.connection, &self.token, force, &mark, told).await? {
            Cleared::Done => {
                {
                    let mut standing = self.setup.status.lock();
                    // What is gone on purpose is no regression.
                    (standing.sequence, standing.groups) = (None, Vec::new());
                }
                control.rebuilt(None);
                tracing::warn!("Redis: `{}` is rebuilt for {}: {}", self.stream.key(), order.who, order.reason);
            }
            Cleared::Groups(groups) => {
                let why = has_groups(&groups);
                tracing::warn!("Redis: `{}` is not rebuilt for {}: {why}", self.stream.key(), order.who);
                control.rebuilt(Some(why));
            }
            Cleared::Moved => {}
        }
        Ok(())
    }

    /// Not faster than the operator allows.
    async fn hold_back(&self, written: usize, begun: Instant) {
        let most = self.setup.config.events_per_second;
        if most > 0 {
            let least = Duration::from_secs_f64(written as f64 / f64::from(most));
            tokio::time::sleep(least.saturating_sub(begun.elapsed())).await;
        }
    }

    /// A stream that cannot be trimmed is written all the same.
    async fn try_to_trim(&mut self) {
        if let Err(trouble) = self.trim().await
            && !std::mem::replace(&mut self.told, true)
        {
            tracing::warn!("the event stream cannot be trimmed: {trouble}");
        }
    }

    /// Takes off what is older than is kept, but nothing that a consumer group waits for, unless that has become too much.
    async fn trim(&mut self) -> Result<(), Trouble> {
        let groups = self.stream.groups(&mut self.connection).await?;
        self.setup.status.lock().groups = groups;
        let kept = self.setup.config.stream_length;
        if kept == 0 || self.last == Id::default() {
            return Ok(());
        }
        let first_of = |kept: u64| self.tail.id_of(self.last.sequence.saturating_sub(kept).saturating_add(1));
        let (wanted, at_most) = (first_of(kept), first_of(kept.saturating_mul(self.setup.config.stream_patience)));
        let needed = self.stream.needed(&mut self.connection).await?;
        let first = needed.map_or(wanted, |needed| wanted.min(needed)).max(at_most);
        let trimmed = self.stream.trim(&mut self.connection, first, TRIM_WITHIN).await?;
        if trimmed > 0 && needed.is_some_and(|needed| needed < first) {
            self.setup.status.lock().trimmed_pending += trimmed;
            if !std::mem::replace(&mut self.told, true) {
                tracing::warn!(
                    "Redis: entries of `{}` are trimmed though a consumer group has not finished with them: it is further behind than {} times `[redis] stream_length`",
                    self.stream.key(),
                    self.setup.config.stream_patience
                );
            }
        }
        Ok(())
    }
}
