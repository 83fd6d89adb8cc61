//! Hot: from a signal to the wanted position, and from the difference to an order's price.

use super::check::Wanted;
use super::config::{self, ConfigError, Style};
use super::money;
use super::sizing_models::SizeRule;
use crate::event::execution::{OrderType, TimeInForce};
use crate::event::market::MarketSection;
use crate::event::signal::{Direction, SignalSection};
use crate::types::instrument::{Contract, Instrument};
use crate::types::price::Side;
use crate::types::wide::{div_trunc, mul};

/// What is to be done about a difference between the wanted position and the one that is held and in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Nothing.
    Stay,
    /// Something rests or is in flight the wrong way, or too much of it.
    Cancel,
    /// Trade this much.
    Trade(Side, i64),
}

/// Sizing and pricing.
#[derive(Debug)]
pub(super) struct Sizer {
    /// Value of a full position, × 10⁸ of the quote currency.
    notional_e8: i128,
    confidence_min: f64,
    flat_on_flat: bool,
    rebalance_ppm: i128,
    style: Style,
    post_only: bool,
    slippage_ticks: i64,
    /// Sizes the position in place of `notional_e8`.
    pub(super) rule: Option<SizeRule>,
}

impl Sizer {
    pub(super) fn new(config: &config::Config) -> Result<Self, ConfigError> {
        let (sizing, orders) = (&config.sizing, &config.orders);
        if !(0.0..=1.0).contains(&sizing.confidence_min) {
            return Err(ConfigError::Range { name: "confidence_min", range: "0..=1" });
        }
        let ppm = config::count(sizing.rebalance_ppm, 1_000_000, "rebalance_ppm", "0..=1000000")?;
        Ok(Self {
            notional_e8: config::amount(&sizing.notional_per_position, "notional_per_position", money::QUOTE_DECIMALS)?,
            confidence_min: sizing.confidence_min,
            flat_on_flat: sizing.flat_on_flat,
            rebalance_ppm: i128::from(ppm),
            style: orders.style,
            post_only: orders.post_only,
            slippage_ticks: i64::from(orders.slippage_ticks),
            rule: config.size.as_ref().map(SizeRule::new).transpose()?,
        })
    }

    /// The direction that this signal asks for; `None` if it asks for nothing.
    #[inline]
    pub(super) fn direction(&self, signal: &SignalSection) -> Option<Direction> {
        // A NaN is not ≥ anything.
        let asked = signal.present == 1 && signal.confidence >= self.confidence_min;
        let direction = Direction::from_code(signal.direction)?;
        // An agent that says flat means it; a model of ours may only have nothing to say.
        let acts = direction != Direction::Flat || self.flat_on_flat || signal.origin != 0;
        (asked && acts).then_some(direction)
    }

    /// The wanted position in quantity units, rounded towards zero to the lot, at the mid `mid2` ÷ 2.
    #[inline]
    pub(super) fn target(&self, instrument: &Instrument, direction: Direction, mid2: i128) -> Option<i64> {
        if direction == Direction::Flat {
            return Some(0);
        }
        let multiplier = i128::from(instrument.multiplier);
        let (numerator, denominator, decimals) = match instrument.contract {
            Contract::Linear => {
                let decimals = instrument.price_decimals + instrument.qty_decimals;
                (self.notional_e8.checked_mul(2)?, mul(mid2, multiplier)?, decimals)
            }
            Contract::Inverse => (self.notional_e8, multiplier, instrument.qty_decimals),
        };
        if denominator <= 0 {
            return None;
        }
        let units = if decimals >= money::QUOTE_DECIMALS {
            div_trunc(mul(numerator, money::pow10(decimals - money::QUOTE_DECIMALS)?)?, denominator)?
        } else {
            div_trunc(numerator, mul(denominator, money::pow10(money::QUOTE_DECIMALS - decimals)?)?)?
        };
        let lot = i128::from(instrument.lot_size.0);
        // What is left of the units is no more than they are.
        let whole = div_trunc(units, lot)? * lot;
        i64::try_from(whole).ok().map(|units| direction.sign() * units)
    }

