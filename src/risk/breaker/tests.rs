//! Hot: tests: the table of a breaker's life, and 10⁵ random streams against an oracle that walks through every millisecond
//! and keeps every event.

use super::*;
use crate::event::operator::Scope;
use crate::types::ids::InstrumentId;
use crate::types::instrument::VenueKind;
use crate::types::time::MILLIS;

const E8: i128 = 100_000_000;

fn limits() -> Limits {
    Limits {
        window_ms: 160,
        orders_min: 4,
        open_ms: 50,
        open_ms_max: 150,
        probes: 2,
        probe_ms: 30,
        ..Limits::default()
    }
}

fn key(instrument: u32) -> Key {
    Key { strategy: 0, venue: VenueKind::Simulated, instrument: InstrumentId(instrument) }
}

fn bank(limits: Limits) -> Breakers {
    Breakers::new(&Config { instrument: Some(limits), ..Config::default() }, 1, 2).unwrap()
}

fn fill(sent_ms: i64, slippage: i128, notional: i128, pnl: i128) -> Event {
    Event::Filled {
        sent_at: sent_ms * MILLIS,
        slippage_e8: slippage * E8,
        notional_e8: notional * E8,
        pnl_e8: pnl * E8,
    }
}

fn answered(sent_ms: i64) -> Event {
    Event::Answered { sent_at: sent_ms * MILLIS }
}

fn rejected(sent_ms: i64) -> Event {
    Event::Rejected { sent_at: sent_ms * MILLIS }
}

/// Events at milliseconds; whether it is open after the last, and why.
fn check(limits: Limits, events: &[(i64, Event)], expected: Option<Cause>) {
    let mut bank = bank(limits);
    for &(ms, event) in events {
        bank.on(ms * MILLIS, key(0), event);
    }
    let last = events.last().unwrap().0 * MILLIS;
    let got = bank.check(last, key(0));
    assert_eq!(got.err().map(|stop| stop.cause), expected, "{events:?}");
    assert_eq!(bank.check(last, key(1)), Ok(()), "another instrument has its own");
}

#[test]
fn each_cause_at_its_limit() {
    let sent = |n: i64| (0..n).map(|i| (i, Event::Sent));
    let with = |n: i64, more: &[(i64, Event)]| sent(n).chain(more.iter().copied()).collect::<Vec<_>>();
    let rejects = Limits { rejects_ppm: Some(500_000), ..limits() };
    check(rejects.clone(), &with(4, &[(5, rejected(0)), (6, rejected(1))]), None);
    check(rejects.clone(), &with(4, &[(5, rejected(0)), (6, rejected(1)), (7, rejected(2))]), Some(Cause::Rejects));
    check(rejects.clone(), &with(3, &[(5, rejected(0)), (6, rejected(1)), (7, rejected(2))]), None);
    // The first rejects have left the window.
    check(rejects, &with(4, &[(5, rejected(0)), (6, rejected(1)), (300, Event::Sent), (301, rejected(300))]), None);
    let errors = Limits { errors_ppm: Some(0), orders_min: 1, ..limits() };
    check(errors.clone(), &with(9, &[(9, answered(0))]), None);
    check(errors, &with(9, &[(9, Event::Failed { sent_at: 0 })]), Some(Cause::Errors));
    let slippage = Limits { slippage_ppm: Some(1_000), orders_min: 2, ..limits() };
    check(slippage.clone(), &[(0, fill(0, 1, 1_000, 0)), (1, fill(0, 1, 1_000, 0))], None);
    check(slippage.clone(), &[(0, fill(0, 1, 1_000, 0)), (1, fill(0, 2, 1_000, 0))], Some(Cause::Slippage));
    check(slippage.clone(), &[(0, fill(0, 9, 1_000, 0))], None);
    check(slippage.clone(), &[(0, fill(0, 9, 1_000, 0)), (1, fill(0, -8, 1_000, 0))], None);
    // What does not fit is too much; a huge value alone is none.
    check(slippage.clone(), &[(0, fill(0, 1, 1, 0)), (1, fill(0, i128::MAX / E8, 1, 0))], Some(Cause::Slippage));
    check(slippage, &[(0, fill(0, 1, 1, 0)), (1, fill(0, 1, i128::MAX / E8, 0))], None);
    let latency = Limits { latency_ms: Some(10), orders_min: 2, ..limits() };
    check(latency.clone(), &[(5, answered(0)), (20, answered(5))], None);
    check(latency.clone(), &[(6, answered(0)), (20, answered(5))], Some(Cause::Latency));
    check(latency, &[(5, answered(90)), (6, answered(90))], None);
    let loss = Limits { loss: Some("100".into()), ..limits() };
    check(loss.clone(), &[(0, fill(0, 0, 1, -60)), (1, fill(0, 0, 1, -40))], None);
    check(loss.clone(), &[(0, fill(0, 0, 1, -60)), (1, fill(0, 0, 1, -41))], Some(Cause::Loss));
    check(loss.clone(), &[(0, fill(0, 0, 1, 50)), (1, fill(0, 0, 1, -150))], None);
    check(loss, &[(0, fill(0, 0, 1, -60)), (170, fill(0, 0, 1, -60))], None);
}

