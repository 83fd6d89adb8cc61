//! Hot: tests: what is so, folded from facts. Plain, slow, and written without a look at how the stage does it.

use crate::event::input::GateReason;
use crate::event::operator::OperatorCommand;
use crate::event::report::{ExecType, Report};
use crate::risk::{ROWS, TABLE};
use crate::types::instrument::{Contract, Instrument};
use crate::types::price::Side;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const DAY: i64 = 86_400_000_000_000;
pub(super) const RATE_WINDOW: i64 = 1_000_000_000;
pub(super) const REPEAT_WINDOW: i64 = 2_000_000_000;
pub(super) const CAPITAL: i128 = 50_000 * 100_000_000;
pub(super) const CONCENTRATION_BASE: i128 = 4_000 * 100_000_000;
pub(super) const COLD_PPM: i128 = 200_000;
/// By how much of itself, in 10⁻⁶, the high-water mark is passed before it moves.
const STEP_PPM: i128 = 100;

/// Row of the table with this number.
pub(super) fn at(code: u8) -> usize {
    TABLE.iter().position(|row| row.code == code).unwrap()
}

/// The configured limits, their ceilings, and what the second instrument has of its own.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) configured: [i128; ROWS],
    pub(super) ceiling: [i128; ROWS],
    pub(super) own: BTreeMap<usize, i128>,
}

/// What happened, in order.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant, reason = "a history of a few hundred facts")]
pub(super) enum Fact {
    Epoch,
    Define(Instrument),
    Gate(u8, bool),
    Report(usize, Report),
    /// Taken as the oracle itself judged it.
    Command(Option<usize>, OperatorCommand),
    /// Twice the mid, if there is one, and whether the best prices were told with this.
    Market(usize, Option<i128>, bool),
    Approved {
        id: u64,
        instrument: usize,
        side: Side,
        px: i64,
        qty: i64,
    },
    Refused(u8),
    CancelAll(Option<usize>),
    /// A slot is over.
    End,
}

/// Tokens used: they flow off at `limit` a window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens {
    /// In tokens × window.
    used: i128,
    since: i64,
}

impl Tokens {
    fn flow(&mut self, limit: i128, now: i64) {
        if now > self.since {
            self.used = (self.used - i128::from(now - self.since) * limit).max(0);
            self.since = now;
        }
    }

    fn take(&mut self, limit: i128, window: i64, now: i64, n: i128) {
        self.flow(limit, now);
        self.used = (self.used + n * i128::from(window)).min((2 * limit).max(1) * i128::from(window));
    }

    /// Tokens in use with `more`, begun ones in full.
    pub(super) fn with(mut self, limit: i128, window: i64, now: i64, more: i128) -> i128 {
        self.flow(limit, now);
        let window = i128::from(window);
        (self.used + window - 1) / window + more
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) instrument: usize,
    pub(super) side: Side,
    pub(super) px: i64,
    pub(super) qty: i64,
    pub(super) cum: i64,
    pub(super) live: bool,
    ours: bool,
}

#[derive(Clone, Debug)]
pub(super) struct One {
    pub(super) spec: Option<Instrument>,
    pub(super) position: i64,
    pub(super) cost: i128,
    pub(super) realized: i128,
    pub(super) fees: i128,
    /// `realized − fees` at the beginning of the day of the last fill.
    base: (i64, i128),
    pub(super) fault: bool,
    pub(super) mark2: Option<i128>,
    pub(super) quoted: Option<i64>,
    pub(super) reference: Option<(i64, i128)>,
    pub(super) limits: [i128; ROWS],
    pub(super) own: BTreeSet<usize>,
    pub(super) state: u8,
    pub(super) restricted: bool,
    pub(super) killed: bool,
    pub(super) flatten: bool,
    pub(super) approvals: Tokens,
    pub(super) executions: [Tokens; 2],
    pub(super) stopped: [bool; 2],
    /// Side, price, quantity, time of the approvals.
    pub(super) history: Vec<(Side, i64, i64, i64)>,
}

