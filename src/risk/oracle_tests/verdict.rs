//! Hot: tests: what each check must say of an order, in plain arithmetic.

use super::world::{CAPITAL, COLD_PPM, CONCENTRATION_BASE, RATE_WINDOW, REPEAT_WINDOW, World, at, ceil, ten, worth};
use crate::event::input::GateReason;
use crate::event::market::MarketSection;
use crate::event::market::flags;
use crate::risk::TABLE;
use crate::risk::check::UNKNOWN;
use crate::types::price::Side;

/// The order that the stage asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) instrument: usize,
    pub(super) side: Side,
    pub(super) qty: i64,
    pub(super) px: i64,
    pub(super) flatten: bool,
}

/// A refusal: check, value, limit. For what cannot be computed: `UNKNOWN`, the check, 0.
pub(super) type Refused = (u8, i128, i128);

enum Says {
    Fine,
    No(i128),
    /// Refused against another limit than its own.
    NoOf(i128, i128),
    Cannot,
}

fn most(value: Option<i128>, limit: i128) -> Says {
    match value {
        None => Says::Cannot,
        Some(value) if value > limit => Says::No(value),
        Some(_) => Says::Fine,
    }
}

/// Distance from a reference (given twice), in 10⁻⁶, up.
fn far(px: i64, reference2: i128) -> Option<i128> {
    (reference2 > 0).then(|| ceil((2 * i128::from(px) - reference2).abs() * 1_000_000, reference2))
}

impl World {
    /// The first refusal of the table, if there is one.
    pub(super) fn refuses(&self, asked: &Asked, market: &MarketSection) -> Option<Refused> {
        for row in TABLE {
            let limit = self.one[asked.instrument].limits[at(row.code)];
            match self.says(row.code, limit, asked, market) {
                Says::Fine => {}
                Says::No(value) => return Some((row.code, value, limit)),
                Says::NoOf(value, limit) => return Some((row.code, value, limit)),
                Says::Cannot => return Some((UNKNOWN, i128::from(row.code), 0)),
            }
        }
        None
    }

