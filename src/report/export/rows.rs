//! Edge: rows from slots.

use super::{Cell, Column, ColumnType, What};
use crate::event::definition::Definition;
use crate::event::execution::{Agreement, CommandKind, OrderState, differs};
use crate::event::input::{EpochStart, GateChange, GateReason, Input, InputKind, Level, OrderEvent, Trade};
use crate::event::market::{CANDLE_INTERVALS, CANDLE_NAMES, flags};
use crate::event::operator::{OperatorAction, OperatorCommand, Scope};
use crate::event::outside::OutsideSignal;
use crate::event::report::{Liquidity, Report, VenueReason};
use crate::event::risk::Verdict;
use crate::event::signal::Direction;
use crate::event::slot::Slot;
use crate::report::number::{money, px, qty};
use crate::types::decimal::format_decimal;
use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::instrument::{Instrument, VenueKind};
use crate::types::price::{Px, Side};
use crate::types::time::UnixNanos;

/// Makes the rows of one kind; keeps the definitions that it meets.
pub struct RowMaker {
    what: What,
    features: Vec<String>,
    instruments: Vec<Option<Instrument>>,
}

impl RowMaker {
    /// A maker of `what`; `features` are the names in the order of the feature section.
    pub fn new(what: What, features: &[String]) -> Self {
        Self { what, features: features.to_vec(), instruments: Vec::new() }
    }

    /// Names of the features that have columns.
    pub fn feature_names(&self) -> &[String] {
        &self.features
    }

    /// The columns.
    pub fn columns(&self) -> Vec<Column> {
        use ColumnType::{Float, Int, Text};
        let mut columns: Vec<(&str, ColumnType)> =
            vec![("sequence", Int), ("ts_recv", Int), ("ts_event", Int), ("instrument", Text)];
        let own: &[(&str, ColumnType)] = match self.what {
            What::Bbo => {
                &[("update_id", Int), ("bid_px", Text), ("bid_qty", Text), ("ask_px", Text), ("ask_qty", Text)]
            }
            What::Trades => &[("trade_id", Int), ("px", Text), ("qty", Text), ("aggressor", Text)],
            What::Candles => &[
                ("interval", Text),
                ("open_time", Int),
                ("open", Text),
                ("high", Text),
                ("low", Text),
                ("close", Text),
                ("volume", Text),
                ("trades", Int),
            ],
            What::Features => &[],
            What::Signals => &[("direction", Text), ("confidence", Float), ("score", Float), ("votes", Text)],
            What::Risk => &[
                ("verdict", Text),
                ("check", Text),
                ("value", Text),
                ("limit", Text),
                ("side", Text),
                ("qty", Text),
                ("px", Text),
                ("target", Text),
                ("position", Text),
                ("open_buy", Text),
                ("open_sell", Text),
                ("realized", Text),
                ("unrealized", Text),
                ("fees", Text),
            ],
            What::Orders => &[
                ("client_order_id", Text),
                ("venue_order_id", Int),
                ("trace", Int),
                ("event", Text),
                ("state_before", Text),
                ("state", Text),
                ("side", Text),
                ("px", Text),
                ("qty", Text),
                ("cum_qty", Text),
                ("leaves_qty", Text),
                ("avg_px", Text),
                ("reason", Text),
            ],
            What::Fills => &[
                ("client_order_id", Text),
                ("venue_order_id", Int),
                ("trade_id", Int),
                ("trace", Int),
                ("side", Text),
                ("last_px", Text),
                ("last_qty", Text),
                ("liquidity_side", Text),
                ("fee", Text),
                ("cum_qty", Text),
                ("leaves_qty", Text),
                ("position", Text),
            ],
            What::Control => &[
                ("kind", Text),
                ("action", Text),
                ("scope", Text),
                ("who", Text),
                ("reason", Text),
                ("ticket", Text),
                ("request", Int),
                ("outcome", Text),
            ],
        };
        columns.extend_from_slice(own);
        let mut columns: Vec<Column> =
            columns.into_iter().map(|(name, kind)| Column { name: name.to_owned(), kind }).collect();
        if self.what == What::Features {
            columns.extend(self.features.iter().map(|name| Column { name: name.clone(), kind: Float }));
        }
        columns
    }

