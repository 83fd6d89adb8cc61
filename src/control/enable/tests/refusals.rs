//! Edge: each reason for no, one at a time; and every byte of record, signature and approval changed.

use super::super::text::Malformed;
use super::*;

/// Changes one thing in a world that is good, and expects this refusal with this in its text.
fn check(count: &mut usize, expected: &str, part: &str, change: impl FnOnce(&mut World)) {
    let mut world = World::new();
    change(&mut world);
    let why = world.evaluate().expect_err(expected);
    assert_eq!(why.name(), expected, "{why}");
    assert!(why.to_string().contains(part), "{expected}: `{part}` is not in `{why}`");
    // What was refused has used up nothing.
    assert!(why == Why::Replayed || world.ledger.used.is_empty(), "{why}");
    *count += 1;
}

#[test]
fn each_refusal_is_told_apart() {
    let mut count = 0;
    let n = &mut count;
    check(n, "too_few_people", "0 of 2 people", |w| w.approvals.clear());
    check(n, "too_few_people", "1 of 2 people approved (bob)", |w| drop(w.approvals.remove(0)));
    check(n, "same_key_twice", "`bob-1`", |w| w.approvals[0] = w.approvals[1].clone());
    check(n, "same_key_twice", "`bob-1`", |w| w.approvals.push(w.approvals[1].clone()));
    check(n, "one_person", "all by `ada`", |w| w.approvals[1] = approve(&w.request, "ada-2", 2));
    check(n, "too_many_approvals", "17", |w| w.approvals = vec![w.approvals[0].clone(); 17]);
    check(n, "unknown_key", "`eve-1`", |w| w.approvals[1] = approve(&w.request, "eve-1", 9));
    // A third approval that is not valid is not passed over.
    check(n, "unknown_key", "`eve-1`", |w| w.approvals.push(approve(&w.request, "eve-1", 9)));
    check(n, "key_revoked", "`dee-1`", |w| w.approvals[1] = approve(&w.request, "dee-1", 5));
    check(n, "key_expired", "`cyd-1`", |w| {
        // Valid when it was signed; what counts is when it is to take effect.
        let late = Terms { not_before_s: CREATED + 3600, activate_by_s: CREATED + 4200, ..terms() };
        *w = World::with(late);
        w.approvals[1] = approve(&w.request, "cyd-1", 4);
        w.now = at(3600);
    });
    check(n, "bad_signature", "`bob-1`", |w| w.approvals[1] = approve(&w.request, "bob-1", 1));
    check(n, "bad_signature", "`bob-1`", |w| w.approvals[1].signature = [0; 64]);
    check(n, "other_record", "`bob-1`", |w| {
        let other = Request::new(Terms { window_s: 3601, ..terms() }).unwrap();
        w.approvals[1] = approve(&other, "bob-1", 3);
    });
    check(n, "bad_signature", "`bob-1`", |w| {
        // The other record's signature under this record's hash.
        let other = Request::new(Terms { window_s: 3601, ..terms() }).unwrap();
        w.approvals[1] = Approval { record: *w.request.hash(), ..approve(&other, "bob-1", 3) };
    });
    check(n, "not_yet", "in 1 s", |w| w.now.wall = at(60).wall - 1);
    check(n, "not_yet", "in 60 s", |w| w.now = at(0));
    check(n, "expired", "0 s ago", |w| w.now = at(360));
    check(n, "expired", "3240 s ago", |w| w.now = at(3600));
    check(n, "clock_backward", "1 s before", |w| w.now = at(-1));
    check(n, "clock_backward", "60 s before", |w| {
        // Behind the request, but the process already knows a later time.
        w.facts.started = at(0).wall + SECONDS / 2;
        w.now = Now { wall: at(0).wall + SECONDS / 2 - 60 * SECONDS, ..w.now };
    });
    check(n, "time_range", "out of range", |w| w.now.monotonic = i64::MAX);
    check(n, "before_start", "restart", |w| w.facts.started = at(1).wall);
    check(n, "before_start", "restart", |w| w.facts.started = at(99).wall);
    check(n, "replayed", "before", |w| {
        w.ledger.used.insert([7; 16]);
    });
    check(n, "revoked", "by bob: wrong day", |w| {
        w.ledger.revoked.insert(*w.request.hash(), "wrong day".to_owned());
    });
    check(n, "store", "the disk is gone", |w| w.ledger.broken = true);
    check(n, "other_host", "`desk-2`", |w| w.facts.host = "desk-2".to_owned());
    check(n, "unknown_build", "not known", |w| w.facts.build = Hash([0; 32]));
    check(n, "other_build", "was approved", |w| w.facts.build = Hash::of(b"build 2"));
    check(n, "other_config", "was approved", |w| w.facts.config = Hash::of(b"config 2"));
    check(n, "other_limits", "were approved", |w| w.facts.limits = limits("11"));
    println!("enabling: {n} refusals, each for its own reason");
}

