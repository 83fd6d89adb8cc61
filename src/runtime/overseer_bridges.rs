//! Edge: the bridges as the control plane shows them.

use super::overseer::{Overseer, lock};
use crate::control::plane::Scrape;
use crate::control::plane::view::BridgeNow;

impl Overseer {
    /// How the bridges stand, against what the journal has.
    pub(super) fn bridges_now(&self, journaled: u64) -> Vec<BridgeNow> {
        let (bridges, now) = (lock(&self.bridges).clone(), self.now().wall);
        let shown = bridges.into_iter().map(|bridge| {
            let (standing, lag_events, lag) = bridge.standing(journaled, now);
            BridgeNow {
                name: bridge.name.to_owned(),
                state: standing.state.to_owned(),
                sequence: standing.sequence,
                lag_events,
                lag_seconds: lag.map(|lag| lag as f64 / 1e9),
                events: standing.events,
                bytes: standing.bytes,
                connections: standing.connections,
                regressions: standing.regressions,
                lost: standing.lost,
                trimmed_pending: standing.trimmed_pending,
                trouble: standing.trouble,
                warnings: standing.warnings,
            }
        });
        shown.collect()
    }

    /// The same as metrics.
    pub(super) fn bridge_metrics(&self, out: &mut Scrape, journaled: u64) {
        for bridge in self.bridges_now(journaled) {
            let label = [("bridge", bridge.name.as_str())];
            let works = matches!(bridge.state.as_str(), "current" | "catching_up");
            out.gauge("bridge_up", "1 while the bridge writes to its store.", &label, f64::from(u8::from(works)));
            out.gauge("bridge_sequence", "The last sequence that the store has.", &label, bridge.sequence as f64);
            out.gauge(
                "bridge_lag_events",
                "Events that the store does not have yet.",
                &label,
                bridge.lag_events as f64,
            );
            let lag = bridge.lag_seconds.unwrap_or(0.0);
            out.gauge(
                "bridge_lag_seconds",
                "Age of the newest event that the store has, while it lacks some.",
                &label,
                lag,
            );
            out.counter("bridge_events_total", "Events written.", &label, bridge.events);
            out.counter("bridge_bytes_total", "Bytes of events written.", &label, bridge.bytes);
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
}
