//! Edge: the bridge at work: connect, ask where the cursor stands, write from there, and all of it again after any fault.

use super::address::Address;
use super::ahead::{Ahead, Wanted};
use super::batch::{Batch, Maker};
use super::rights;
use super::rows::{CheckName, RowMaker};
use super::send::{Sent, Way};
use super::session::{Place, Session, within};
use super::trouble::Trouble;
use crate::bridge::config::PostgresConfig;
use crate::bridge::id::Id;
use crate::bridge::sampler::Sampler;
use crate::bridge::sessions::{self, Over};
use crate::bridge::status::{State, Status};
use crate::bridge::tail::{self, Tail};
use crate::journal::{JournalError, read_dropped};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Between two looks at a journal without news. A transaction costs a disk's sync there, so it is worth to wait for some events.
const IDLE: Duration = Duration::from_millis(20);
/// Between two looks at partitions: those to come, and those that are old.
const HOUSEKEEPING: Duration = Duration::from_hours(1);
/// So many days ahead partitions are made.
const DAYS_AHEAD: i64 = 2;

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

/// What outlives a session: where it left off, and batches of which it is not known whether they are written.
struct Work {
    ahead: Ahead,
    /// Whether rows must be looked for.
    way: Way,
    /// What was told of old partitions last.
    told: String,
}

/// Runs until the host has ended and all is written, or it was not within some seconds: the rest is written at the next start.
/// `features` gives samples for the table of features; without it that table stays empty.
pub async fn run(setup: Setup, features: Option<Box<dyn Sampler>>) {
    let rows = RowMaker::new(&setup.host, setup.check_name, setup.config.market_data);
    let maker = Maker { rows, features, gave_up: false };
    let mut work = Work { ahead: Ahead::new(maker), way: Way::default(), told: String::new() };
    let session = async || session(&setup, &mut work).await.map_err(|Trouble(text)| text);
    sessions::run(&setup.status, &setup.end, IDLE, session, |_| {}).await;
}

fn unreadable(error: JournalError) -> Trouble {
    Trouble(format!("the journal cannot be read: {error}"))
}

