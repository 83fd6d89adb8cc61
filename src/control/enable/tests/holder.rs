//! Edge: what a running host does with requests, and that nothing but two people brings it to LIVE.

use super::super::{Change, Holder, Store};
use super::*;
use crate::event::operator::OperatorAction;

/// A host with a store on disk.
struct Host {
    _dir: tempfile::TempDir,
    store: Store,
    holder: Holder,
    keyring: Keyring,
    facts: Facts,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            store: Store::open(&dir.path().join("enable")).unwrap(),
            _dir: dir,
            holder: Holder::default(),
            keyring: Keyring::parse(&keyring_text()).unwrap(),
            facts: facts(),
        }
    }

    fn poll(&mut self, seconds: i64) -> Vec<Change> {
        self.holder.poll(&mut self.store, &self.keyring, &self.facts, at(seconds))
    }

    fn names(&mut self, seconds: i64) -> Vec<String> {
        let name = |change: &Change| match change {
            Change::Enabled { people, .. } => format!("enabled by {}", people.join("+")),
            Change::Ended { why, .. } => format!("ended {}", why.name()),
            Change::Refused { why, .. } => format!("refused {}", why.name()),
            Change::Trouble(_) => "trouble".to_owned(),
        };
        self.poll(seconds).iter().map(name).collect()
    }

    fn approved(terms: Terms) -> (Self, Request) {
        let host = Self::new();
        let request = Request::new(terms).unwrap();
        host.store.add_request(&request).unwrap();
        host.store.add_approval(&approve(&request, "ada-1", 1)).unwrap();
        host.store.add_approval(&approve(&request, "bob-1", 3)).unwrap();
        (host, request)
    }
}

#[test]
fn from_request_to_the_end_of_the_window() {
    let mut host = Host::new();
    assert_eq!(host.names(0), [""; 0]);
    let request = Request::new(terms()).unwrap();
    host.store.add_request(&request).unwrap();
    assert_eq!(host.names(1), ["refused too_few_people"]);
    assert_eq!(host.names(2), [""; 0], "told once");
    host.store.add_approval(&approve(&request, "ada-1", 1)).unwrap();
    assert_eq!(host.names(3), ["refused too_few_people"], "another number of people is news");
    host.store.add_approval(&approve(&request, "bob-1", 3)).unwrap();
    assert_eq!(host.names(4), ["refused not_yet"]);
    assert_eq!(host.names(5), [""; 0], "told once, however many seconds are left");
    assert!(host.holder.live().is_none());

    let changes = host.poll(60);
    let [change @ Change::Enabled { until, .. }] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(*until, at(3660).wall);
    let command = change.command().unwrap();
    assert_eq!(command.action(), Some(OperatorAction::Enable));
    assert_eq!((command.who().as_ref(), command.reason().as_ref()), ("ada+bob", "first day, as agreed"));
    assert_eq!((command.ticket().as_ref(), command.record(), command.until), ("OPS-17", request.hash().0, *until));
    let text = change.to_string();
    assert!(text.contains("2026-11-21T13:01:00Z by ada and bob (ticket OPS-17"), "{text}");
    assert_eq!(host.holder.live().unwrap().record_hash(), request.hash());

    assert_eq!(host.names(3659), [""; 0]);
    let changes = host.poll(3660);
    let [change @ Change::Ended { .. }] = &changes[..] else { panic!("{changes:?}") };
    let command = change.command().unwrap();
    assert_eq!((command.action(), command.record()), (Some(OperatorAction::Revoke), request.hash().0));
    assert_eq!((command.who().as_ref(), command.reason().as_ref()), ("host", "its window of 3600 s is over"));
    assert!(host.holder.live().is_none());
    assert_eq!(host.names(3661), [""; 0], "and not again");
}

#[test]
fn each_way_to_fall_back() {
    let check = |expected: &str, change: &dyn Fn(&mut Host, &Request)| {
        let (mut host, request) = Host::approved(terms());
        assert_eq!(host.names(60), ["enabled by ada+bob"]);
        change(&mut host, &request);
        assert_eq!(host.names(61), [format!("ended {expected}")]);
        assert!(host.holder.live().is_none());
        // As it was: it stays ended.
        (host.facts, host.keyring) = (facts(), Keyring::parse(&keyring_text()).unwrap());
        assert_eq!(host.names(62), [""; 0]);
        assert!(host.holder.live().is_none());
    };
    check("revoked", &|host, request| {
        let by = Revocation { record: *request.hash(), by: "cyd".into(), reason: "storm".into(), at_s: CREATED };
        host.store.revoke(&by).unwrap();
    });
    check("other_config", &|host, _| host.facts.config = Hash::of(b"other"));
    check("other_limits", &|host, _| host.facts.limits = limits("11"));
    check("other_build", &|host, _| host.facts.build = Hash::of(b"other"));
    check("key_revoked", &|host, _| {
        let bob = public(3);
        let text = keyring_text().replace(&format!("{bob}\""), &format!("{bob}\", revoked = true"));
        host.keyring = Keyring::parse(&text).unwrap();
    });
    let (mut host, request) = Host::approved(terms());
    assert_eq!(host.names(100), ["enabled by ada+bob"]);
    assert_eq!(host.names(99), ["ended clock_backward"]);
    let by = Revocation { record: *request.hash(), by: "cyd".into(), reason: "storm".into(), at_s: CREATED };
    let ended = Change::Ended {
        record: by.record,
        people: vec![],
        ticket: String::new(),
        why: Why::Revoked { by: by.by, reason: by.reason },
    };
    let command = ended.command().unwrap();
    assert_eq!((command.who().as_ref(), command.reason().as_ref()), ("cyd", "storm"), "who revoked it is told");
}