    /// The dead band around `target`: a part of it, rounded down.
    #[inline]
    fn band(&self, target: i64) -> i128 {
        let exact = i128::from(target.unsigned_abs()) * self.rebalance_ppm;
        // A division of 64 bits by a constant is a multiplication, one of 128 bits a call.
        match u64::try_from(exact) {
            Ok(exact) => i128::from(exact / 1_000_000),
            Err(_) => exact / 1_000_000,
        }
    }

    /// What to do to get from `position` with what is open to `target`; `exact`: without the dead band. `None` on overflow.
    #[inline]
    pub(super) fn step(
        &self,
        lot: i64,
        target: i64,
        exact: bool,
        (position, open_buy, open_sell): (i64, i64, i64),
    ) -> Option<Move> {
        let want = i128::from(target) - i128::from(position);
        let band = if exact { 0 } else { self.band(target) };
        let (open_buy, open_sell) = (i128::from(open_buy), i128::from(open_sell));
        let (side, same, opposite) = match want.cmp(&0) {
            core::cmp::Ordering::Greater => (Side::Buy, open_buy, open_sell),
            core::cmp::Ordering::Less => (Side::Sell, open_sell, open_buy),
            core::cmp::Ordering::Equal => (Side::Buy, 0, open_buy + open_sell),
        };
        if opposite > band {
            return Some(Move::Cancel);
        }
        if opposite > 0 {
            // Small enough to be left alone; but nothing new while it is there.
            return Some(Move::Stay);
        }
        let rest = want.abs() - same;
        if -rest > band {
            return Some(Move::Cancel);
        }
        let qty = i64::try_from(rest).ok()?.checked_div(lot)?.checked_mul(lot)?;
        Some(if qty <= 0 || rest <= band { Move::Stay } else { Move::Trade(side, qty) })
    }

    /// The most of `qty` that one order may have, at least one lot: an exit larger than a limit is cut, not refused. The limits
    /// are a quantity × 10¹⁸ and a value × 10⁸; `px` is the order's price.
    pub(super) fn cut(instrument: &Instrument, qty: i64, px: i64, qty_e18: i128, notional_e8: i128) -> Option<i64> {
        let lot = i128::from(instrument.lot_size.0);
        let by_qty = qty_e18 / money::qty_e18(1, instrument.qty_decimals)?;
        let a_lot = money::notional_e8(instrument, lot, 2 * i128::from(px))?;
        let by_notional = if a_lot == 0 { i128::MAX } else { (notional_e8 / a_lot).checked_mul(lot)? };
        let most = i128::from(qty).min(by_qty).min(by_notional) / lot * lot;
        i64::try_from(most.max(lot)).ok()
    }

