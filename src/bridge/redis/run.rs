//! Edge: the bridge's sessions: connect, ask where the stream stands, write from there, and all of it again after any fault.

use super::batch::{Batch, Lines};
use super::connect::{self, Risks};
use super::maker::Maker;
use super::outgoing::{Outgoing, Sources, say_trouble};
use super::setup::{IDLE, Setup, unreadable};
use super::stream::Stream;
use super::trouble::Trouble;
use super::writer::Writer;
use crate::bridge::id::Id;
use crate::bridge::sessions::{self, Over};
use crate::bridge::tail::{self, Start, Tail};
use crate::control::clock_sync::read_clocks;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the last session left off: if the stream says the same, the journal need not be read again for its definitions.
type Left = Option<(Id, Tail)>;

/// Runs until the host has ended and all is written, or it was not within some seconds: the rest is written at the next start.
pub async fn run(setup: Setup, sources: Sources) {
    let notices = Arc::clone(&sources.notices);
    let mut outgoing = Outgoing::new(&setup.names, &setup.config, setup.epoch, sources);
    let mut left = None;
    let session = async || Box::pin(session(&setup, &mut outgoing, &mut left)).await.map_err(|Trouble(text)| text);
    sessions::run(&setup.status, &setup.end, IDLE, session, |text| say_trouble(&notices, text)).await;
}

/// One connection, from asking where the stream stands to the first fault.
async fn session(setup: &Setup, outgoing: &mut Outgoing, left: &mut Left) -> Result<Over, Trouble> {
    let begun = sessions::journal(&setup.journal, &setup.status, &setup.end, IDLE).await.map_err(unreadable)?;
    let journal = match begun {
        Ok(journal) => journal,
        Err(over) => return Ok(over),
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
            outgoing.done(&setup.status, (&batch, Id::default()), sent.refused);
        }
    }
    let at = tail.id_of(tail.last());
    let maker = Maker::new(setup, outgoing, tail, place.last);
    let at = if place.last.is_none() { last } else { at };
    let key = stream.key().to_owned();
    let mut writer = Writer::new((setup, maker), (token, stream, lines), (at, last));
    if let Some((epoch, _)) = another {
        // Unless people have said meanwhile that this journal is the one that counts.
        writer.rebuild(true).await?;
        return Err(Trouble(format!(
            "Redis: start {epoch} of this host is another one in the stream `{key}` than in the journal, which was put back to an older copy and went on from there: bring the newer journal back, or, if this one is to count, `tickpath bridge rebuild redis`"
        )));
    }
    let over = writer.write().await;
    *left = Some(writer.leave());
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
        && tail.id_of(tail.last()) == known
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
