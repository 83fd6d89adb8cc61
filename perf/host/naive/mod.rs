//! The naive way: what a good engineer writes first, as a contestant for the fused path.
//!
//! | file | what |
//! |---|---|
//! | `decode` | task 1: `serde_json` into owned structs with `rust_decimal` numbers |
//! | `book`, `candle`, `market` | task 2: levels in `BTreeMap`s, candles, the state of a market |
//! | `window`, `rolling`, `indicator`, `feature` | task 3: the standard features |
//! | `signal` | task 4: the models and their vote |
//! | `trade` | task 5: positions, checks, orders as JSON |
//! | `chain` | the five steps one after the other, without tasks |
//! | `tasks` | the same as tokio tasks, with channels between them |
//! | `reference` | the product's own decisions, message by message, to check all of it against |
//! | `compare` | naive and fused in turns |
//!
//! It is idiomatic and not slowed down. Where it does not do what a naive program would, that makes it **faster**, so that a
//! ratio against it is on the safe side:
//! - Risk and execution are the product's own stages: 33 checks and the order store are not written twice.
//! - It is told each instrument's decimals beforehand, as from a venue's list; the fused path infers them from the frames.
//! - The frames are copied into buffers of their own before the clock starts.
//! - What only feeds the product's counters (anomalies, gaps of trade ids, quotes that disagree) is left out, and so are all
//!   stamps, the journal, and the limits of what a book or a buffer may hold.
//!
//! Two threads are two tokio runtimes of one thread each: decoding and markets on the caller's, features, signals and orders on
//! the other. No task moves and no worker looks for work, so this is not tokio's runtime of several workers, which the
//! dependencies are not built with.
//!
//! A block of messages comes at once, so that each task mostly finds its next message waiting, and what a hop costs is shared
//! by many: that is throughput. Beside it messages come one at a time, as they do in a market that is not busy: that is latency,
//! and there each hop wakes a task.

mod book;
mod candle;
mod chain;
pub mod compare;
mod decode;
mod feature;
mod indicator;
mod market;
mod reference;
mod rolling;
mod signal;
mod tasks;
mod trade;
mod window;

use crate::hot::{Build, filled};
use crate::shared::binance::Message;
use crate::shared::turns::timed;
use chain::{Chain, Raw, Step};
use reference::Definitions;
use tasks::Tasks;
use tickpath::event::execution::{CommandKind, OrderCommand};
use trade::Sent;

/// An order or a cancel, and the message that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "order_type is the field's word")]
pub struct Order {
    /// Number of the message, from 0.
    pub message: u64,
    /// Dense index of the instrument.
    pub instrument: u32,
    /// Code of a `CommandKind`.
    pub kind: u8,
    /// Code of a `Side`.
    pub side: u8,
    /// Code of an `OrderType`.
    pub order_type: u8,
    /// Code of a `TimeInForce`.
    pub time_in_force: u8,
    /// Price in units of the instrument.
    pub px: i64,
    /// Quantity in units of the instrument.
    pub qty: i64,
}

impl Order {
    /// What `command` asks for, which follows from message `message`.
    pub fn of(message: u64, command: &OrderCommand) -> Self {
        Self {
            message,
            instrument: command.instrument.0,
            kind: command.kind,
            side: command.side,
            order_type: command.order_type,
            time_in_force: command.time_in_force,
            px: command.px.0,
            qty: command.qty.0,
        }
    }
}

/// All orders of a run, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders(pub Vec<Order>);

impl Orders {
    /// # Panics
    /// If the orders are not those of `others`; the text says where they part.
    pub fn assert_same(&self, others: &Self, who: &str) {
        let parts = self.0.iter().zip(&others.0).position(|(one, other)| one != other);
        let at = parts.unwrap_or_else(|| self.0.len().min(others.0.len()));
        let (one, other) = (self.0.get(at), others.0.get(at));
        assert!(one == other, "{who}: order {at} is {one:?}, expected {other:?}");
    }
}