#[test]
fn a_life_of_a_breaker() {
    let mut bank = bank(Limits { rejects_ppm: Some(0), orders_min: 1, latency_ms: Some(5), ..limits() });
    let state = |bank: &Breakers, ms: i64| bank.state(Scope::Instrument, 0, ms * MILLIS).unwrap();
    let open = |cause, until: i64| State::Open { cause, until: until * MILLIS };
    let half = |cause, left| State::HalfOpen { cause, left };
    bank.on(0, key(0), Event::Sent);
    assert!(bank.on(MILLIS, key(0), rejected(0)));
    assert_eq!(state(&bank, 1), open(Cause::Rejects, 51));
    assert_eq!(state(&bank, 0), open(Cause::Rejects, 51), "a clock that runs backward opens nothing");
    assert_eq!((state(&bank, 50), state(&bank, 51)), (open(Cause::Rejects, 51), half(Cause::Rejects, 2)));
    // An answer to what was sent before is no probe.
    assert!(!bank.on(52 * MILLIS, key(0), answered(0)));
    for (ms, left) in [(53, 1), (54, 0)] {
        assert_eq!(bank.check(ms * MILLIS, key(0)), Ok(()));
        bank.on(ms * MILLIS, key(0), Event::Sent);
        assert_eq!(state(&bank, ms), half(Cause::Rejects, left));
    }
    let stop = Stop { scope: Scope::Instrument, cause: Cause::Rejects, until: i64::MAX };
    assert_eq!(bank.check(54 * MILLIS, key(0)), Err(stop), "no third probe");
    assert!(!bank.on(55 * MILLIS, key(0), answered(53)));
    // The second is not answered: open again from the moment it ran out, twice as long.
    assert_eq!(state(&bank, 83), half(Cause::Rejects, 0));
    assert_eq!(state(&bank, 84), open(Cause::Probe, 84 + 100));
    assert_eq!(state(&bank, 1_000), half(Cause::Probe, 2), "and over long ago");
    // A late answer to a probe of the time before.
    bank.on(200 * MILLIS, key(0), answered(54));
    assert_eq!(state(&bank, 200), half(Cause::Probe, 2));
    // A slow answer, and the longest time.
    bank.on(201 * MILLIS, key(0), Event::Sent);
    assert!(bank.on(207 * MILLIS, key(0), answered(201)));
    assert_eq!(state(&bank, 207), open(Cause::Probe, 207 + 150));
    bank.on(357 * MILLIS, key(0), Event::Sent);
    bank.on(358 * MILLIS, key(0), answered(357));
    bank.on(358 * MILLIS, key(0), Event::Sent);
    assert!(!bank.on(359 * MILLIS, key(0), answered(358)));
    assert_eq!(state(&bank, 359), State::Closed);
    // Closed is as new: the next opening is a short one.
    bank.on(360 * MILLIS, key(0), rejected(359));
    assert_eq!(state(&bank, 360), open(Cause::Rejects, 410));
    assert!(bank.reset(Scope::Instrument, 0) && !bank.reset(Scope::Instrument, 9) && !bank.reset(Scope::Venue, 6));
    assert_eq!(state(&bank, 360), State::Closed);
    bank.on(361 * MILLIS, key(0), rejected(359));
    assert!(bank.check(361 * MILLIS, key(0)).is_err() && bank.reset(Scope::Host, 0));
    assert_eq!(bank.check(361 * MILLIS, key(0)), Ok(()));
}

