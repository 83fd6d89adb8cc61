//! Edge: the bridge at work: connect, ask where the stream stands, write from there, and all of it again after any fault.

use super::batch::{Added, Batch, Lines, Sent};
use super::connect::{self, Risks, Server};
use super::mirror;
use super::outgoing::{Outgoing, Sources};
use super::stream::{Cleared, Stream};
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
use crate::types::time::{SECONDS, UnixNanos};
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
/// Between two looks at how old entries are.
const AGE_EVERY: Duration = Duration::from_secs(5);
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
    let mut outgoing = Outgoing::new(&setup.names, &setup.config, setup.epoch, sources);
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
    let mut lines = Lines::open(link, &names.events(), &names.aism("audit")).await?;
    let stream = Stream::new(names.events(), names.events_journal(), names.events_writer());
    let owner = stream.claim(&mut lines.stream, &journal).await?;
    if owner != journal {
        return Err(Trouble(format!(
            "Redis: the stream `{}` is of another journal: two hosts of one name, or a new `data_dir`; give this host a `[host] name` of its own, or, if the other is gone, delete `{}` and `{}`",
            setup.names.events(),
            setup.names.events(),
            setup.names.events_journal()
        )));
    }
    let token = token(setup.epoch);
    stream.take_over(&mut lines.stream, &token).await?;
    let place = stream.place(&mut lines.stream).await?;
    if !place.is_there {
        stream.make(&mut lines.stream).await?;
    }
    let audited = outgoing.ask(&mut lines.link, &journal).await?;
    let Some(Resumed { last, mut tail, newest }) = resume(setup, place.last, left.take())? else {
        return Ok(Over::Done);
    };
    // What the journal has lost before a stream is begun never had its turn.
    let since = stream.since(&mut lines.stream, &names.events_since(), newest).await?;
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
    let start: Option<String> = redis::cmd("GET").arg(names.events_start()).query_async(&mut lines.stream).await?;
    let start = start.as_deref().and_then(start_of);
    let another = start.filter(|(epoch, start)| {
        place.last.is_some_and(|last| last.epoch == *epoch) && tail.is_another(*epoch, *start)
    });
    // The audit stream is on another node and may be behind: then what it lacks is read again.
    if let Some(audited) = audited.filter(|audited| another.is_none() && place.last.is_some_and(|last| *audited < last))
    {
        let stop = || setup.end.load(Ordering::Acquire);
        let Some(behind) = Tail::open(&setup.journal, audited, &stop).map_err(unreadable)? else {
            return Ok(Over::Done);
        };
        tail = behind;
    }
    tail.expect_from(since.max(place.last.map_or(0, |last| last.sequence)).saturating_add(1));
    if another.is_none() {
        let mut batch = Batch::new(stream.key(), 0, names.is_cluster());
        outgoing.begin(&mut lines.link, &mut batch, &mut tail, place.last).await?;
        if !batch.is_empty() {
            let sent = lines.send(&batch, (&stream, &token), outgoing.place()).await?;
            outgoing.done(&setup.status, sent.refused);
        }
    }
    let at = tail.id_of(tail.last());
    let mut writer = Writer {
        setup,
        outgoing,
        token,
        stream,
        lines,
        at: if place.last.is_none() { last } else { at },
        tail,
        texts: Texts::default(),
        had: place.last,
        last,
        newest_at: None,
        trimmed: None,
        aged: None,
        told: false,
        had_all: false,
    };
    if let Some((epoch, _)) = another {
        // Unless people have said meanwhile that this journal is the one that counts.
        writer.rebuild(true).await?;
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

/// Where a session begins.
struct Resumed {
    /// The last event that the stream has, or that need not be written.
    last: Id,
    /// The journal behind it.
    tail: Tail,
    /// The newest event of the journal, if the stream has none.
    newest: Option<u64>,
}

/// Where to begin, if the stream ends with `last`. `None`: the host has ended.
fn resume(setup: &Setup, last: Option<Id>, left: Left) -> Result<Option<Resumed>, Trouble> {
    if let Some((known, tail)) = left
        && Some(known) == last
        && tail.last() == known.sequence
    {
        return Ok(Some(Resumed { last: known, tail, newest: None }));
    }
    let stop = || setup.end.load(Ordering::Acquire);
    let (last, newest) = if let Some(last) = last {
        (last, None)
    } else {
        let Some(newest) = tail::newest(&setup.journal, &stop).map_err(unreadable)? else { return Ok(None) };
        let newest = newest.sequence;
        // So far back as entries are kept.
        let kept = setup.config.stream_length;
        let sequence = if kept == 0 { 0 } else { newest.saturating_sub(kept) };
        (if sequence == 0 { Id::default() } else { Id { epoch: u64::MAX, sequence } }, Some(newest))
    };
    let Some(tail) = Tail::open(&setup.journal, last, &stop).map_err(unreadable)? else { return Ok(None) };
    if last.epoch < u64::MAX && last.epoch > tail.newest_epoch().max(setup.epoch) {
        return Err(Trouble(format!(
            "Redis: the stream `{}` ends with the id `{last}`, which no start of this host gave: somebody else writes to it",
            setup.names.events()
        )));
    }
    // Before the journal has anything of the present start, it cannot be compared with what the stream has of one of its number.
    if last.epoch == setup.epoch
        && tail.newest_epoch() < last.epoch
        && tail::newest(&setup.journal, &stop).map_err(unreadable)?.is_none_or(|newest| newest.epoch < setup.epoch)
    {
        return Err(Trouble(format!(
            "Redis: the stream `{}` ends with the id `{last}`, of a start that the journal has not begun yet: was it put back to an older copy?",
            setup.names.events()
        )));
    }
    Ok(Some(Resumed { last, tail, newest }))
}

/// A session under way.
struct Writer<'a> {
    setup: &'a Setup,
    outgoing: &'a mut Outgoing,
    /// The session's name.
    token: String,
    stream: Stream,
    lines: Lines,
    tail: Tail,
    texts: Texts,
    /// The last event that was read.
    at: Id,
    /// The last id that the stream had when the session began.
    had: Option<Id>,
    /// The last id that the stream has.
    last: Id,
    /// When the newest event of the stream was, once one was written.
    newest_at: Option<UnixNanos>,
    /// When it was trimmed last; `None` = not in this session.
    trimmed: Option<Instant>,
    /// When it was looked how old entries are; `None` = not in this session.
    aged: Option<Instant>,
    /// Whether it was told that trimming does not work, or takes what is waited for.
    told: bool,
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
                self.rebuild(false).await?;
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

    /// Writes one batch; how many events. `None`: the place must be asked again (the stream is gone, or a rebuilt one is whole).
    async fn step(&mut self) -> Result<Option<usize>, Trouble> {
        self.outgoing.look(&mut self.lines.stream).await;
        let limit = self.setup.durable.load(Ordering::Acquire);
        let most = self.setup.config.batch as usize;
        let mut batch = Batch::new(self.stream.key(), most, self.setup.names.is_cluster());
        // A batch may also be cut for its bytes.
        self.had_all = false;
        let (mut at, mut last, mut taken, mut newest_at) = (self.at, self.last, 0, self.newest_at);
        while taken < most && batch.bytes() < BATCH_BYTES {
            let Some(entry) = self.tail.peek(limit).map_err(unreadable)? else {
                self.had_all = true;
                break;
            };
            let entry: Entry = *entry;
            let gate_before = self.tail.accounts().gate();
            self.tail.take();
            taken += 1;
            let instrument = self.tail.instrument(entry.input.instrument);
            let event = self.tail.event(&entry);
            at = Id { epoch: entry.epoch, sequence: entry.sequence };
            let values = self.texts.write(self.setup.names.host(), &event);
            let is_new = self.had.is_none_or(|had| had < at);
            if is_new {
                (last, newest_at) = (at, Some(entry.input.ts_recv));
                batch.add(at, &FIELDS, &values);
                if entry.input.kind == InputKind::Epoch.code() {
                    let start = format!("{} {} {}", entry.epoch, entry.sequence, entry.input.ts_recv);
                    let mut command = redis::cmd("SET");
                    command.arg(self.setup.names.events_start()).arg(start);
                    batch.also(command);
                }
            }
            let event = mirror::Event { id: at, entry: &entry, instrument, values: &values, gate_before };
            self.outgoing.event(&mut batch, &event, &self.tail, is_new);
        }
        self.outgoing.between(&mut batch, (at, last), &mut self.tail);
        self.at = at;
        let places = self.tail.places();
        if batch.is_empty() {
            self.setup.status.lock().places = Some(places);
            return Ok(Some(taken));
        }
        let place = self.outgoing.place();
        let refused = match self.lines.send(&batch, (&self.stream, &self.token), place).await {
            Ok(Sent { added: Added::All, refused }) => refused,
            other => {
                self.outgoing.failed();
                return other.map(|_| None);
            }
        };
        self.outgoing.done(&self.setup.status, refused);
        (self.last, self.newest_at) = (last, newest_at);
        let missing = self.tail.take_missing();
        let mut standing = self.setup.status.lock();
        (standing.sequence, standing.places) = (Some(last.sequence), Some(places));
        standing.events += batch.entries() as u64;
        standing.bytes += batch.bytes() as u64;
        standing.lost += missing;
        Ok((!self.outgoing.is_there_again(last)).then_some(taken))
    }

    /// Does what people asked for, if they asked for a rebuilding: the stream goes, and the next session writes it again. What was
    /// told is not told again, but if the stream `is_another` than that of this journal.
    async fn rebuild(&mut self, is_another: bool) -> Result<(), Trouble> {
        let control = self.setup.status.control();
        let Some(order) = control.rebuild() else { return Ok(()) };
        let force = order.action == BridgeAction::Rebuild { force: true };
        if !is_another {
            let mut batch = Batch::new(self.stream.key(), 0, self.setup.names.is_cluster());
            self.outgoing.keep_now(&mut batch, self.at, &self.tail);
            let sent = self.lines.send(&batch, (&self.stream, &self.token), self.outgoing.place()).await?;
            if sent.added == Added::Gone {
                return Ok(());
            }
            self.outgoing.done(&self.setup.status, sent.refused);
        }
        match self.stream.clear(&mut self.lines.stream, &self.token, force).await? {
            Cleared::Done => {
                if is_another {
                    self.outgoing.forget(&mut self.lines).await?;
                }
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

    /// Takes off what is more or older than is kept, but nothing that a consumer group waits for, unless that has become too much.
    async fn trim(&mut self) -> Result<(), Trouble> {
        let groups = self.stream.groups(&mut self.lines.stream).await?;
        self.setup.status.lock().groups = groups;
        let (config, connection) = (&self.setup.config, &mut self.lines.stream);
        let (kept, hours) = (config.stream_length, config.stream_age_hours);
        if self.last == Id::default() || (kept == 0 && hours == 0) {
            return Ok(());
        }
        let newest = self.last.sequence;
        let first_of = |kept: u64| if kept == 0 { 0 } else { newest.saturating_sub(kept).saturating_add(1) };
        let (mut wanted, mut at_most) = (first_of(kept), first_of(kept.saturating_mul(config.stream_patience)));
        if let Some(at) = self.newest_at.filter(|_| hours > 0)
            && self.aged.is_none_or(|looked| looked.elapsed() >= AGE_EVERY)
        {
            self.aged = Some(Instant::now());
            let id_of = |sequence| self.tail.id_of(sequence);
            let before = |times: u64| {
                let age = i64::try_from(hours.saturating_mul(times)).unwrap_or(i64::MAX);
                at.saturating_sub(age.saturating_mul(3_600 * SECONDS))
            };
            let old = self.stream.first_since(connection, before(1), newest, id_of).await?;
            let too_old = self.stream.first_since(connection, before(config.stream_patience), newest, id_of).await?;
            (wanted, at_most) = (wanted.max(old), at_most.max(too_old));
        }
        if wanted == 0 {
            return Ok(());
        }
        let needed = self.stream.needed(connection).await?;
        let (wanted, at_most) = (self.tail.id_of(wanted), self.tail.id_of(at_most));
        let first = needed.map_or(wanted, |needed| wanted.min(needed)).max(at_most);
        let trimmed = self.stream.trim(connection, first, TRIM_WITHIN).await?;
        if trimmed > 0 && needed.is_some_and(|needed| needed < first) {
            self.setup.status.lock().trimmed_pending += trimmed;
            if !std::mem::replace(&mut self.told, true) {
                tracing::warn!(
                    "Redis: entries of `{}` are trimmed though a consumer group has not finished with them: it is further behind than {} times `[redis] stream_length` or `stream_age_hours`",
                    self.stream.key(),
                    config.stream_patience
                );
            }
        }
        Ok(())
    }
}
