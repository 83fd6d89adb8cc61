//! Edge: runbooks in the program: what an alert means and what to do, where the program is, also without a network.
//!
//! Each is a Markdown file with the same sections. Its `Covers:` line says for which alerts, gate reasons, states and checks
//! it is; a test holds that each of them has exactly one.

use super::plane::view::ExecutionState;
use crate::event::input::GateReason;

crate::code_enum! {
    /// What people are called for.
    pub enum Alert {
        /// No fresh market data in the whole host.
        MarketDataStale = 1, "marketdata_stale";
        /// A strategy gives no orders though it should.
        StrategyHalted = 2, "strategy_halted";
        /// The process starts again and again.
        CrashLoop = 3, "crash_loop";
        /// The build that should run cannot be fetched, or is not the approved one.
        BuildMismatch = 4, "build_mismatch";
        /// Memory, processor, descriptors or disk run out.
        ResourcePressure = 5, "resource_pressure";
        /// Orders could reach a real venue though nobody enabled that.
        LiveUnexpected = 6, "live_unexpected";
        /// The state of the kill switch cannot be confirmed.
        KillSwitchUnknown = 7, "kill_switch_unknown";
        /// The freshness check says "fresh" for data that is not.
        FreshnessBypassed = 8, "freshness_bypassed";
        /// Redis, PostgreSQL or NATS cannot be reached.
        BridgeDown = 9, "bridge_down";
        /// Redis may evict queues or streams.
        QueueEviction = 10, "queue_eviction";
        /// An agent gave no sign of life for 90 s.
        AgentDown = 11, "agent_down";
        /// A budget of a provider is nearly or fully used.
        Budget = 12, "budget";
        /// A circuit breaker opened.
        BreakerOpen = 13, "breaker_open";
        /// The same execution was repeated and stopped.
        RepeatedExecution = 14, "repeated_execution";
        /// Risk refuses more orders than usual.
        OrdersRefused = 15, "orders_refused";
        /// A loss limit was reached.
        LossLimit = 16, "loss_limit";
        /// An order whose fate is not known.
        OrderUnknown = 17, "order_unknown";
        /// The connection to a venue is lost, or it refuses orders.
        VenueDown = 18, "venue_down";
        /// The control plane does not answer.
        ControlUnreachable = 19, "control_unreachable";
        /// Calls without a right token.
        UnauthorizedCalls = 20, "unauthorized_calls";
        /// The audit chain does not verify.
        AuditBroken = 21, "audit_broken";
        /// An outside feed that prices do not depend on is late.
        SideFeedLate = 22, "side_feed_late";
        /// What works with agents outside has ended by a fault of its own.
        OutsideDown = 23, "outside_down";
        /// What agents outside send cannot be heard, or what is told them cannot be kept.
        OutsideUnheard = 24, "outside_unheard";
    }
}

/// Sections of every runbook, in order.
pub const SECTIONS: [&str; 6] =
    ["What it means", "What the host has done by itself", "What to check", "What to do", "How it ends", "Whom to tell"];

/// A runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// Its name.
    pub name: &'static str,
    /// Its text, Markdown.
    pub text: &'static str,
}

macro_rules! books {
    ($( $name:literal, )+) => {
        /// All runbooks, in the order of the index.
        pub const ALL: &[Runbook] =
            &[ $( Runbook { name: $name, text: include_str!(concat!("runbooks/", $name, ".md")) }, )+ ];
    };
}

books! {
    "daily",
    "kill",
    "kill_switch_unknown",
    "live_unexpected",
    "freshness_bypassed",
    "marketdata_stale",
    "strategy_halted",
    "not_ready",
    "degraded",
    "fault",
    "reconciliation",
    "order_unknown",
    "venue_down",
    "orders_refused",
    "exposure_limit",
    "loss_limit",
    "order_rate",
    "repeated_execution",
    "breaker_open",
    "clock",
    "enablement",
    "mode",
    "shutdown",
    "journal_lag",
    "journal_fault",
    "audit_broken",
    "crash_loop",
    "build_mismatch",
    "resource_pressure",
    "bridge_down",
    "queue_eviction",
    "agent_down",
    "outside_down",
    "outside_unheard",
    "budget",
    "side_feed_late",
    "control_unreachable",
    "unauthorized_calls",
}

impl Runbook {
    /// The first line, without its mark.
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or("").trim_start_matches('#').trim()
    }

    /// What it is for: words such as `alert:marketdata_stale`, `gate:kill`, `state:HALTED`, `check:GATE_CLOSED`.
    pub fn covers(&self) -> impl Iterator<Item = &'static str> {
        let line = self.text.lines().find_map(|line| line.strip_prefix("Covers:")).unwrap_or("");
        line.split_whitespace().map(|word| word.trim_matches(['`', ',']))
    }
}