    /// Gives the rows of `slot` to `emit`.
    pub fn rows(&mut self, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
        let input = &slot.input;
        let at = input.instrument.index();
        if input.kind == InputKind::Definition.code() && input.instrument.is_some() {
            if self.instruments.len() <= at {
                self.instruments.resize(at + 1, None);
            }
            self.instruments[at] = input.payload::<Definition>().instrument(input.instrument);
        }
        if self.what == What::Control {
            return control(self.instruments.get(at).and_then(Option::as_ref), slot, emit);
        }
        if self.what == What::Orders {
            // A gate, or a person, cancels orders of instruments that its input is not about.
            return orders(&self.instruments, slot, emit);
        }
        let Some(Some(instrument)) = self.instruments.get(at) else { return };
        match self.what {
            What::Bbo => bbo(instrument, slot, emit),
            What::Trades => trades(instrument, slot, emit),
            What::Candles => candles(instrument, slot, emit),
            What::Features => self.features(instrument, slot, emit),
            What::Signals => signals(instrument, slot, emit),
            What::Risk => risk(instrument, slot, emit),
            What::Fills => fills(instrument, slot, emit),
            What::Control | What::Orders => {}
        }
    }

    fn features(&self, instrument: &Instrument, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
        if slot.features.updated == 0 {
            return;
        }
        let mut row = head(instrument, &slot.input);
        row.extend((0..self.features.len()).map(|i| slot.features.get(i).map_or(Cell::None, Cell::Float)));
        emit(row);
    }
}

fn control(instrument: Option<&Instrument>, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
    let input = &slot.input;
    let text = |text: &str| if text.is_empty() { Cell::None } else { Cell::text(text) };
    let mut row = vec![
        Cell::id(input.sequence),
        Cell::time(input.ts_recv),
        Cell::time(input.ts_event),
        instrument.map_or(Cell::None, |i| Cell::text(i.name())),
    ];
    match input.kind() {
        Some(InputKind::Epoch) => {
            let start: &EpochStart = input.payload();
            row.extend([Cell::text("epoch"), Cell::text(format!("start {}", start.epoch)), Cell::text("host")]);
            row.extend(vec![Cell::None; 5]);
        }
        Some(InputKind::Gate) => {
            let change: &GateChange = input.payload();
            let reason = GateReason::from_code(change.reason).map_or("unknown", GateReason::name);
            let action = if change.closed == 0 { "lifted" } else { "closed" };
            row.extend([Cell::text("gate"), Cell::text(action), Cell::text("host"), Cell::None, Cell::text(reason)]);
            row.extend(vec![Cell::None; 3]);
        }
        Some(InputKind::Statement) if slot.execution.agreement_changed != 0 => {
            let agreement = Agreement::from_code(slot.execution.agreement).unwrap_or(Agreement::None);
            let scope = instrument.map_or("host", |_| "instrument");
            row.extend([Cell::text("statement"), Cell::text(agreement.name()), Cell::text(scope), Cell::None]);
            row.push(text(&differs::names(slot.execution.differs)));
            row.extend(vec![Cell::None; 3]);
        }
        Some(InputKind::Operator) => {
            let command: &OperatorCommand = input.payload();
            let scope = match command.scope() {
                Some(Scope::Venue) => {
                    let venue = u8::try_from(command.scope_id).ok().and_then(VenueKind::from_code);
                    format!("venue:{}", venue.map_or("unknown", VenueKind::name))
                }
                Some(Scope::Strategy) => format!("strategy:{}", command.scope_id),
                Some(scope) => scope.name().to_owned(),
                None => format!("unknown:{}", command.scope),
            };
            let action = match (command.action(), command.state()) {
                (Some(OperatorAction::SetState), Some(state)) => format!("set_state {state}"),
                (Some(action), _) => action.name().to_owned(),
                (None, _) => format!("unknown:{}", command.action),
            };
            row.extend([Cell::text("command"), Cell::text(action), Cell::text(scope)]);
            row.extend([text(&command.who()), text(&command.reason()), text(&command.ticket())]);
            row.push(if command.request == 0 { Cell::None } else { Cell::id(command.request) });
            row.push(Cell::text(crate::risk::describe_outcome(command, &slot.risk)));
        }
        Some(InputKind::Outside) => {
            let said: &OutsideSignal = input.payload();
            let what = said.direction().map_or_else(
                || format!("unknown:{}", said.direction),
                |direction| format!("signal.{} {}", direction.name(), said.confidence),
            );
            row.extend([Cell::text("signal"), Cell::text(what), Cell::text("instrument")]);
            row.extend([text(&said.who()), text(&said.model()), text(&said.trace())]);
            row.push(if said.request == 0 { Cell::None } else { Cell::id(said.request) });
            row.push(Cell::None);
        }
        _ => return,
    }
    emit(row);
}

