//! Edge: the rows that an event leads to: one in `events`, and those of the typed tables.

use super::encode::Rows;
use super::tables::{TABLES, Which};
use crate::acp::event::{Event, FIELDS, Outputs, Texts, agent_of};
use crate::acp::payload::{Exact, Scales, word};
use crate::event::execution::{
    Agreement, CommandKind, ExecutionSection, OrderCommand, OrderState, OrderType, TimeInForce, differs,
};
use crate::event::input::{EpochStart, GateChange, GateReason, InputKind};
use crate::event::operator::{OperatorAction, OperatorCommand, Scope, ScopeState};
use crate::event::report::{Liquidity, Report, VenueReason};
use crate::event::risk::{RiskSection, Verdict};
use crate::types::instrument::{Instrument, VenueKind};
use crate::types::price::Side;

/// What a check's stored number is called.
pub type CheckName = fn(u8) -> Option<&'static str>;

/// Makes rows out of events; keeps room for their texts.
pub struct RowMaker {
    host: String,
    check_name: CheckName,
    market_data: bool,
    texts: Texts,
}

/// What the rows of one event have in common.
struct At<'a> {
    host: &'a str,
    event: &'a Event<'a>,
    scales: Scales<'a>,
    instrument: Option<&'a str>,
    trace: &'a str,
}

impl At<'_> {
    /// Begins a row of `table` with the host, the event's name and its time.
    fn row<'r>(&self, rows: &'r mut [Rows; TABLES.len()], table: Which) -> &'r mut Rows {
        let row = &mut rows[table as usize];
        row.begin(TABLES[table as usize].fields());
        row.text(self.host);
        row.bigint(self.event.epoch);
        row.bigint(self.event.input.sequence);
        row.time(self.event.input.ts_recv);
        row
    }
}

fn side(code: u8) -> Option<&'static str> {
    Side::from_code(code).map(Side::name)
}

fn state(code: u8) -> Option<&'static str> {
    OrderState::from_code(code).map(OrderState::name)
}

/// An id of the venue's, where it gave one.
fn id(row: &mut Rows, id: u64) {
    if id == 0 { row.null() } else { row.numeric(Exact(id.into(), 0, 0)) }
}

impl RowMaker {
    /// For the events of `host`; market data has rows only with `market_data`.
    pub fn new(host: &str, check_name: CheckName, market_data: bool) -> Self {
        Self { host: host.to_owned(), check_name, market_data, texts: Texts::default() }
    }

    /// Adds a sample of the features to the rows: bit i of `warm` says that `values[i]`, called `names[i]`, may be used. Values
    /// that may not, or are no numbers, are left out.
    pub fn add_features(
        &self,
        rows: &mut [Rows; TABLES.len()],
        event: &Event<'_>,
        names: &[String],
        values: &[f64],
        warm: u64,
    ) {
        let name = event.instrument.map(|i| format!("{}.{}", i.symbol, i.venue.name()));
        let at =
            At { host: &self.host, event, scales: Scales(event.instrument), instrument: name.as_deref(), trace: "" };
        let sample: serde_json::Map<String, serde_json::Value> = names
            .iter()
            .zip(values)
            .enumerate()
            .filter(|(bit, _)| *bit < 64 && warm >> bit & 1 == 1)
            .filter_map(|(_, (name, value))| Some((name.clone(), serde_json::Number::from_f64(*value)?.into())))
            .collect();
        let row = at.row(rows, Which::Features);
        row.text_or_null(at.instrument);
        row.json(serde_json::Value::Object(sample).to_string().as_bytes());
    }

    /// Adds the rows of `event`.
    pub fn add(&mut self, rows: &mut [Rows; TABLES.len()], event: &Event<'_>) {
        let values: [&[u8]; FIELDS.len()] = self.texts.write(&self.host, event);
        // All but the last are texts that were made as such.
        let text = |at: usize| std::str::from_utf8(values[at]).unwrap_or_default();
        let at = At {
            host: &self.host,
            event,
            scales: Scales(event.instrument),
            instrument: Some(text(5)).filter(|name| !name.is_empty()),
            trace: text(3),
        };
        let input = event.input;
        let is_market = input.kind >= InputKind::Depth.code();
        let quiet = is_market && event.outputs.is_none();
        if self.market_data || !quiet {
            let row = at.row(rows, Which::Events);
            row.text(text(0));
            row.text(text(2));
            row.text_or_null(at.instrument);
            row.text_or_null(Some(at.trace).filter(|_| !quiet));
            row.json(values[6]);
        }
        if input.kind == InputKind::Timer.code() {
            let row = at.row(rows, Which::Heartbeats);
            row.text(&format!("{}.{}", self.host, agent_of(input.kind())));
            row.text_or_null(at.instrument);
            row.text("alive");
        }
        state_change(rows, &at);
        if let Some(outputs) = &event.outputs {
            signal(rows, &at, outputs);
            if outputs.risk.verdict() == Verdict::Refused {
                refusal(rows, &at, outputs.risk, (self.check_name)(outputs.risk.check));
            }
            if outputs.execution.updated != 0 {
                update(rows, &at, outputs);
            }
            for (part, command) in (1..).zip(outputs.execution.commands()) {
                order_command(rows, &at, command, part);
            }
        }
    }
}

