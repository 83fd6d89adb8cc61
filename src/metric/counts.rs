//! Hot: the host's counters: one line each, with one meaning.

use crate::event::execution::{Agreement, CommandKind, OrderState};
use crate::event::input::InputKind;
use crate::event::market::{anomaly, flags};
use crate::event::risk::Verdict;
use crate::event::slot::Slot;

macro_rules! counters {
    ($( #[doc = $doc:literal] $name:ident, )+) => {
        /// Counters of a run.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
        pub struct Counts { $( #[doc = $doc] pub $name: u64, )+ }

        impl Counts {
            /// Names and values, in order.
            pub fn rows(&self) -> Vec<(&'static str, u64)> { vec![ $( (stringify!($name), self.$name), )+ ] }

            /// Names, meanings and values, in order.
            pub fn table(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![ $( (stringify!($name), $doc.trim_ascii(), self.$name), )+ ]
            }
        }
    };
}

counters! {
    /// Slots that went through all stages.
    slots,
    /// Complete book updates applied.
    book_updates,
    /// Public trades counted.
    trades,
    /// Those that came when their own candle was closed, and count in a later one.
    trades_late,
    /// Candles closed, empty ones included.
    candles,
    /// Signals given (fresh opinions).
    signals,
    /// Signals whose direction changed.
    signal_changes,
    /// Signals on a market that was not valid, fresh and trading. Must be 0.
    signals_on_bad_market,
    /// Orders that risk approved.
    approved,
    /// Orders that risk refused.
    refused,
    /// New orders sent.
    orders,
    /// Cancels sent.
    cancels,
    /// Fills of our orders.
    fills,
    /// Orders that the venue refused.
    rejected,
    /// Reports that could not be applied to an order.
    report_anomalies,
    /// Statements of the venue on what we have there that agreed with execution and risk.
    statements_agreed,
    /// Those that differed. Must be 0.
    statements_differed,
    /// Gaps found in market data.
    gaps,
    /// Times that a book became invalid.
    books_invalidated,
    /// Slots with a crossed book.
    crossed,
    /// Venue quotes that disagreed with our book at the same update id.
    quote_mismatches,
    /// Slots with any anomaly but negative latency.
    anomalies,
    /// Market inputs whose receive time lies before the venue's time.
    negative_latency,
    /// Inputs that the general parser had to read.
    decoded_by_fallback,
    /// Changes of the execution gate.
    gate_changes,
    /// Inputs of market data.
    market_inputs,
}

impl Counts {
    /// Takes in one slot.
    #[inline]
    pub fn update(&mut self, slot: &Slot) {
        let market = &slot.market;
        self.slots += 1;
        self.gate_changes += u64::from(slot.input.kind == InputKind::Gate.code());
        self.market_inputs += u64::from(slot.input.kind >= InputKind::Depth.code());
        self.book_updates += u64::from(market.flags & flags::BOOK_UPDATED != 0);
        self.trades += u64::from(market.flags & flags::TRADED != 0);
        self.trades_late += u64::from(market.flags & flags::LATE_TRADE != 0);
        self.gaps += u64::from(market.flags & flags::GAP != 0);
        self.books_invalidated += u64::from(market.flags & flags::BECAME_INVALID != 0);
        self.quote_mismatches += u64::from(market.flags & flags::QUOTE_MISMATCH != 0);
        self.crossed += u64::from(market.anomalies & anomaly::CROSSED != 0);
        self.negative_latency += u64::from(market.anomalies & anomaly::NEGATIVE_LATENCY != 0);
        self.anomalies += u64::from(market.anomalies & !anomaly::NEGATIVE_LATENCY != 0);
        self.decoded_by_fallback += u64::from(slot.input.flags & crate::event::input::flags::FALLBACK != 0);
        self.statements_agreed += u64::from(slot.execution.agreement == Agreement::Agrees.code());
        self.statements_differed += u64::from(slot.execution.agreement == Agreement::Differs.code());
        if market.closed_mask != 0 {
            for (i, candle) in market.closed.iter().enumerate() {
                if market.closed_mask >> i & 1 == 1 {
                    self.candles += 1 + u64::from(candle.empties);
                }
            }
        }
        if slot.signal.present != 0 {
            self.signals += 1;
            self.signal_changes += u64::from(slot.signal.changed != 0);
            self.signals_on_bad_market += u64::from(!market.is_tradable());
        }
        match slot.risk.verdict() {
            Verdict::Approved => self.approved += 1,
            Verdict::Refused => self.refused += 1,
            Verdict::None | Verdict::CancelAll => {}
        }
        for command in slot.execution.commands() {
            if command.kind == CommandKind::New.code() {
                self.orders += 1;
            } else {
                self.cancels += 1;
            }
        }
        if slot.execution.updated != 0 {
            let update = &slot.execution.update;
            self.fills += u64::from(update.last_qty.0 > 0);
            self.rejected += u64::from(update.state == OrderState::Rejected.code());
            self.report_anomalies += u64::from(update.anomalous != 0);
        }
    }
}
