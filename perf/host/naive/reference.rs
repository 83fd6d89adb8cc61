//! What the product itself decides, message by message: what the baseline is checked against.

use super::Order;
use super::Orders;
use super::chain::{Chain, Step, decode, feature, market, signal, trade};
use super::feature::{NAMES, Values};
use super::market::Market;
use super::signal::Outcome;
use super::trade::{Sent, definition};
use crate::hot::{Build, Came, filled};
use crate::shared::binance::Message;
use bytemuck::Zeroable;
use rust_decimal::Decimal;
use serde_json::Value;
use tickpath::config::Mode;
use tickpath::event::approval::ApprovedOrder;
use tickpath::event::digest::{OutputHash, SlotDigest};
use tickpath::event::execution::CommandKind;
use tickpath::event::input::{EpochStart, Input};
use tickpath::event::market::Candle;
use tickpath::event::slot::Slot;
use tickpath::runtime::group::Stages;
use tickpath::runtime::outlet::Outgoing;
use tickpath::runtime::recovery::{Restored, opening};
use tickpath::runtime::validate;
use tickpath::types::ids::SourceId;
use tickpath::types::instrument::Instrument;
use tickpath::types::price::{Px, Qty};
use tickpath::venue::binance::BinanceDecoder;
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{Decoder, Frame, InputBatch};
use tickpath::venue::order_entry::{HostTag, OrderEncoder};

/// The product's decoder, by hand.
struct Inputs {
    decoder: BinanceDecoder,
    directory: Directory,
    batch: InputBatch,
}

impl Inputs {
    fn new(build: &Build) -> Self {
        let batch = InputBatch::with_capacity(1024);
        Self { decoder: BinanceDecoder::new(Some(build.venue)), directory: build.directory(), batch }
    }

    fn of(&mut self, message: &Message) -> &[Input] {
        self.batch.clear();
        let frame = Frame { ts_recv: message.at, source: SourceId::FEED_FIRST, bytes: &message.bytes };
        self.decoder.decode(&frame, &mut self.directory, &mut self.batch).expect("a frame of the venue");
        self.batch.as_slice()
    }
}

/// Which message needs which definition in front: what a venue's list of instruments would say.
pub struct Definitions(Inputs);

impl Definitions {
    /// None but those of `build` yet.
    pub fn new(build: &Build) -> Self {
        Self(Inputs::new(build))
    }

    /// The definition that `message` needs.
    pub fn of(&mut self, message: &Message) -> Option<Instrument> {
        self.0.of(message).iter().find_map(definition)
    }
}

/// The product's stages without ring and threads.
struct Product {
    inputs: Inputs,
    stages: Stages,
    encoder: OrderEncoder,
    host: HostTag,
    slot: Box<Slot>,
    /// Candles that closed with the last message, by interval; it may have been several inputs.
    closed: Vec<(usize, Candle)>,
    sequence: u64,
    hash: OutputHash,
    filled: u64,
    /// The orders that were not answered yet, and their bytes.
    waiting: Vec<(Outgoing, Vec<u8>)>,
    orders: Orders,
}

impl Product {
    fn new(build: &Build, at: i64) -> Self {
        let stages = validate::stages(&build.config).expect("the stages");
        let epoch = EpochStart { epoch: 1, config_hash: [0; 16], build_hash: [0; 16] };
        let begin = opening(&stages, &Restored::default(), &build.instruments, &epoch, Mode::Paper, at);
        let mut product = Self {
            inputs: Inputs::new(build),
            stages,
            encoder: OrderEncoder::new(),
            host: HostTag::new(&build.config.host.name).expect("the host's name"),
            slot: Box::new(Slot::zeroed()),
            closed: Vec::new(),
            sequence: 0,
            hash: OutputHash::default(),
            filled: 0,
            waiting: Vec::new(),
            orders: Orders::default(),
        };
        for input in begin {
            product.run(&input, 0);
        }
        product
    }

