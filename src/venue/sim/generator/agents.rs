//! Hot: the crowd of one generated instrument: who acts next, and what they want.
//!
//! | agent | what it does |
//! |---|---|
//! | market makers | quote a ladder around the fair value, moved against their inventory, wider when it is volatile |
//! | patient traders | place limit orders near the best price, exponentially fewer farther away, and cancel them |
//! | noise takers | take a little, on a random side |
//! | informed takers | take what is offered beyond the fair value: they bring the price to it |
//! | momentum takers | follow the last moves of the mid |
//! | a large order | rarely, and through many levels |
//!
//! The fair value is a random walk whose volatility itself wanders (log-normal, mean-reverting). Trades excite the
//! rate of actions for a while (a self-exciting process). Both together give the clustering that real markets have.

use super::config::Spec;
use crate::event::execution::{OrderType, TimeInForce};
use crate::types::price::{Px, Qty, Side};
use crate::types::time::{Nanos, SECONDS, UnixNanos};
use crate::venue::sim::matching::{Fate, Fill, Handle, Matching, NewOrder, Outcome};
use crate::venue::sim::random::Random;
use arrayvec::ArrayVec;

/// Owner number of our own orders.
pub(super) const OURS: u32 = 1;
const FIRST_MAKER: u32 = 16;
const RUNGS: usize = 6;
/// Patient orders around which their number settles.
const PATIENT: usize = 240;
const PATIENT_MAX: usize = 2 * PATIENT;
/// Fewer levels than this on a side, and someone comes.
const LEVELS_MIN: usize = 14;

/// What is done to the book.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Cancel(Handle),
    Submit(NewOrder, Purpose),
}

/// Where the answer to an order belongs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Rung { maker: usize, side: Side, rung: usize },
    Patient,
    Taker,
}

pub(super) type Steps = ArrayVec<Step, 2>;

#[derive(Clone, Debug, Default)]
struct Maker {
    /// In lots, signed.
    inventory: i64,
    rungs: [[Option<Handle>; RUNGS]; 2],
}

/// The crowd.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    random: Random,
    tick: i64,
    lot: i64,
    size_lots: f64,
    rate: f64,
    volatility: f64,
    bounds: (f64, f64),
    /// Fair value in ticks.
    fair: f64,
    /// Logarithm of the volatility's factor.
    mood: f64,
    /// exp(`mood`).
    heat: f64,
    /// Extra rate of actions, in shares of the calm one.
    excitement: f64,
    mid: f64,
    mid_slow: f64,
    momentum: f64,
    last_ts: UnixNanos,
    makers: Vec<Maker>,
    patient: Vec<Handle>,
}

impl Crowd {
    pub(super) fn new(spec: &Spec, random: Random, start: UnixNanos) -> Self {
        let fair = spec.start_ticks as f64;
        Self {
            random,
            tick: spec.rules.tick,
            lot: spec.rules.lot,
            size_lots: spec.config.size_lots,
            rate: spec.config.events_per_s,
            volatility: spec.config.volatility_ticks,
            bounds: (fair / 5.0, fair * 5.0),
            fair,
            mood: 0.0,
            heat: 1.0,
            excitement: 0.0,
            mid: fair,
            mid_slow: fair,
            momentum: 0.0,
            last_ts: start,
            makers: vec![Maker::default(); spec.config.makers as usize],
            patient: Vec::with_capacity(PATIENT_MAX),
        }
    }

    /// The orders that are there when the market opens.
    pub(super) fn opening(&mut self, book: &mut Matching) {
        for rung in 0..RUNGS {
            for maker in 0..self.makers.len() {
                for side in [Side::Buy, Side::Sell] {
                    let order = self.rung_order(maker, side, rung);
                    let outcome = book.submit(&order);
                    self.answered(Purpose::Rung { maker, side, rung }, outcome);
                }
            }
        }
        for _ in 0..PATIENT {
            let side = self.random_side();
            let order = self.patient_order(book, side);
            let outcome = book.submit(&order);
            self.answered(Purpose::Patient, outcome);
        }
        self.look(book);
        (self.momentum, self.mid_slow) = (0.0, self.mid);
    }