#[test]
fn a_restart_enables_nothing() {
    // Activated before the restart.
    let (mut host, _) = Host::approved(terms());
    assert_eq!(host.names(60), ["enabled by ada+bob"]);
    host.holder = Holder::default();
    host.store = Store::open(host.store.dir()).unwrap();
    (host.facts.process, host.facts.started) = ([2; 16], at(61).wall);
    assert_eq!(host.names(62), ["refused before_start"]);
    // The same with a clock that went back over the restart: the nonce is used up.
    host.holder = Holder::default();
    host.facts.started = facts().started;
    assert_eq!(host.names(63), ["refused replayed"]);
    // Approved, but not activated before the restart.
    let (mut host, _) = Host::approved(terms());
    host.facts.started = at(59).wall;
    assert_eq!(host.names(60), ["refused before_start"]);
    assert_eq!(host.names(61), [""; 0]);
}

#[test]
fn only_one_is_in_force_and_the_next_waits_for_its_end() {
    let (mut host, first) = Host::approved(Terms { window_s: 100, ..terms() });
    assert_eq!(host.names(60), ["enabled by ada+bob"]);
    let second =
        Request::new(Terms { nonce: [8; 16], not_before_s: CREATED + 160, activate_by_s: CREATED + 200, ..terms() })
            .unwrap();
    host.store.add_request(&second).unwrap();
    host.store.add_approval(&approve(&second, "bob-1", 3)).unwrap();
    host.store.add_approval(&approve(&second, "cyd-1", 4)).unwrap();
    assert_eq!(host.names(159), [""; 0]);
    assert_eq!(host.holder.live().unwrap().record_hash(), first.hash());
    assert_eq!(host.names(160), ["ended window_over", "enabled by bob+cyd"]);
}

#[test]
fn two_hosts_with_one_store_do_not_both_enable() {
    let (mut host, _) = Host::approved(terms());
    let mut other = Host::new();
    other.store = host.store.clone();
    assert_eq!(host.names(60), ["enabled by ada+bob"]);
    assert_eq!(other.names(60), ["refused replayed"]);
}

#[test]
fn a_store_that_cannot_be_read_is_told_once_and_enables_nothing() {
    let (mut host, _) = Host::approved(terms());
    let stray = host.store.dir().join("what");
    std::fs::write(&stray, "").unwrap();
    assert_eq!(host.names(60), ["trouble"]);
    assert_eq!(host.names(61), [""; 0]);
    std::fs::remove_file(stray).unwrap();
    assert_eq!(host.names(62), ["enabled by ada+bob"]);
}

/// One thing that may lie in the store.
type Piece<'a> = (&'a str, &'a dyn Fn(&Store));

#[test]
fn nothing_but_two_people_enables() {
    let request = Request::new(terms()).unwrap();
    let other = Request::new(Terms { window_s: 7200, ..terms() }).unwrap();
    let add = |approval: Approval| move |store: &Store| drop(store.add_approval(&approval).unwrap());
    let pieces: [Piece<'_>; 8] = [
        ("request", &|store| drop(store.add_request(&request).unwrap())),
        ("ada", &add(approve(&request, "ada-1", 1))),
        ("ada's other key", &add(approve(&request, "ada-2", 2))),
        ("bob", &add(approve(&request, "bob-1", 3))),
        ("a revoked key", &add(approve(&request, "dee-1", 5))),
        ("another record's", &|store| {
            let taken = Approval { record: *request.hash(), ..approve(&other, "cyd-1", 4) };
            drop(store.add_approval(&taken).unwrap());
        }),
        ("another record", &|store| {
            store.add_request(&other).unwrap();
            drop(store.add_approval(&approve(&other, "ada-1", 1)).unwrap());
        }),
        ("revoked", &|store| {
            let by = Revocation { record: *request.hash(), by: "x".into(), reason: "y".into(), at_s: 0 };
            store.revoke(&by).unwrap();
        }),
    ];
    let (mut enabled, mut refused) = (0, 0);
    for set in 0..1u32 << pieces.len() {
        let has = |name: &str| pieces.iter().position(|(n, _)| *n == name).is_some_and(|at| set >> at & 1 == 1);
        let mut host = Host::new();
        for (at, (_, put)) in pieces.iter().enumerate() {
            if set >> at & 1 == 1 {
                put(&host.store);
            }
        }
        for seconds in [0, 59, 60, 61, 359] {
            host.poll(seconds);
        }
        // In words: asked for, by ada with either key and by bob, and nothing odd beside it.
        let odd = ["a revoked key", "another record's", "revoked"];
        let expected =
            has("request") && (has("ada") || has("ada's other key")) && has("bob") && !odd.iter().any(|name| has(name));
        assert_eq!(host.holder.live().is_some(), expected, "{set:b}");
        *(if expected { &mut enabled } else { &mut refused }) += 1;
    }
    println!("enabling: {} stores: {enabled} enabled by ada and bob, {refused} not", enabled + refused);
    assert_eq!((enabled, refused), (6, 250));
}