    fn step(&mut self, message: &Message, number: u64) {
        self.closed.clear();
        for input in self.inputs.of(message).to_vec() {
            self.run(&input, number);
            let market = &self.slot.market;
            let closed =
                market.closed.iter().enumerate().filter(|(interval, _)| market.closed_mask >> interval & 1 == 1);
            self.closed.extend(closed.map(|(interval, candle)| (interval, *candle)));
        }
    }

    fn run(&mut self, input: &Input, number: u64) {
        self.sequence += 1;
        let slot = &mut *self.slot;
        slot.input = *input;
        slot.input.sequence = self.sequence;
        self.stages.run_whole(slot);
        self.hash.update(self.sequence, &SlotDigest::of(slot));
        if let Some(instrument) = definition(input) {
            self.encoder.define(&instrument);
        }
        for (index, command) in slot.execution.commands().iter().enumerate() {
            let order = ApprovedOrder::verify(&slot.risk, &slot.execution, index).expect("an order that risk approved");
            let bytes = self.encoder.encode(&order, &self.host, input.ts_recv).expect("an order that can be written");
            let (ts, sequence) = (input.ts_recv, self.sequence);
            self.waiting.push((Outgoing { ts, sequence, order, flatten: false, encoded: true }, bytes.to_vec()));
            self.orders.0.push(Order::of(number, command));
        }
    }

    fn answer(&mut self, now: i64, number: u64) {
        for (outgoing, _) in std::mem::take(&mut self.waiting) {
            if outgoing.order.command().kind == CommandKind::New.code() {
                self.filled += 1;
                self.run(&filled(&outgoing, self.filled, now), number);
            }
        }
    }
}

/// The product's decisions on all `messages`, whose orders are answered between blocks of `block`; and the baseline's, step by
/// step beside them.
///
/// # Panics
/// If the baseline has another market, another feature, another signal or another order.
pub fn checked(build: &Build, messages: &[Message], block: usize) -> (Orders, Came) {
    let at = messages[0].at - 1_000_000;
    let (mut product, mut chain) = (Product::new(build, at), Chain::new(build, at));
    let (mut definitions, mut orders, mut reports) = (Definitions::new(build), Orders::default(), 0);
    for (messages, first) in messages.chunks(block).zip((0..).step_by(block)) {
        let mut sent: Vec<Sent> = Vec::new();
        for (message, number) in messages.iter().zip(first..) {
            let definition = definitions.of(message).map(Box::new);
            let body = Some(message.bytes.clone());
            let step = decode(&mut chain.decode, Step { number, at: message.at, definition, done: None, body });
            let step = feature(&mut chain.features, market(&mut chain.markets, step));
            let said = step.body.as_ref().map(|(_, values)| *values);
            let step = signal(&mut chain.signals, step);
            product.step(message, number);
            if let (Some((market, outcome)), Some(values)) = (&step.body, said) {
                same_market(number, &product, market);
                same_opinion(number, &product.slot, &values, outcome.as_ref());
            }
            trade(&mut chain.trader, step, &mut sent);
        }
        let (last, now) = (first + messages.len() as u64 - 1, messages[messages.len() - 1].at);
        assert_eq!(sent.len(), product.waiting.len(), "orders of the block behind message {first}");
        for (sent, (_, bytes)) in sent.iter().zip(&product.waiting) {
            assert_eq!(spelled(sent.json.as_bytes()), spelled(bytes), "the order of message {}", sent.message);
        }
        product.answer(now, last);
        for Sent { message, outgoing, .. } in sent {
            let command = outgoing.order.command();
            orders.0.push(Order::of(message, command));
            if command.kind == CommandKind::New.code() {
                reports += 1;
                chain.trader.report(&mut filled(&outgoing, reports, now), last, &mut Vec::new());
            }
        }
    }
    orders.assert_same(&product.orders, "the naive steps");
    (product.orders, Came { orders: product.filled, inputs: product.sequence, hash: product.hash })
}