    /// Time until the next action, at least 1 ns.
    pub(super) fn pause(&mut self) -> Nanos {
        let rate = self.rate * self.heat * (1.0 + self.excitement);
        let pause = self.random.exponential() / rate * SECONDS as f64;
        (libm::round(pause) as Nanos).clamp(1, 3600 * SECONDS)
    }

    /// Time passes; somebody acts.
    pub(super) fn act(&mut self, ts: UnixNanos, book: &Matching) -> Steps {
        self.drift(ts);
        self.look(book);
        let mut steps = Steps::new();
        match self.random.below(1000) {
            0..=549 => self.requote(book, &mut steps),
            550..=899 => self.patience(book, &mut steps),
            900..=939 => {
                let side = self.random_side();
                self.take(book, side, 1.0, 3, &mut steps);
            }
            940..=984 => self.inform(book, &mut steps),
            985..=998 => {
                if self.momentum.abs() > 0.05 {
                    let side = if self.momentum > 0.0 { Side::Buy } else { Side::Sell };
                    self.take(book, side, 2.0, 4, &mut steps);
                }
            }
            _ => {
                let side = self.random_side();
                self.take(book, side, 25.0, 40, &mut steps);
            }
        }
        steps
    }

    /// The answer to an order of the crowd.
    pub(super) fn answered(&mut self, purpose: Purpose, outcome: Outcome) {
        let resting = if let Fate::Resting(handle) = outcome.fate { Some(handle) } else { None };
        match (purpose, resting) {
            (Purpose::Rung { maker, side, rung }, handle) => self.makers[maker].rungs[half(side)][rung] = handle,
            (Purpose::Patient, Some(handle)) if self.patient.len() < PATIENT_MAX => {
                self.patient.push(handle);
            }
            _ => {}
        }
    }

    /// A trade happened.
    pub(super) fn traded(&mut self, fill: &Fill) {
        self.excitement = (self.excitement + 0.15).min(4.0);
        if let Some(maker) = self.makers.get_mut(fill.maker.wrapping_sub(FIRST_MAKER) as usize) {
            maker.inventory -= fill.aggressor.sign() * (fill.qty.0 / self.lot);
        }
    }

    /// (mark, index) in price units: a slow mid, and the fair value; both on the tick.
    pub(super) fn marks(&self) -> (Px, Px) {
        let px = |ticks: f64| Px(libm::round(ticks) as i64 * self.tick);
        (px(self.mid_slow), px(self.fair))
    }

    fn random_side(&mut self) -> Side {
        if self.random.bits() >> 63 == 0 { Side::Buy } else { Side::Sell }
    }

    fn drift(&mut self, ts: UnixNanos) {
        let dt = (ts - self.last_ts).clamp(0, 60 * SECONDS) as f64 / SECONDS as f64;
        self.last_ts = ts;
        let root = libm::sqrt(dt);
        // Half-life of the mood 35 s, stationary deviation 0.5.
        self.mood += 0.1 * root * self.random.bell() - 0.02 * dt * self.mood;
        self.heat = libm::exp(self.mood);
        self.excitement *= (1.0 - 3.0 * dt).max(0.0);
        let step = self.volatility * self.heat * root * self.random.bell();
        let (low, high) = self.bounds;
        let moved = self.fair + step;
        self.fair = if moved < low || moved > high { self.fair - step } else { moved }.clamp(low, high);
    }

    fn look(&mut self, book: &Matching) {
        if let (Some(bid), Some(ask)) = (self.best(book, Side::Buy), self.best(book, Side::Sell)) {
            let mid = (bid + ask) as f64 / 2.0;
            self.momentum = 0.9 * self.momentum + 0.1 * (mid - self.mid);
            self.mid = mid;
            self.mid_slow += 0.02 * (mid - self.mid_slow);
        }
    }

    /// Best price in ticks.
    fn best(&self, book: &Matching, side: Side) -> Option<i64> {
        book.best(side).map(|(px, _)| px.0 / self.tick)
    }

    fn size(&mut self, times: f64) -> Qty {
        let lots = (self.random.exponential() * self.size_lots * times) as i64 + 1;
        Qty(lots.min(100_000_000) * self.lot)
    }

    fn limit(&mut self, owner: u32, side: Side, ticks: i64, qty: Qty) -> NewOrder {
        NewOrder {
            owner,
            tag: 0,
            side,
            px: Px(ticks * self.tick),
            qty,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtx,
        }
    }