    fn says(&self, check: u8, limit: i128, asked: &Asked, market: &MarketSection) -> Says {
        let i = asked.instrument;
        let one = &self.one[i];
        let Some(spec) = one.spec else { return Says::Cannot };
        let sign = i128::from(asked.side.sign());
        let qty = i128::from(asked.qty);
        // The position in the order's direction when all of that side is filled.
        let reach = sign * i128::from(one.position) + i128::from(self.open(i, asked.side)) + qty;
        let exit = reach <= 0;
        let mid2 = i128::from(market.bid.px.0) + i128::from(market.ask.px.0);
        let (high, low) = self.ends(i);
        let after = if asked.side == Side::Buy { (high + qty, low) } else { (high, low - qty) };
        let value = |qty: i128| qty.signum() * worth(&spec, qty, mid2);
        let (high_after, low_after) = (value(after.0), value(after.1));
        let own = high_after.abs().max(low_after.abs());
        let others = |of: &dyn Fn(usize) -> i128| (0..self.one.len()).filter(|n| *n != i).map(of).sum::<i128>();
        let values = |n: usize| if self.one[n].spec.is_some() { self.values(n).unwrap_or((0, 0)) } else { (0, 0) };
        let gross = others(&|n| values(n).0.abs().max(values(n).1.abs())) + own;
        let known = self.is_known();
        let if_known = |value: i128| known.then_some(value);
        let rate = |tokens: &super::world::Tokens| {
            let limit = if exit { 2 * limit } else { limit };
            // The rate at which they flow off is that of the limit, whatever the allowance.
            let used = tokens.with(self.rate_of(check, i), RATE_WINDOW, self.now, 1);
            if used > limit { Says::NoOf(used, limit) } else { Says::Fine }
        };
        match check {
            1 => {
                let passes =
                    [GateReason::Kill, GateReason::Halt, GateReason::Shutdown, GateReason::Fault, GateReason::Degraded];
                let bits = passes.iter().fold(0, |all, r| all | 1u32 << r.code());
                let gate = if asked.flatten && exit { self.gate & !bits } else { self.gate };
                most(Some(i128::from(gate)), 0)
            }
            15 if self.state(i) == 3 && !(asked.flatten && exit) => Says::NoOf(3, 2),
            16 if self.state(i) == 2 && !exit => Says::NoOf(2, 1),
            17 if one.restricted && !exit => Says::No(1),
            13 => most(Some(i128::from(one.fault) + i128::from(self.fault)), 0),
            2 => most(Some(i128::from(market.flags & flags::STALE != 0)), 0),
            18 => most(
                Some(one.quoted.map_or(i128::from(i64::MAX), |t| {
                    if t > self.now { i128::from(i64::MAX) } else { i128::from(self.now - t) }
                })),
                limit,
            ),
            19 => most(Some(i128::from(market.flags & flags::TRADING == 0)), 0),
            3 if market.flags & flags::VALID == 0 => Says::No(1 + i128::from(market.invalid_reason)),
            20 => most(Some(i128::from(asked.px.rem_euclid(spec.tick_size.0))), 0),
            21 => most((qty > 0).then_some(qty % i128::from(spec.lot_size.0)), 0),
            4 => most((qty > 0).then_some(qty * ten(18 - spec.qty_decimals)), limit),
            5 => most(Some(worth(&spec, qty, 2 * i128::from(asked.px))), limit),
            6 => {
                let mark2 = 2 * i128::from(market.mark.0);
                let from_mark = if mark2 == 0 { Some(0) } else { far(asked.px, mark2) };
                most(far(asked.px, mid2).zip(from_mark).map(|(a, b)| a.max(b)), limit)
            }
            22 if market.last.qty.0 > 0 => most(far(asked.px, 2 * i128::from(market.last.px.0)), limit),
            23 => most(one.reference.and_then(|(_, reference2)| far(asked.px, reference2)), limit),
            24 => {
                let same =
                    one.history.iter().rev().take(4).filter(|h| (h.0, h.1, h.2) == (asked.side, asked.px, asked.qty));
                match same.map(|h| i128::from((self.now - h.3).max(0))).min() {
                    Some(age) if age < limit => Says::No(age),
                    _ => Says::Fine,
                }
            }
            25 if !exit => {
                let side = asked.side as usize - 1;
                let would =
                    one.executions[side].with(limit, REPEAT_WINDOW, self.now, self.untouched(i, asked.side) + 1);
                if one.stopped[side] || would > limit { Says::No(would.max(limit + 1)) } else { Says::Fine }
            }
            7 => most(Some(reach * ten(18 - spec.qty_decimals)), limit),
            8 if !exit => most(if_known(gross), limit),
            26 if !exit => {
                let net = match asked.side {
                    Side::Buy => others(&|n| values(n).0) + high_after,
                    Side::Sell => -(others(&|n| values(n).1) + low_after),
                };
                most(if_known(net), limit)
            }
            27 if !exit => match if_known(self.equity()) {
                Some(equity) if equity <= 0 => Says::No(i128::from(i64::MAX)),
                equity => most(equity.map(|equity| ceil(gross * 1_000_000, equity)), limit),
            },
            28 if !exit => {
                let whole = gross.max(CONCENTRATION_BASE);
                most(if_known(ceil(own * 1_000_000, whole)), limit)
            }
            9 => rate(&one.approvals),
            14 => rate(&self.approvals),
            29 => rate(&self.messages),
            10 => most(Some(self.live() + 1), limit),
            11 if !exit && self.is_day_stopped() => Says::No(-self.pnl_of_day()),
            11 if !exit => most(if_known(-self.pnl_of_day()), limit),
            30 if !exit && self.drawdown_stopped => Says::No(self.fallen().unwrap_or(0).max(limit + 1)),
            30 if !exit => most(self.fallen(), limit),
            // Never enough returns in so short a stream.
            31 | 32 if !exit => most(if_known(ceil(gross * COLD_PPM, 1_000_000)), limit),
            12 => {
                let mut met = self.orders.iter().filter(|(_, o)| {
                    o.live
                        && o.instrument == i
                        && o.side != asked.side
                        && (sign * i128::from(asked.px) >= sign * i128::from(o.px))
                });
                // The oldest: ids grow.
                match met.next() {
                    Some((_, own)) => Says::NoOf(i128::from(asked.px), i128::from(own.px)),
                    None => Says::Fine,
                }
            }
            _ => Says::Fine,
        }
    }

    /// By what the rate of a check flows off.
    fn rate_of(&self, check: u8, i: usize) -> i128 {
        if check == 9 { self.one[i].limits[at(9)] } else { self.limits[at(check)] }
    }

    /// A loss that must stop trading now, asked for or not.
    pub(super) fn must_stop(&self) -> Option<Refused> {
        if !self.is_known() {
            return None;
        }
        let (loss, limit) = (-self.pnl_of_day(), self.limits[at(11)]);
        if !self.is_day_stopped() && loss > limit {
            return Some((11, loss, limit));
        }
        let (fallen, limit) = (self.fallen()?, self.limits[at(30)]);
        (!self.drawdown_stopped && fallen > limit).then_some((30, fallen, limit))
    }

    /// The capital is what an empty account is worth.
    pub(super) fn is_worth_its_capital(&self) -> bool {
        self.one.iter().any(|one| one.position != 0 || one.realized != 0 || one.fees != 0) || self.equity() == CAPITAL
    }
}
