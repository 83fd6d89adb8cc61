//! Edge: the bridge at work: connect, ask where the cursor stands, write from there, and all of it again after any fault.

use super::address::Address;
use super::batch::{Batch, Maker};
use super::rows::{CheckName, RowMaker};
use super::session::{Sent, Session};
use super::trouble::Trouble;
use crate::bridge::config::PostgresConfig;
use crate::bridge::id::Id;
use crate::bridge::sampler::Sampler;
use crate::bridge::status::{State, Status};
use crate::bridge::tail::{self, Tail};
use crate::journal::JournalError;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Between two looks at a journal without news. A transaction costs a disk's sync there, so it is worth to wait for some events.
const IDLE: Duration = Duration::from_millis(20);
/// Between two tries to reach the store: from, to.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Between two looks at partitions: those to come, and those that are old.
const HOUSEKEEPING: Duration = Duration::from_hours(1);
/// So many days ahead partitions are made.
const DAYS_AHEAD: i64 = 2;
/// So long the bridge goes on when the host ends, to write what is left.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What the bridge works with.
pub struct Setup {
    /// The journal's folder.
    pub journal: PathBuf,
    /// The host's name.
    pub host: String,
    /// How much, how fast.
    pub config: PostgresConfig,
    /// The database.
    pub address: Address,
    /// Sequence up to which events may leave the host; `u64::MAX` = all that is in the journal.
    pub durable: Arc<AtomicU64>,
    /// The number of this process start.
    pub epoch: u64,
    /// What a risk check's stored number is called.
    pub check_name: CheckName,
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

/// What outlives a session: where it left off, and a batch of which it is not known whether it is written.
struct Work {
    maker: Maker,
    left: Option<(Id, Tail)>,
    pending: Option<Batch>,
    /// Whether what the journal lacks is a loss: before the first row that is not so.
    counts_losses: bool,
    /// What was told of old partitions last.
    told: String,
}

/// Runs until the host has ended and all is written, or it was not within some seconds: the rest is written at the next start.
/// `features` gives samples for the table of features; without it that table stays empty.
pub async fn run(setup: Setup, features: Option<Box<dyn Sampler>>) {
    let grace = async {
        while !setup.end.load(Ordering::Acquire) {
            tokio::time::sleep(IDLE).await;
        }
        tokio::time::sleep(LAST_WORDS).await;
    };
    let rows = RowMaker::new(&setup.host, setup.check_name, setup.config.market_data);
    let work =
        Work { maker: Maker { rows, features }, left: None, pending: None, counts_losses: false, told: String::new() };
    tokio::select! {
        () = sessions(&setup, work) => {}
        () = grace => {}
    }
    let trouble = setup.status.get().trouble;
    setup.status.set(State::Ended, &trouble);
}

async fn sessions(setup: &Setup, mut work: Work) {
    let mut wait = AGAIN.0;
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
        match session(setup, &mut work).await {
            Ok(Over::Done) => return,
            Ok(Over::Again) => {
                // Of two that write for one host each moves the other's cursor: not at full speed.
                tokio::time::sleep(wait).await;
                wait = (2 * wait).min(AGAIN.1);
                if setup.status.get().events > before {
                    wait = AGAIN.0;
                }
            }
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

fn unreadable(error: JournalError) -> Trouble {
    Trouble(format!("the journal cannot be read: {error}"))
}

/// One connection, from asking where the cursor stands to the first fault.
async fn session(setup: &Setup, work: &mut Work) -> Result<Over, Trouble> {
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
    let mut session = Session::open(&setup.address, setup.config.migrate).await?;
    setup.status.lock().connections += 1;
    let place = session.place(&setup.host, &journal).await?;
    if place.journal != journal {
        return Err(Trouble(format!(
            "PostgreSQL: the rows of the host `{0}` are of another journal: two hosts of one name, or a new `data_dir`; give this host a `[host] name` of its own",
            setup.host
        )));
    }
    let last = place.last;
    match work.pending.take() {
        // It was done, though nobody said so.
        Some(batch) if batch.last == last => written(setup, work, &batch),
        Some(batch) if batch.before == last => work.pending = Some(batch),
        // The database is not what it was: read again from where it stands.
        Some(_) => work.left = None,
        None => {}
    }
    let Some(mut tail) = resume(setup, last, work)? else { return Ok(Over::Done) };
    if let Some(start) = session.start_of(&setup.host, last.epoch).await?
        && tail.is_another(last.epoch, start)
    {
        return Err(Trouble(format!(
            "PostgreSQL: start {} of the host `{}` is another one in the rows than in the journal, which was put back to an older copy and went on from there: bring the newer journal back, or give this host a `[host] name` of its own",
            last.epoch, setup.host
        )));
    }
    {
        let mut standing = setup.status.lock();
        let had = standing.sequence.unwrap_or(0);
        if last.sequence < had {
            standing.regressions += 1;
            tracing::warn!(
                "PostgreSQL: the rows end at sequence {}, and had {had}: they are written again from there",
                last.sequence
            );
        }
        standing.sequence = Some(last.sequence);
    }
    work.counts_losses |= last != Id::default();
    let mut last = last;
    let over = write(setup, work, &mut session, &mut tail, &mut last).await;
    work.left = Some((last, tail));
    over
}

/// The journal behind what is written, or behind the batch of which that is not known. `None`: the host has ended.
fn resume(setup: &Setup, last: Id, work: &mut Work) -> Result<Option<Tail>, Trouble> {
    let read = work.pending.as_ref().map_or(last, |batch| batch.last);
    if let Some((_, tail)) = work.left.take()
        && tail.last() == read.sequence
    {
        return Ok(Some(tail));
    }
    work.pending = None;
    let stop = || setup.end.load(Ordering::Acquire);
    let Some(tail) = Tail::open(&setup.journal, last, &stop).map_err(unreadable)? else { return Ok(None) };
    if last.epoch > tail.newest_epoch().max(setup.epoch) {
        return Err(Trouble(format!(
            "PostgreSQL: the cursor of the host `{}` stands at `{last}`, which no start of this host gave: the journal is older than the rows (a copy that was brought back?); give this host a `[host] name` of its own",
            setup.host
        )));
    }
    Ok(Some(tail))
}

fn written(setup: &Setup, work: &mut Work, batch: &Batch) {
    let mut standing = setup.status.lock();
    (standing.sequence, standing.places) = (Some(batch.last.sequence), Some(batch.places));
    standing.events += batch.events;
    standing.bytes += batch.bytes();
    standing.lost += if work.counts_losses { batch.missing } else { 0 };
    work.counts_losses = true;
}

async fn write(
    setup: &Setup,
    work: &mut Work,
    session: &mut Session,
    tail: &mut Tail,
    last: &mut Id,
) -> Result<Over, Trouble> {
    let mut kept: Option<Instant> = None;
    loop {
        if setup.status.control().stops() {
            rebuild(setup, work, session).await?;
            return Ok(Over::Again);
        }
        if kept.is_none_or(|at| at.elapsed() >= HOUSEKEEPING) {
            kept = Some(Instant::now());
            keep_house(setup, work, session).await?;
        }
        // In this order: what was written before the end is seen behind it.
        let ended = setup.end.load(Ordering::Acquire);
        let begun = Instant::now();
        let batch = if let Some(batch) = work.pending.take() {
            Some(batch)
        } else {
            let limit = setup.durable.load(Ordering::Acquire);
            work.maker.next(tail, *last, limit, setup.config.batch.into()).map_err(unreadable)?
        };
        let Some(batch) = batch else {
            setup.status.lock().places = Some(tail.places());
            setup.status.set(State::Current, "");
            if ended {
                return Ok(Over::Done);
            }
            tokio::time::sleep(IDLE).await;
            continue;
        };
        // Before it is sent: whatever becomes of it, it is still known.
        let batch = &*work.pending.insert(batch);
        if session.send(&setup.host, batch).await? == Sent::Moved {
            return Ok(Over::Again);
        }
        let (events, had_all) = (batch.events, batch.had_all);
        *last = batch.last;
        if let Some(batch) = work.pending.take() {
            written(setup, work, &batch);
        }
        setup.status.set(if had_all { State::Current } else { State::CatchingUp }, "");
        hold_back(setup, events, begun).await;
    }
}

/// Does what people asked for, if they asked for a rebuilding: the cursor goes back before everything, and what is there already
/// stays as it is when it is written again.
async fn rebuild(setup: &Setup, work: &mut Work, session: &mut Session) -> Result<(), Trouble> {
    let control = setup.status.control();
    let Some(order) = control.rebuild() else { return Ok(()) };
    session.rewind(&setup.host).await?;
    (work.pending, work.counts_losses) = (None, false);
    // What is behind on purpose is no regression.
    setup.status.lock().sequence = None;
    control.rebuilt(None);
    tracing::warn!("PostgreSQL: the rows are written again for {}: {}", order.who, order.reason);
    Ok(())
}

/// Not faster than the operator allows.
async fn hold_back(setup: &Setup, written: u64, begun: Instant) {
    let most = setup.config.events_per_second;
    if most > 0 {
        let least = Duration::from_secs_f64(written as f64 / f64::from(most));
        tokio::time::sleep(least.saturating_sub(begun.elapsed())).await;
    }
}

/// Partitions: those of the days to come are made before they are needed, old ones dropped.
async fn keep_house(setup: &Setup, work: &mut Work, session: &mut Session) -> Result<(), Trouble> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    let today = i64::try_from(now).unwrap_or(0);
    session.partitions(&(today..=today + DAYS_AHEAD).collect()).await?;
    if setup.config.keep_days > 0
        && let Some(told) = session.drop_old(setup.config.keep_days).await?
        && told != work.told
    {
        tracing::info!("PostgreSQL: {told}");
        work.told = told;
    }
    Ok(())
}
