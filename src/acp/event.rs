//! Edge: a journaled event as an entry of the event stream: a few fields, the last one JSON.

use super::payload::{self, Exact, Scales, Shown, word};
use super::time::write_iso;
use super::trace::Trace;
use crate::event::execution::{CommandKind, ExecutionSection, OrderCommand, OrderState, OrderType, TimeInForce};
use crate::event::input::{GateReason, Input, InputKind};
use crate::event::report::VenueReason;
use crate::event::risk::{RiskSection, Verdict};
use crate::event::signal::SignalSection;
use crate::types::instrument::Instrument;
use crate::types::price::Side;
use crate::types::time::NO_TIME;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Names of the fields, in their order.
pub const FIELDS: [&str; 7] = ["type", "timestamp", "source", "traceId", "sequence", "instrument", "data"];

/// What the stages made of an input, where the journal keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Outputs<'a> {
    /// The models' opinion.
    pub signal: &'a SignalSection,
    /// What risk said.
    pub risk: &'a RiskSection,
    /// What went to the venue.
    pub execution: &'a ExecutionSection,
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The process start that it belongs to.
    pub epoch: u64,
    /// The input.
    pub input: &'a Input,
    /// Its instrument, once defined.
    pub instrument: Option<&'a Instrument>,
    /// Instruments by id, as far as they are defined: an order that follows from it may be of another one.
    pub instruments: &'a [Option<Instrument>],
    /// What became of it.
    pub outputs: Option<Outputs<'a>>,
    /// Whose wish it follows.
    pub trace: Trace<'a>,
}

impl Event<'_> {
    /// The instrument of an order that follows from it: a gate that closes, or a person, cancels orders of all of them.
    pub fn instrument_of(&self, command: &OrderCommand) -> Option<&Instrument> {
        self.instruments.get(command.instrument.index())?.as_ref()
    }
}

/// Room for the texts of one event; used again for the next.
#[derive(Debug, Default)]
pub struct Texts {
    timestamp: String,
    source: String,
    trace: String,
    sequence: String,
    instrument: String,
    data: Vec<u8>,
}

/// The agent that an event is from: who of the roster speaks.
pub fn agent_of(kind: Option<InputKind>) -> &'static str {
    match kind {
        Some(InputKind::Report | InputKind::Statement) => "execution",
        Some(InputKind::Gate | InputKind::Operator) => "risk",
        Some(InputKind::Outside) => "signal",
        Some(InputKind::Epoch | InputKind::Definition | InputKind::Timer) | None => "supervisor",
        Some(_) => "market-data",
    }
}

impl Texts {
    /// Writes `event` of `host`; gives the values of [`FIELDS`]. `traceId` is the one that an outside
    /// agent gave to the message that led here, or `{host}-{epoch}-{sequence}` of the input that began the chain: an order's
    /// reports and the orders themselves carry that of the input that led to them.
    pub fn write<'a>(&'a mut self, host: &str, event: &Event<'_>) -> [&'a [u8]; FIELDS.len()] {
        use std::fmt::Write as _;
        let input = event.input;
        for text in [&mut self.timestamp, &mut self.source, &mut self.trace, &mut self.sequence, &mut self.instrument] {
            text.clear();
        }
        self.data.clear();
        write_iso(&mut self.timestamp, input.ts_recv);
        // Writing to a String cannot fail.
        let _ = write!(self.source, "{host}.{}", agent_of(input.kind()));
        event.trace.write(&mut self.trace, host);
        let _ = write!(self.sequence, "{}", input.sequence);
        if let Some(i) = event.instrument {
            let _ = write!(self.instrument, "{}.{}", i.symbol, i.venue.name());
        }
        // Nor can writing JSON to memory: all keys are strings, and no number is refused.
        let _ = serde_json::to_writer(&mut self.data, &Data(event));
        [
            payload::type_of(input.kind()).as_bytes(),
            self.timestamp.as_bytes(),
            self.source.as_bytes(),
            self.trace.as_bytes(),
            self.sequence.as_bytes(),
            self.instrument.as_bytes(),
            &self.data,
        ]
    }
}