#[test]
fn the_three_scopes_and_what_does_not_load() {
    let one = Limits { rejects_ppm: Some(0), orders_min: 1, ..limits() };
    let all = Config { strategy: Some(one.clone()), venue: Some(one.clone()), instrument: Some(one.clone()) };
    let mut bank = Breakers::new(&all, 2, 2).unwrap();
    assert!(bank.on(0, key(1), rejected(0)));
    let scope = |bank: &Breakers, key| bank.check(0, key).err().map(|stop| stop.scope);
    assert_eq!(scope(&bank, key(1)), Some(Scope::Strategy));
    assert!(bank.reset(Scope::Strategy, 0));
    assert_eq!(scope(&bank, key(1)), Some(Scope::Venue));
    assert!(bank.reset(Scope::Venue, u32::from(VenueKind::Simulated.code())));
    assert_eq!((scope(&bank, key(1)), scope(&bank, key(0))), (Some(Scope::Instrument), None));
    assert_eq!(scope(&bank, key(5)), Some(Scope::Instrument), "nobody would watch it");
    assert_eq!(bank.state(Scope::Host, 0, 0), None);
    assert_eq!(Breakers::new(&Config::default(), 1, 1).unwrap().check(0, key(7)), Ok(()), "no breakers at all");

    let refused = |toml: &str, expected: &str| {
        let error = match toml::from_str::<Config>(toml) {
            Err(e) => e.to_string(),
            Ok(config) => Breakers::new(&config, 1, 1).expect_err(toml).to_string(),
        };
        assert!(error.contains(expected), "{toml}\ngave: {error}");
    };
    refused("[host]", "unknown field `host`");
    refused("[venue]\nrejects = 1", "unknown field `rejects`");
    refused("[venue]", "one at least");
    let part = |text: &str| format!("[venue]\nrejects_ppm = 1\n{text}");
    refused(&part("errors_ppm = 1000001"), "`breakers.errors_ppm` must be within 0..=1000000");
    refused(&part("window_ms = 15"), "`breakers.window_ms` must be within 16..=864000000 ms");
    refused(&part("orders_min = 0"), "`breakers.orders_min`");
    refused(&part("probes = 0"), "`breakers.probes`");
    refused(&part("open_ms = 0"), "`breakers.open_ms`");
    refused(&part("open_ms = 9\nopen_ms_max = 8"), "`breakers.open_ms_max` must be within open_ms..=864000000 ms");
    refused(&part("probe_ms = 0"), "`breakers.probe_ms`");
    refused(&part("loss = '-1'"), "`breakers.loss` must be within 0..");
    refused(&part("latency_ms = 864000001"), "`breakers.latency_ms`");
    let text = toml::to_string(&all).unwrap();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), all);
}

/// Walks through every millisecond; keeps every event; knows no buckets but their borders.
#[derive(Clone)]
struct Oracle {
    limits: Limits,
    now: i64,
    state: Mode,
    events: Vec<(i64, Event)>,
    in_a_row: u32,
}

#[derive(Clone, Debug, PartialEq)]
enum Mode {
    Closed,
    Open { cause: Cause, until: i64 },
    Half { cause: Cause, since: i64, sent: Vec<i64>, good: usize },
}