/// Messages of a block that are timed where they come one by one: waking another thread takes long.
const ALONE: usize = 64;

/// How the steps are run.
enum Way {
    /// One after the other.
    Row(Box<Chain>, Vec<Sent>),
    /// As tasks.
    Tasks(Tasks),
}

/// The baseline.
pub struct Naive {
    way: Way,
    definitions: Definitions,
    /// Messages so far.
    messages: u64,
    /// Time of the last one.
    now: i64,
    filled: u64,
    orders: Orders,
}

impl Naive {
    /// Tasks on two threads, opened at `at`.
    pub fn start(build: &Build, at: i64) -> Self {
        Self::of(build, at, Way::Tasks(Tasks::start(Chain::new(build, at), true)))
    }

    /// Tasks on one thread.
    pub fn start_on_one(build: &Build, at: i64) -> Self {
        Self::of(build, at, Way::Tasks(Tasks::start(Chain::new(build, at), false)))
    }

    /// No tasks: one step after the other.
    pub fn start_in_a_row(build: &Build, at: i64) -> Self {
        Self::of(build, at, Way::Row(Box::new(Chain::new(build, at)), Vec::new()))
    }

    fn of(build: &Build, at: i64, way: Way) -> Self {
        let definitions = Definitions::new(build);
        Self { way, definitions, messages: 0, now: at, filled: 0, orders: Orders::default() }
    }

    /// A block of messages; nanoseconds until the last one's decision is out.
    pub fn block(&mut self, block: &[Message]) -> f64 {
        let frames = self.frames(block);
        match &mut self.way {
            Way::Row(chain, sent) => timed(|| frames.into_iter().for_each(|frame| chain.run(frame, sent))),
            Way::Tasks(tasks) => timed(|| tasks.feed(frames)),
        }
    }

    /// The same where a message comes only when the decision of the one before it is out, so that no task ever finds two in
    /// its channel. The first [`ALONE`] messages are timed, and stand for the block; the others come at once, untimed.
    pub fn block_alone(&mut self, block: &[Message]) -> f64 {
        let (alone, others) = block.split_at(ALONE.min(block.len()));
        let frames = self.frames(alone);
        let time = match &mut self.way {
            Way::Row(chain, sent) => timed(|| frames.into_iter().for_each(|frame| chain.run(frame, sent))),
            Way::Tasks(tasks) => timed(|| tasks.feed_alone(frames)),
        };
        if !others.is_empty() {
            self.block(others);
        }
        time * block.len() as f64 / alone.len() as f64
    }

    fn frames(&mut self, block: &[Message]) -> Vec<Raw> {
        let first = self.messages;
        self.messages += block.len() as u64;
        self.now = block.last().map_or(self.now, |message| message.at);
        block.iter().zip(first..).map(|(message, number)| self.frame(message, number)).collect()
    }

    fn frame(&mut self, message: &Message, number: u64) -> Raw {
        let definition = self.definitions.of(message).map(Box::new);
        Step { number, at: message.at, definition, done: None, body: Some(message.bytes.clone()) }
    }

    /// The venue's answers, as `HotPath::answer` gives them.
    pub fn answer(&mut self) {
        let sent = match &mut self.way {
            Way::Row(_, sent) => std::mem::take(sent),
            Way::Tasks(tasks) => tasks.take_sent(),
        };
        let last = self.messages.saturating_sub(1);
        for Sent { message, outgoing, .. } in sent {
            let command = outgoing.order.command();
            self.orders.0.push(Order::of(message, command));
            if command.kind != CommandKind::New.code() {
                continue;
            }
            self.filled += 1;
            let mut report = filled(&outgoing, self.filled, self.now);
            match &mut self.way {
                Way::Row(chain, sent) => chain.trader.report(&mut report, last, sent),
                Way::Tasks(tasks) => tasks.report(&report, last),
            }
        }
    }

    /// The orders so far.
    pub fn came(&self) -> Orders {
        self.orders.clone()
    }
}
