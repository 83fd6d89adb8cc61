//! The audit stream has each entry once, whatever becomes of the event stream; entries go by their age; what is lost is counted.

use crate::bridge_redis::{STREAM, end, is_whole, settle, start, stop};
use crate::mirrored::in_redis;
use crate::redis_ear::Ear;
use crate::redis_server::RedisServer;
use crate::redis_topics::{audit_is_exact, entries};
use bytemuck::Zeroable;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tickpath::bridge::config::RedisConfig;
use tickpath::bridge::status::Standing;
use tickpath::event::digest::SlotDigest;
use tickpath::event::input::{EpochStart, GateChange, GateReason, Input, InputKind, Nothing};
use tickpath::event::slot::Slot;
use tickpath::journal::{Config, Writer};
use tickpath::types::ids::{InstrumentId, SourceId};
use tickpath::types::time::SECONDS;

/// Entries of the audit stream, without their ids.
fn audited(server: &RedisServer) -> Vec<Vec<(String, String)>> {
    entries(server, "aism:audit").into_iter().map(|(_, fields)| fields.into_iter().collect()).collect()
}

#[test]
fn an_event_stream_that_is_written_again_audits_nothing_twice() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let ear = Ear::to(&server, &["binaryrogue:market.raw"], |_, _| {});
    end(start(&journal, &server.url(), "200x", 5_000));
    settle(&server, &journal);
    let before = audited(&server);
    assert!(before.len() > 3, "{before:?}");
    // While the bridge is away.
    assert_eq!(server.ask(&["DEL", STREAM]), "1");
    let last = settle(&server, &journal);
    is_whole(&server, last);
    audit_is_exact(&server);
    assert_eq!(audited(&server)[..before.len()], before[..]);
    // While it writes.
    let child = start(&journal, &server.url(), "100x", 0);
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(500));
        server.ask(&["DEL", STREAM]);
    }
    std::thread::sleep(Duration::from_millis(500));
    stop(&child);
    end(child);
    let last = settle(&server, &journal);
    is_whole(&server, last);
    audit_is_exact(&server);
    // Transitions of the host's agents, which no event leads to, too.
    let all = audited(&server);
    let each: BTreeSet<_> = all.iter().collect();
    assert_eq!(each.len(), all.len(), "an entry twice");
    ear.wait_until_quiet();
    let told: Vec<u64> = ear.end().iter().map(|(_, message)| message["sequence"].as_u64().unwrap()).collect();
    let again = told.windows(2).find(|pair| pair[0] >= pair[1]);
    assert!(!told.is_empty() && again.is_none(), "published once: {again:?}");
    println!("{last} events, {} audit entries, {} messages over 5 deletions: each once", all.len(), told.len());
}

/// How the bridge stands behind having mirrored `journal`, as long as it `goes_on`.
fn mirror(server: &RedisServer, journal: &Path, config: RedisConfig, goes_on: impl Fn(&Standing) -> bool) -> Standing {
    in_redis(server, journal, config, false, goes_on).0
}

/// Writes a start of a host: `count` events a minute apart, each tenth of them kept whatever becomes of market data.
fn write(journal: &Path, epoch: u64, from: u64, count: u64, config: &Config) {
    let (mut writer, _) = Writer::open(journal, config, 5).unwrap();
    writer.set_epoch(epoch);
    for sequence in from..from + count {
        let at = 1_700_000_000 * SECONDS + sequence as i64 * 60 * SECONDS;
        let mut slot = Slot::zeroed();
        slot.input = if sequence == from {
            let start = EpochStart { epoch, config_hash: [0; 16], build_hash: [0; 16] };
            Input::new(InputKind::Epoch, SourceId::HOST, InstrumentId::NONE, at, &start)
        } else if sequence % 10 == 0 {
            let change = GateChange { reason: GateReason::Kill.code(), closed: 1, ..GateChange::zeroed() };
            Input::new(InputKind::Gate, SourceId::HOST, InstrumentId::NONE, at, &change)
        } else {
            Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), at, &Nothing {})
        };
        slot.input.sequence = sequence;
        writer.append(&slot, &SlotDigest::of(&slot)).unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn entries_go_when_they_are_old_but_not_what_a_group_waits_for() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    write(&journal, 1, 1, 3_000, &Config::default());
    let length = || server.ask(&["XLEN", STREAM]).parse::<u64>().unwrap();
    let config = |hours, patience| RedisConfig {
        stream_length: 0,
        stream_age_hours: hours,
        stream_patience: patience,
        ..RedisConfig::default()
    };
    // Entries are a minute apart; the server trims whole nodes of a hundred.
    let check =
        |length: u64, hours: u64| assert!((hours * 60..=hours * 60 + 101).contains(&length), "{length} of {hours} h");
    server.ask(&["XGROUP", "CREATE", STREAM, "readers", "0", "MKSTREAM"]);
    let standing = mirror(&server, &journal, config(40, 1_000), |_| false);
    assert_eq!((length(), standing.trimmed_pending), (3_000, 0), "a group waits for all");
    // What was written by an earlier process has its age too: one event more shows how late it is.
    write(&journal, 2, 3_001, 1, &Config::default());
    let standing = mirror(&server, &journal, config(10, 2), |standing| standing.trimmed_pending == 0);
    check(length(), 20);
    assert!(standing.trimmed_pending > 1_500, "{standing:?}");
    server.ask(&["XGROUP", "DESTROY", STREAM, "readers"]);
    write(&journal, 3, 3_002, 1, &Config::default());
    mirror(&server, &journal, config(10, 2), |_| length() > 10 * 60 + 101);
    check(length(), 10);
    assert_eq!(server.ids(STREAM).last(), Some(&(3, 3_002)));
}

#[test]
fn what_the_journal_lost_before_a_stream_was_begun_is_no_loss() {
    let Some(server) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let small = Config { segment_bytes_market: 8 << 10, retention_bytes_market: 16 << 10, ..Config::default() };
    write(&journal, 1, 1, 2_000, &small);
    let quick = || RedisConfig { batch: 100, ..RedisConfig::default() };
    let standing = mirror(&server, &journal, quick(), |_| false);
    let kept = server.ids(STREAM).len() as u64;
    assert!((200..1_900).contains(&kept), "{kept}: market data is gone, the rest is not");
    assert_eq!((standing.lost, standing.events), (0, kept));
    // Nor is it when it is written again, or by another process.
    server.ask(&["DEL", STREAM]);
    assert_eq!(mirror(&server, &journal, quick(), |_| false).lost, 0);
    write(&journal, 2, 2_001, 1, &small);
    assert_eq!(mirror(&server, &journal, quick(), |_| false).lost, 0);
    // What had its turn and was gone is lost.
    write(&journal, 3, 2_002, 2_000, &small);
    let standing = mirror(&server, &journal, quick(), |_| false);
    let more = server.ids(STREAM).iter().filter(|id| id.0 == 3).count() as u64;
    assert!(standing.lost > 100, "{standing:?}");
    assert_eq!((standing.lost, standing.events), (2_000 - more, more));
}