#[test]
fn two_people_enable_once() {
    let mut world = World::new();
    let live = world.evaluate().unwrap();
    assert_eq!(live.people(), ["ada", "bob"]);
    assert_eq!(live.until(), at(3700).wall);
    assert_eq!((live.record_hash(), live.request()), (world.request.hash(), &world.request));
    assert_eq!(world.evaluate().unwrap_err(), Why::Replayed);
    // At the first and in the last moment; three people, and one of them with two keys, are at least two.
    for now in [at(60), Now { wall: at(360).wall - 1, ..at(359) }] {
        assert!(World { now, ..World::new() }.evaluate().is_ok());
    }
    let mut world = World::new();
    world.approvals.push(approve(&world.request, "cyd-1", 4));
    world.approvals.push(approve(&world.request, "ada-2", 2));
    assert_eq!(world.evaluate().unwrap().people(), ["ada", "bob", "cyd"]);
}

#[test]
fn a_nonce_that_somebody_else_used_in_between_is_a_replay() {
    /// Says "not used", and is beaten to it.
    struct Raced;
    impl Ledger for Raced {
        fn revocation(&self, _: &Hash) -> std::io::Result<Option<Revocation>> {
            Ok(None)
        }
        fn is_used(&self, _: &Nonce) -> std::io::Result<bool> {
            Ok(false)
        }
        fn use_up(&mut self, _: &Activation) -> std::io::Result<bool> {
            Ok(false)
        }
    }
    let w = World::new();
    let result = evaluate(&w.request, &w.approvals, &w.keyring, &w.facts, w.now, &mut Raced);
    assert_eq!(result.unwrap_err(), Why::Replayed);
}

#[test]
fn what_holds_ends_with_what_was_approved_and_never_comes_back() {
    let mut count = 0;
    let mut check = |expected: &str, change: &dyn Fn(&mut World)| {
        let mut world = World::new();
        let mut live = world.evaluate().unwrap();
        let good = at(200);
        live.check(&world.keyring, &world.facts, good, &world.ledger).unwrap();
        world.now = good;
        change(&mut world);
        let why = live.check(&world.keyring, &world.facts, world.now, &world.ledger).unwrap_err();
        assert_eq!(why.name(), expected, "{why}");
        // All is as it was: too late.
        let w = World::new();
        assert_eq!(live.check(&w.keyring, &w.facts, good, &w.ledger), Err(why));
        count += 1;
    };
    check("window_over", &|w| w.now = at(3700));
    check("window_over", &|w| w.now.wall = at(3700).wall);
    // A wall clock that stands still does not make the window longer.
    check("window_over", &|w| w.now.monotonic = at(3700).monotonic);
    check("clock_backward", &|w| w.now.wall -= 1);
    check("clock_backward", &|w| w.now.monotonic -= 1);
    check("clock_backward", &|w| w.now.wall = i64::MIN);
    check("other_process", &|w| w.facts.process = [2; 16]);
    check("other_host", &|w| w.facts.host.push('x'));
    check("other_build", &|w| w.facts.build = Hash::of(b"build 2"));
    check("unknown_build", &|w| w.facts.build = Hash([0; 32]));
    check("other_config", &|w| w.facts.config = Hash::of(b"config 2"));
    check("other_limits", &|w| w.facts.limits = limits("9"));
    check("store", &|w| w.ledger.broken = true);
    check("revoked", &|w| {
        w.ledger.revoked.insert(*w.request.hash(), "enough".to_owned());
    });
    let keyring = |from: &str, to: &str| {
        let text = keyring_text();
        assert!(text.contains(from));
        Keyring::parse(&text.replacen(from, to, 1)).unwrap()
    };
    let bob = public(3);
    check("key_revoked", &|w| w.keyring = keyring(&format!("{bob}\""), &format!("{bob}\", revoked = true")));
    check("key_expired", &|w| {
        w.keyring = keyring(&format!("{bob}\""), &format!("{bob}\", not_after = \"2026-11-21T12:03:20Z\""));
    });
    check("unknown_key", &|w| w.keyring = keyring("bob-1", "bob-2"));
    // The id now means another key, or another person.
    check("unknown_key", &|w| w.keyring = keyring(&bob, &public(8)));
    check("unknown_key", &|w| w.keyring = keyring("person = \"bob\"", "person = \"rob\""));
    println!("enabling: {count} ways in which what holds ends");
}

