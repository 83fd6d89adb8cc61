//! Edge: the sections of a slot as names and values, as people read them.

use super::number::{money, px, qty};
use crate::event::execution::{Agreement, CommandKind, ExecutionSection, OrderState, OrderType, TimeInForce, differs};
use crate::event::feature::FeatureSection;
use crate::event::input::{GateReason, Level};
use crate::event::market::{CANDLE_NAMES, InvalidReason, MarketSection, flags};
use crate::event::report::{Liquidity, VenueReason};
use crate::event::risk::{RiskSection, Verdict};
use crate::event::signal::{Direction, SignalSection, Silence};
use crate::market::anomaly;
use crate::types::instrument::Instrument;
use crate::types::price::{Money, Px, Qty, Side};

/// Decimals of the host's amounts: `RiskSection::equity_e8` and the like.
const QUOTE_DECIMALS: u8 = 8;

/// A field and its value.
pub type Field = (String, String);

const FLAGS: [(u32, &str); 14] = [
    (flags::VALID, "valid"),
    (flags::STALE, "stale"),
    (flags::BOOK_UPDATED, "book_updated"),
    (flags::BBO_CHANGED, "bbo_changed"),
    (flags::TRADED, "traded"),
    (flags::CANDLE_CLOSED, "candle_closed"),
    (flags::BECAME_INVALID, "became_invalid"),
    (flags::BECAME_VALID, "became_valid"),
    (flags::TRADING, "trading"),
    (flags::TOP_FROM_QUOTE, "top_from_quote"),
    (flags::GAP, "gap"),
    (flags::QUOTE_MISMATCH, "quote_mismatch"),
    (flags::FULL_DEPTH, "full_depth"),
    (flags::LATE_TRADE, "late_trade"),
];

/// Names of the bits that are set; `none`, and the number of a bit without a name.
fn bits(value: u32, names: &[(u32, &str)]) -> String {
    let mut words: Vec<String> =
        names.iter().filter(|(bit, _)| value & bit != 0).map(|(_, name)| (*name).to_owned()).collect();
    let unknown = names.iter().fold(value, |rest, (bit, _)| rest & !bit);
    if unknown != 0 {
        words.push(format!("{unknown:#x}"));
    }
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn code(name: Option<&'static str>, code: u8) -> String {
    name.map_or_else(|| format!("code {code}"), ToOwned::to_owned)
}

/// Collects fields; prices and quantities take the instrument's decimals where it is known, else they are in its units.
struct Fields<'a> {
    instrument: Option<&'a Instrument>,
    list: Vec<Field>,
}

impl<'a> Fields<'a> {
    fn new(instrument: Option<&'a Instrument>) -> Self {
        Self { instrument, list: Vec::new() }
    }

    fn put(&mut self, name: impl Into<String>, value: impl ToString) {
        self.list.push((name.into(), value.to_string()));
    }

    fn px(&mut self, name: impl Into<String>, value: Px) {
        self.put(name, self.instrument.map_or_else(|| value.0.to_string(), |i| px(i, value)));
    }

    fn qty(&mut self, name: impl Into<String>, value: Qty) {
        self.put(name, self.instrument.map_or_else(|| value.0.to_string(), |i| qty(i, value)));
    }

    fn level(&mut self, name: &str, level: Level) {
        self.px(format!("{name}.px"), level.px);
        self.qty(format!("{name}.qty"), level.qty);
    }

    fn time(&mut self, name: impl Into<String>, at: i64) {
        self.put(name, if at == crate::types::time::NO_TIME { "none".to_owned() } else { at.to_string() });
    }
}

/// The market section; candles only where they closed.
pub fn market(section: &MarketSection, instrument: Option<&Instrument>) -> Vec<Field> {
    let s = section;
    let anomalies: Vec<(u32, &str)> = (0..32).map(|bit| 1u32 << bit).zip(anomaly::NAMES).collect();
    let mut f = Fields::new(instrument);
    f.put("flags", bits(s.flags, &FLAGS));
    f.put("anomalies", bits(s.anomalies, &anomalies));
    f.put(
        "invalid_reason",
        code(InvalidReason::from_code(s.invalid_reason).map(InvalidReason::name), s.invalid_reason),
    );
    for (name, level) in
        [("bid", s.bid), ("ask", s.ask), ("book_bid", s.book_bid), ("book_ask", s.book_ask), ("last", s.last)]
    {
        f.level(name, level);
    }
    f.put("last_aggressor", side(s.last_aggressor));
    for (name, sum) in [
        ("bid_qty_5", s.bid_qty_5),
        ("ask_qty_5", s.ask_qty_5),
        ("bid_qty_10", s.bid_qty_10),
        ("ask_qty_10", s.ask_qty_10),
    ] {
        f.qty(name, sum);
    }
    f.put("update_id", s.update_id);
    f.px("mark", s.mark);
    f.time("exchange_time", s.exchange_time);
    f.time("book_time", s.book_time);
    f.time("feed_latency", s.feed_latency);
    f.put("bid_levels", s.bid_levels);
    f.put("ask_levels", s.ask_levels);
    f.put("price_decimals", s.price_decimals);
    f.put("qty_decimals", s.qty_decimals);
    for (i, candle) in s.closed.iter().enumerate().filter(|(i, _)| s.closed_mask >> i & 1 == 1) {
        let name = |field: &str| format!("candle_{}.{field}", CANDLE_NAMES[i]);
        f.time(name("open_time"), candle.open_time);
        for (field, price) in
            [("open", candle.open), ("high", candle.high), ("low", candle.low), ("close", candle.close)]
        {
            f.px(name(field), price);
        }
        f.qty(name("volume"), candle.volume);
        f.put(name("trades"), candle.trades);
        f.put(name("empties"), candle.empties);
        f.put(name("turnover"), candle.turnover);
    }
    f.list
}