impl Oracle {
    fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), now: 0, state: Mode::Closed, events: Vec::new(), in_a_row: 0 }
    }

    fn open(&mut self, cause: Cause) {
        let mut span = self.limits.open_ms;
        for _ in 0..self.in_a_row {
            span = (span * 2).min(self.limits.open_ms_max);
        }
        self.in_a_row += 1;
        self.events.clear();
        self.state = Mode::Open { cause, until: self.now + span as i64 };
    }

    fn walk(&mut self, to: i64) {
        loop {
            let last = |sent: &[i64]| sent.last().copied();
            match &self.state {
                Mode::Half { sent, good, .. }
                    if sent.len() > *good
                        && last(sent).is_some_and(|t| self.now == t + self.limits.probe_ms as i64) =>
                {
                    self.open(Cause::Probe);
                }
                Mode::Open { cause, until } if self.now == *until => {
                    self.state = Mode::Half { cause: *cause, since: self.now, sent: Vec::new(), good: 0 };
                }
                _ => {}
            }
            if self.now >= to {
                return;
            }
            self.now += 1;
        }
    }

    fn breach(&self) -> Option<Cause> {
        let l = &self.limits;
        let width = l.window_ms as i64 / 16;
        let inside: Vec<_> = self.events.iter().filter(|(t, _)| t / width > self.now / width - 16).collect();
        let count = |f: fn(&Event) -> bool| inside.iter().filter(|(_, e)| f(e)).count() as f64;
        let sent = count(|e| matches!(e, Event::Sent));
        let (failed, rejected) =
            (count(|e| matches!(e, Event::Failed { .. })), count(|e| matches!(e, Event::Rejected { .. })));
        let (answers, fills) =
            (count(|e| matches!(e, Event::Answered { .. })), count(|e| matches!(e, Event::Filled { .. })));
        let min = f64::from(l.orders_min);
        let (mut latency, mut slippage, mut value, mut pnl) = (0.0, 0.0, 0.0, 0.0);
        for (t, event) in inside {
            match event {
                Event::Answered { sent_at } => latency += (t - sent_at / MILLIS).max(0) as f64,
                Event::Filled { slippage_e8, notional_e8, pnl_e8, .. } => {
                    slippage += *slippage_e8 as f64;
                    value += *notional_e8 as f64;
                    pnl += *pnl_e8 as f64;
                }
                _ => {}
            }
        }
        let rate = |n: f64, most: Option<u32>| {
            most.is_some_and(|most| sent.max(n) >= min && n * 1e6 > f64::from(most) * sent.max(1.0))
        };
        if rate(failed, l.errors_ppm) {
            return Some(Cause::Errors);
        }
        if rate(rejected, l.rejects_ppm) {
            return Some(Cause::Rejects);
        }
        if l.slippage_ppm.is_some_and(|most| fills >= min && slippage > 0.0 && slippage * 1e6 > value * f64::from(most))
        {
            return Some(Cause::Slippage);
        }
        if l.latency_ms.is_some_and(|most| answers >= min && latency > answers * most as f64) {
            return Some(Cause::Latency);
        }
        let most = l.loss.as_ref().map(|text| text.parse::<f64>().unwrap() * 1e8);
        most.is_some_and(|most| -pnl > most).then_some(Cause::Loss)
    }

    fn on(&mut self, ms: i64, event: Event) {
        self.walk(ms.max(self.now));
        let limits = self.limits.clone();
        match &mut self.state {
            Mode::Closed => {
                self.events.push((self.now, event));
                if let Some(cause) = self.breach() {
                    self.open(cause);
                }
            }
            Mode::Open { .. } => {}
            Mode::Half { since, sent, good, .. } => {
                let since = *since * MILLIS;
                let failed = match event {
                    Event::Sent => {
                        sent.push(self.now);
                        false
                    }
                    Event::Rejected { sent_at } | Event::Failed { sent_at } => sent_at >= since,
                    Event::Answered { sent_at } if sent_at >= since => {
                        *good += 1;
                        limits.latency_ms.is_some_and(|most| self.now - sent_at / MILLIS > most as i64)
                    }
                    Event::Filled { sent_at, slippage_e8, notional_e8, pnl_e8 } if sent_at >= since => {
                        let slips = limits.slippage_ppm.is_some_and(|most| {
                            slippage_e8 > 0 && slippage_e8 * 1_000_000 > notional_e8 * i128::from(most)
                        });
                        slips || limits.loss.is_some_and(|most| -pnl_e8 > most.parse::<i128>().unwrap() * E8)
                    }
                    _ => false,
                };
                if failed {
                    self.open(Cause::Probe);
                } else if *good >= limits.probes as usize {
                    (self.state, self.in_a_row) = (Mode::Closed, 0);
                    self.events.clear();
                }
            }
        }
    }

    fn state(&self, ms: i64) -> State {
        let mut later = self.clone();
        later.walk(ms.max(self.now));
        match later.state {
            Mode::Closed => State::Closed,
            Mode::Open { cause, until } => State::Open { cause, until: until * MILLIS },
            Mode::Half { cause, sent, .. } => {
                State::HalfOpen { cause, left: self.limits.probes.saturating_sub(sent.len() as u32) }
            }
        }
    }
}

