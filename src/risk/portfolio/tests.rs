//! Hot: tests: the incremental figures against an oracle that keeps everything and computes all anew; what is in flight
//! against every outcome; warm-up, capacity, restart; and whether the VaR is exceeded as often as it should be.

use super::*;
use proptest::prelude::*;

const STEP: i64 = SECONDS;

fn config() -> Config {
    Config {
        interval_ms: 1_000,
        window: 60,
        samples_min: 20,
        lambda: 0.94,
        confidence: 0.95,
        horizon_intervals: 4,
        covariance_max: 8,
    }
}

/// All marks and exposures; every figure from the beginning.
struct Oracle {
    config: Config,
    mids: Vec<Option<f64>>,
    rows: Vec<Vec<Option<f64>>>,
    exposures: Vec<Exposure>,
}

impl Oracle {
    fn new(config: &Config, instruments: usize) -> Self {
        let none = vec![None; instruments];
        Self { config: config.clone(), mids: none, rows: Vec::new(), exposures: vec![Exposure::NONE; instruments] }
    }

    /// One interval: the mids that came in it. The row is part of the figures once a later interval has begun.
    fn interval(&mut self, mids: &[Option<f64>]) {
        let row: Vec<_> = mids
            .iter()
            .zip(&mut self.mids)
            .map(|(mid, last)| {
                let change = mid.zip(*last).map(|(mid, last)| mid / last - 1.0);
                *last = mid.or(*last);
                change
            })
            .collect();
        if row.iter().any(Option::is_some) {
            self.rows.push(row);
        }
    }

    /// Rows that are closed while the last one is open.
    fn closed(&self) -> &[Vec<Option<f64>>] {
        &self.rows[..self.rows.len().saturating_sub(1)]
    }

    fn window(&self) -> &[Vec<Option<f64>>] {
        let rows = self.closed();
        &rows[rows.len().saturating_sub(self.config.window as usize)..]
    }

    fn count(&self, i: usize) -> usize {
        self.window().iter().filter(|row| row[i].is_some()).count()
    }

    fn is_known(&self, exposures: &[Exposure]) -> bool {
        let held = |i: &usize| exposures[*i] != Exposure::NONE;
        (0..exposures.len()).filter(held).all(|i| self.count(i) >= self.config.samples_min as usize)
    }

    /// Own variance and Gram matrix by their sums.
    fn sigma(&self, exposures: &[Exposure]) -> f64 {
        let lambda = self.config.lambda;
        let n = exposures.len();
        let own = |i: usize| {
            let all: Vec<f64> = self.closed().iter().filter_map(|row| row[i]).collect();
            let weight = |age: usize| (1.0 - lambda) * lambda.powi(age as i32);
            let sum: f64 = all.iter().rev().enumerate().map(|(age, r)| weight(age) * r * r).sum();
            let weights: f64 = (0..all.len()).map(weight).sum();
            if all.is_empty() { 0.0 } else { sum / weights }
        };
        let gram = |i: usize, j: usize| -> f64 {
            let rows = self.closed().iter().rev().enumerate();
            rows.map(|(age, row)| {
                (1.0 - lambda) * lambda.powi(age as i32) * row[i].unwrap_or(0.0) * row[j].unwrap_or(0.0)
            })
            .sum()
        };
        let correlation = |i: usize, j: usize| {
            let own = libm::sqrt(gram(i, i) * gram(j, j));
            if own > 0.0 { gram(i, j) / own } else { 0.0 }
        };
        let sigma: Vec<f64> = (0..n).map(|i| libm::sqrt(own(i))).collect();
        let mut variance = 0.0;
        for i in 0..n {
            for j in 0..n {
                let (a, b) = (exposures[i].center() * sigma[i], exposures[j].center() * sigma[j]);
                variance += a * b * if i == j { 1.0 } else { correlation(i, j) };
            }
        }
        let linear: f64 = (0..n).map(|i| exposures[i].half_width() * sigma[i]).sum();
        libm::sqrt(variance.max(0.0)) + linear
    }

    fn parametric(&self, exposures: &[Exposure]) -> Tail {
        let sigma = self.sigma(exposures) * libm::sqrt(f64::from(self.config.horizon_intervals));
        Tail {
            var: sigma * normal::quantile(self.config.confidence),
            es: sigma * normal::shortfall(self.config.confidence),
        }
    }

