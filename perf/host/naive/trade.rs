//! Task 5: from signals to orders as the venue's JSON.
//!
//! Positions, all checks and the states of orders are the product's own stages, fed from this baseline's state: here, and
//! only here, the baseline is faster than a naive program. Decimals become integers at the instrument's scale on the way in.

use super::market::{Market, What, is_stale};
use super::signal::Outcome;
use crate::hot::Build;
use bytemuck::Zeroable;
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::HashMap;
use tickpath::config::Mode;
use tickpath::event::approval::ApprovedOrder;
use tickpath::event::definition::Definition;
use tickpath::event::execution::{CommandKind, ExecutionSection, OrderCommand, OrderType, TimeInForce};
use tickpath::event::input::{EpochStart, Input, InputKind, Level};
use tickpath::event::market::{MarketSection, flags};
use tickpath::event::risk::{RiskSection, marks};
use tickpath::event::signal::SignalSection;
use tickpath::execution::ExecutionStage;
use tickpath::risk::RiskStage;
use tickpath::runtime::outlet::Outgoing;
use tickpath::runtime::recovery::{Restored, opening};
use tickpath::runtime::validate;
use tickpath::types::ids::SourceId;
use tickpath::types::instrument::Instrument;
use tickpath::types::price::{Px, Qty, Side};

/// An order or a cancel on its way to the venue.
#[derive(Debug)]
pub struct Sent {
    /// Number of the message that led to it, from 0.
    pub message: u64,
    /// What was approved.
    pub outgoing: Outgoing,
    /// Its text.
    pub json: String,
}

/// What is known of an instrument.
struct Known {
    instrument: Instrument,
    /// The market as it was last.
    last: Option<Market>,
}

/// Risk and execution.
pub struct Trader {
    host: String,
    stale_after: i64,
    risk: RiskStage,
    execution: ExecutionStage,
    sequence: u64,
    known: Vec<Known>,
    places: HashMap<String, usize>,
}

impl Trader {
    /// The stages of `build`, opened at `at`.
    pub fn new(build: &Build, at: i64) -> Self {
        let stages = validate::stages(&build.config).expect("the stages");
        let epoch = EpochStart { epoch: 1, config_hash: [0; 16], build_hash: [0; 16] };
        let inputs = opening(&stages, &Restored::default(), &build.instruments, &epoch, Mode::Paper, at);
        let mut trader = Self {
            host: build.config.host.name.clone(),
            stale_after: build.config.market.stale_after(),
            risk: stages.risk,
            execution: stages.execution,
            sequence: 0,
            known: Vec::new(),
            places: HashMap::new(),
        };
        for mut input in inputs {
            if let Some(instrument) = definition(&input) {
                trader.remember(instrument);
            }
            trader.run(&mut input, &MarketSection::zeroed(), None, 0, &mut Vec::new());
        }
        trader
    }

    /// An instrument is defined, or its scales get finer, with message `number`.
    pub fn define(&mut self, at: i64, instrument: &Instrument, number: u64, sent: &mut Vec<Sent>) {
        let place = self.remember(*instrument);
        let section = self.known[place].section_at(at, self.stale_after);
        self.run(&mut Definition::input(instrument, at), &section, None, number, sent);
    }

    /// Takes in a market and what the models say about it.
    pub fn step(&mut self, at: i64, market: Market, signal: Option<Outcome>, number: u64, sent: &mut Vec<Sent>) {
        let place = self.places[&market.symbol];
        let known = &mut self.known[place];
        let section = section(&known.instrument, &market, flags_of(&market, market.stale));
        let mut input = Input::zeroed();
        input.kind = match market.what {
            What::Depth => InputKind::Depth,
            What::Quote => InputKind::Quote,
            What::Trade => InputKind::Trade,
            What::Mark => InputKind::Mark,
        }
        .code();
        input.flags = tickpath::event::input::flags::FIRST | tickpath::event::input::flags::LAST;
        (input.source, input.instrument, input.ts_recv) = (SourceId::FEED_FIRST, known.instrument.id, at);
        known.last = Some(market);
        self.run(&mut input, &section, signal, number, sent);
    }

    /// Takes in a venue's report, behind message `number`.
    pub fn report(&mut self, input: &mut Input, number: u64, sent: &mut Vec<Sent>) {
        let section = self.known[input.instrument.index()].section_at(input.ts_recv, self.stale_after);
        self.run(input, &section, None, number, sent);
    }

    fn remember(&mut self, instrument: Instrument) -> usize {
        let place = instrument.id.index();
        if let Some(known) = self.known.get_mut(place) {
            known.instrument = instrument;
        } else {
            assert_eq!(place, self.known.len(), "ids are given in the order of definition");
            self.known.push(Known { instrument, last: None });
            self.places.insert(instrument.symbol.to_string(), place);
        }
        place
    }