/// One connection, from asking where the cursor stands to the first fault.
async fn session(setup: &Setup, work: &mut Work) -> Result<Over, Trouble> {
    let begun = sessions::journal(&setup.journal, &setup.status, &setup.end, IDLE).await.map_err(unreadable)?;
    let journal = match begun {
        Ok(journal) => journal,
        Err(over) => return Ok(over),
    };
    let mut session = Session::open(&setup.address, setup.config.migrate).await?;
    setup.status.lock().connections += 1;
    warn_of_rights(setup, rights::could_change(session.client()).await?);
    let Some(place) = place(setup, work, &session, &journal).await? else { return Ok(Over::Done) };
    if place.journal != journal {
        return Err(Trouble(format!(
            "PostgreSQL: the rows of the host `{0}` are of another journal: two hosts of one name, or a new `data_dir`; give this host a `[host] name` of its own",
            setup.host
        )));
    }
    let mut last = place.last;
    if !resume(setup, work, &place).await? {
        return Ok(Over::Done);
    }
    if let Some(start) = session.start_of(&setup.host, last.epoch).await?
        && work.ahead.desk().await.map_err(unreadable)?.tail.as_ref().is_some_and(|t| t.is_another(last.epoch, start))
    {
        return Err(another_start(setup, last.epoch));
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
    write(setup, work, &mut session, &journal, &mut last).await
}

/// Says once what its user could do; LIVE would be refused for it.
fn warn_of_rights(setup: &Setup, could: Option<String>) {
    let warnings: Vec<String> = could.into_iter().collect();
    let mut standing = setup.status.lock();
    if standing.warnings != warnings {
        for warning in &warnings {
            tracing::warn!("bridge postgres: {warning}; LIVE would be refused");
        }
        standing.warnings = warnings;
    }
}

fn another_start(setup: &Setup, epoch: u64) -> Trouble {
    Trouble(format!(
        "PostgreSQL: start {epoch} of the host `{}` is another one in the rows than in the journal, which was put back to an older copy and went on from there, or is another host's: bring the right journal back, or give this host a `[host] name` of its own",
        setup.host
    ))
}

/// From which sequence on the journal has all that was recorded: retention drops the oldest market data.
fn whole_from(setup: &Setup) -> Result<u64, Trouble> {
    let dropped = read_dropped(&setup.journal).map_err(unreadable)?;
    Ok(dropped.iter().map(|segment| segment.last).max().unwrap_or(0) + 1)
}

/// Where the cursor stands. One that is not there is begun, at the beginning of the journal. If there are rows of this host all the
/// same (somebody deleted the cursor), they must be this journal's; then they are looked for, and stay. `None`: the host has ended.
async fn place(setup: &Setup, work: &mut Work, session: &Session, journal: &str) -> Result<Option<Place>, Trouble> {
    if let Some(place) = session.place(&setup.host).await? {
        return Ok(Some(place));
    }
    if let Some(epoch) = session.newest(&setup.host).await? {
        let stop = || setup.end.load(Ordering::Acquire);
        let newest = Id { epoch, sequence: u64::MAX };
        let Some(tail) = Tail::open(&setup.journal, newest, &stop).map_err(unreadable)? else { return Ok(None) };
        if epoch > tail.newest_epoch().max(setup.epoch)
            || session.start_of(&setup.host, epoch).await?.is_some_and(|start| tail.is_another(epoch, start))
        {
            return Err(another_start(setup, epoch));
        }
        tracing::warn!(
            "PostgreSQL: the host `{}` has rows and no cursor in tickpath.cursors: they are of this journal, which is read again from its beginning",
            setup.host
        );
        work.way.look();
    }
    session.begin(&setup.host, journal, whole_from(setup)?).await?;
    session.place(&setup.host).await
}

/// The journal behind what is written, or behind batches of which that is not known. False: the host has ended.
async fn resume(setup: &Setup, work: &mut Work, place: &Place) -> Result<bool, Trouble> {
    // The one that was being made when the last session ended is one of them.
    work.ahead.desk().await.map_err(unreadable)?;
    let last = place.last;
    while let Some(batch) = work.ahead.batches.front() {
        if batch.before == last {
            break;
        }
        // It was done, though nobody said so; or the database is not what it was: read again from where it stands.
        if batch.last == last {
            written(setup, batch);
            work.ahead.batches.pop_front();
        } else {
            work.ahead.batches.clear();
        }
    }
    let read = work.ahead.batches.back().map_or(last, |batch| batch.last);
    let desk = work.ahead.desk().await.map_err(unreadable)?;
    if desk.tail.as_ref().is_some_and(|tail| tail.last() == read.sequence) {
        return Ok(true);
    }
    desk.tail = None;
    let stop = || setup.end.load(Ordering::Acquire);
    let Some(mut tail) = Tail::open(&setup.journal, last, &stop).map_err(unreadable)? else { return Ok(false) };
    if last.epoch > tail.newest_epoch().max(setup.epoch) {
        return Err(Trouble(format!(
            "PostgreSQL: the cursor of the host `{}` stands at `{last}`, which no start of this host gave: the journal is older than the rows (a copy that was brought back?); give this host a `[host] name` of its own",
            setup.host
        )));
    }
    if last.epoch == setup.epoch && tail.newest_epoch() < last.epoch && !begun(setup, &stop)? {
        return Err(Trouble(format!(
            "PostgreSQL: the cursor of the host `{}` stands at `{last}`, in a start that the journal has not begun yet: was it put back to an older copy?",
            setup.host
        )));
    }
    tail.expect_from(place.whole_from);
    desk.maker.reset(last);
    desk.tail = Some(tail);
    work.ahead.batches.clear();
    Ok(true)
}

/// Whether the journal has anything of the present start: before that it cannot be compared with what a store has of one of its
/// number.
fn begun(setup: &Setup, stop: tail::Stop<'_>) -> Result<bool, Trouble> {
    let newest = tail::newest(&setup.journal, stop).map_err(unreadable)?;
    Ok(newest.is_some_and(|newest| newest.epoch >= setup.epoch))
}

fn written(setup: &Setup, batch: &Batch) {
    let mut standing = setup.status.lock();
    (standing.sequence, standing.places) = (Some(batch.last.sequence), Some(batch.places));
    standing.events += batch.events;
    standing.bytes += batch.bytes();
    standing.lost += batch.missing;
}

async fn write(
    setup: &Setup,
    work: &mut Work,
    session: &mut Session,
    journal: &str,
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
        let behind = |before: Id| Wanted {
            before,
            limit: setup.durable.load(Ordering::Acquire),
            most: setup.config.batch.into(),
        };
        work.ahead.fill(behind(*last)).await.map_err(unreadable)?;
        let Some(batch) = work.ahead.batches.front() else {
            let desk = work.ahead.desk().await.map_err(unreadable)?;
            if desk.maker.gave_up {
                return Ok(Over::Done);
            }
            setup.status.lock().places = desk.tail.as_ref().map(Tail::places);
            setup.status.set(State::Current, "");
            if ended {
                return Ok(Over::Done);
            }
            tokio::time::sleep(IDLE).await;
            continue;
        };
        let (to, events, had_all) = (batch.last, batch.events, batch.had_all);
        if !had_all {
            work.ahead.begin_next(behind(to));
        }
        // It stays where it is while it is sent: whatever becomes of it, it is still known.
        let Some(batch) = work.ahead.batches.front() else { continue };
        if session.send(&setup.host, journal, batch, &mut work.way).await? != Sent::All {
            return Ok(Over::Again);
        }
        *last = to;
        if let Some(batch) = work.ahead.batches.pop_front() {
            written(setup, &batch);
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
    session.rewind(&setup.host, whole_from(setup)?).await?;
    work.ahead.desk().await.map_err(unreadable)?.tail = None;
    work.ahead.batches.clear();
    work.way.look();
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
    within("making partitions", session.partitions(&(today..=today + DAYS_AHEAD).collect())).await?;
    if let Some(told) = session.drop_old(&setup.host, setup.config.keep_days).await?
        && told != work.told
    {
        tracing::info!("PostgreSQL: {told}");
        work.told = told;
    }
    Ok(())
}