/// All of it, at `now`.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) gate: u32,
    pub(super) fault: bool,
    pub(super) one: Vec<One>,
    pub(super) orders: BTreeMap<u64, Order>,
    pub(super) limits: [i128; ROWS],
    /// Host, strategy, venue.
    pub(super) states: [u8; 3],
    /// Strategy, venue.
    pub(super) killed: [bool; 2],
    pub(super) approvals: Tokens,
    pub(super) messages: Tokens,
    pub(super) day_stopped: Option<i64>,
    pub(super) drawdown_stopped: bool,
    pub(super) high: Option<i128>,
    pub(super) requests: BTreeSet<u64>,
}

/// ⌈n ÷ d⌉ for d > 0.
pub(super) fn ceil(n: i128, d: i128) -> i128 {
    n.div_euclid(d) + i128::from(n.rem_euclid(d) > 0)
}

/// n ÷ d to the nearest, halves to even, for d > 0.
pub(super) fn nearest(n: i128, d: i128) -> i128 {
    let (low, twice) = (n.div_euclid(d), 2 * n.rem_euclid(d));
    if twice > d || twice == d && low % 2 != 0 { low + 1 } else { low }
}

pub(super) fn ten(n: u8) -> i128 {
    10i128.pow(u32::from(n))
}

/// |qty| at px2 ÷ 2, in 10⁻⁸ of the quote currency, up.
pub(super) fn worth(spec: &Instrument, qty: i128, px2: i128) -> i128 {
    let amount = qty.abs() * i128::from(spec.multiplier) * ten(8);
    match spec.contract {
        Contract::Linear => ceil(amount * px2.abs(), 2 * ten(spec.price_decimals + spec.qty_decimals)),
        Contract::Inverse => ceil(amount, ten(spec.qty_decimals)),
    }
}

/// Signed money of a signed quantity at px2 ÷ 2, in the instrument's own units.
fn money(spec: &Instrument, qty: i64, px2: i128) -> i128 {
    let amount = i128::from(qty) * i128::from(spec.multiplier);
    match spec.contract {
        Contract::Linear => nearest(amount * px2, 2),
        Contract::Inverse => -nearest(2 * amount * ten(18 + spec.price_decimals - spec.qty_decimals), px2),
    }
}

impl One {
    fn new(limits: &[i128; ROWS]) -> Self {
        Self {
            spec: None,
            position: 0,
            cost: 0,
            realized: 0,
            fees: 0,
            base: (i64::MIN, 0),
            fault: false,
            mark2: None,
            quoted: None,
            reference: None,
            limits: *limits,
            own: BTreeSet::new(),
            state: 1,
            restricted: false,
            killed: false,
            flatten: false,
            approvals: Tokens::default(),
            executions: [Tokens::default(); 2],
            stopped: [false; 2],
            history: Vec::new(),
        }
    }

    fn fill(&mut self, spec: &Instrument, side: Side, qty: i64, px: i64, fee: i128, day: i64) {
        if day > self.base.0 {
            self.base = (day, self.realized - self.fees);
        }
        let signed = side.sign() * qty;
        let against = self.position != 0 && (self.position > 0) != (signed > 0);
        let closes = if against { self.position.abs().min(qty) } else { 0 };
        let px2 = 2 * i128::from(px);
        if closes > 0 {
            let part = nearest(self.cost * i128::from(closes), i128::from(self.position.abs()));
            self.realized -= money(spec, side.sign() * closes, px2) + part;
            self.cost -= part;
        }
        if qty > closes {
            self.cost += money(spec, side.sign() * (qty - closes), px2);
        }
        self.position += signed;
        self.fees += fee;
    }

    pub(super) fn unrealized(&self) -> Option<i128> {
        if self.position == 0 {
            return Some(0);
        }
        Some(money(&self.spec?, self.position, self.mark2?) - self.cost)
    }

