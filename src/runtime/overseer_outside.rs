//! Edge: what outside agents may ask of the running host beside the control plane: their signals into the sequence, and how the
//! market stands.

use super::overseer::{Overseer, lock};
use super::overseer_plane::is_named;
use super::recorder::InstrumentView;
use crate::control::plane::view::{CandleNow, IntakeNow, MarketNow, iso};
use crate::control::plane::{Accepted, Opinion, Refused};
use crate::event::market::{CANDLE_NAMES, flags};
use crate::event::outside::{OutsideSignal, TRACE_BYTES, WHO_BYTES};
use crate::report::number::{px, qty};
use crate::types::time::{NO_TIME, age};

impl InstrumentView {
    /// The candle that closed last, of the shortest interval that has one.
    fn candle(&self) -> Option<CandleNow> {
        let at = self.candles.iter().position(|candle| candle.open_time != NO_TIME)?;
        let (candle, i) = (&self.candles[at], &self.instrument);
        Some(CandleNow {
            interval: CANDLE_NAMES[at].to_owned(),
            open_time: iso(candle.open_time),
            open: px(i, candle.open),
            high: px(i, candle.high),
            low: px(i, candle.low),
            close: px(i, candle.close),
            volume: qty(i, candle.volume),
        })
    }
}

impl Overseer {
    /// How the intake of what agents send stands; `None` = it is off.
    pub(super) fn intake_now(&self) -> Option<IntakeNow> {
        lock(&self.intake).as_ref().map(|status| status.get())
    }

    /// The market as it was with each instrument's last input.
    pub(super) fn market_now(&self) -> Vec<MarketNow> {
        let view = lock(&self.view);
        let now = self.now();
        view.instruments
            .values()
            .map(|known| {
                let (i, market) = (&known.instrument, &known.slot.market);
                let valid = market.has(flags::VALID);
                let [bid, ask] = [market.bid, market.ask].map(|side| (valid && side.qty.0 > 0).then_some(side));
                let streams = self.ticks.instrument(i.id);
                let newest = streams.iter().map(|reading| reading.wall).max().unwrap_or(NO_TIME);
                MarketNow {
                    instrument: i.name(),
                    venue: i.venue.name().to_owned(),
                    bid_px: bid.map(|side| px(i, side.px)),
                    bid_qty: bid.map(|side| qty(i, side.qty)),
                    ask_px: ask.map(|side| px(i, side.px)),
                    ask_qty: ask.map(|side| qty(i, side.qty)),
                    last_px: (market.last.qty.0 > 0).then(|| px(i, market.last.px)),
                    tradable: market.is_tradable(),
                    stale: market.has(flags::STALE) || self.health.staleness(streams, now).is_some(),
                    at: iso(known.slot.input.ts_recv),
                    age_seconds: (newest != NO_TIME)
                        .then(|| age(now.wall, newest))
                        .flatten()
                        .map(|age| age as f64 / 1e9),
                    candle: known.candle(),
                }
            })
            .collect()
    }

    /// Puts an outside signal on its way, behind what waits already.
    pub(super) fn take_opinion(&self, opinion: &Opinion) -> Result<Accepted, Refused> {
        let out_of_range = |what, given: String, expected: &str| {
            Err(Refused::OutOfRange { what, given, expected: expected.to_owned() })
        };
        // Asked here too: this is the way into the sequence, whoever reads the messages.
        if !(0.0..=1.0).contains(&opinion.confidence) {
            return out_of_range("confidence", opinion.confidence.to_string(), "0..=1");
        }
        if !(1..=WHO_BYTES).contains(&opinion.who.len()) || opinion.trace.len() > TRACE_BYTES {
            return out_of_range("source", opinion.who.clone(), "1 to 48 bytes, with a traceId of at most 64");
        }
        if opinion.ttl <= 0 {
            return out_of_range("ttl", opinion.ttl.to_string(), "more than 0");
        }
        let (instrument, at) = {
            let view = lock(&self.view);
            let found = view.instruments.values().find(|known| is_named(&known.instrument, &opinion.instrument));
            let Some(found) = found else {
                return Err(Refused::Unknown {
                    what: "instrument",
                    given: opinion.instrument.clone(),
                    known: view.instruments.values().map(|known| known.instrument.name()).collect(),
                });
            };
            (found.instrument.id, found.slot.input.ts_recv)
        };
        let until = at.saturating_add(opinion.ttl);
        let mut signal = OutsideSignal::new(&opinion.who, opinion.direction, opinion.confidence, until)
            .with_origin(&opinion.model, &opinion.trace);
        (signal.sent, signal.request) = (opinion.sent, opinion.request);
        let (waiting, mut lane) = (lock(&self.records), lock(&self.commands));
        // The loop gives the time.
        if !waiting.is_empty() || lane.try_send(signal.input(instrument, 0)).is_err() {
            return Err(Refused::Busy);
        }
        Ok(Accepted::default())
    }
}
