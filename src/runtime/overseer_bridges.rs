//! Edge: the bridges of a live host, as the control plane sees them, and what it asks of them.

use super::bridges::Seen;
use super::overseer::{Overseer, lock};
use super::recorder::View;
use crate::bridge::status::State;
use crate::control::mode::Mode;
use crate::control::plane::view::BridgeNow;
use crate::control::plane::{BridgeOrder, Refused};
use crate::journal::Places;

/// How a bridge stands, against what the journal has: up to which sequence, and which place.
fn now_of(bridge: &Seen, journaled: u64, end: &Places) -> BridgeNow {
    let (standing, lag_events, lag_seconds) = bridge.standing(journaled);
    let lag_bytes = bridge.lag_bytes(&standing, end);
    let asked = bridge.status.control().get();
    BridgeNow {
        name: bridge.name.to_owned(),
        state: standing.state.to_owned(),
        sequence: standing.sequence,
        lag_events,
        lag_bytes,
        lag_seconds,
        events: standing.events,
        bytes: standing.bytes,
        published: standing.published,
        left_out: standing.left_out,
        notices_dropped: standing.notices_dropped,
        connections: standing.connections,
        regressions: standing.regressions,
        lost: standing.lost,
        trimmed_pending: standing.trimmed_pending,
        trouble: standing.trouble,
        warnings: standing.warnings,
        paused: asked.paused,
        groups: standing.groups,
        rebuild_asked: asked.rebuild.is_some(),
        rebuilds: asked.rebuilds,
        rebuild_refused: asked.refused,
    }
}

/// What people are told of a bridge that somebody paused.
fn paused_words(bridge: &BridgeNow, live: bool) -> Option<String> {
    let paused = bridge.paused.as_ref()?;
    let (name, who, reason) = (&bridge.name, &paused.who, &paused.reason);
    let mode = if live { "mode LIVE: " } else { "" };
    let since = paused.since.as_deref().unwrap_or("?");
    Some(format!(
        "{mode}bridge {name} is paused by {who} since {since}: {reason}; events stay in the journal (`tickpath bridge resume {name}`)"
    ))
}

impl Overseer {
    /// How the bridges stand, against what the journal has.
    pub(super) fn bridges_now(&self, view: &View) -> Vec<BridgeNow> {
        lock(&self.bridges).iter().map(|bridge| now_of(bridge, view.journaled, &view.journal_end)).collect()
    }

    /// What people should know of bridges that somebody paused.
    pub(super) fn paused_bridges(&self) -> Vec<String> {
        let live = self.mode == Mode::Live;
        // What the journal has is not asked for here.
        self.bridges_now(&View::default()).iter().filter_map(|bridge| paused_words(bridge, live)).collect()
    }

    /// Asks something of a bridge.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub(super) fn order_bridge(&self, name: &str, order: &BridgeOrder) -> Result<BridgeNow, Refused> {
        let (journaled, end) = {
            let view = lock(&self.view);
            (view.journaled, view.journal_end)
        };
        let bridges = lock(&self.bridges).clone();
        let Some(bridge) = bridges.iter().find(|bridge| bridge.name == name) else {
            let known = bridges.iter().map(|bridge| bridge.name.to_owned()).collect();
            return Err(Refused::Unknown { what: "bridge", given: name.chars().take(64).collect(), known });
        };
        let standing = bridge.status.get();
        if standing.state == State::Ended.name() {
            let message = "the bridge has ended with the host: nothing was done".to_owned();
            return Err(Refused::Conflict { reason: "bridge_ended", message });
        }
        bridge.status.control().order(order, &standing.groups, self.now().wall)?;
        Ok(now_of(bridge, journaled, &end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::status::Status;
    use crate::control::plane::BridgeAction;
    use std::path::PathBuf;
    use std::sync::Arc;

    #[test]
    fn a_paused_bridge_is_told_with_who_and_why() {
        let seen = Seen { name: "redis", status: Arc::new(Status::default()), journal: PathBuf::new() };
        let order = |action| BridgeOrder {
            action,
            who: "ada".to_owned(),
            ticket: String::new(),
            reason: "the server moves".to_owned(),
            request: None,
        };
        assert_eq!(paused_words(&now_of(&seen, 9, &Places::default()), true), None);
        assert_eq!(seen.status.control().order(&order(BridgeAction::Pause), &[], 1_767_323_045_123_456_000), Ok(true));
        let check = |live, expected: &str| {
            let text = paused_words(&now_of(&seen, 9, &Places::default()), live).unwrap();
            assert!(text.starts_with(expected), "{text}");
        };
        check(false, "bridge redis is paused by ada since 2026-01-02T");
        check(true, "mode LIVE: bridge redis is paused by ada since 2026-01-02T");
        assert_eq!(seen.status.control().order(&order(BridgeAction::Resume), &[], 5), Ok(true));
        assert_eq!(paused_words(&now_of(&seen, 9, &Places::default()), true), None);
    }
}