fn signal(rows: &mut [Rows; TABLES.len()], at: &At<'_>, outputs: &Outputs<'_>) {
    let signal = outputs.signal;
    // Those alone that are about an instrument, as everywhere.
    if signal.present == 0 || signal.changed == 0 || at.instrument.is_none() {
        return;
    }
    let row = at.row(rows, Which::Signals);
    row.text_or_null(at.instrument);
    row.text(signal.direction().name());
    row.double(signal.confidence);
    row.double(signal.score);
    row.text(at.trace);
}

fn refusal(rows: &mut [Rows; TABLES.len()], at: &At<'_>, risk: &RiskSection, check: Option<&'static str>) {
    let row = at.row(rows, Which::RiskRefusals);
    row.text_or_null(at.instrument);
    row.smallint(risk.check.into());
    row.text_or_null(check);
    row.numeric(Exact(risk.value, 0, 0));
    row.numeric(Exact(risk.limit, 0, 0));
    row.text_or_null(Some(&GateReason::names(risk.gate)));
    row.text_or_null(side(risk.side));
    row.numeric(at.scales.qty(risk.qty));
    row.numeric(at.scales.px(risk.px));
    row.numeric(at.scales.qty(risk.target));
    row.numeric(at.scales.qty(risk.position));
    row.text(at.trace);
}

/// What the venue reported on an order, and the fill that it may be.
fn update(rows: &mut [Rows; TABLES.len()], at: &At<'_>, outputs: &Outputs<'_>) {
    let ExecutionSection { update: u, .. } = outputs.execution;
    let order = u.client_order_id.to_string();
    let row = at.row(rows, Which::OrderEvents);
    row.smallint(0);
    row.text(&order);
    id(row, u.venue_order_id);
    row.text("report");
    row.text_or_null(at.instrument);
    row.text_or_null(state(u.state_before));
    row.text_or_null(state(u.state));
    row.text_or_null(side(u.side));
    row.numeric(at.scales.px(u.px));
    for qty in [u.qty, u.cum_qty, u.leaves_qty] {
        row.numeric(at.scales.qty(qty));
    }
    let reason = VenueReason::from_code(u.reason).filter(|r| *r != VenueReason::None);
    row.text_or_null(reason.map(VenueReason::name));
    row.boolean(u.anomalous != 0);
    row.text(at.trace);
    if u.last_qty.0 == 0 || at.instrument.is_none() {
        return;
    }
    let fee = if at.event.input.kind == InputKind::Report.code() { at.event.input.payload::<Report>().fee } else { 0 };
    let row = at.row(rows, Which::Fills);
    row.text(&order);
    id(row, u.venue_order_id);
    id(row, u.trade_id);
    row.text_or_null(at.instrument);
    row.text_or_null(side(u.side));
    row.numeric(at.scales.px(u.last_px));
    row.numeric(at.scales.qty(u.last_qty));
    row.text_or_null(Liquidity::from_code(u.liquidity).map(Liquidity::name));
    row.numeric(at.scales.money(fee));
    for qty in [u.cum_qty, u.leaves_qty, outputs.risk.position] {
        row.numeric(at.scales.qty(qty));
    }
    row.text(at.trace);
}

/// An order that was sent, or asked to be cancelled.
fn order_command(rows: &mut [Rows; TABLES.len()], at: &At<'_>, command: &OrderCommand, part: i16) {
    // Its own: what led to it may be about another instrument, or about none.
    let instrument = at.event.instrument_of(command);
    let name = instrument.map(Instrument::name);
    let at = At { scales: Scales(instrument), instrument: name.as_deref(), ..*at };
    let new = command.kind == CommandKind::New.code();
    let order = command.client_order_id.to_string();
    let row = at.row(rows, Which::OrderEvents);
    row.smallint(part);
    row.text(&order);
    row.null();
    row.text(if new { "submit" } else { "cancel" });
    row.text_or_null(at.instrument);
    row.text_or_null(new.then(|| OrderState::Initialized.name()));
    row.text(if new { OrderState::Submitted.name() } else { OrderState::PendingCancel.name() });
    row.text_or_null(side(command.side));
    row.numeric(at.scales.px(command.px));
    row.numeric(at.scales.qty(command.qty));
    row.null();
    row.numeric(at.scales.qty(command.qty));
    row.null();
    row.boolean(false);
    row.text(at.trace);
    if !new {
        return;
    }
    let row = at.row(rows, Which::Orders);
    row.text(&order);
    row.text_or_null(at.instrument);
    row.text_or_null(side(command.side));
    row.text(&word(OrderType::from_code(command.order_type).map(OrderType::name), command.order_type));
    row.text(&word(TimeInForce::from_code(command.time_in_force).map(TimeInForce::name), command.time_in_force));
    row.numeric(at.scales.px(command.px));
    row.numeric(at.scales.qty(command.qty));
    row.text(at.trace);
}