fn head(instrument: &Instrument, input: &Input) -> Vec<Cell> {
    head_at(instrument, input, input.ts_event)
}

fn head_at(instrument: &Instrument, input: &Input, ts_event: UnixNanos) -> Vec<Cell> {
    vec![Cell::id(input.sequence), Cell::time(input.ts_recv), Cell::time(ts_event), Cell::text(instrument.name())]
}

fn level(instrument: &Instrument, level: Level, row: &mut Vec<Cell>) {
    if level.qty.0 > 0 {
        row.push(Cell::text(px(instrument, level.px)));
        row.push(Cell::text(qty(instrument, level.qty)));
    } else {
        row.extend([Cell::None, Cell::None]);
    }
}

fn side(code: u8) -> Cell {
    Side::from_code(code).map_or(Cell::None, |s| Cell::text(s.name()))
}

fn bbo(instrument: &Instrument, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
    if !slot.market.has(flags::BOOK_UPDATED | flags::VALID) {
        return;
    }
    // The venue's time of the update id that is shown, which need not be this input's: a snapshot that joins differences
    // buffered before it shows the last of them.
    let mut row = head_at(instrument, &slot.input, slot.market.book_time);
    row.push(Cell::id(slot.market.update_id));
    level(instrument, slot.market.book_bid, &mut row);
    level(instrument, slot.market.book_ask, &mut row);
    emit(row);
}

fn trades(instrument: &Instrument, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
    if !slot.market.has(flags::TRADED) {
        return;
    }
    let mut row = head(instrument, &slot.input);
    let id = match slot.input.kind() {
        Some(InputKind::Trade) => slot.input.payload::<Trade>().trade_id,
        Some(InputKind::OrderEvent) => slot.input.payload::<OrderEvent>().match_number,
        _ => slot.input.venue_id,
    };
    row.push(Cell::id(id));
    level(instrument, slot.market.last, &mut row);
    row.push(side(slot.market.last_aggressor));
    emit(row);
}

fn candles(instrument: &Instrument, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
    for (i, candle) in slot.market.closed.iter().enumerate() {
        if slot.market.closed_mask >> i & 1 == 0 {
            continue;
        }
        for n in 0..=i64::from(candle.empties) {
            let mut row = head(instrument, &slot.input);
            row.push(Cell::text(CANDLE_NAMES[i]));
            row.push(Cell::time(candle.open_time + n * CANDLE_INTERVALS[i]));
            let [open, high, low] = if n == 0 { [candle.open, candle.high, candle.low] } else { [candle.close; 3] };
            row.extend([open, high, low, candle.close].map(|p| Cell::text(px(instrument, p))));
            let volume = if n == 0 { candle.volume } else { crate::types::price::Qty(0) };
            row.push(Cell::text(qty(instrument, volume)));
            row.push(Cell::Int(if n == 0 { i64::from(candle.trades) } else { 0 }));
            emit(row);
        }
    }
}

fn signals(instrument: &Instrument, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
    let signal = &slot.signal;
    if signal.present == 0 || signal.changed == 0 {
        return;
    }
    let votes: Vec<String> = signal.votes[..usize::from(signal.votes_len).min(signal.votes.len())]
        .iter()
        .filter(|v| v.cast != 0)
        .map(|v| {
            format!("{}:{}:{}", v.model, Direction::from_code(v.direction).map_or("?", Direction::name), v.confidence)
        })
        .collect();
    let mut row = head(instrument, &slot.input);
    row.extend([
        Cell::text(signal.direction().name()),
        Cell::Float(signal.confidence),
        Cell::Float(signal.score),
        Cell::text(votes.join(" ")),
    ]);
    emit(row);
}