    /// The order for `qty` on `side`, in the configured style or at once (`urgent`); both sides of the market are there.
    /// `None` on overflow.
    #[inline]
    pub(super) fn order(
        &self,
        urgent: bool,
        instrument: &Instrument,
        market: &MarketSection,
        side: Side,
        qty: i64,
    ) -> Option<Wanted> {
        let (bid, ask, tick) = (market.bid.px.0, market.ask.px.0, instrument.tick_size.0);
        let resting = if self.post_only { TimeInForce::Gtx } else { TimeInForce::Gtc };
        let beyond = tick.checked_mul(self.slippage_ticks)?;
        let mid2 = i128::from(bid) + i128::from(ask);
        let style = if urgent { Style::Cross } else { self.style };
        let (raw, order_type, time_in_force) = match (style, side) {
            (Style::OwnBest, Side::Buy) => (bid, OrderType::Limit, resting),
            (Style::OwnBest, Side::Sell) => (ask, OrderType::Limit, resting),
            (Style::Mid, Side::Buy) => (i64::try_from(mid2.div_euclid(2)).ok()?, OrderType::Limit, resting),
            (Style::Mid, Side::Sell) => (i64::try_from((mid2 + 1).div_euclid(2)).ok()?, OrderType::Limit, resting),
            (Style::Cross, Side::Buy) => (ask.checked_add(beyond)?, OrderType::Limit, TimeInForce::Ioc),
            (Style::Cross, Side::Sell) => (bid.checked_sub(beyond)?, OrderType::Limit, TimeInForce::Ioc),
            (Style::Market, Side::Buy) => (ask.checked_add(beyond)?, OrderType::Market, TimeInForce::Ioc),
            (Style::Market, Side::Sell) => (bid.checked_sub(beyond)?, OrderType::Market, TimeInForce::Ioc),
        };
        // To the tick, never towards the other side.
        let below = raw.rem_euclid(tick);
        let px = match side {
            Side::Buy => raw.checked_sub(below)?,
            Side::Sell if below == 0 => raw,
            Side::Sell => raw.checked_add(tick - below)?,
        };
        Some(Wanted { side, qty, px, order_type, time_in_force })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{instrument, market};
    use super::*;
    use crate::types::price::{Px, Qty};

    fn sizer(notional: &str, ppm: u32, style: Style) -> Sizer {
        let sizing =
            config::Sizing { notional_per_position: notional.into(), rebalance_ppm: ppm, ..config::Sizing::default() };
        let orders = config::Orders { style, ..config::Orders::default() };
        Sizer::new(&config::Config { sizing, orders, ..config::Config::default() }).unwrap()
    }

    #[test]
    fn the_size_is_rounded_down_to_the_lot() {
        // Prices with 2 decimals, quantities with 1.
        let check = |notional: &str, mid2: i128, lot: i64, expected: Option<i64>| {
            let spec = Instrument { price_decimals: 2, qty_decimals: 1, lot_size: Qty(lot), ..instrument(0) };
            assert_eq!(sizer(notional, 0, Style::Cross).target(&spec, Direction::Short, mid2), expected.map(|q| -q));
        };
        check("1000", 20_000, 1, Some(100));
        check("999.99", 20_000, 1, Some(99));
        check("999.99", 20_000, 10, Some(90));
        check("5", 20_000, 1, Some(0));
        check("1000", 0, 1, None);
        let inverse = Instrument { contract: Contract::Inverse, multiplier: 100, qty_decimals: 0, ..instrument(0) };
        assert_eq!(sizer("1050", 0, Style::Cross).target(&inverse, Direction::Long, 7), Some(10));
    }

    #[test]
    fn a_step_counts_what_is_in_flight() {
        let check = |ppm, (target, position, buy, sell), expected| {
            assert_eq!(sizer("1", ppm, Style::Cross).step(5, target, false, (position, buy, sell)), Some(expected));
        };
        check(0, (100, 0, 0, 0), Move::Trade(Side::Buy, 100));
        check(0, (100, 30, 20, 0), Move::Trade(Side::Buy, 50));
        check(0, (100, 30, 67, 0), Move::Stay);
        check(0, (100, 30, 71, 0), Move::Cancel);
        check(0, (100, 30, 0, 1), Move::Cancel);
        check(0, (-100, 30, 0, 0), Move::Trade(Side::Sell, 130));
        check(0, (0, 0, 10, 0), Move::Cancel);
        check(0, (0, 12, 0, 0), Move::Trade(Side::Sell, 10));
        check(100_000, (100, 90, 0, 0), Move::Stay);
        check(100_000, (100, 89, 0, 0), Move::Trade(Side::Buy, 10));
        check(100_000, (100, 90, 20, 0), Move::Stay);
        check(100_000, (100, 90, 21, 0), Move::Cancel);
        check(100_000, (100, 90, 0, 10), Move::Stay);
        check(100_000, (0, 12, 0, 0), Move::Trade(Side::Sell, 10));
    }

    #[test]
    fn prices_are_on_the_tick_and_never_nearer_to_the_other_side() {
        let spec = Instrument { tick_size: Px(5), ..instrument(0) };
        let check = |style, side, expected| {
            let order = sizer("1", 0, style).order(false, &spec, &market(100, 115), side, 1).unwrap();
            assert_eq!(order.px, expected, "{style:?} {side}");
        };
        check(Style::OwnBest, Side::Buy, 100);
        check(Style::OwnBest, Side::Sell, 115);
        check(Style::Mid, Side::Buy, 105);
        check(Style::Mid, Side::Sell, 110);
        check(Style::Cross, Side::Buy, 125);
        check(Style::Market, Side::Sell, 90);
    }
}