    /// The price at which a maker wants a rung of its ladder: fair value, less what its inventory says, less half of
    /// the spread, less the rung's distance.
    fn rung_order(&mut self, maker: usize, side: Side, rung: usize) -> NewOrder {
        let inventory = self.makers[maker].inventory as f64 / self.size_lots;
        let skew = (0.15 * inventory).clamp(-8.0, 8.0);
        let half = 0.7 + 0.3 * self.heat + 0.5 * maker as f64 + 0.3 * self.random.bell().abs();
        let away = half + rung as f64 * (1.0 + 0.5 * (maker % 3) as f64);
        let ticks = match side {
            Side::Buy => libm::floor(self.fair - skew - away),
            Side::Sell => libm::ceil(self.fair - skew + away),
        };
        let qty = self.size(1.0 + 0.5 * rung as f64);
        self.limit(FIRST_MAKER + maker as u32, side, ticks as i64, qty)
    }

    fn requote(&mut self, book: &Matching, steps: &mut Steps) {
        let maker = self.random.below(self.makers.len() as u64) as usize;
        let rung = self.random.below(RUNGS as u64) as usize;
        let side = self.random_side();
        let order = self.rung_order(maker, side, rung);
        if let Some(old) = self.makers[maker].rungs[half(side)][rung]
            && let Some((_, px)) = book.place_of(old)
        {
            if px == order.px && !self.random.one_in(4) {
                return;
            }
            steps.push(Step::Cancel(old));
        }
        steps.push(Step::Submit(order, Purpose::Rung { maker, side, rung }));
    }

    fn patient_order(&mut self, book: &Matching, side: Side) -> NewOrder {
        let fair = libm::round(self.fair) as i64;
        let best = self.best(book, side).unwrap_or(fair - side.sign());
        let opposite = self.best(book, side.opposite()).unwrap_or(fair + side.sign());
        let spread = (opposite - best) * side.sign();
        let ticks = if spread > 1 && self.random.one_in(6) {
            best + side.sign()
        } else {
            best - side.sign() * (self.random.exponential() * 12.0) as i64
        };
        let qty = self.size(1.0);
        self.limit(0, side, ticks, qty)
    }

    fn patience(&mut self, book: &Matching, steps: &mut Steps) {
        let thin = [Side::Buy, Side::Sell].into_iter().find(|&side| book.levels_len(side) < LEVELS_MIN);
        let full = self.patient.len() >= PATIENT_MAX;
        // Placing and cancelling are in balance at PATIENT orders.
        let place = self.random.below(PATIENT_MAX as u64) >= self.patient.len() as u64;
        if !full && (place || thin.is_some()) {
            let side = thin.unwrap_or_else(|| self.random_side());
            steps.push(Step::Submit(self.patient_order(book, side), Purpose::Patient));
            return;
        }
        // Filled orders are found out here, and leave the list.
        for _ in 0..8 {
            if self.patient.is_empty() {
                return;
            }
            let at = self.random.below(self.patient.len() as u64) as usize;
            let handle = self.patient.swap_remove(at);
            if book.open_qty(handle).is_some() {
                steps.push(Step::Cancel(handle));
                return;
            }
        }
    }

    fn inform(&mut self, book: &Matching, steps: &mut Steps) {
        if self.best(book, Side::Sell).is_some_and(|ask| (ask as f64) < self.fair - 0.5) {
            self.take(book, Side::Buy, 2.0, 3, steps);
        } else if self.best(book, Side::Buy).is_some_and(|bid| bid as f64 > self.fair + 0.5) {
            self.take(book, Side::Sell, 2.0, 3, steps);
        }
    }

    /// Takes at most `ticks_through` beyond the best price.
    fn take(&mut self, book: &Matching, side: Side, times: f64, ticks_through: i64, steps: &mut Steps) {
        if let Some(best) = self.best(book, side.opposite()) {
            let qty = self.size(times);
            let order = self.limit(0, side, best + side.sign() * ticks_through, qty);
            let order = NewOrder { order_type: OrderType::Market, time_in_force: TimeInForce::Ioc, ..order };
            steps.push(Step::Submit(order, Purpose::Taker));
        }
    }
}

const fn half(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}
