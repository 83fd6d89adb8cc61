//! Edge: which stages share a thread. Configuration, not code.

use crate::ring::wait::WaitStrategy;
use serde::{Deserialize, Serialize};

crate::code_enum! {
    /// What can be placed, in the order of the data.
    pub enum StageName {
        /// Market stage.
        Market = 0, "market";
        /// Feature stage.
        Feature = 1, "feature";
        /// Signal stage.
        Signal = 2, "signal";
        /// Risk stage.
        Risk = 3, "risk";
        /// Execution stage.
        Execution = 4, "execution";
    }
}

/// A placement that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// A word that is no stage.
    #[error(
        "placement `{text}`: `{word}` is no stage; use `fused`, or groups of sequencer, market, feature, signal, risk, execution joined by + on one thread and by , between threads, e.g. market+feature,signal+risk,execution"
    )]
    UnknownStage {
        /// The whole placement.
        text: String,
        /// The word.
        word: String,
    },
    /// A stage is missing, doubled, or out of order.
    #[error(
        "placement `{text}`: expected {expected} at this point, found {found}; every stage must stand once, in the order of the data"
    )]
    Order {
        /// The whole placement.
        text: String,
        /// What had to come.
        expected: String,
        /// What came.
        found: String,
    },
}

/// Stages by thread. The first group shares its thread with the sequencer; it may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// `(from, to)`: stages `from..to` on one thread. The first entry is the sequencer's own thread.
    groups: Vec<(usize, usize)>,
}

impl Placement {
    /// Everything on one thread: least latency on few cores.
    pub fn fused() -> Self {
        Self { groups: vec![(0, 5)] }
    }

    /// The default for a number of cores: fused while a hop would cost more than it saves.
    ///
    /// With fewer than 8 cores everything is fused (the recorder, the loader and the rest of the machine want a core as
    /// well); from 8 on risk and execution move to a second thread, from 12 on feature and signal to a third.
    pub fn for_cores(cores: usize) -> Self {
        match cores {
            0..8 => Self::fused(),
            8..12 => Self { groups: vec![(0, 3), (3, 5)] },
            _ => Self { groups: vec![(0, 1), (1, 3), (3, 5)] },
        }
    }

    /// Reads `fused`, or groups such as `market+feature,signal+risk,execution`; `sequencer` may stand in front, alone
    /// (a thread of its own) or in the first group (as it is when it is not named).
    ///
    /// # Errors
    /// [`PlacementError`].
    pub fn parse(text: &str) -> Result<Self, PlacementError> {
        if text.trim() == "fused" {
            return Ok(Self::fused());
        }
        let order = |next: usize, found: &str| PlacementError::Order {
            text: text.to_owned(),
            expected: StageName::ALL.get(next).map_or_else(|| "the end".to_owned(), |s| format!("`{s}`")),
            found: if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") },
        };
        let mut groups: Vec<(usize, usize)> = Vec::new();
        let mut next = 0;
        for (thread, group) in text.split(',').enumerate() {
            let from = next;
            for (place, word) in group.split('+').enumerate() {
                let word = word.trim();
                if word == "sequencer" && thread == 0 && place == 0 {
                    continue;
                }
                let Some(stage) = StageName::from_name(word) else {
                    return Err(PlacementError::UnknownStage { text: text.to_owned(), word: word.to_owned() });
                };
                if stage.code() as usize != next {
                    return Err(order(next, word));
                }
                next += 1;
            }
            groups.push((from, next));
        }
        if next != StageName::ALL.len() {
            return Err(order(next, ""));
        }
        Ok(Self { groups })
    }

    /// Stage ranges by thread; the first is the sequencer's.
    pub fn groups(&self) -> &[(usize, usize)] {
        &self.groups
    }

    /// How many hot threads this takes.
    pub fn threads(&self) -> usize {
        self.groups.len()
    }
}

impl core::fmt::Display for Placement {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (thread, &(from, to)) in self.groups.iter().enumerate() {
            if thread > 0 {
                f.write_str(",")?;
            } else {
                f.write_str(if from == to { "sequencer" } else { "sequencer+" })?;
            }
            let names: Vec<&str> = StageName::ALL[from..to].iter().map(|s| s.name()).collect();
            f.write_str(&names.join("+"))?;
        }
        Ok(())
    }
}

/// `[topology]`: threads, cores, waiting.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopologyConfig {
    /// `auto` (by the number of cores), `fused`, or groups: see [`Placement::parse`].
    pub placement: String,
    /// A core for each hot thread, in the order of the placement; empty = not pinned.
    pub cores: Vec<usize>,
    /// Core of the recorder thread; absent = not pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorder_core: Option<usize>,
    /// How hot threads wait: `spin`, `spin_yield`, `spin_park`; absent = by the number of cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitStrategy>,
    /// Slots of the ring, a power of two.
    pub ring_slots: usize,
    /// Share of the ring, in percent, beyond which the execution gate closes with `journal_lag` (live pace only).
    pub watermark_percent: u8,
    /// Instruments that the host can carry.
    pub instruments_max: usize,
    /// Whether the journey is stamped with the TSC.
    pub stamps: bool,
}

impl Default for TopologyConfig {
    fn default() -> Self {
        Self {
            placement: "auto".to_owned(),
            cores: Vec::new(),
            recorder_core: None,
            wait: None,
            ring_slots: 4096,
            watermark_percent: 75,
            instruments_max: 1024,
            stamps: true,
        }
    }
}

impl TopologyConfig {
    /// The placement that is meant on a machine with `cores` cores.
    ///
    /// # Errors
    /// [`PlacementError`].
    pub fn placement(&self, cores: usize) -> Result<Placement, PlacementError> {
        if self.placement == "auto" { Ok(Placement::for_cores(cores)) } else { Placement::parse(&self.placement) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(usize, usize)], &str>) {
        match (Placement::parse(text), expected) {
            (Ok(found), Ok(groups)) => {
                assert_eq!(found.groups(), groups, "{text}");
                assert_eq!(Placement::parse(&found.to_string()), Ok(found), "shown as it is read");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn reads_groups() {
        check("fused", Ok(&[(0, 5)]));
        check("market+feature,signal+risk,execution", Ok(&[(0, 2), (2, 4), (4, 5)]));
        check("market,feature,signal,risk,execution", Ok(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]));
        check("sequencer,market+feature+signal+risk+execution", Ok(&[(0, 0), (0, 5)]));
        check("sequencer+market, feature+signal+risk+execution", Ok(&[(0, 1), (1, 5)]));
        check("market+risk,feature", Err("expected `feature` at this point, found `risk`"));
        check("market+feature,signal+risk", Err("expected `execution` at this point, found the end"));
        check("market+market", Err("found `market`"));
        check("markets", Err("`markets` is no stage"));
        check("", Err("`` is no stage"));
    }

    #[test]
    fn defaults_follow_the_cores() {
        assert_eq!(Placement::for_cores(2), Placement::fused());
        assert_eq!(Placement::for_cores(8).threads(), 2);
        assert_eq!(Placement::for_cores(64).threads(), 3);
    }
}