/// The JSON of an event: its payload's fields, and what the stages made of it, where they made something.
struct Data<'a>(&'a Event<'a>);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Event { input, instrument, outputs, .. } = self.0;
        let scales = Scales(*instrument);
        let mut map = serializer.serialize_map(None)?;
        if input.ts_event != NO_TIME {
            map.serialize_entry("ts_event", &input.ts_event)?;
        }
        payload::fields(&mut map, input, scales)?;
        if let Some(outputs) = outputs {
            if outputs.signal.present != 0 {
                map.serialize_entry("signal", &Signal(outputs.signal))?;
            }
            if outputs.risk.verdict() != Verdict::None {
                map.serialize_entry("risk", &Risk(outputs.risk, scales))?;
            }
            if outputs.execution.commands_len > 0 {
                map.serialize_entry("orders", &Orders(self.0, outputs.execution))?;
            }
            if outputs.execution.updated != 0 {
                map.serialize_entry("update", &Update(outputs.execution, scales))?;
            }
        }
        map.end()
    }
}

struct Signal<'a>(&'a SignalSection);

impl Serialize for Signal<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("direction", self.0.direction().name())?;
        map.serialize_entry("confidence", &self.0.confidence)?;
        map.serialize_entry("score", &self.0.score)?;
        map.serialize_entry("changed", &(self.0.changed != 0))?;
        map.end()
    }
}

struct Risk<'a>(&'a RiskSection, Scales<'a>);

impl Serialize for Risk<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(risk, scales) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("verdict", &word(Verdict::from_code(risk.verdict).map(Verdict::name), risk.verdict))?;
        map.serialize_entry("side", &risk.side().map(Side::name))?;
        map.serialize_entry("qty", &scales.qty(risk.qty))?;
        map.serialize_entry("px", &scales.px(risk.px))?;
        map.serialize_entry("position", &scales.qty(risk.position))?;
        map.serialize_entry("target", &scales.qty(risk.target))?;
        if risk.verdict() == Verdict::Refused {
            map.serialize_entry("check", &risk.check)?;
            map.serialize_entry("value", &Exact(risk.value, 0, 0))?;
            map.serialize_entry("limit", &Exact(risk.limit, 0, 0))?;
            map.serialize_entry("gate", &GateReason::names(risk.gate))?;
        }
        map.end()
    }
}

struct Orders<'a>(&'a Event<'a>, &'a ExecutionSection);

impl Serialize for Orders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(event, execution) = self;
        serializer.collect_seq(execution.commands().iter().map(|command| Order(command, event.instrument_of(command))))
    }
}

struct Order<'a>(&'a OrderCommand, Option<&'a Instrument>);

impl Serialize for Order<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(c, instrument) = self;
        let scales = Scales(*instrument);
        let mut map = serializer.serialize_map(Some(8))?;
        map.serialize_entry("kind", &word(CommandKind::from_code(c.kind).map(CommandKind::name), c.kind))?;
        map.serialize_entry("client_order_id", &Shown(c.client_order_id))?;
        map.serialize_entry("instrument", &instrument.map(Instrument::name))?;
        map.serialize_entry("side", &c.side().map(Side::name))?;
        map.serialize_entry("qty", &scales.qty(c.qty))?;
        map.serialize_entry("px", &scales.px(c.px))?;
        map.serialize_entry(
            "order_type",
            &word(OrderType::from_code(c.order_type).map(OrderType::name), c.order_type),
        )?;
        let in_force = TimeInForce::from_code(c.time_in_force).map(TimeInForce::name);
        map.serialize_entry("time_in_force", &word(in_force, c.time_in_force))?;
        map.end()
    }
}

struct Update<'a>(&'a ExecutionSection, Scales<'a>);

impl Serialize for Update<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(execution, scales) = self;
        let u = &execution.update;
        let state = |code: u8| word(OrderState::from_code(code).map(OrderState::name), code);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("client_order_id", &Shown(u.client_order_id))?;
        map.serialize_entry("state_before", &state(u.state_before))?;
        map.serialize_entry("state", &state(u.state))?;
        map.serialize_entry("side", &Side::from_code(u.side).map(Side::name))?;
        map.serialize_entry("qty", &scales.qty(u.qty))?;
        map.serialize_entry("cum_qty", &scales.qty(u.cum_qty))?;
        map.serialize_entry("leaves_qty", &scales.qty(u.leaves_qty))?;
        map.serialize_entry("last_qty", &scales.qty(u.last_qty))?;
        map.serialize_entry("last_px", &scales.px(u.last_px))?;
        map.serialize_entry("reason", &word(VenueReason::from_code(u.reason).map(VenueReason::name), u.reason))?;
        map.serialize_entry("anomalous", &(u.anomalous != 0))?;
        map.end()
    }
}
