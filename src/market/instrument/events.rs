//! Hot: what each kind of market input does to an instrument.

use super::super::l3::OrderTrade;
use super::super::tape::Verdict;
use super::{BookKind, InstrumentState, Shared, payload};
use crate::event::input::{Bar, Depth, Input, InputKind, Level, Mark, OrderEvent, Quote, Status, Trade, TradingState};
use crate::event::market::{CANDLE_INTERVALS, InvalidReason, MarketSection, anomaly, flags};
use crate::types::instrument::VenueKind;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::NO_TIME;

impl InstrumentState {
    pub(super) fn on_market(&mut self, input: &Input, kind: InputKind, shared: &mut Shared, out: &mut MarketSection) {
        let known = match kind {
            InputKind::Depth => self.on_depth(input, shared, out),
            InputKind::OrderEvent => self.on_order_event(input, shared, out),
            InputKind::Trade => payload::<Trade>(input).map(|trade| self.on_trade(input, trade, shared, out)),
            InputKind::Quote => payload::<Quote>(input).map(|quote| self.on_quote(quote, out)),
            InputKind::Bar => payload::<Bar>(input).map(|bar| self.on_bar(bar)),
            InputKind::Mark => payload::<Mark>(input).map(|mark| {
                if mark.mark.0 > 0 {
                    self.mark = mark.mark;
                } else {
                    out.anomalies |= anomaly::BAD_PRICE;
                }
            }),
            InputKind::Status => payload::<Status>(input)
                .and_then(|status| TradingState::from_code(status.state))
                .map(|state| self.own_state = Some(state)),
            _ => None,
        };
        if known.is_none() {
            out.anomalies |= anomaly::UNDEFINED;
        }
    }

    fn on_depth(&mut self, input: &Input, shared: &mut Shared, out: &mut MarketSection) -> Option<()> {
        match self.kind {
            BookKind::None => self.kind = BookKind::Levels,
            BookKind::Levels => {}
            _ => return None,
        }
        if (input.payload_len as usize) < core::mem::offset_of!(Depth, levels) {
            self.sync.lose(InvalidReason::OutOfRange, &mut shared.pool);
            return None;
        }
        let done = self.sync.on_depth(input, &self.filter, &mut self.book, &mut shared.pool);
        out.anomalies |= done.anomalies;
        if done.gap {
            out.flags |= flags::GAP;
        }
        if done.completed {
            out.flags |= flags::BOOK_UPDATED;
            self.stats.book_updates += 1;
            self.refresh_view(self.sync.last_id(), self.sync.last_time());
            if self.sync.reason() == InvalidReason::None {
                if self.book.is_crossed() {
                    out.anomalies |= anomaly::CROSSED;
                    self.stats.crossed += 1;
                    if self.is_trading(shared) {
                        self.sync.lose(InvalidReason::Crossed, &mut shared.pool);
                    }
                }
                self.compare_quote(out);
            }
        }
        Some(())
    }

    fn compare_quote(&mut self, out: &mut MarketSection) {
        if self.quotes.compare(self.view.update_id, self.view.bid, self.view.ask) == Some(true) {
            out.flags |= flags::QUOTE_MISMATCH;
        }
    }

    fn on_order_event(&mut self, input: &Input, shared: &mut Shared, out: &mut MarketSection) -> Option<()> {
        let event = payload::<OrderEvent>(input)?;
        if matches!(self.kind, BookKind::None) {
            self.kind = BookKind::Orders;
        }
        let (changed, trade) = match &mut self.kind {
            BookKind::Touch(touch) => {
                let done = touch.apply(event);
                out.anomalies |= done.anomalies;
                let whole = touch.is_complete(Side::Buy) && touch.is_complete(Side::Sell);
                self.order_fault = match self.order_fault {
                    _ if whole => InvalidReason::None,
                    fault @ InvalidReason::FeedGap => fault,
                    _ => InvalidReason::NoSnapshot,
                };
                (done.changed, done.trade)
            }
            BookKind::Orders => {
                let orders = shared.orders.as_mut()?;
                let hidden_side = self.instrument.venue == VenueKind::Lobster;
                let done = orders.apply(self.instrument.id.0, event, hidden_side, &mut self.book);
                out.anomalies |= done.anomalies;
                self.stats.trades_broken += u64::from(done.broken);
                if let (Some(fault), InvalidReason::None) = (done.fault, self.order_fault) {
                    self.order_fault = fault;
                }
                (done.changed, done.trade)
            }
            _ => return None,
        };
        if let Some(trade) = trade {
            self.on_order_trade(input, &trade, shared, out);
        }
        if input.is_last() && changed {
            out.flags |= flags::BOOK_UPDATED;
            self.stats.book_updates += 1;
            self.refresh_view(input.venue_id, input.ts_event);
        }
        if input.is_last() {
            let (bid, ask) = (self.view.bid, self.view.ask);
            let crossed = bid.qty.0 > 0 && ask.qty.0 > 0 && bid.px >= ask.px;
            self.order_crossed = crossed && self.is_trading(shared);
            if crossed && changed {
                out.anomalies |= anomaly::CROSSED;
                self.stats.crossed += 1;
            }
        }
        Some(())
    }

