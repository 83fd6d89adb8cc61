//! Features of the book through time: order flow, weighted return, volatility.

use super::book::Level;
use super::indicator::Recent;
use super::window::Window;
use rust_decimal::Decimal;

/// Time constant of the weighted return, in nanoseconds.
const TAU: i64 = 5_000_000_000;
/// Distance of the samples of the volatility, in nanoseconds.
const SAMPLE: i64 = 1_000_000_000;

/// Order flow imbalance.
pub struct Flow {
    /// Best bid and ask before.
    last: Option<(Level, Level)>,
    /// Σ flow, Σ quantity at both bests, updates.
    window: Window<3>,
    /// How often the queue was turned over, as of the last change of the window.
    turned: f64,
}

impl Flow {
    /// Not watched yet.
    pub fn new() -> Self {
        Self { last: None, window: Window::new(10_000), turned: 0.0 }
    }

    /// What is behind the next book is not compared with what was before.
    pub fn pause(&mut self) {
        self.last = None;
    }

    /// Everything anew.
    pub fn restart(&mut self) {
        (self.last, self.turned) = (None, 0.0);
        self.window.restart();
    }

    /// The best bid and ask at `now`.
    pub fn step(&mut self, now: i64, top: (Level, Level)) {
        self.advance(now);
        let Some(before) = self.last.replace(top).filter(|before| *before != top) else { return };
        let ((bid0, ask0), (bid, ask)) = (before, top);
        let when = |holds: bool, qty: Decimal| if holds { qty } else { Decimal::ZERO };
        let flow =
            when(bid.px >= bid0.px, bid.qty) - when(bid.px <= bid0.px, bid0.qty) - when(ask.px <= ask0.px, ask.qty)
                + when(ask.px >= ask0.px, ask0.qty);
        self.window.add(now, [flow, bid.qty + ask.qty, Decimal::ONE]);
        self.compute();
    }

    fn advance(&mut self, now: i64) {
        if self.window.advance(now) {
            self.compute();
        }
    }

    fn compute(&mut self) {
        let [flow, depth, updates] = self.window.sums();
        self.turned = if updates == 0.0 { 0.0 } else { flow * 2.0 * updates / depth };
    }

    /// Its value at `now`, once it was watched for the whole window.
    pub fn value(&mut self, now: i64) -> Option<f64> {
        self.last?;
        self.advance(now);
        self.window.is_full(now).then_some(self.turned)
    }
}

/// Exponentially weighted return of the mid.
#[derive(Default)]
pub struct Return {
    last: Option<(f64, i64)>,
    start: Option<i64>,
    decayed: f64,
    warm: bool,
}

impl Return {
    /// The jump to the next mid is passed over.
    pub fn pause(&mut self) {
        self.last = None;
    }

    /// The mid at `now`.
    pub fn step(&mut self, now: i64, mid: f64) {
        let start = *self.start.get_or_insert(now);
        if let Some((before, then)) = self.last.replace((mid, now)) {
            let alpha = -(-((now - then) as f64) / TAU as f64).exp_m1();
            self.decayed += (mid / before).ln() - alpha * self.decayed;
        }
        self.warm = now - start >= TAU;
    }

    /// Its value, once it was watched for the time constant.
    pub fn value(&self) -> Option<f64> {
        self.warm.then_some(self.decayed)
    }
}

/// Realised volatility of the mid, sampled at whole seconds.
pub struct Volatility {
    returns: Recent,
    sampled: Option<f64>,
    mid: Option<f64>,
    next: Option<i64>,
    value: Option<f64>,
}

impl Volatility {
    /// Not watched yet.
    pub fn new() -> Self {
        Self { returns: Recent::new(30), sampled: None, mid: None, next: None, value: None }
    }

    /// Everything anew.
    pub fn restart(&mut self) {
        self.returns.clear();
        self.value = None;
        self.pause();
    }

    /// Neither the time until the next mid nor the jump to it is sampled.
    pub fn pause(&mut self) {
        (self.sampled, self.mid, self.next) = (None, None, None);
    }

    /// Takes the samples that are due, with the mid that held until now.
    pub fn sample(&mut self, now: i64) {
        let (Some(next), Some(mid)) = (self.next.filter(|next| now >= *next), self.mid) else { return };
        // More than a full window of the same mid changes nothing.
        for _ in 0..((now - next) / SAMPLE + 1).min(31) {
            if let Some(before) = self.sampled.replace(mid) {
                self.returns.push((mid / before).ln());
            }
        }
        self.next = Some(second_after(now));
        self.value = self.returns.full().map(|returns| returns.iter().map(|r| r * r).sum::<f64>().sqrt());
    }

    /// From `now` on this is the mid.
    pub fn hold(&mut self, now: i64, mid: f64) {
        self.mid = Some(mid);
        self.next.get_or_insert(second_after(now));
    }

    /// Its value, once there was a full window of returns.
    pub fn value(&self) -> Option<f64> {
        self.value
    }
}

fn second_after(now: i64) -> i64 {
    (now.div_euclid(SAMPLE) + 1) * SAMPLE
}