/// Starts, gates, commands, and changes of whether the venue agrees: what `tickpath export --what control` has.
fn state_change(rows: &mut [Rows; TABLES.len()], at: &At<'_>) {
    let input = at.event.input;
    match input.kind() {
        Some(InputKind::Epoch) => {
            let action = format!("start {}", input.payload::<EpochStart>().epoch);
            control(rows, at, ["epoch", &action, "host"], None);
        }
        Some(InputKind::Gate) => {
            let change: &GateChange = input.payload();
            let reason = word(GateReason::from_code(change.reason).map(GateReason::name), change.reason);
            let action = if change.closed == 0 { "lifted" } else { "closed" };
            control(rows, at, ["gate", action, "host"], Some(&reason));
        }
        Some(InputKind::Statement) => {
            let Some(execution) = at.event.outputs.map(|o| o.execution).filter(|e| e.agreement_changed != 0) else {
                return;
            };
            let agreement = Agreement::from_code(execution.agreement).unwrap_or(Agreement::None);
            let scope = at.instrument.map_or("host", |_| "instrument");
            let differs = differs::names(execution.differs);
            control(rows, at, ["statement", agreement.name(), scope], Some(&differs));
        }
        Some(InputKind::Operator) => operator(rows, at, input.payload()),
        _ => {}
    }
}

/// A change that nobody commanded: kind, action, scope, and the reason.
fn control(rows: &mut [Rows; TABLES.len()], at: &At<'_>, what: [&str; 3], reason: Option<&str>) {
    let row = at.row(rows, Which::StateChanges);
    for text in what {
        row.text(text);
    }
    row.text_or_null(at.instrument);
    row.null();
    row.text_or_null(reason);
    row.null();
    row.null();
    row.null();
    row.text(at.trace);
}

fn operator(rows: &mut [Rows; TABLES.len()], at: &At<'_>, command: &OperatorCommand) {
    let scope = match command.scope() {
        Some(Scope::Venue) => {
            let venue = u8::try_from(command.scope_id).ok().and_then(VenueKind::from_code);
            format!("venue:{}", venue.map_or("unknown", VenueKind::name))
        }
        Some(Scope::Strategy) => format!("strategy:{}", command.scope_id),
        Some(scope) => scope.name().to_owned(),
        None => format!("code:{}", command.scope),
    };
    let action = match (command.action(), command.state()) {
        (Some(OperatorAction::SetState), Some(state)) => format!("set_state {}", ScopeState::name(state)),
        (action, _) => word(action.map(OperatorAction::name), command.action).into_owned(),
    };
    let row = at.row(rows, Which::StateChanges);
    row.text("command");
    row.text(&action);
    row.text(&scope);
    row.text_or_null(at.instrument);
    row.text_or_null(Some(&command.who()));
    row.text_or_null(Some(&command.reason()));
    row.text_or_null(Some(&command.ticket()));
    id(row, command.request);
    row.text_or_null(at.event.outputs.map(|o| o.risk.outcome().name()));
    row.text(at.trace);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acp::trace::Trace;
    use crate::event::input::{Input, InputKind, Quote};
    use crate::types::ids::{InstrumentId, SourceId};
    use bytemuck::Zeroable;

    /// What COPY would send for one event.
    fn made(market_data: bool) -> [Rows; TABLES.len()] {
        let mut input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), 5, &Quote::zeroed());
        input.sequence = 7;
        let trace = Trace::of_header(2, &input);
        let event = Event { epoch: 2, input: &input, instrument: None, instruments: &[], outputs: None, trace };
        let mut rows: [Rows; TABLES.len()] = Default::default();
        let mut maker = RowMaker::new("h", |_| None, market_data);
        maker.add(&mut rows, &event);
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        maker.add_features(&mut rows, &event, &names, &[1.5, 2.5, f64::NAN, 4.5], 0b0111);
        rows
    }

    #[test]
    fn market_data_can_be_left_out_and_only_warm_numbers_are_sampled() {
        let counts = |rows: &[Rows; TABLES.len()]| rows.each_ref().map(Rows::count);
        assert_eq!(counts(&made(true)), [1, 0, 0, 0, 0, 1, 0, 0, 0]);
        let rows = made(false);
        assert_eq!(counts(&rows), [0, 0, 0, 0, 0, 1, 0, 0, 0]);
        let bytes = rows[Which::Features as usize].clone().finish().concat();
        assert!(bytes.ends_with(b"\x01{\"a\":1.5,\"b\":2.5}\xff\xff"), "{bytes:?}");
    }
}