    fn run(
        &mut self,
        input: &mut Input,
        market: &MarketSection,
        signal: Option<Outcome>,
        number: u64,
        sent: &mut Vec<Sent>,
    ) {
        self.sequence += 1;
        input.sequence = self.sequence;
        let mut said = SignalSection::zeroed();
        if let Some(Outcome { opinion, score }) = signal {
            (said.present, said.direction) = (1, opinion.direction.code());
            (said.confidence, said.score) = (opinion.confidence, score);
        }
        let (mut risk, mut execution) = (RiskSection::zeroed(), ExecutionSection::zeroed());
        self.risk.on_slot(input, market, &said, &mut risk);
        self.execution.on_slot(input, market, &risk, &mut execution);
        for (index, command) in execution.commands().iter().enumerate() {
            let order = ApprovedOrder::verify(&risk, &execution, index).expect("an order that risk approved");
            let (ts, sequence, flatten) = (input.ts_recv, input.sequence, risk.has(marks::FLATTEN));
            let outgoing = Outgoing { ts, sequence, order, flatten, encoded: true };
            let json = self.encode(command, ts);
            sent.push(Sent { message: number, outgoing, json });
        }
    }

    /// The order as Binance's WebSocket API takes it.
    fn encode(&self, command: &OrderCommand, now: i64) -> String {
        let instrument = &self.known[command.instrument.index()].instrument;
        let name = format!("{}-{}", self.host, command.client_order_id);
        let (symbol, timestamp) = (instrument.symbol.as_str(), now / 1_000_000);
        let text = if command.kind == CommandKind::Cancel.code() {
            let params = Cancel { symbol, orig_client_order_id: &name, timestamp };
            serde_json::to_string(&Request { id: format!("c-{name}"), method: "order.cancel", params })
        } else {
            let limit = command.order_type == OrderType::Limit.code();
            let text = |units: i64, decimals: u8| Decimal::new(units, u32::from(decimals)).to_string();
            let params = Place {
                symbol,
                side: if command.side() == Some(Side::Buy) { "BUY" } else { "SELL" },
                kind: if limit { "LIMIT" } else { "MARKET" },
                time_in_force: limit.then(|| time_in_force(command)),
                quantity: text(command.qty.0, instrument.qty_decimals),
                price: limit.then(|| text(command.px.0, instrument.price_decimals)),
                new_client_order_id: &name,
                new_order_resp_type: "ACK",
                timestamp,
            };
            serde_json::to_string(&Request { id: name.clone(), method: "order.place", params })
        };
        text.expect("it serialises")
    }
}

impl Known {
    /// The market as it is at `at`, without an event.
    fn section_at(&self, at: i64, stale_after: i64) -> MarketSection {
        let holds = flags::VALID | flags::STALE | flags::TRADING;
        match &self.last {
            Some(last) => {
                let stale = is_stale(last.heard, at, stale_after);
                section(&self.instrument, last, flags_of(last, stale) & holds)
            }
            None => MarketSection::zeroed(),
        }
    }
}

/// The instrument that an input defines.
pub fn definition(input: &Input) -> Option<Instrument> {
    let defines = input.kind == InputKind::Definition.code();
    defines.then(|| input.payload::<Definition>().instrument(input.instrument)).flatten()
}

fn time_in_force(command: &OrderCommand) -> &'static str {
    match TimeInForce::from_code(command.time_in_force) {
        Some(TimeInForce::Gtc) => "GTC",
        Some(TimeInForce::Fok) => "FOK",
        Some(TimeInForce::Gtx) => "GTX",
        Some(TimeInForce::Ioc) | None => "IOC",
    }
}

fn flags_of(market: &Market, stale: bool) -> u32 {
    let bits = [
        (market.valid, flags::VALID),
        (stale, flags::STALE),
        (market.book_updated, flags::BOOK_UPDATED),
        (market.top_changed, flags::BBO_CHANGED),
        (market.traded, flags::TRADED),
        (market.gap, flags::GAP),
        (!market.closed.is_empty(), flags::CANDLE_CLOSED),
        // None of the measured sources ever halts.
        (true, flags::TRADING),
    ];
    bits.iter().fold(0, |all, (holds, bit)| if *holds { all | bit } else { all })
}

/// What risk reads of the market, in the units of the instrument.
fn section(instrument: &Instrument, market: &Market, flags: u32) -> MarketSection {
    let px = |px: Decimal| Px(units(px, instrument.price_decimals));
    let qty = |qty: Decimal| Qty(units(qty, instrument.qty_decimals));
    let mut section = MarketSection::zeroed();
    section.flags = flags;
    section.bid = Level { px: px(market.bid.px), qty: qty(market.bid.qty) };
    section.ask = Level { px: px(market.ask.px), qty: qty(market.ask.qty) };
    (section.bid_qty_10, section.ask_qty_10) = (qty(market.bid_sums[1]), qty(market.ask_sums[1]));
    if let Some(last) = &market.last {
        section.last = Level { px: px(last.px), qty: qty(last.qty) };
    }
    section.mark = market.mark.map_or(Px(0), px);
    (section.price_decimals, section.qty_decimals) = (instrument.price_decimals, instrument.qty_decimals);
    section
}

/// A decimal as an integer at `decimals` decimals, which hold all of its digits.
fn units(decimal: Decimal, decimals: u8) -> i64 {
    let mut scaled = decimal;
    scaled.rescale(u32::from(decimals));
    debug_assert_eq!(scaled, decimal, "nothing is rounded");
    i64::try_from(scaled.mantissa()).expect("a number that fits")
}

#[derive(Serialize)]
struct Request<P> {
    id: String,
    method: &'static str,
    params: P,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    symbol: &'a str,
    side: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_in_force: Option<&'static str>,
    quantity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    new_client_order_id: &'a str,
    new_order_resp_type: &'static str,
    timestamp: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cancel<'a> {
    symbol: &'a str,
    orig_client_order_id: &'a str,
    timestamp: i64,
}
