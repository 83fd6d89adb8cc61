//! Edge: the topics that the host publishes on, each by the name that configurations and subscribers use.

use super::names::Names;

crate::code_enum! {
    /// A pub/sub topic of the host.
    pub enum Topic {
        /// Every input of market data.
        MarketRaw = 1, "market.raw";
        /// Candles that closed.
        Candles = 2, "features.candles";
        /// The feature vector of an instrument, sampled.
        Micro = 3, "features.micro";
        /// Signals to be long.
        Long = 4, "signal.long";
        /// Signals to be short.
        Short = 5, "signal.short";
        /// Signals to hold nothing.
        Flat = 6, "signal.flat";
        /// What risk made of a signal or a wish.
        Target = 7, "portfolio.target";
        /// Fills.
        Fill = 8, "execution.fill";
        /// All signals, on the agents' channel.
        Signals = 9, "signals";
        /// The host's own decisions.
        Decisions = 10, "decisions";
        /// What people must be told.
        Alerts = 11, "alerts";
        /// What happened, for a log.
        Logs = 12, "logs";
        /// Alerts as incidents, opened and resolved.
        Incidents = 13, "incidents";
        /// Changes of state of the host's agents, under the engine's prefix.
        StateChanges = 14, "state_changes";
        /// Errors, under the engine's prefix.
        Errors = 15, "errors";
        /// Figures, under the engine's prefix.
        Measurements = 16, "measurements";
    }
}

impl Topic {
    /// Its channel.
    pub fn channel(self, names: &Names) -> String {
        match self {
            Self::StateChanges | Self::Errors | Self::Measurements => names.aism(&format!("events:{}", self.name())),
            _ => names.channel(self.name()),
        }
    }

    /// Whether it has something to say many times a second, so that it is only said to somebody.
    pub const fn is_bulk(self) -> bool {
        matches!(self, Self::MarketRaw | Self::Candles | Self::Micro)
    }

    const fn bit(self) -> u32 {
        1 << self.code()
    }
}

/// Some topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topics(u32);

impl Topics {
    /// None.
    pub const NONE: Self = Self(0);

    /// Those with these names.
    ///
    /// # Errors
    /// The first name that is no topic's.
    pub fn named(names: &[String]) -> Result<Self, String> {
        names.iter().try_fold(Self::NONE, |all, name| Topic::from_name(name).map(|t| all.with(t)).ok_or(name.clone()))
    }

    /// All that `wanted` holds for.
    pub fn those(wanted: impl Fn(Topic) -> bool) -> Self {
        Topic::ALL.iter().copied().filter(|topic| wanted(*topic)).fold(Self::NONE, Self::with)
    }

    /// These and `topic`.
    #[must_use]
    pub const fn with(self, topic: Topic) -> Self {
        Self(self.0 | topic.bit())
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `topic` is one of them.
    pub const fn has(self, topic: Topic) -> bool {
        self.0 & topic.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acp::names::PREFIX;

    #[test]
    fn channels_are_the_contracts() {
        let names = Names::new(PREFIX, "tickpath-1").unwrap();
        for (topic, channel) in [
            (Topic::MarketRaw, "binaryrogue:market.raw"),
            (Topic::Long, "binaryrogue:signal.long"),
            (Topic::Target, "binaryrogue:portfolio.target"),
            (Topic::Incidents, "binaryrogue:incidents"),
            (Topic::StateChanges, "aism:events:state_changes"),
            (Topic::Measurements, "aism:events:measurements"),
        ] {
            assert_eq!(topic.channel(&names), channel);
        }
    }

    #[test]
    fn they_are_chosen_by_name() {
        let some = Topics::named(&["signal.long".to_owned(), "logs".to_owned()]).unwrap();
        assert!(some.has(Topic::Long) && some.has(Topic::Logs) && !some.has(Topic::Short));
        assert_eq!(Topics::named(&["logs".to_owned(), "all".to_owned()]), Err("all".to_owned()));
        assert_eq!(some.and(Topics::those(|topic| topic == Topic::Logs)), Topics::NONE.with(Topic::Logs));
        assert!(Topic::ALL.iter().all(|topic| Topics::those(|_| true).has(*topic)));
    }
}