    /// Money in 10⁻⁸ of the quote currency, down.
    fn quote(&self, money: i128) -> Option<i128> {
        let spec = self.spec?;
        Some(match spec.contract {
            _ if money == 0 => 0,
            Contract::Linear => (money * ten(8)).div_euclid(ten(spec.price_decimals + spec.qty_decimals)),
            Contract::Inverse => (money * self.mark2?).div_euclid(2 * ten(10 + spec.price_decimals)),
        })
    }
}

impl World {
    pub(super) fn new(rules: &Rules, instruments: usize) -> Self {
        Self {
            now: 0,
            gate: 1 << GateReason::NotReady.code(),
            fault: false,
            one: (0..instruments).map(|_| One::new(&rules.configured)).collect(),
            orders: BTreeMap::new(),
            limits: rules.configured,
            states: [1; 3],
            killed: [false; 2],
            approvals: Tokens::default(),
            messages: Tokens::default(),
            day_stopped: None,
            drawdown_stopped: false,
            high: None,
            requests: BTreeSet::new(),
        }
    }

    /// Σ open quantity of the live orders of a side.
    pub(super) fn open(&self, i: usize, side: Side) -> i64 {
        self.orders
            .values()
            .filter(|o| o.live && o.instrument == i && o.side == side)
            .map(|o| (o.qty - o.cum).max(0))
            .sum()
    }

    /// Position with all buys filled, and with all sells.
    pub(super) fn ends(&self, i: usize) -> (i128, i128) {
        let position = i128::from(self.one[i].position);
        (position + i128::from(self.open(i, Side::Buy)), position - i128::from(self.open(i, Side::Sell)))
    }

    /// Live orders of ours on a side of which nothing is filled.
    pub(super) fn untouched(&self, i: usize, side: Side) -> i128 {
        let ours = |o: &&Order| o.live && o.ours && o.cum == 0 && o.instrument == i && o.side == side;
        self.orders.values().filter(ours).count() as i128
    }

    pub(super) fn live(&self) -> i128 {
        self.orders.values().filter(|o| o.live).count() as i128
    }

    pub(super) fn state(&self, i: usize) -> u8 {
        if self.one[i].killed || self.killed != [false; 2] {
            return 3;
        }
        self.states.iter().copied().max().unwrap().max(self.one[i].state)
    }

    /// Whether all that is held can be valued.
    pub(super) fn is_known(&self) -> bool {
        (0..self.one.len()).all(|i| self.one[i].spec.is_none() || self.is_valued(i))
    }

    fn is_valued(&self, i: usize) -> bool {
        let (one, day) = (&self.one[i], self.now.div_euclid(DAY));
        let known = || {
            self.values(i)?;
            let unrealized = one.unrealized()?;
            one.quote(one.realized - one.fees + unrealized)?;
            one.quote(Self::banked(one, day) + unrealized)
        };
        !one.fault && known().is_some()
    }

    /// Σ over the instruments that can be valued of what `of` makes of each.
    fn sum(&self, of: impl Fn(&One, usize) -> Option<i128>) -> i128 {
        let valued = (0..self.one.len()).filter(|i| self.one[*i].spec.is_some() && self.is_valued(*i));
        valued.filter_map(|i| of(&self.one[i], i)).sum()
    }

    /// Value with all buys filled and with all sells filled, signed.
    pub(super) fn values(&self, i: usize) -> Option<(i128, i128)> {
        let (high, low) = self.ends(i);
        let one = &self.one[i];
        let value = |qty: i128| {
            if qty == 0 { Some(0) } else { Some(qty.signum() * worth(&one.spec?, qty, one.mark2?)) }
        };
        Some((value(high)?, value(low)?))
    }

    pub(super) fn gross(&self) -> i128 {
        self.sum(|_, i| self.values(i).map(|(high, low)| high.abs().max(low.abs())))
    }

