//! Hot: the time of an instrument: which exchange times are believed, how far it has come, and what it closes.

use super::super::calendar::UsEquities;
use super::{InstrumentState, Shared};
use crate::event::input::{Input, InputKind};
use crate::event::market::{MarketSection, anomaly};
use crate::types::instrument::Calendar;
use crate::types::time::{NO_TIME, Nanos, UnixNanos};

impl InstrumentState {
    /// Time has come to `now`: writes the candles that it closes to the section.
    pub(super) fn advance(&mut self, now: UnixNanos, us: &UsEquities, out: &mut MarketSection) {
        let calendar = match self.instrument.calendar {
            Calendar::Crypto => None,
            Calendar::UsEquities => Some(us),
        };
        self.candles.advance(now, calendar, out);
    }

    /// Exchange time and latency, and the candles that time closes.
    pub(super) fn on_time(&mut self, input: &Input, kind: InputKind, shared: &Shared, out: &mut MarketSection) {
        self.input_time = self.believed_time(input, shared.config.clock_ahead_max(), out);
        if self.input_time != NO_TIME {
            self.take_time(self.input_time, kind, input.is_first(), out);
        }
        // Without a time too: of two candles that one input closed, the second is given out with the next input.
        self.advance(self.exchange_time, &shared.us, out);
    }

    /// The input's exchange time, `NO_TIME` if it has none or one that is too far ahead of the local clock. Only that side
    /// is bounded: clocks differ, and a time long past moves no clock.
    fn believed_time(&mut self, input: &Input, ahead_max: Nanos, out: &mut MarketSection) -> UnixNanos {
        if input.ts_event == NO_TIME || input.ts_recv == NO_TIME {
            return input.ts_event;
        }
        let latency = input.ts_recv.saturating_sub(input.ts_event);
        out.feed_latency = latency;
        if latency < 0 {
            out.anomalies |= anomaly::NEGATIVE_LATENCY;
        }
        self.stats.latency_min = self.stats.latency_min.min(latency);
        self.stats.latency_max = self.stats.latency_max.max(latency);
        if latency < -ahead_max {
            out.anomalies |= anomaly::CLOCK_AHEAD;
            return NO_TIME;
        }
        // What is older than what was seen (a message sent again) says nothing of how the clocks stand.
        if input.ts_event >= self.exchange_time {
            self.offset = latency.checked_neg();
        }
        input.ts_event
    }

    fn take_time(&mut self, at: UnixNanos, kind: InputKind, is_first: bool, out: &mut MarketSection) {
        let slot = match kind {
            InputKind::Depth => Some(0),
            InputKind::Trade => Some(1),
            InputKind::Quote => Some(2),
            InputKind::OrderEvent => Some(3),
            _ => None,
        };
        if let Some(last) = slot.and_then(|slot| self.times.get_mut(slot)) {
            // Once a message, however many parts it comes in.
            if at < *last && is_first {
                out.anomalies |= anomaly::TIME_BACK;
            }
            *last = at.max(*last);
        }
        self.exchange_time = self.exchange_time.max(at);
    }
}