fn risk(instrument: &Instrument, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
    let risk = &slot.risk;
    if risk.verdict() == Verdict::None && risk.account_changed == 0 {
        return;
    }
    let asked = matches!(risk.verdict(), Verdict::Approved | Verdict::Refused);
    let refused = risk.verdict() == Verdict::Refused;
    let mut row = head(instrument, &slot.input);
    row.push(Cell::text(risk.verdict().name()));
    row.push(if refused { crate::risk::check_name(risk.check).map_or(Cell::None, Cell::text) } else { Cell::None });
    for amount in [risk.value, risk.limit] {
        let text = refused.then(|| crate::risk::check_amount_text(risk.check, amount, Some(instrument)));
        // A closed gate has no limit.
        row.push(text.filter(|t| !t.is_empty()).map_or(Cell::None, Cell::text));
    }
    row.push(if asked { side(risk.side) } else { Cell::None });
    row.push(if asked { Cell::text(qty(instrument, risk.qty)) } else { Cell::None });
    row.push(if asked { Cell::text(px(instrument, risk.px)) } else { Cell::None });
    // Without a verdict there is no target.
    let target = (risk.verdict() != Verdict::None).then(|| Cell::text(qty(instrument, risk.target)));
    row.push(target.unwrap_or(Cell::None));
    row.extend([risk.position, risk.open_buy, risk.open_sell].map(|q| Cell::text(qty(instrument, q))));
    row.extend([risk.realized, risk.unrealized, risk.fees].map(|m| Cell::text(money(m, risk.money_decimals))));
    emit(row);
}

fn order_id(id: ClientOrderId) -> Cell {
    Cell::text(id.to_string())
}

fn state(code: u8) -> Cell {
    OrderState::from_code(code).map_or(Cell::None, |s| Cell::text(s.name()))
}

fn orders(instruments: &[Option<Instrument>], slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
    let known = |id: InstrumentId| instruments.get(id.index()).and_then(Option::as_ref);
    let execution = &slot.execution;
    if execution.updated != 0
        && let Some(instrument) = known(slot.input.instrument)
    {
        let u = &execution.update;
        let mut row = head(instrument, &slot.input);
        row.extend([
            order_id(u.client_order_id),
            Cell::id(u.venue_order_id),
            Cell::id(slot.input.trace),
            Cell::text("report"),
        ]);
        row.extend([state(u.state_before), state(u.state), side(u.side), Cell::text(px(instrument, u.px))]);
        row.extend([u.qty, u.cum_qty, u.leaves_qty].map(|q| Cell::text(qty(instrument, q))));
        row.push(average(instrument, u.notional, u.cum_qty.0));
        row.push(
            VenueReason::from_code(u.reason)
                .filter(|r| *r != VenueReason::None)
                .map_or(Cell::None, |r| Cell::text(r.name())),
        );
        emit(row);
    }
    for command in execution.commands() {
        let Some(instrument) = known(command.instrument) else { continue };
        let new = command.kind == CommandKind::New.code();
        let mut row = head(instrument, &slot.input);
        row.extend([order_id(command.client_order_id), Cell::None, Cell::id(slot.input.sequence)]);
        row.push(Cell::text(if new { "submit" } else { "cancel" }));
        row.push(if new { state(OrderState::Initialized.code()) } else { Cell::None });
        row.push(state(if new { OrderState::Submitted.code() } else { OrderState::PendingCancel.code() }));
        row.extend([
            side(command.side),
            Cell::text(px(instrument, command.px)),
            Cell::text(qty(instrument, command.qty)),
        ]);
        row.extend([Cell::None, Cell::text(qty(instrument, command.qty)), Cell::None, Cell::None]);
        emit(row);
    }
}

/// Average price of the fills, six decimals beyond the price's, cut off.
fn average(instrument: &Instrument, notional: i128, cum_qty: i64) -> Cell {
    if cum_qty <= 0 {
        return Cell::None;
    }
    let scaled = notional / i128::from(instrument.multiplier);
    scaled.checked_mul(1_000_000).map_or(Cell::None, |n| {
        Cell::text(format_decimal(n / i128::from(cum_qty), instrument.price_decimals + 6, instrument.price_shown))
    })
}

fn fills(instrument: &Instrument, slot: &Slot, emit: &mut dyn FnMut(Vec<Cell>)) {
    let u = &slot.execution.update;
    if slot.execution.updated == 0 || u.last_qty.0 == 0 {
        return;
    }
    let fee = slot.input.payload::<Report>().fee;
    let mut row = head(instrument, &slot.input);
    row.extend([
        order_id(u.client_order_id),
        Cell::id(u.venue_order_id),
        Cell::id(u.trade_id),
        Cell::id(slot.input.trace),
    ]);
    row.extend([side(u.side), Cell::text(px(instrument, Px(u.last_px.0))), Cell::text(qty(instrument, u.last_qty))]);
    row.push(Liquidity::from_code(u.liquidity).map_or(Cell::None, |l| Cell::text(l.name())));
    row.push(Cell::text(money(fee, instrument.money_decimals())));
    row.extend([u.cum_qty, u.leaves_qty, slot.risk.position].map(|q| Cell::text(qty(instrument, q))));
    emit(row);
}
