//! The sampler against a journal that a host wrote: what it gives is what the stages gave.

use super::*;
use crate::config;
use crate::runtime::host::{self, RunOptions, Source};
use crate::runtime::playback::{self, Settings};
use crate::runtime::simulation::Limits;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Candles by event and interval, and vectors by event.
type Found = (BTreeMap<(u64, &'static str), String>, BTreeMap<u64, Vec<u64>>);

fn journal(dir: &Path, events_max: u64) {
    let limits = Limits { events_max, ..Limits::default() };
    let options = RunOptions { journal_dir: Some(dir.to_path_buf()), limits, ..RunOptions::default() };
    let config = config::load(None, std::iter::empty()).unwrap().config;
    host::start(&config, Source::Generated, options).unwrap().wait().unwrap();
}

/// What a sampler gives over all entries behind `from`.
fn sampled(dir: &Path, from: u64) -> Found {
    let mut sampler = StageSampler::new(dir, 1_000);
    let (mut reader, mut entry) = (Reader::open_behind(dir, from).unwrap(), Entry::default());
    let mut found = Found::default();
    while reader.next(&mut entry).unwrap() {
        let Some(sample) = sampler.take(&entry) else { continue };
        for (name, candle) in sample.candles {
            found.0.insert((entry.sequence, name), format!("{candle:?}"));
        }
        if let Some(vector) = sample.vector {
            found.1.insert(entry.sequence, vector.values.iter().map(|v| v.to_bits()).chain([vector.warm]).collect());
        }
        assert!(sampler.take(&entry).is_none(), "an entry that was taken gives nothing");
    }
    found
}

#[test]
fn it_gives_what_the_stages_gave_also_from_the_middle_on() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 20_000);
    let found = sampled(dir.path(), 0);
    let mut expected = Found::default();
    playback::play(dir.path(), &Settings::Recorded, |slot, _| {
        for (at, name) in CANDLE_NAMES.into_iter().enumerate() {
            if slot.market.closed_mask >> at & 1 == 1 {
                expected.0.insert((slot.input.sequence, name), format!("{:?}", slot.market.closed[at]));
            }
        }
        let values = slot.features.values.iter().map(|v| v.to_bits()).chain([slot.features.warm]).collect();
        expected.1.insert(slot.input.sequence, values);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(found.0.len() > 10 && found.1.len() > 10, "{} {}", found.0.len(), found.1.len());
    assert_eq!(found.0, expected.0);
    for (sequence, values) in &found.1 {
        assert_eq!(Some(values), expected.1.get(sequence), "event {sequence}");
    }
    // In the middle it goes back to the start by itself.
    let middle = *found.1.keys().nth(found.1.len() / 2).unwrap();
    let late = sampled(dir.path(), middle);
    assert_eq!(late.0, found.0.iter().filter(|((at, _), _)| *at > middle).map(|(k, v)| (*k, v.clone())).collect());
    assert_eq!(late.1, found.1.iter().filter(|(at, _)| **at > middle).map(|(k, v)| (*k, v.clone())).collect());
}

#[test]
fn over_a_hole_it_waits_for_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 2_000);
    let mut sampler = StageSampler::new(dir.path(), 1);
    let (mut reader, mut entry) = (Reader::open(dir.path()).unwrap(), Entry::default());
    let mut entries = Vec::new();
    while reader.next(&mut entry).unwrap() {
        entries.push(entry);
    }
    let given =
        |sampler: &mut StageSampler, range: &[Entry]| range.iter().filter(|e| sampler.take(e).is_some()).count();
    assert!(given(&mut sampler, &entries[..1_000]) > 0);
    // Of another process start, whose beginning the journal does not have.
    for entry in &mut entries {
        entry.epoch = 7;
    }
    assert_eq!(given(&mut sampler, &entries[1_001..1_500]), 0);
}

/// What a sampler gives that is told to be ready before each entry; how many, and at which event it was not.
fn readied(sampler: &mut StageSampler, entries: &[Entry]) -> (Vec<u64>, Option<u64>) {
    let mut given = Vec::new();
    for entry in entries {
        if !sampler.ready(entry) {
            return (given, Some(entry.sequence));
        }
        given.extend(sampler.take(entry).and_then(|sample| sample.vector).map(|_| entry.sequence));
    }
    (given, None)
}

#[test]
fn put_back_it_gives_the_same_again_however_far_back_the_start_lies() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 12_000);
    let (mut reader, mut entry) = (Reader::open(dir.path()).unwrap(), Entry::default());
    let mut entries = Vec::new();
    while reader.next(&mut entry).unwrap() {
        entries.push(entry);
    }
    let end = Arc::new(AtomicBool::new(false));
    let thorough = || StageSampler::new(dir.path(), 1_000).thorough(Arc::clone(&end));
    let mut sampler = thorough();
    let (all, stopped) = readied(&mut sampler, &entries);
    assert!(all.len() > 10 && stopped.is_none(), "{}", all.len());
    // Where, and what comes from there on.
    let behind = |at: usize| all.iter().copied().filter(|s| *s > entries[at - 1].sequence).collect::<Vec<_>>();
    for at in [9_000, 1, 6_000] {
        let last = Id { epoch: entries[at - 1].epoch, sequence: entries[at - 1].sequence };
        sampler.reset(last);
        assert_eq!(readied(&mut sampler, &entries[at..]), (behind(at), None), "from {at}");
    }
    sampler.reset(Id::default());
    assert_eq!(readied(&mut sampler, &entries), (all.clone(), None), "from the beginning");
    let last = entries.last().unwrap();
    sampler.reset(Id { epoch: last.epoch, sequence: last.sequence });
    assert!(sampler.warm.is_some(), "it stands there already");
    // One that must not read far back gives up; one that may does not.
    let mut short = StageSampler::new(dir.path(), 1_000);
    short.back_max = 5_000;
    assert_eq!(readied(&mut short, &entries[9_000..]), (Vec::new(), None));
    let mut long = thorough();
    assert_eq!(readied(&mut long, &entries[9_000..]), (behind(9_000), None));
    // The host ends while it reads: the entry is not taken, and nothing is given up.
    end.store(true, Ordering::Release);
    let mut stopped = thorough();
    assert_eq!(readied(&mut stopped, &entries[9_000..]), (Vec::new(), Some(entries[9_000].sequence)));
    end.store(false, Ordering::Release);
    assert_eq!(readied(&mut stopped, &entries[9_000..]), (behind(9_000), None));
}