/// A small generator with a fixed seed (splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[test]
fn a_hundred_thousand_streams_against_the_oracle() {
    let (mut seed, mut opened, mut closed, mut asked) = (1, [0u32; 7], 0u32, 0u64);
    for _ in 0..100_000 {
        let mut below = |n: u64| random(&mut seed) % n;
        let mut some = |n: u64, scale: u32| (below(3) > 0).then(|| below(n) as u32 * scale);
        let mut given = Limits {
            errors_ppm: some(5, 200_000),
            rejects_ppm: some(5, 200_000),
            slippage_ppm: some(4, 500),
            latency_ms: some(4, 10).map(u64::from),
            loss: some(4, 50).map(|n| n.to_string()),
            ..limits()
        };
        if given.errors_ppm.or(given.rejects_ppm).or(given.slippage_ppm).is_none() {
            given.errors_ppm = Some(100_000);
        }
        given.orders_min = 1 + below(5) as u32;
        given.probes = 1 + below(3) as u32;
        let (mut bank, mut oracle, mut ms) = (bank(given.clone()), Oracle::new(&given), 0i64);
        let mut was = State::Closed;
        for _ in 0..30 {
            ms += match below(10) {
                0 => below(200) as i64,
                1 => -(below(10) as i64),
                _ => below(8) as i64,
            };
            ms = ms.max(0);
            let sent_at = (ms - below(25) as i64).max(0);
            let event = match below(10) {
                0..=3 => Event::Sent,
                4 | 5 => answered(sent_at),
                6 => rejected(sent_at),
                7 => Event::Failed { sent_at: sent_at * MILLIS },
                _ => {
                    let mut amount = |n: u64, less: i128| i128::from(below(n)) - less;
                    fill(sent_at, amount(5, 2), amount(3_000, 0), amount(120, 70))
                }
            };
            let now = ms * MILLIS;
            let tripped = bank.on(now, key(0), event);
            oracle.on(ms, event);
            for later in [0, below(40) as i64, below(400) as i64] {
                let got = bank.state(Scope::Instrument, 0, now + later * MILLIS).unwrap();
                assert_eq!(got, oracle.state(ms + later), "{given:?} {event:?} at {ms} + {later}");
                let passes = bank.check(now + later * MILLIS, key(0)).is_ok();
                assert_eq!(passes, matches!(got, State::Closed | State::HalfOpen { left: 1.., .. }));
                asked += 1;
            }
            let is = bank.state(Scope::Instrument, 0, now).unwrap();
            if let (true, State::Open { cause, .. }) = (tripped, is) {
                opened[cause as usize] += 1;
            }
            closed += u32::from(is == State::Closed && was != State::Closed);
            was = is;
        }
    }
    println!("{asked} states compared; opened by cause {:?}, closed again {closed} times", &opened[1..]);
    assert!(opened[1..].iter().all(|&n| n > 1_000) && closed > 1_000, "{opened:?} {closed}");
}
