//! Edge: a session under way: batch behind batch, trimming, and what people ask for in between.

use super::batch::{Added, Batch, Lines, Sent};
use super::maker::{Made, Maker};
use super::setup::{IDLE, Setup, unreadable};
use super::stream::{Cleared, Stream};
use super::trouble::Trouble;
use crate::bridge::control::has_groups;
use crate::bridge::id::Id;
use crate::bridge::sessions::Over;
use crate::bridge::status::State;
use crate::bridge::tail::Tail;
use crate::control::plane::BridgeAction;
use crate::types::time::{SECONDS, UnixNanos};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Between two looks at what can be trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at how old entries are.
const AGE_EVERY: Duration = Duration::from_secs(5);
/// So long it may take each time.
const TRIM_WITHIN: Duration = Duration::from_millis(200);

/// A session under way.
pub struct Writer<'a> {
    setup: &'a Setup,
    maker: Maker<'a>,
    /// The session's name.
    token: String,
    stream: Stream,
    lines: Lines,
    /// What was made of the next batch while the last one was under way.
    ahead: Option<Made>,
    /// The last event that was read for what is written.
    at: Id,
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

impl<'a> Writer<'a> {
    /// Behind `at`, which was read last; the stream has `last`.
    pub fn new(
        (setup, maker): (&'a Setup, Maker<'a>),
        (token, stream, lines): (String, Stream, Lines),
        (at, last): (Id, Id),
    ) -> Self {
        Self {
            setup,
            maker,
            token,
            stream,
            lines,
            ahead: None,
            at,
            last,
            newest_at: None,
            trimmed: None,
            aged: None,
            told: false,
            had_all: false,
        }
    }

    /// The last id that the stream has, and the journal behind what was read: perhaps more than that.
    pub fn leave(self) -> (Id, Tail) {
        (self.last, self.maker.tail)
    }

    /// Writes until the first fault.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn write(&mut self) -> Result<Over, Trouble> {
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
                self.maker.outgoing.farewell(&self.maker.tail);
                if self.maker.outgoing.has_said_all() || self.last == Id::default() {
                    return Ok(Over::Done);
                }
            } else {
                tokio::time::sleep(IDLE).await;
            }
        }
    }

    /// Writes one batch; how many events. `None`: the place must be asked again (the stream is gone, or a rebuilt one is whole).
    async fn step(&mut self) -> Result<Option<usize>, Trouble> {
        self.maker.outgoing.look(&mut self.lines.stream).await;
        let from = (self.at, self.last, self.newest_at);
        let mut made = self.ahead.take().unwrap_or_else(|| self.maker.begin(from));
        self.maker.fill(&mut made).map_err(unreadable)?;
        self.had_all = made.had_all;
        self.maker.outgoing.between(&mut made.batch, (made.at, made.last), &mut self.maker.tail);
        self.at = made.at;
        let (places, missing) = (self.maker.tail.places(), self.maker.tail.take_missing());
        if made.batch.is_empty() {
            let mut standing = self.setup.status.lock();
            standing.places = Some(places);
            standing.lost += missing;
            return Ok(Some(made.taken));
        }
        let (key, says) = self.maker.outgoing.place();
        let (key, says) = (key.to_owned(), says.map(str::to_owned));
        let sending = self.lines.send(&made.batch, (&self.stream, &self.token), (&key, says.as_deref()));
        // Where nothing lies behind it, the next one is made when its events are there: it would be a smaller one else.
        let mut next = (!made.had_all).then(|| self.maker.begin((made.at, made.last, made.newest_at)));
        let (sent, filled) = match &mut next {
            Some(next) => tokio::join!(biased; sending, self.maker.fill_beside(next)),
            None => (sending.await, Ok(())),
        };
        let refused = match sent {
            Ok(Sent { added: Added::All, refused }) => refused,
            other => {
                self.maker.outgoing.failed();
                return other.map(|_| None);
            }
        };
        self.maker.outgoing.done(&self.setup.status, (&made.batch, made.at), refused);
        (self.last, self.newest_at, self.ahead) = (made.last, made.newest_at, next);
        {
            let mut standing = self.setup.status.lock();
            (standing.sequence, standing.places) = (Some(made.last.sequence), Some(places));
            standing.events += made.batch.entries() as u64;
            standing.bytes += made.batch.bytes() as u64;
            standing.lost += missing;
        }
        filled.map_err(unreadable)?;
        Ok((!self.maker.outgoing.is_there_again(made.last)).then_some(made.taken))
    }

    /// Does what people asked for, if they asked for a rebuilding: the stream goes, and the next session writes it again. What was
    /// told is not told again, but if the stream `is_another` than that of this journal.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn rebuild(&mut self, is_another: bool) -> Result<(), Trouble> {
        let control = self.setup.status.control();
        let Some(order) = control.rebuild() else { return Ok(()) };
        let force = order.action == BridgeAction::Rebuild { force: true };
        if !is_another {
            let mut batch = Batch::new(self.stream.key(), 0, self.setup.names.is_cluster());
            self.maker.outgoing.keep_now(&mut batch, self.at, &self.maker.tail);
            let sent = self.lines.send(&batch, (&self.stream, &self.token), self.maker.outgoing.place()).await?;
            if sent.added == Added::Gone {
                return Ok(());
            }
            self.maker.outgoing.done(&self.setup.status, (&batch, self.at), sent.refused);
        }
        match self.stream.clear(&mut self.lines.stream, &self.token, force).await? {
            Cleared::Done => {
                if is_another {
                    self.maker.outgoing.forget(&mut self.lines).await?;
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
            let id_of = |sequence| self.maker.tail.id_of(sequence);
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
        let (wanted, at_most) = (self.maker.tail.id_of(wanted), self.maker.tail.id_of(at_most));
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