/// The runbook with this name.
pub fn find(name: &str) -> Option<&'static Runbook> {
    ALL.iter().find(|book| book.name == name)
}

fn covering(kind: &str, name: &str) -> Option<&'static Runbook> {
    ALL.iter().find(|book| book.covers().any(|word| word.split_once(':') == Some((kind, name))))
}

/// The runbook of an alert.
pub fn of_alert(alert: Alert) -> Option<&'static Runbook> {
    covering("alert", alert.name())
}

/// The runbook of a reason that holds the gate closed.
pub fn of_gate(reason: GateReason) -> Option<&'static Runbook> {
    covering("gate", reason.name())
}

/// The runbook of an execution state.
pub fn of_state(state: ExecutionState) -> Option<&'static Runbook> {
    covering("state", state.name())
}

/// The runbook of a risk check, by the name that a refusal shows.
pub fn of_check(name: &str) -> Option<&'static Runbook> {
    covering("check", name)
}

/// The runbook for whatever somebody types: its own name, or the name of an alert, a gate reason, a state or a check,
/// in any case.
pub fn look_up(word: &str) -> Option<&'static Runbook> {
    find(&word.to_ascii_lowercase()).or_else(|| {
        ALL.iter().find(|book| {
            book.covers().filter_map(|w| w.split_once(':')).any(|(_, name)| name.eq_ignore_ascii_case(word))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many runbooks cover the word.
    fn count(word: &str) -> usize {
        ALL.iter().filter(|book| book.covers().any(|w| w == word)).count()
    }

    #[test]
    fn every_reason_state_and_alert_has_exactly_one() {
        let words = GateReason::ALL
            .iter()
            .map(|r| format!("gate:{r}"))
            .chain(ExecutionState::ALL.iter().map(|s| format!("state:{s}")))
            .chain(Alert::ALL.iter().map(|a| format!("alert:{a}")));
        for word in words {
            assert_eq!(count(&word), 1, "{word}");
        }
        assert_eq!(of_alert(Alert::CrashLoop).unwrap().name, "crash_loop");
        assert_eq!(of_gate(GateReason::Kill), of_state(ExecutionState::Halted));
        assert_eq!(of_gate(GateReason::Halt), of_state(ExecutionState::Halted));
    }

    #[test]
    fn what_is_covered_exists() {
        for book in ALL {
            for word in book.covers() {
                let (kind, name) = word.split_once(':').unwrap_or_else(|| panic!("{}: {word}", book.name));
                let known = match kind {
                    "gate" => GateReason::from_name(name).is_some(),
                    "state" => ExecutionState::from_name(name).is_some(),
                    "alert" => Alert::from_name(name).is_some(),
                    // Held against the table of checks by the integration tests: this room does not know risk.
                    "check" => name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
                    _ => false,
                };
                assert!(known, "{}: {word}", book.name);
                assert_eq!(count(word), 1, "{word}");
            }
        }
    }

    #[test]
    fn all_have_the_same_sections_and_each_says_something() {
        for (index, book) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != book.name), "{} twice", book.name);
            assert!(book.text.starts_with("# ") && !book.title().is_empty(), "{}", book.name);
            let parts: Vec<&str> = book.text.split("\n## ").skip(1).collect();
            let heads: Vec<&str> = parts.iter().map(|p| p.lines().next().unwrap_or("")).collect();
            assert_eq!(heads, SECTIONS, "{}", book.name);
            for part in parts {
                let (head, body) = part.split_once('\n').unwrap();
                assert!(body.trim().len() >= 40, "{}: `{head}` says too little", book.name);
                assert!(body.lines().all(|line| line.len() <= 140), "{}: `{head}` has long lines", book.name);
            }
            let named = book.text.match_indices("tickpath runbook ").map(|(at, found)| {
                let rest = &book.text[at + found.len()..];
                &rest[..rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(rest.len())]
            });
            for name in named {
                assert!(find(name).is_some(), "{} names the runbook `{name}`, which is not there", book.name);
            }
        }
    }

    #[test]
    fn people_may_type_what_they_see() {
        for (typed, name) in [
            ("marketdata_stale", "marketdata_stale"),
            ("HALTED", "kill"),
            ("halted", "kill"),
            ("Journal_Lag", "journal_lag"),
            ("GATE_CLOSED", "strategy_halted"),
        ] {
            assert_eq!(look_up(typed).map(|b| b.name), Some(name), "{typed}");
        }
        assert_eq!(look_up("nothing"), None);
    }
}
