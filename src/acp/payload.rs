//! Edge: what an input says, as JSON. Prices, quantities and money are decimal strings, exact; times are nanoseconds since 1970.

use crate::event::definition::Definition;
use crate::event::input::{
    Bar, Depth, DepthStyle, EpochStart, Gap, GapReason, GateChange, GateReason, Input, InputKind, Level, Mark,
    OrderAction, OrderEvent, Quote, Status, Trade, TradingState,
};
use crate::event::operator::{OperatorAction, OperatorCommand, Scope, ScopeState};
use crate::event::outside::OutsideSignal;
use crate::event::report::{ExecType, Liquidity, Report, VenueReason};
use crate::event::signal::Direction;
use crate::event::statement::Statement;
use crate::types::decimal::write_decimal;
use crate::types::ids::ClientOrderId;
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::NO_TIME;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use std::fmt;

/// A mantissa with its scale, written exactly.
#[derive(Clone, Copy, Debug)]
pub struct Exact(pub i128, pub u8, pub u8);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, self.1, self.2)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The scales of an instrument; without one, numbers stand in the host's units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scales<'a>(pub Option<&'a Instrument>);

impl Scales<'_> {
    /// A price.
    pub fn px(self, px: Px) -> Exact {
        self.0.map_or(Exact(px.0.into(), 0, 0), |i| Exact(px.0.into(), i.price_decimals, i.price_shown))
    }

    /// A quantity.
    pub fn qty(self, qty: Qty) -> Exact {
        self.0.map_or(Exact(qty.0.into(), 0, 0), |i| Exact(qty.0.into(), i.qty_decimals, i.qty_shown))
    }

    /// An amount in the instrument's money units.
    pub fn money(self, amount: i128) -> Exact {
        self.0.map_or(Exact(amount, 0, 0), |i| Exact(amount, i.money_decimals(), 0))
    }
}

/// The word of a code, or the code itself where this build has none for it.
pub fn word(name: Option<&'static str>, code: u8) -> std::borrow::Cow<'static, str> {
    name.map_or_else(|| format!("code:{code}").into(), Into::into)
}

/// A level as `[px, qty]`.
struct Pair<'a>(Scales<'a>, Level);

impl Serialize for Pair<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0.px(self.1.px), self.0.qty(self.1.qty)).serialize(serializer)
    }
}

/// Levels as a list of `[px, qty]`.
struct Levels<'a>(Scales<'a>, &'a [Level]);

impl Serialize for Levels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.1.len()))?;
        for level in self.1 {
            list.serialize_element(&Pair(self.0, *level))?;
        }
        list.end()
    }
}

/// The type of an event, as outside agents see it: the room and what it is.
pub fn type_of(kind: Option<InputKind>) -> &'static str {
    match kind {
        Some(InputKind::Epoch) => "host.epoch",
        Some(InputKind::Definition) => "host.definition",
        Some(InputKind::Timer) => "host.timer",
        Some(InputKind::Gate) => "host.gate",
        Some(InputKind::Operator) => "host.command",
        Some(InputKind::Report) => "venue.report",
        Some(InputKind::Statement) => "venue.statement",
        Some(InputKind::Outside) => "agent.signal",
        Some(InputKind::Depth) => "market.depth",
        Some(InputKind::Trade) => "market.trade",
        Some(InputKind::Quote) => "market.quote",
        Some(InputKind::Bar) => "market.bar",
        Some(InputKind::Mark) => "market.mark",
        Some(InputKind::OrderEvent) => "market.order",
        Some(InputKind::Status) => "market.status",
        Some(InputKind::Gap) => "market.gap",
        None => "unknown",
    }
}

