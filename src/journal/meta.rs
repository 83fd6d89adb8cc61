//! Edge: the files beside the logs: the configuration of each epoch, `heads.json`, `dropped.jsonl`; and names that are not
//! the journal's.

use super::error::JournalError;
use super::finding::{self, Finding, Verification};
use super::folder::Folder;
use super::heads::{DROPPED_FILE, Dropped, HEADS_FILE, Head, canonical_heads, parse_dropped, parse_heads};
use super::record::Log;

/// Name of the file that keeps the resolved configuration of `epoch` beside the journal. Its hash is in the epoch's record.
pub fn config_name(epoch: u64) -> String {
    format!("config-{epoch}.toml")
}

/// The first half of a SHA-256, as epoch records keep it of configuration and build.
pub fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&super::record::hash(bytes)[..16]);
    short
}

/// An epoch's record, as far as its configuration is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct EpochMark {
    pub epoch: u64,
    pub sequence: u64,
    pub config_hash: [u8; 16],
}

fn of_file(file: &str, kind: &finding::Kind, expected: String, found: String) -> Finding {
    Finding { file: file.to_owned(), expected, found, ..Finding::of(kind) }
}

/// The heads in `heads.json`.
pub(super) fn check_heads(folder: &dyn Folder, out: &mut Verification) -> Result<Vec<Head>, JournalError> {
    let Some(bytes) = folder.read(HEADS_FILE)? else {
        // The first start writes it before it makes the first segment.
        let mut any = false;
        for log in Log::ALL {
            any |= folder.names(log.name())?.is_some_and(|names| !names.is_empty());
        }
        if any {
            out.push(of_file(HEADS_FILE, &finding::NO_HEADS, String::new(), String::new()));
        }
        return Ok(Vec::new());
    };
    match parse_heads(&bytes) {
        Ok(heads) => {
            let right = canonical_heads(&heads).unwrap_or_default();
            if right.as_bytes() != &*bytes {
                let at = right.bytes().zip(bytes.iter()).position(|(a, b)| a != *b).unwrap_or(right.len());
                out.push(Finding {
                    offset: at as u64,
                    ..of_file(HEADS_FILE, &finding::META_ALTERED, String::new(), String::new())
                });
            }
            Ok(heads)
        }
        Err((offset, error)) => {
            out.push(Finding { offset, ..of_file(HEADS_FILE, &finding::META_ALTERED, String::new(), error) });
            Ok(Vec::new())
        }
    }
}

/// What `dropped.jsonl` lists. Nothing is left of those segments but this list, so only its own sense can be checked: the
/// last line of each log against the chain that goes on (the walk does it), the others against each other.
pub(super) fn check_dropped(folder: &dyn Folder, out: &mut Verification) -> Result<Vec<Dropped>, JournalError> {
    let Some(bytes) = folder.read(DROPPED_FILE)? else { return Ok(Vec::new()) };
    let mut dropped: Vec<Dropped> = Vec::new();
    for (offset, line) in parse_dropped(&bytes) {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                out.push(Finding { offset, ..of_file(DROPPED_FILE, &finding::META_ALTERED, String::new(), error) });
                continue;
            }
        };
        let before = dropped.iter().rfind(|d| d.log == line.log);
        let follows = before.map_or(line.segment == 1, |b| line.segment == b.segment + 1 && line.first > b.last);
        let sound =
            line.first > 0 && line.last >= line.first && (1..=line.last - line.first + 1).contains(&line.records);
        if !follows || !sound {
            let found =
                format!("segment {}, {} records from {} to {}", line.segment, line.records, line.first, line.last);
            let expected =
                before.map_or_else(String::new, |b| format!("a segment {} behind {}", b.segment + 1, b.last));
            out.push(Finding {
                offset,
                log: Some(line.log),
                ..of_file(DROPPED_FILE, &finding::DROPPED, expected, found)
            });
        }
        dropped.push(line);
    }
    Ok(dropped)
}

/// Every epoch in the audit log must have the configuration whose hash is in its record.
pub(super) fn check_configs(
    folder: &dyn Folder,
    epochs: &[EpochMark],
    out: &mut Verification,
) -> Result<(), JournalError> {
    for mark in epochs {
        let file = config_name(mark.epoch);
        let (kind, expected, found) = match folder.read(&file)? {
            None => (&finding::NO_CONFIG, String::new(), String::new()),
            Some(bytes) => {
                let hash = short_hash(&bytes);
                if hash == mark.config_hash {
                    continue;
                }
                (&finding::CONFIG_ALTERED, hex(&mark.config_hash), hex(&hash))
            }
        };
        // `sequence` and `next` tell the same: the file belongs to this one record.
        out.push(Finding {
            log: Some(Log::Audit),
            sequence: mark.sequence,
            next: mark.sequence,
            ..of_file(&file, kind, expected, found)
        });
    }
    Ok(())
}

fn hex(hash: &[u8; 16]) -> String {
    use core::fmt::Write;
    hash.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Files in the journal's own folder that it did not write; no fault, but told.
pub(super) fn foreign_files(folder: &dyn Folder, epoch_last: u64) -> Result<Vec<String>, JournalError> {
    let mut names = folder.names("")?.unwrap_or_default();
    names.retain(|name| {
        let epoch = name.strip_prefix("config-").and_then(|n| n.strip_suffix(".toml")).and_then(|n| n.parse().ok());
        // A start that died before its first record leaves its configuration; the next one has the same number.
        let config =
            epoch.is_some_and(|epoch: u64| (1..=epoch_last + 1).contains(&epoch) && *name == config_name(epoch));
        let replacing = name.strip_prefix('.').is_some_and(|name| name.strip_suffix(".new").is_some());
        !config && !replacing && ![HEADS_FILE, DROPPED_FILE, "lock"].contains(&name.as_str())
    });
    Ok(names)
}
