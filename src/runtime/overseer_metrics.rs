//! Edge: figures of a live host that change by themselves: how old market data is, how the bridges stand.

use super::overseer::Overseer;
use super::recorder::View;
use crate::control::clock_guard::Reading;
use crate::control::plane::Scrape;
use crate::control::ticks::Stream;
use crate::types::time::UnixNanos;

impl Overseer {
    /// How the bridges stand, as metrics.
    pub(super) fn bridge_metrics(&self, out: &mut Scrape, view: &View) {
        for bridge in self.bridges_now(view) {
            let label = [("bridge", bridge.name.as_str())];
            let works = matches!(bridge.state.as_str(), "current" | "catching_up");
            out.gauge("bridge_up", "1 while the bridge writes to its store.", &label, f64::from(u8::from(works)));
            out.gauge(
                "bridge_sequence",
                "The last sequence that the store has.",
                &label,
                bridge.sequence.map_or(f64::NAN, |n| n as f64),
            );
            out.gauge(
                "bridge_lag_events",
                "Events that the store does not have yet.",
                &label,
                bridge.lag_events.map_or(f64::NAN, |n| n as f64),
            );
            out.gauge(
                "bridge_lag_bytes",
                "Bytes of the journal that the store does not have yet.",
                &label,
                bridge.lag_bytes.map_or(f64::NAN, |n| n as f64),
            );
            let paused = f64::from(u8::from(bridge.paused.is_some()));
            out.gauge("bridge_paused", "1 while a person has paused the bridge.", &label, paused);
            let lag = bridge.lag_seconds.unwrap_or(f64::NAN);
            out.gauge("bridge_lag_seconds", "Seconds since the store had all events.", &label, lag);
            out.counter("bridge_events_total", "Events written.", &label, bridge.events);
            out.counter("bridge_bytes_total", "Bytes of events written.", &label, bridge.bytes);
            out.counter("bridge_published_total", "Messages published.", &label, bridge.published);
            out.counter("bridge_left_out_total", "Old events written without messages.", &label, bridge.left_out);
            out.counter("bridge_notices_dropped_total", "Notices not passed on.", &label, bridge.notices_dropped);
            out.counter("bridge_lost_total", "Events that the journal no longer had. Must be 0.", &label, bridge.lost);
            out.counter(
                "bridge_regressions_total",
                "Times that the store had less than before.",
                &label,
                bridge.regressions,
            );
            out.counter(
                "bridge_trimmed_pending_total",
                "Entries trimmed before a consumer was done.",
                &label,
                bridge.trimmed_pending,
            );
        }
    }

    /// Ages of market data, by feed, instrument and stream.
    pub(super) fn age_metrics(&self, out: &mut Scrape, view: &View) {
        let now = self.now();
        let age_of = |last: UnixNanos| crate::types::time::age(now.wall, last).map_or(f64::NAN, |age| age as f64 / 1e9);
        for (number, last) in self.ticks.heard() {
            let number = number.to_string();
            let age = age_of(last.wall);
            out.gauge("marketdata_feed_age_seconds", "Age of the newest tick, by feed.", &[("feed", &number)], age);
        }
        for known in view.instruments.values() {
            let name = known.instrument.name();
            let told = self.ticks.instrument(known.instrument.id).into_iter().zip(Stream::ALL);
            for (last, stream) in told.filter(|(last, _)| *last != Reading::NONE) {
                out.gauge(
                    "marketdata_instrument_age_seconds",
                    "Age of the newest tick, by instrument and stream.",
                    &[("instrument", &name), ("stream", stream.name())],
                    age_of(last.wall),
                );
            }
        }
    }
}
