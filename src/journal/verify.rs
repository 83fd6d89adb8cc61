//! Edge: verify: reads every byte of a journal and says what was altered, removed, reordered or cut off, and where.

use super::error::JournalError;
use super::finding::{self, Finding, Verification};
use super::folder::{DirFolder, Folder, segments_of};
use super::heads::{HEADS_FILE, Head, parse_heads, read_dropped};
use super::meta;
use super::record::Log;
use super::union;
use super::walk::Walk;
use std::path::Path;

/// Checks the journal in `dir` against itself and against its own `heads.json`. `progress` is told the bytes done and
/// the bytes in all.
///
/// # Errors
/// [`JournalError::Io`] if something cannot be read. What is wrong with the journal is a [`Finding`], not an error.
pub fn verify(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, JournalError> {
    verify_with(dir, &[], progress)
}

/// [`verify`], and that the journal contains `heads`, which were kept elsewhere: that finds a rewritten or cut end.
///
/// # Errors
/// As [`verify`].
pub fn verify_against(dir: &Path, heads: &[Head]) -> Result<Verification, JournalError> {
    verify_with(dir, heads, &mut |_, _| {})
}

fn verify_with(dir: &Path, outside: &[Head], progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, JournalError> {
    loop {
        let out = verify_folder(&DirFolder(dir), outside, progress)?;
        // A running writer may have dropped segments meanwhile, which then seem to be missing: look again.
        let dropped = read_dropped(dir).map_or(0, |dropped| dropped.len() as u64);
        if out.is_clean() || dropped <= out.dropped {
            return Ok(out);
        }
    }
}

/// [`verify_against`], once, of any folder.
pub(super) fn verify_folder(
    folder: &dyn Folder,
    outside: &[Head],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verification, JournalError> {
    let mut out = Verification::default();
    // Before the segments, since a running writer moves them ahead.
    let own = meta::check_heads(folder, &mut out)?;
    let dropped = meta::check_dropped(folder, &mut out)?;
    out.dropped = dropped.len() as u64;
    let mut total = 0;
    for log in Log::ALL {
        for number in segments_of(folder, log)?.map_or_else(Vec::new, |names| names.numbers) {
            total += folder.bytes(&super::disk::segment_name(log, number));
        }
    }
    let dropped_to = dropped.iter().map(|d| d.last).max().unwrap_or(0);
    // Market first: what a running writer adds to the market log after that is not looked for in the union.
    let mut walk_log = |log: Log| -> Result<Walk, JournalError> {
        let last_dropped = dropped.iter().rfind(|d| d.log == log);
        let own = own.iter().map(|head| (*head, "by heads.json"));
        let outside = outside.iter().map(|head| (*head, "kept elsewhere"));
        let heads = own.chain(outside).filter(|(head, _)| head.log == log && head.sequence > 0);
        let mut walk = Walk::new(log, last_dropped, heads);
        walk.segments(folder, last_dropped.map_or(1, |d| d.segment + 1), &mut out, &mut |done| {
            progress(done, total.max(done));
        })?;
        walk.end(&mut out);
        Ok(walk)
    };
    let market = walk_log(Log::Market)?;
    let audit = walk_log(Log::Audit)?;
    let complete_to = if market.running() { market.sequence() } else { u64::MAX };
    out.heads.reverse();
    old_heads(folder, &own, [&audit, &market], &mut out)?;
    union::check(&mut out, &audit, &market, dropped_to, complete_to);
    meta::check_configs(folder, &audit.epochs, &mut out)?;
    out.not_recorded = audit.losses.all().to_vec();
    out.foreign = meta::foreign_files(folder, out.epoch_last)?;
    Ok(out)
}

/// A log that was closed has its head recorded: without this, an older heads.json would hide that an end was cut off.
fn old_heads(folder: &dyn Folder, own: &[Head], walks: [&Walk; 2], out: &mut Verification) -> Result<(), JournalError> {
    let Some(bytes) = folder.read(HEADS_FILE)? else { return Ok(()) };
    if !parse_heads(&bytes).is_ok_and(|now| now == own) {
        // Not readable, which was told; or a writer has moved them on meanwhile.
        return Ok(());
    }
    for walk in walks {
        let recorded = own.iter().filter(|head| head.log == walk.log).map(|head| head.sequence).max().unwrap_or(0);
        if let Some(least) = walk.head_least().filter(|least| recorded < *least) {
            out.push(Finding {
                log: Some(walk.log),
                file: HEADS_FILE.to_owned(),
                sequence: recorded,
                next: least,
                expected: format!("a head of the {} log at sequence {least} or behind it", walk.log.name()),
                ..Finding::of(&finding::OLD_HEADS)
            });
        }
    }
    Ok(())
}