    fn banked(one: &One, day: i64) -> i128 {
        if day > one.base.0 { 0 } else { one.realized - one.fees - one.base.1 }
    }

    /// Of the day of the latest input, unrealised included.
    pub(super) fn pnl_of_day(&self) -> i128 {
        let day = self.now.div_euclid(DAY);
        self.sum(|one, _| one.quote(Self::banked(one, day) + one.unrealized()?))
    }

    pub(super) fn equity(&self) -> i128 {
        CAPITAL + self.sum(|one, _| one.quote(one.realized - one.fees + one.unrealized()?))
    }

    pub(super) fn is_day_stopped(&self) -> bool {
        self.day_stopped.is_some_and(|day| self.now.div_euclid(DAY) <= day)
    }

    pub(super) fn fallen(&self) -> Option<i128> {
        self.is_known().then(|| self.high.map_or(0, |high| (high - self.equity()).max(0)))
    }

    /// One more fact.
    pub(super) fn learn(&mut self, fact: &Fact, rules: &Rules) {
        match *fact {
            Fact::Epoch => self.begin(rules),
            Fact::Define(spec) => {
                let one = &mut self.one[spec.id.index()];
                if one.spec.is_none() {
                    one.limits = self.limits;
                    if spec.id.0 == 1 {
                        for (at, limit) in &rules.own {
                            one.limits[*at] = *limit;
                            one.own.insert(*at);
                        }
                    }
                }
                one.spec = Some(spec);
            }
            Fact::Gate(reason, closed) => match GateReason::from_code(reason) {
                Some(reason) if !closed => self.gate &= !(1 << reason.code()),
                Some(reason) => self.gate |= 1 << reason.code(),
                None => self.gate |= 1 << GateReason::NotReady.code(),
            },
            Fact::Report(i, report) => self.report(i, &report),
            Fact::Command(about, command) => self.obey(about, &command, rules),
            Fact::Market(i, mid2, told) => {
                let (now, one) = (self.now, &mut self.one[i]);
                if told {
                    one.quoted = Some(now);
                }
                if let Some(mid2) = mid2 {
                    one.mark2 = Some(mid2);
                    let day = now.div_euclid(DAY);
                    if one.reference.is_none_or(|(of, _)| day > of) {
                        one.reference = Some((day, mid2));
                    }
                }
            }
            Fact::Approved { id, instrument, side, px, qty } => {
                let now = self.now;
                let limit = |code| self.limits[at(code)];
                self.approvals.take(limit(14), RATE_WINDOW, now, 1);
                self.messages.take(limit(29), RATE_WINDOW, now, 1);
                let one = &mut self.one[instrument];
                one.approvals.take(one.limits[at(9)], RATE_WINDOW, now, 1);
                one.history.push((side, px, qty, now));
                self.orders.insert(id, Order { instrument, side, px, qty, cum: 0, live: true, ours: true });
            }
            Fact::Refused(11) => {
                self.day_stopped = Some(self.day_stopped.unwrap_or(i64::MIN).max(self.now.div_euclid(DAY)));
            }
            Fact::Refused(30) => self.drawdown_stopped = true,
            Fact::Refused(_) => {}
            Fact::CancelAll(about) => {
                let n = self.orders.values().filter(|o| o.live && about.is_none_or(|i| o.instrument == i)).count();
                self.messages.take(self.limits[at(29)], RATE_WINDOW, self.now, n as i128);
            }
            Fact::End => {
                for i in 0..self.one.len() {
                    let none = !self.orders.values().any(|o| o.live && o.instrument == i);
                    let one = &mut self.one[i];
                    if none && one.spec.is_none_or(|s| one.position.abs() < s.lot_size.0) {
                        one.flatten = false;
                    }
                }
                if self.is_known() {
                    let equity = self.equity();
                    let due = self.high.is_none_or(|high| equity >= high + (high.abs() / 1_000_000 * STEP_PPM).max(1));
                    if due {
                        self.high = Some(self.high.map_or(equity, |high| high.max(equity)));
                    }
                }
            }
        }
    }