/// # Panics
/// If the baseline's market is not the product's after message `number`.
fn same_market(number: u64, product: &Product, ours: &Market) {
    let theirs = &product.slot.market;
    let px = |px: Px| Decimal::new(px.0, u32::from(theirs.price_decimals));
    let qty = |qty: Qty| Decimal::new(qty.0, u32::from(theirs.qty_decimals));
    for (ours, theirs) in [(&ours.bid, &theirs.bid), (&ours.ask, &theirs.ask)] {
        assert_eq!((ours.px, ours.qty), (px(theirs.px), qty(theirs.qty)), "best level at message {number}");
    }
    let sums = [theirs.bid_qty_5, theirs.bid_qty_10, theirs.ask_qty_5, theirs.ask_qty_10].map(qty);
    assert_eq!([ours.bid_sums, ours.ask_sums].concat(), sums, "sums of levels at message {number}");
    assert_eq!(ours.is_tradable(), theirs.is_tradable(), "tradable at message {number}");
    assert_eq!(ours.closed.len(), product.closed.len(), "closed candles at message {number}");
    for (ours, (interval, theirs)) in ours.closed.iter().zip(&product.closed) {
        assert_eq!(ours.interval, *interval, "closed candles at message {number}");
        let prices = [theirs.open, theirs.high, theirs.low, theirs.close].map(px);
        assert_eq!([ours.open, ours.high, ours.low, ours.close], prices, "candle at message {number}");
        let counts = (qty(theirs.volume), theirs.trades, i64::from(theirs.empties));
        assert_eq!((ours.volume, ours.trades, ours.empties), counts, "candle at message {number}");
        let turnover = Decimal::new(
            theirs.turnover,
            u32::from(product.slot.market.price_decimals + product.slot.market.qty_decimals),
        );
        assert!(theirs.turnover == i64::MAX || ours.turnover == turnover, "turnover at message {number}");
    }
}

/// # Panics
/// If the baseline's features and signal are not those of the slot of message `number`, within what floats may differ by.
fn same_opinion(number: u64, slot: &Slot, values: &Values, outcome: Option<&Outcome>) {
    for (index, name) in NAMES.iter().enumerate() {
        let (ours, theirs) = (values[index], slot.features.get(index));
        let close = match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 1e-9 + 1e-6 * theirs.abs(),
            (ours, theirs) => ours == theirs,
        };
        assert!(close, "`{name}` at message {number}: {ours:?}, expected {theirs:?}");
    }
    let ours = outcome.map(|outcome| outcome.opinion);
    let theirs = (slot.signal.present == 1).then(|| (slot.signal.direction(), slot.signal.confidence));
    let close = match (&ours, &theirs) {
        (Some(ours), Some((direction, confidence))) => {
            ours.direction == *direction && (ours.confidence - confidence).abs() <= 1e-9
        }
        (ours, theirs) => ours.is_none() && theirs.is_none(),
    };
    assert!(close, "signal at message {number}: {ours:?}, expected {theirs:?}");
}

/// An order's text, as far as it says what is ordered: ids follow from sequences, which the baseline counts otherwise, and
/// how many zeros are written at the end of a number is a matter of taste.
fn spelled(bytes: &[u8]) -> Vec<(String, String)> {
    let value: Value = serde_json::from_slice(bytes).expect("an order is JSON");
    let params = value["params"].as_object().expect("an order has parameters");
    let method = ("method".to_owned(), value["method"].to_string());
    let said = params.iter().filter(|(key, _)| !key.ends_with("ClientOrderId")).map(|(key, value)| {
        let number = value.as_str().and_then(|text| text.parse::<Decimal>().ok());
        (key.clone(), number.map_or_else(|| value.to_string(), |number| number.normalize().to_string()))
    });
    let mut all: Vec<_> = said.chain([method]).collect();
    all.sort();
    all
}