/// Writes the fields of an input's payload into `map`.
///
/// # Errors
/// Those of the serialiser.
pub fn fields<M: SerializeMap>(map: &mut M, input: &Input, scales: Scales<'_>) -> Result<(), M::Error> {
    let side = |code: u8| Side::from_code(code).map(Side::name);
    match input.kind() {
        Some(InputKind::Epoch) => {
            let start: &EpochStart = input.payload();
            map.serialize_entry("epoch", &start.epoch)?;
            map.serialize_entry("configuration", &Hex(&start.config_hash))?;
            map.serialize_entry("build", &Hex(&start.build_hash))
        }
        Some(InputKind::Definition) => {
            let Some(i) = input.payload::<Definition>().instrument(input.instrument) else { return Ok(()) };
            let scales = Scales(Some(&i));
            map.serialize_entry("id", &i.id.0)?;
            map.serialize_entry("symbol", i.symbol.as_str())?;
            map.serialize_entry("venue", i.venue.name())?;
            map.serialize_entry("contract", i.contract.name())?;
            map.serialize_entry("price_decimals", &i.price_decimals)?;
            map.serialize_entry("qty_decimals", &i.qty_decimals)?;
            map.serialize_entry("tick_size", &scales.px(i.tick_size))?;
            map.serialize_entry("lot_size", &scales.qty(i.lot_size))?;
            map.serialize_entry("multiplier", &i.multiplier)?;
            map.serialize_entry("inferred", &i.inferred)
        }
        Some(InputKind::Gate) => {
            let change: &GateChange = input.payload();
            let reason = GateReason::from_code(change.reason).map(GateReason::name);
            map.serialize_entry("reason", &word(reason, change.reason))?;
            map.serialize_entry("closed", &(change.closed != 0))
        }
        Some(InputKind::Operator) => command(map, input.payload()),
        Some(InputKind::Report) => report(map, input.payload(), scales),
        Some(InputKind::Outside) => {
            let said: &OutsideSignal = input.payload();
            map.serialize_entry("who", &said.who())?;
            map.serialize_entry("direction", &said.direction().map(Direction::name))?;
            map.serialize_entry("confidence", &said.confidence)?;
            map.serialize_entry("model", &said.model())?;
            map.serialize_entry("until", &said.until)?;
            map.serialize_entry("sent", &said.sent)?;
            map.serialize_entry("request", &said.request)
        }
        Some(InputKind::Statement) => {
            let said: &Statement = input.payload();
            map.serialize_entry("open_orders", &said.open.orders)?;
            map.serialize_entry("open_buy", &scales.qty(said.open.open_buy))?;
            map.serialize_entry("open_sell", &scales.qty(said.open.open_sell))?;
            map.serialize_entry("bought", &scales.qty(said.traded.bought))?;
            map.serialize_entry("sold", &scales.qty(said.traded.sold))
        }
        Some(InputKind::Depth) => {
            let depth: &Depth = input.payload();
            let bids = usize::from(depth.bids).min(depth.levels.len());
            let (bids, asks) = depth.levels.split_at(bids);
            map.serialize_entry("style", &word(DepthStyle::from_code(depth.style).map(DepthStyle::name), depth.style))?;
            map.serialize_entry("part", &input.part)?;
            map.serialize_entry("last", &input.is_last())?;
            map.serialize_entry("first_id", &depth.first_id)?;
            map.serialize_entry("last_id", &depth.last_id)?;
            map.serialize_entry("bids", &Levels(scales, bids))?;
            map.serialize_entry("asks", &Levels(scales, asks.get(..usize::from(depth.asks)).unwrap_or(asks)))
        }
        Some(InputKind::Trade) => {
            let trade: &Trade = input.payload();
            map.serialize_entry("trade_id", &trade.trade_id)?;
            map.serialize_entry("first_trade_id", &trade.first_trade_id)?;
            map.serialize_entry("px", &scales.px(trade.px))?;
            map.serialize_entry("qty", &scales.qty(trade.qty))?;
            map.serialize_entry("aggressor", &side(trade.aggressor))
        }
        Some(InputKind::Quote) => {
            let quote: &Quote = input.payload();
            map.serialize_entry("update_id", &quote.update_id)?;
            map.serialize_entry("bid", &Pair(scales, quote.bid))?;
            map.serialize_entry("ask", &Pair(scales, quote.ask))
        }
        Some(InputKind::Bar) => {
            let bar: &Bar = input.payload();
            map.serialize_entry("open_time", &bar.open_time)?;
            map.serialize_entry("interval", &bar.interval)?;
            for (name, px) in [("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)] {
                map.serialize_entry(name, &scales.px(px))?;
            }
            map.serialize_entry("volume", &scales.qty(bar.volume))?;
            map.serialize_entry("trades", &bar.trades)?;
            map.serialize_entry("closed", &(bar.closed != 0))
        }
        Some(InputKind::Mark) => {
            let mark: &Mark = input.payload();
            for (name, px) in [("mark", mark.mark), ("index", mark.index), ("settle", mark.settle)] {
                map.serialize_entry(name, &scales.px(px))?;
            }
            map.serialize_entry("funding_rate", &Exact(mark.funding_rate_e8.into(), 8, 0))?;
            map.serialize_entry("next_funding", &(mark.next_funding != NO_TIME).then_some(mark.next_funding))
        }
        Some(InputKind::OrderEvent) => {
            let event: &OrderEvent = input.payload();
            map.serialize_entry(
                "action",
                &word(OrderAction::from_code(event.action).map(OrderAction::name), event.action),
            )?;
            map.serialize_entry("order_ref", &event.order_ref)?;
            map.serialize_entry("new_ref", &event.new_ref)?;
            map.serialize_entry("match_number", &event.match_number)?;
            map.serialize_entry("side", &side(event.side))?;
            map.serialize_entry("px", &scales.px(event.px))?;
            map.serialize_entry("qty", &scales.qty(event.qty))
        }
        Some(InputKind::Status) => {
            let status: &Status = input.payload();
            map.serialize_entry(
                "state",
                &word(TradingState::from_code(status.state).map(TradingState::name), status.state),
            )
        }
        Some(InputKind::Gap) => {
            let gap: &Gap = input.payload();
            map.serialize_entry("reason", &word(GapReason::from_code(gap.reason).map(GapReason::name), gap.reason))?;
            map.serialize_entry("from", &gap.from)?;
            map.serialize_entry("to", &gap.to)
        }
        Some(InputKind::Timer) | None => Ok(()),
    }
}

fn command<M: SerializeMap>(map: &mut M, command: &OperatorCommand) -> Result<(), M::Error> {
    map.serialize_entry("action", &word(command.action().map(OperatorAction::name), command.action))?;
    map.serialize_entry("scope", &word(command.scope().map(Scope::name), command.scope))?;
    map.serialize_entry("scope_id", &command.scope_id)?;
    map.serialize_entry("who", &command.who())?;
    map.serialize_entry("reason", &command.reason())?;
    map.serialize_entry("ticket", &command.ticket())?;
    map.serialize_entry("request", &command.request)?;
    map.serialize_entry("state", &command.state().map(ScopeState::name))?;
    map.serialize_entry("limit", &command.limit)?;
    map.serialize_entry("until", &(command.until != NO_TIME).then_some(command.until))
}

fn report<M: SerializeMap>(map: &mut M, report: &Report, scales: Scales<'_>) -> Result<(), M::Error> {
    map.serialize_entry("client_order_id", &Shown(report.client_order_id))?;
    map.serialize_entry("venue_order_id", &report.venue_order_id)?;
    map.serialize_entry(
        "exec_type",
        &word(ExecType::from_code(report.exec_type).map(ExecType::name), report.exec_type),
    )?;
    map.serialize_entry("side", &report.side().map(Side::name))?;
    map.serialize_entry("last_px", &scales.px(report.last_px))?;
    map.serialize_entry("last_qty", &scales.qty(report.last_qty))?;
    map.serialize_entry("cum_qty", &scales.qty(report.cum_qty))?;
    map.serialize_entry("leaves_qty", &scales.qty(report.leaves_qty))?;
    map.serialize_entry("liquidity", &Liquidity::from_code(report.liquidity).map(Liquidity::name))?;
    map.serialize_entry("trade_id", &report.trade_id)?;
    map.serialize_entry("fee", &scales.money(report.fee))?;
    map.serialize_entry("reason", &word(VenueReason::from_code(report.reason).map(VenueReason::name), report.reason))
}

/// An order's id as people read it: `epoch-sequence-child`.
pub struct Shown(pub ClientOrderId);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Bytes in hexadecimal.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