#[test]
fn a_window_ends_in_its_last_nanosecond() {
    let mut world = World::new();
    let mut live = world.evaluate().unwrap();
    let last = Now { wall: at(3700).wall - 1, monotonic: at(3700).monotonic - 1 };
    live.check(&world.keyring, &world.facts, last, &world.ledger).unwrap();
    assert!(live.check(&world.keyring, &world.facts, at(3700), &world.ledger).is_err());
}

/// A world in which `request` is the right one in every respect, so that only the signatures speak against it.
fn around(request: Request, approvals: &[Approval]) -> World {
    let terms = request.terms().clone();
    let approvals = approvals.iter().map(|a| Approval { record: *request.hash(), ..a.clone() }).collect();
    World {
        facts: Facts {
            host: terms.host,
            build: terms.build,
            config: terms.config,
            limits: terms.limits,
            process: [1; 16],
            started: i64::MIN,
        },
        now: Now { wall: terms.not_before_s * SECONDS, monotonic: 0 },
        request,
        approvals,
        ..World::new()
    }
}

#[test]
fn no_byte_of_a_record_can_be_changed() {
    let good = World::new();
    let bytes = good.request.bytes().to_vec();
    let (mut undecodable, mut other, mut unsigned) = (0, 0, 0);
    for place in 0..bytes.len() {
        for value in 0..=255 {
            if value == bytes[place] {
                continue;
            }
            let mut changed = bytes.clone();
            changed[place] = value;
            let Ok(request) = Request::decode(&changed) else {
                undecodable += 1;
                continue;
            };
            assert_eq!(request.bytes(), changed);
            assert_ne!(request.hash(), good.request.hash());
            // With the approvals as they were, and with approvals that were made to name the changed record.
            let why = World { request: request.clone(), ..World::new() }.evaluate().unwrap_err();
            assert_ne!(why.name(), "too_few_people");
            other += 1;
            let why = around(request, &good.approvals).evaluate().unwrap_err();
            assert_eq!(why.name(), "bad_signature", "byte {place} = {value}: {why}");
            unsigned += 1;
        }
    }
    assert!(undecodable > 100_000 && unsigned > 1000, "{undecodable} {unsigned}");
    println!(
        "enabling: {} bytes of a record, each with 255 other values: {undecodable} are no record, {other} refused as they are, {unsigned} of {unsigned} refused by the signatures alone",
        bytes.len()
    );
    // And the same world with the record as it was is good.
    assert!(around(good.request.clone(), &good.approvals).evaluate().is_ok());
}

#[test]
fn no_bit_of_a_signature_and_no_byte_of_an_approval_can_be_changed() {
    let mut bits = 0;
    for which in 0..2 {
        for bit in 0..512 {
            let mut world = World::new();
            world.approvals[which].signature[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(world.evaluate().unwrap_err().name(), "bad_signature");
            bits += 1;
        }
    }
    let (mut undecodable, mut refused) = (0, 0);
    let file = World::new().approvals[1].encode().into_bytes();
    for place in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[place] ^= 1 << bit;
            match Approval::decode(&changed) {
                Err(Malformed { .. }) => undecodable += 1,
                Ok(approval) => {
                    assert_eq!(approval.encode().into_bytes(), changed);
                    let mut world = World::new();
                    world.approvals[1] = approval;
                    world.evaluate().unwrap_err();
                    refused += 1;
                }
            }
        }
    }
    println!("enabling: {bits} flipped bits of signatures; {undecodable} + {refused} of an approval file: all refused");
}