/// The feature section, by the names of the features.
pub fn features(section: &FeatureSection, names: &[String]) -> Vec<Field> {
    let mut f = Fields::new(None);
    f.put("count", section.count);
    for (i, value) in section.values.iter().enumerate().take(section.count as usize) {
        let name = names.get(i).map_or_else(|| format!("values[{i}]"), Clone::clone);
        let warm = section.warm >> i & 1 == 1;
        let updated = if section.updated >> i & 1 == 1 { ", updated" } else { "" };
        f.put(name, if warm { format!("{value}{updated}") } else { format!("not warm{updated}") });
    }
    f.list
}

/// The signal section.
pub fn signal(section: &SignalSection) -> Vec<Field> {
    let s = section;
    let mut f = Fields::new(None);
    f.put("present", s.present);
    f.put("direction", code(Direction::from_code(s.direction).map(Direction::name), s.direction));
    f.put("confidence", s.confidence);
    f.put("score", s.score);
    f.put("changed", s.changed);
    f.put("silence", code(Silence::from_code(s.silence).map(Silence::name), s.silence));
    for vote in s.votes.iter().take(usize::from(s.votes_len)) {
        let said = code(Direction::from_code(vote.direction).map(Direction::name), vote.direction);
        let text = if vote.cast == 1 { format!("{said} {}", vote.confidence) } else { "not cast".to_owned() };
        f.put(format!("vote of model {}", vote.model), text);
    }
    f.list
}

/// The risk section.
pub fn risk(section: &RiskSection, instrument: Option<&Instrument>) -> Vec<Field> {
    let s = section;
    let mut f = Fields::new(instrument);
    f.put("verdict", code(Verdict::from_code(s.verdict).map(Verdict::name), s.verdict));
    if s.check != 0 {
        f.put("check", code(crate::risk::check_name(s.check), s.check));
        f.put("value", crate::risk::check_amount_text(s.check, s.value, instrument));
        f.put("limit", crate::risk::check_amount_text(s.check, s.limit, instrument));
    }
    f.put("side", side(s.side));
    f.qty("qty", s.qty);
    f.px("px", s.px);
    f.put("order_type", order_type(s.order_type));
    f.put("time_in_force", time_in_force(s.time_in_force));
    for (name, amount) in
        [("target", s.target), ("position", s.position), ("open_buy", s.open_buy), ("open_sell", s.open_sell)]
    {
        f.qty(name, amount);
    }
    f.put("avg_px_e4", s.avg_px_e4);
    let amount = |m: Money| money(m, s.money_decimals);
    f.put("realized", amount(s.realized));
    f.put("unrealized", amount(s.unrealized));
    f.put("fees", amount(s.fees));
    f.put("gate", if s.gate == 0 { "open".to_owned() } else { GateReason::names(s.gate) });
    f.put("account_changed", s.account_changed);
    f.put("marks", format!("{:#x}", s.marks));
    if s.operator != 0 {
        f.put("operator", s.outcome().name());
    }
    let quote = |amount: Money| crate::types::decimal::format_decimal(amount, QUOTE_DECIMALS, 0);
    f.put("equity", quote(s.equity_e8));
    f.put("high_water", if s.high_water_e8 == Money::MIN { "none".to_owned() } else { quote(s.high_water_e8) });
    f.put("gross", quote(s.gross_e8));
    f.put("mid2", s.mid2);
    f.list
}