    fn begin(&mut self, rules: &Rules) {
        self.gate = self.gate & (1 << GateReason::Kill.code()) | 1 << GateReason::NotReady.code();
        let tighter = |at: usize, a: i128, b: i128| {
            if TABLE[at].sense == crate::risk::check::Sense::AtMost { a.min(b) } else { a.max(b) }
        };
        for at in 0..ROWS {
            self.limits[at] = tighter(at, self.limits[at], rules.configured[at]);
        }
        for (i, one) in self.one.iter_mut().enumerate() {
            (one.mark2, one.quoted, one.reference) = (None, None, None);
            for at in 0..ROWS {
                let configured = rules.own.get(&at).filter(|_| i == 1 && one.spec.is_some());
                let base = configured.copied().unwrap_or(self.limits[at]);
                one.limits[at] = if one.own.contains(&at) { tighter(at, one.limits[at], base) } else { base };
            }
        }
    }

    fn report(&mut self, i: usize, report: &Report) {
        let now = self.now;
        let Some(spec) = self.one[i].spec else {
            self.fault = true;
            return;
        };
        let (Some(exec), Some(side)) = (report.exec_type(), report.side()) else {
            self.one[i].fault = true;
            return;
        };
        let id = report.client_order_id.0;
        let Some(mut order) = self.orders.get(&id).copied() else {
            // Not ours: what it fills is ours all the same.
            let new = if exec == ExecType::Trade { report.last_qty.0 } else { 0 };
            if new > 0 {
                self.booked(i, &spec, side, new, report);
                self.executed(i, side, now);
            }
            let qty = report.cum_qty.0 + report.leaves_qty.0;
            let order = Order { instrument: i, side, px: 0, qty, cum: report.cum_qty.0, live: false, ours: false };
            self.orders.insert(id, order);
            return;
        };
        if order.instrument != i || order.side != side {
            self.one[i].fault = true;
            return;
        }
        let new = (report.cum_qty.0 - order.cum).max(0);
        if new > 0 {
            self.booked(i, &spec, side, new, report);
            if order.cum == 0 {
                self.executed(i, side, now);
            }
        }
        order.cum += new;
        let refused = exec == ExecType::Rejected && order.cum == 0;
        let gone = refused || matches!(exec, ExecType::Canceled | ExecType::Expired);
        let done = exec == ExecType::Trade && new > 0 && report.leaves_qty.0 == 0;
        order.live &= !(gone || done || order.cum >= order.qty);
        self.orders.insert(id, order);
    }

    fn booked(&mut self, i: usize, spec: &Instrument, side: Side, qty: i64, report: &Report) {
        self.one[i].fill(spec, side, qty, report.last_px.0, report.fee, self.now.div_euclid(DAY));
    }

    fn executed(&mut self, i: usize, side: Side, now: i64) {
        let one = &mut self.one[i];
        let (limit, side) = (one.limits[at(25)], side as usize - 1);
        one.executions[side].take(limit, REPEAT_WINDOW, now, 1);
        one.stopped[side] |= one.executions[side].with(limit, REPEAT_WINDOW, now, 0) >= limit;
    }

    /// What flows off by the old rate until now, before another one holds.
    pub(super) fn flow(&mut self, about: Option<usize>) {
        let now = self.now;
        match about {
            None => {
                let (orders, messages) = (self.limits[at(14)], self.limits[at(29)]);
                self.approvals.take(orders, RATE_WINDOW, now, 0);
                self.messages.take(messages, RATE_WINDOW, now, 0);
            }
            Some(i) => {
                let one = &mut self.one[i];
                one.approvals.take(one.limits[at(9)], RATE_WINDOW, now, 0);
                for side in &mut one.executions {
                    side.take(one.limits[at(25)], REPEAT_WINDOW, now, 0);
                }
            }
        }
    }
}