    fn on_order_trade(&mut self, input: &Input, trade: &OrderTrade, shared: &Shared, out: &mut MarketSection) {
        if !trade.printable {
            return;
        }
        out.anomalies |= self.filter.trade(trade.px, trade.qty, self.reference());
        self.count(input, trade.px, trade.qty, trade.aggressor, shared, out);
    }

    fn on_trade(&mut self, input: &Input, trade: &Trade, shared: &Shared, out: &mut MarketSection) {
        let seen = self.filter.trade(trade.px, trade.qty, self.reference());
        out.anomalies |= seen;
        if seen & (anomaly::ZERO_SIZE | anomaly::BAD_PRICE) != 0 || trade.printable == 0 {
            return;
        }
        match self.tape.judge(trade) {
            Verdict::Count => self.count(input, trade.px, trade.qty, trade.aggressor(), shared, out),
            Verdict::Repeated => out.anomalies |= anomaly::REPEATED,
            Verdict::Overlap => {
                out.anomalies |= anomaly::REPEATED;
                self.stats.trades_overlapping += 1;
            }
        }
    }

    fn count(
        &mut self,
        input: &Input,
        px: Px,
        qty: Qty,
        aggressor: Option<Side>,
        shared: &Shared,
        out: &mut MarketSection,
    ) {
        let at = if self.input_time == NO_TIME {
            let at = input.ts_recv.saturating_add(self.offset.unwrap_or(0));
            self.advance(at, &shared.us, out);
            at
        } else {
            self.input_time
        };
        let saturated = self.candles.saturated;
        if self.candles.trade(at, px, qty) {
            out.anomalies |= anomaly::TIME_BACK;
            out.flags |= flags::LATE_TRADE;
        }
        if self.candles.saturated != saturated {
            out.anomalies |= anomaly::ABSURD_SIZE;
        }
        out.flags |= flags::TRADED;
        self.last = Level { px, qty };
        self.last_aggressor = aggressor.map_or(0, Side::code);
        self.stats.trades += 1;
    }

    fn on_quote(&mut self, quote: &Quote, out: &mut MarketSection) {
        self.stats.quotes += 1;
        let reference = self.reference();
        let seen = self.filter.quote(&quote.bid, reference) | self.filter.quote(&quote.ask, reference);
        out.anomalies |= seen;
        if seen & (anomaly::ZERO_SIZE | anomaly::BAD_PRICE) != 0 {
            return;
        }
        if quote.bid.qty.0 > 0 && quote.ask.qty.0 > 0 && quote.bid.px >= quote.ask.px {
            out.anomalies |= anomaly::CROSSED;
        }
        if !self.quotes.push(quote) {
            out.anomalies |= anomaly::REPEATED;
            return;
        }
        let whole = matches!(self.kind, BookKind::Levels) && self.sync.reason() == InvalidReason::None;
        if whole && !self.sync.is_amid_message() && quote.update_id == self.view.update_id {
            self.compare_quote(out);
        }
    }

    /// The venue's final bar. It may come before our own closes, which waits for the grace.
    fn on_bar(&mut self, bar: &Bar) {
        if bar.closed != 0
            && let Some(i) = CANDLE_INTERVALS.iter().position(|&interval| interval == bar.interval)
        {
            self.bars[i] = *bar;
            self.compare_bars();
        }
    }

    /// The venue's final bars beside ours, where ours was whole (the first one of each interval may not be).
    pub(super) fn compare_bars(&mut self) {
        for ((bar, own), closes) in self.bars.iter_mut().zip(&self.last_closed).zip(self.closes) {
            if bar.closed == 0 || own.open_time < bar.open_time {
                continue;
            }
            bar.closed = 0;
            if closes < 2 || own.open_time != bar.open_time {
                continue;
            }
            self.stats.bar_checks += 1;
            let same = (own.open, own.high, own.low, own.close, own.volume, u64::from(own.trades))
                == (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades);
            self.stats.bar_mismatches += u64::from(!same);
        }
    }
}