/// The execution section.
pub fn execution(section: &ExecutionSection, instrument: Option<&Instrument>) -> Vec<Field> {
    let mut f = Fields::new(instrument);
    f.put("commands", section.commands().len());
    for (i, c) in section.commands().iter().enumerate() {
        let name = |field: &str| format!("command {}.{field}", i + 1);
        f.put(name("kind"), code(CommandKind::from_code(c.kind).map(CommandKind::name), c.kind));
        f.put(name("client_order_id"), c.client_order_id);
        f.put(name("side"), side(c.side));
        f.qty(name("qty"), c.qty);
        f.px(name("px"), c.px);
        f.put(name("order_type"), order_type(c.order_type));
        f.put(name("time_in_force"), time_in_force(c.time_in_force));
    }
    f.put("open_orders", section.open_orders);
    if section.agreement != 0 {
        f.put("agreement", code(Agreement::from_code(section.agreement).map(Agreement::name), section.agreement));
        f.put("differs", if section.differs == 0 { "in nothing".to_owned() } else { differs::names(section.differs) });
        f.put("confirmed.orders", section.confirmed.orders);
        f.qty("confirmed.open_buy", section.confirmed.open_buy);
        f.qty("confirmed.open_sell", section.confirmed.open_sell);
        f.put("confirmed.digest", format!("{:016x}", section.confirmed.digest));
        f.qty("traded.bought", section.traded.bought);
        f.qty("traded.sold", section.traded.sold);
        f.put("unanswered", section.unanswered);
    }
    if section.differing != 0 {
        f.put("differing", section.differing);
    }
    if section.updated != 0 {
        let u = &section.update;
        f.put("update.client_order_id", u.client_order_id);
        f.put("update.venue_order_id", u.venue_order_id);
        f.put("update.state_before", code(OrderState::from_code(u.state_before).map(OrderState::name), u.state_before));
        f.put("update.state", code(OrderState::from_code(u.state).map(OrderState::name), u.state));
        f.put("update.side", side(u.side));
        f.put("update.trade_id", u.trade_id);
        for (name, price) in [("update.last_px", u.last_px), ("update.px", u.px)] {
            f.px(name, price);
        }
        for (name, amount) in [
            ("update.last_qty", u.last_qty),
            ("update.qty", u.qty),
            ("update.cum_qty", u.cum_qty),
            ("update.leaves_qty", u.leaves_qty),
        ] {
            f.qty(name, amount);
        }
        f.put("update.notional", u.notional);
        f.put("update.liquidity", optional(Liquidity::from_code(u.liquidity).map(Liquidity::name), u.liquidity));
        f.put("update.reason", code(VenueReason::from_code(u.reason).map(VenueReason::name), u.reason));
        f.put("update.anomalous", u.anomalous);
    }
    f.list
}

fn optional(name: Option<&'static str>, value: u8) -> String {
    if value == 0 { "none".to_owned() } else { code(name, value) }
}

fn side(value: u8) -> String {
    optional(Side::from_code(value).map(Side::name), value)
}

fn order_type(value: u8) -> String {
    optional(OrderType::from_code(value).map(OrderType::name), value)
}

fn time_in_force(value: u8) -> String {
    optional(TimeInForce::from_code(value).map(TimeInForce::name), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn check(list: &[Field], expected: &[(&str, &str)]) {
        for (name, value) in expected {
            assert!(list.iter().any(|(n, v)| n == name && v == value), "{name} = {value} is not in {list:?}");
        }
        let mut names: Vec<&String> = list.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), list.len(), "a name stands twice: {list:?}");
    }

    #[test]
    fn sections_are_told_in_words() {
        let mut s = MarketSection::zeroed();
        s.flags = flags::VALID | flags::TRADED | 1 << 30;
        s.closed_mask = 2;
        check(
            &market(&s, None),
            &[("flags", "valid traded 0x40000000"), ("anomalies", "none"), ("candle_1m.trades", "0")],
        );
        let mut s = FeatureSection::zeroed();
        (s.count, s.warm, s.values[0]) = (2, 1, 0.1);
        check(&features(&s, &["spread".to_owned()]), &[("spread", "0.1"), ("values[1]", "not warm")]);
        let mut s = SignalSection::zeroed();
        (s.direction, s.votes_len) = (Direction::Short.code(), 1);
        check(&signal(&s), &[("direction", "short"), ("vote of model 0", "not cast")]);
        let mut s = RiskSection::zeroed();
        (s.verdict, s.check, s.value, s.gate) = (Verdict::Refused.code(), crate::risk::code::gate, 16, 16);
        check(&risk(&s, None), &[("verdict", "refused"), ("value", "mode_observe"), ("gate", "mode_observe")]);
        let mut s = ExecutionSection::zeroed();
        (s.commands_len, s.updated, s.commands[0].kind) = (1, 1, CommandKind::Cancel.code());
        check(&execution(&s, None), &[("command 1.kind", "cancel"), ("update.side", "none")]);
    }
}