    fn historical(&self, exposures: &[Exposure]) -> Tail {
        let worst = |row: &Vec<Option<f64>>| -> f64 {
            let one = |(e, r): (&Exposure, &Option<f64>)| r.map_or(0.0, |r| (r * e.low()).min(r * e.high()));
            exposures.iter().zip(row).map(one).sum()
        };
        let mut pnl: Vec<f64> = self.window().iter().map(worst).collect();
        pnl.sort_by(f64::total_cmp);
        let held = (0..exposures.len()).filter(|&i| exposures[i] != Exposure::NONE);
        let Some(fewest) = held.map(|i| self.count(i)).min() else { return Tail::default() };
        let tail = 1_000_000 - (self.config.confidence * 1e6).round() as usize;
        let k = fewest.min(pnl.len()) * tail / 1_000_000 + 1;
        let horizon = libm::sqrt(f64::from(self.config.horizon_intervals));
        Tail { var: -pnl[k - 1] * horizon, es: -pnl[..k].iter().sum::<f64>() / k as f64 * horizon }
    }
}

fn close(got: Tail, expected: Tail, scale: f64) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (a.abs() + b.abs()) + 1e-7 * scale;
    near(got.var, expected.var) && near(got.es, expected.es)
}

/// A small generator with a fixed seed (splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn uniform(state: &mut u64) -> f64 {
    ((random(state) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

fn gaussian(state: &mut u64) -> f64 {
    normal::quantile(uniform(state))
}

/// A portfolio and its oracle after `intervals` of correlated prices with holes.
fn market(config: &Config, instruments: usize, intervals: usize, seed: &mut u64) -> (Portfolio, Oracle, Vec<f64>) {
    let mut portfolio = Portfolio::new(config, instruments).unwrap();
    let mut oracle = Oracle::new(config, instruments);
    let mut mids: Vec<f64> = (0..instruments).map(|i| 10.0 * (i + 1) as f64).collect();
    for at in 0..intervals {
        interval(&mut portfolio, &mut oracle, &mut mids, at as i64, seed);
    }
    (portfolio, oracle, mids)
}

fn interval(portfolio: &mut Portfolio, oracle: &mut Oracle, mids: &mut [f64], at: i64, seed: &mut u64) {
    let common = gaussian(seed);
    let mut told = vec![None; mids.len()];
    for (i, mid) in mids.iter_mut().enumerate() {
        let beta = [1.0, 0.7, -0.4, 0.2][i % 4];
        *mid *= 1.0 + 0.002 * (beta * common + 0.6 * gaussian(seed));
        if random(seed) % 100 >= 8 {
            told[i] = Some(*mid);
            assert!(portfolio.is_due(i, at * STEP + i as i64));
            assert!(portfolio.take_mark(i, at * STEP + i as i64, *mid));
            assert!(!portfolio.take_mark(i, at * STEP + 500, *mid * 2.0), "once an interval");
        }
    }
    oracle.interval(&told);
}

fn exposure(seed: &mut u64) -> Exposure {
    let (position, buy, sell) = (uniform(seed) * 2e4 - 1e4, uniform(seed) * 4e3, uniform(seed) * 4e3);
    match random(seed) % 4 {
        0 => Exposure::NONE,
        1 => Exposure::new(position, position).unwrap(),
        2 => Exposure::new(position, position + buy).unwrap(),
        _ => Exposure::new(position - sell, position + buy).unwrap(),
    }
}

#[test]
fn incremental_figures_are_those_of_the_oracle() {
    let (mut seed, mut compared, mut quick, mut refused) = (1, 0u32, 0u32, 0u32);
    for round in 0..12 {
        let instruments = 1 + round % 5;
        let (mut portfolio, mut oracle, mut mids) = market(&config(), instruments, 30, &mut seed);
        for at in 30..120 {
            interval(&mut portfolio, &mut oracle, &mut mids, at, &mut seed);
            for _ in 0..4 {
                let index = random(&mut seed) as usize % instruments;
                let new = exposure(&mut seed);
                let mut with = oracle.exposures.clone();
                with[index] = new;
                // The root of what rounding leaves of a larger portfolio.
                let scale = 50.0;
                if oracle.is_known(&with) && oracle.is_known(&oracle.exposures) && portfolio.is_warm(index) {
                    let (expected, got) = (oracle.parametric(&with), portfolio.parametric_with(index, new).unwrap());
                    assert!(close(got, expected, scale), "{got:?} {expected:?}");
                    let (mut expected, got) =
                        (oracle.historical(&with), portfolio.historical_with(index, new).unwrap());
                    if new == Exposure::NONE {
                        // The asked instrument counts for the rank, held or not: that is the more careful side.
                        expected.var = expected.var.min(got.var);
                        expected.es = expected.es.min(got.es);
                        assert!(got.var >= expected.var - 1e-6 && got.es >= expected.es - 1e-6);
                    } else {
                        assert!(close(got, expected, scale), "{got:?} {expected:?}");
                    }
                    // The quick answer is the exact one, at limits far away and near.
                    for by in [0.2, 0.999_999, 0.999_999_999_999, 1.0, 1.000_000_000_001, 1.000_001, 1.2, 3.0] {
                        let limit = got.scaled(by);
                        let answer = portfolio.historical_at_most(index, new, limit).unwrap();
                        let within = got.var <= limit.var && got.es <= limit.es;
                        assert_eq!(answer, if within { Ok(()) } else { Err(got) });
                        quick += u32::from(answer.is_ok());
                        refused += u32::from(answer.is_err());
                    }
                    compared += 1;
                }
                oracle.exposures = with;
                portfolio.set_exposure(index, Some(new));
                if oracle.is_known(&oracle.exposures) {
                    let (got, expected) = (portfolio.parametric().unwrap(), oracle.parametric(&oracle.exposures));
                    assert!(close(got, expected, scale), "{got:?} {expected:?}");
                    let (got, expected) = (portfolio.historical().unwrap(), oracle.historical(&oracle.exposures));
                    assert!(close(got, expected, scale), "{got:?} {expected:?}");
                    let whole = portfolio.parametric().unwrap().var;
                    let parts: f64 = (0..instruments).map(|i| portfolio.component(i).unwrap().var).sum();
                    assert!((parts - whole).abs() <= 1e-9 * whole + 1e-7 * scale, "{parts} {whole}");
                } else {
                    assert_eq!((portfolio.parametric(), portfolio.historical()), (None, None));
                }
            }
        }
    }
    assert!(compared > 2_000 && quick > 2_000 && refused > 2_000);
    println!("{compared} portfolios asked against the oracle, {quick} orders within and {refused} beyond a limit");
}

/// Every outcome of what is in flight: the figures are at least those of each, and of one instrument exactly the worst.
#[test]
fn no_outcome_of_what_is_in_flight_is_worse() {
    let (mut seed, mut outcomes, mut tightest) = (2, 0u32, f64::MAX);
    for round in 0..60 {
        let instruments = 1 + round % 4;
        let (mut portfolio, _, _) = market(&config(), instruments, 90, &mut seed);
        let held: Vec<Exposure> = (0..instruments).map(|_| exposure(&mut seed)).collect();
        for (i, e) in held.iter().enumerate() {
            portfolio.set_exposure(i, Some(*e));
        }
        let (parametric, historical) = (portfolio.parametric().unwrap(), portfolio.historical().unwrap());
        let mut worst: f64 = 0.0;
        for corner in 0..1u32 << instruments {
            for (i, e) in held.iter().enumerate() {
                let end = if corner >> i & 1 == 1 { e.high() } else { e.low() };
                portfolio.set_exposure(i, Exposure::new(end, end));
            }
            let (p, h) = (portfolio.parametric().unwrap(), portfolio.historical().unwrap());
            assert!(p.var <= parametric.var * (1.0 + 1e-9) + 1e-6, "{p:?} {parametric:?}");
            assert!(h.var <= historical.var + 1e-6 && h.es <= historical.es + 1e-6, "{h:?} {historical:?}");
            worst = worst.max(p.var);
            outcomes += 1;
        }
        if instruments == 1 {
            assert!((worst - parametric.var).abs() <= 1e-9 * worst + 1e-6);
        } else if parametric.var > 0.0 {
            tightest = tightest.min(worst / parametric.var);
        }
    }
    println!("{outcomes} outcomes, the loosest bound has its worst outcome at {:.0} % of it", tightest * 100.0);
}

#[test]
fn a_hedge_lowers_whatever_is_filled() {
    let (mut seed, mut hedges) = (3, 0);
    for _ in 0..200 {
        let (mut portfolio, _, _) = market(&config(), 3, 60, &mut seed);
        let held: Vec<Exposure> = (0..3).map(|_| exposure(&mut seed)).collect();
        for (i, e) in held.iter().enumerate() {
            portfolio.set_exposure(i, Some(*e));
        }
        let delta = uniform(&mut seed) * 6e3 - 3e3;
        if !portfolio.lowers(0, delta) {
            continue;
        }
        hedges += 1;
        for corner in 0..8u32 {
            let mut fix = |extra: f64| {
                for (i, e) in held.iter().enumerate() {
                    let end = if corner >> i & 1 == 1 { e.high() } else { e.low() };
                    let end = end + if i == 0 { extra } else { 0.0 };
                    portfolio.set_exposure(i, Exposure::new(end, end));
                }
                portfolio.parametric().unwrap().var
            };
            let (before, after) = (fix(0.0), fix(delta));
            assert!(after <= before * (1.0 + 1e-9) + 1e-6, "{before} {after}");
        }
    }
    assert!(hedges > 20, "{hedges}");
}

#[test]
fn what_is_not_known_is_none() {
    let mut seed = 4;
    let (mut portfolio, _, _) = market(&Config { samples_min: 20, ..config() }, 2, 90, &mut seed);
    let one = Exposure::new(100.0, 100.0).unwrap();
    assert_eq!(portfolio.parametric(), Some(Tail::default()), "nothing is held");
    assert_eq!(portfolio.historical(), Some(Tail::default()));
    portfolio.set_exposure(0, Some(one));
    assert!(portfolio.parametric().unwrap().var > 0.0 && portfolio.volatility(0, Calendar::Crypto).unwrap() > 1.0);
    portfolio.set_exposure(1, None);
    assert_eq!((portfolio.parametric(), portfolio.historical(), portfolio.component(0)), (None, None, None));
    assert_eq!(portfolio.parametric_with(0, one), None);
    assert!(!portfolio.lowers(0, -50.0));
    portfolio.set_exposure(1, Some(Exposure::NONE));
    assert!(portfolio.parametric().is_some() && portfolio.lowers(0, -50.0));

    // Warm-up: the twentieth return counts when the interval after it has begun.
    let mut fresh = Portfolio::new(&config(), 1).unwrap();
    fresh.set_exposure(0, Some(one));
    for at in 0..=21i64 {
        assert_eq!(fresh.parametric().is_some(), at > 21, "{at}");
        assert!(fresh.take_mark(0, at * STEP, 100.0 + at as f64));
    }
    assert!(fresh.parametric().is_some() && fresh.historical().is_some());
    assert_eq!(fresh.parametric_with(7, one), None, "no such instrument");
    assert_eq!(fresh.historical_at_most(7, one, Tail { var: 1e9, es: 1e9 }), None);
    fresh.set_exposure(7, Some(one));

    // A market that stays closed for the whole window is not known any more.
    let mut two = Portfolio::new(&config(), 2).unwrap();
    for at in 0..200i64 {
        two.take_mark(0, at * STEP, 100.0 + (at % 7) as f64);
        if at < 40 {
            two.take_mark(1, at * STEP, 100.0 + (at % 5) as f64);
        }
        assert_eq!(two.is_warm(1), (21..=80).contains(&at), "{at}");
    }
    // The night does not make it look calm.
    let mut night = Portfolio::new(&Config { window: 200, ..config() }, 2).unwrap();
    for at in 0..200i64 {
        night.take_mark(0, at * STEP, 100.0 + (at % 7) as f64);
        if at <= 100 {
            night.take_mark(1, at * STEP, 100.0 + (at % 5) as f64);
        }
        if at == 102 {
            assert!(night.variance(1).unwrap() > 1e-5);
        }
    }
    assert!(night.variance(1).unwrap() > 1e-5);
    night.set_exposure(1, Some(one));
    let alone = night.parametric().unwrap().var;
    let own = libm::sqrt(night.variance(1).unwrap()) * 100.0 * 2.0 * normal::quantile(0.95);
    assert!((alone - own).abs() < 1e-9 * own, "{alone} {own}");
}

/// Instruments beyond the matrix count with correlation 1: never less than with all of them in it.
#[test]
fn a_small_matrix_is_the_more_careful_one() {
    for seed in 10..40u64 {
        let build = |covariance_max: u32| {
            let mut state = seed;
            let (mut portfolio, _, _) = market(&Config { covariance_max, ..config() }, 6, 80, &mut state);
            for i in 0..6 {
                portfolio.set_exposure(i, Some(exposure(&mut state)));
            }
            portfolio.parametric().unwrap()
        };
        let all = build(8);
        for few in [1, 2, 5] {
            let some = build(few);
            assert!(some.var >= all.var * (1.0 - 1e-9), "{few}: {some:?} {all:?}");
        }
        assert_eq!(build(6), all);
    }
}

/// The audit log has the marks: after an epoch, a portfolio that was restored from them gives the same bits.
#[test]
fn a_restart_changes_nothing() {
    let mut seed = 5;
    let mut live = Portfolio::new(&config(), 4).unwrap();
    let mut audit = Vec::new();
    let mut mids = [10.0, 20.0, 30.0, 40.0];
    for at in 0..150i64 {
        for (i, mid) in mids.iter_mut().enumerate() {
            *mid *= 1.0 + 0.001 * gaussian(&mut seed);
            let now = at * STEP + i as i64;
            if !random(&mut seed).is_multiple_of(10) && live.is_due(i, now) {
                assert!(live.take_mark(i, now, *mid));
                audit.push((i, now, *mid));
            }
        }
        live.set_exposure(random(&mut seed) as usize % 4, Some(exposure(&mut seed)));
    }
    let mut restored = Portfolio::new(&config(), 4).unwrap();
    for &(i, now, mid) in &audit {
        assert!(restored.take_mark(i, now, mid));
    }
    live.forget_exposures();
    restored.forget_exposures();
    for at in 150..200i64 {
        for (i, mid) in mids.iter_mut().enumerate() {
            *mid *= 1.0 + 0.001 * gaussian(&mut seed);
            let new = exposure(&mut seed);
            for portfolio in [&mut live, &mut restored] {
                portfolio.take_mark(i, at * STEP, *mid);
                portfolio.set_exposure(i, Some(new));
            }
            let bits = |p: &Portfolio| {
                let (a, b) = (p.parametric().unwrap(), p.historical().unwrap());
                [a.var, a.es, b.var, b.es, p.variance(i).unwrap()].map(f64::to_bits)
            };
            assert_eq!(bits(&live), bits(&restored));
        }
    }
}

/// One interval ahead, on returns whose volatility moves: both figures are exceeded about as often as they say.
#[test]
fn the_var_is_exceeded_as_often_as_it_says() {
    for (confidence, days) in [(0.95, 4_000usize), (0.99, 4_000)] {
        let setting =
            Config { confidence, horizon_intervals: 1, window: 500, samples_min: 250, lambda: 0.97, ..config() };
        let mut portfolio = Portfolio::new(&setting, 2).unwrap();
        let (mut seed, mut mids) = (6, [100.0, 50.0]);
        let held = [Exposure::new(1_000.0, 1_000.0).unwrap(), Exposure::new(-600.0, -600.0).unwrap()];
        let mut breaches = [Vec::new(), Vec::new()];
        let mut figures: Option<[f64; 2]> = None;
        for at in 0..(days + 502) as i64 {
            let (common, old) = (gaussian(&mut seed), mids);
            for (i, mid) in mids.iter_mut().enumerate() {
                *mid *= 1.0 + 0.01 * (0.6 * common + 0.8 * gaussian(&mut seed));
                portfolio.take_mark(i, at * STEP, *mid);
            }
            // The figures that were known before this interval's return.
            if let Some(figures) = figures {
                let result: f64 = (0..2).map(|i| held[i].low() * (mids[i] / old[i] - 1.0)).sum();
                for (breaches, figure) in breaches.iter_mut().zip(figures) {
                    breaches.push(-result > figure);
                }
            }
            for (i, e) in held.iter().enumerate() {
                portfolio.set_exposure(i, Some(*e));
            }
            // From the first interval with a full window on.
            figures =
                portfolio.parametric().zip(portfolio.historical()).map(|(p, h)| [p.var, h.var]).filter(|_| at > 500);
        }
        assert_ne!(breaches[0], breaches[1], "two different figures");
        for (name, breaches) in ["parametric", "historical"].iter().zip(&breaches) {
            let (n, x) = (breaches.len() as u64, breaches.iter().filter(|b| **b).count() as u64);
            let kupiec = backtest::kupiec(n, x, 1.0 - confidence);
            let apart = backtest::christoffersen(backtest::transitions(breaches));
            println!("{name} {confidence}: {x} of {n} beyond, Kupiec {kupiec:.2}, Christoffersen {apart:.2}");
            // χ² at 1 % with one degree of freedom, and with two.
            assert!(kupiec < 6.635 && kupiec + apart < 9.210, "{name} {confidence}: {x} of {n}");
        }
    }
}

/// What a question, an exposure and a row cost with a full matrix and window; and that they stay right.
#[test]
fn the_cost_of_a_full_house() {
    let setting = Config { window: 500, samples_min: 100, covariance_max: 64, ..config() };
    let (mut portfolio, _, mids) = market(&setting, 64, 600, &mut 7);
    let mut seed = 8;
    let asked: Vec<Exposure> = (0..1_024).map(|_| exposure(&mut seed)).collect();
    let asked = |k: u32| asked[k as usize % 1_024];
    for i in 0..64 {
        portfolio.set_exposure(i, Exposure::new(1_000.0, 1_000.0));
    }
    portfolio.refresh();
    let far = Tail { var: 1e9, es: 1e9 };
    let time = |what: &str, n: u32, run: &mut dyn FnMut(u32)| {
        let start = std::time::Instant::now();
        (0..n).for_each(run);
        println!("{what}: {:.0} ns", start.elapsed().as_nanos() as f64 / f64::from(n));
    };
    time("parametric question", 1_000_000, &mut |k| {
        assert!(portfolio.parametric_with(k as usize % 64, asked(k)).is_some());
    });
    time("historical question, far from the limit", 1_000_000, &mut |k| {
        assert_eq!(portfolio.historical_at_most(k as usize % 64, asked(k), far), Some(Ok(())));
    });
    time("historical question, at the limit", 20_000, &mut |k| {
        let zero = Tail { var: 0.0, es: 0.0 };
        assert!(portfolio.historical_at_most(k as usize % 64, asked(k), zero).unwrap().is_err());
    });
    time("exposure", 100_000, &mut |k| portfolio.set_exposure(k as usize % 64, Some(asked(k))));
    time("row", 200, &mut |k| {
        let at = (1_000 + i64::from(k)) * STEP;
        assert!(portfolio.take_mark(0, at, mids[0] + f64::from(k % 3)));
    });
    assert!(portfolio.parametric().is_some());
}

proptest! {
    /// Nonsense is survived: figures are numbers or not known.
    #[test]
    fn nothing_that_is_told_panics(
        told in proptest::collection::vec((any::<u8>(), any::<i64>(), any::<f64>(), any::<f64>(), any::<f64>()), 1..200),
        near in any::<bool>(),
    ) {
        let mut portfolio = Portfolio::new(&Config { samples_min: 2, window: 20, ..config() }, 3).unwrap();
        for (step, (index, now, mid, low, high)) in told.into_iter().enumerate() {
            let index = usize::from(index) % 5;
            let now = if near { step as i64 * STEP } else { now };
            portfolio.is_due(index, now);
            portfolio.take_mark(index, now, if near { mid.abs() } else { mid });
            portfolio.set_exposure(index, Exposure::new(low, high));
            let asked = Exposure::new(high, low).unwrap_or(Exposure::NONE);
            for tail in [
                portfolio.parametric(), portfolio.historical(), portfolio.parametric_with(index, asked),
                portfolio.historical_with(index, asked), portfolio.component(index), portfolio.incremental(index, asked),
            ].into_iter().flatten() {
                // What is no number is refused where it becomes money.
                let _ = (to_e8(tail.var), to_e8(tail.es));
            }
            portfolio.lowers(index, low);
        }
    }
}
