//! Edge: every key and channel, spelled as outside agents spell it.

use serde::{Deserialize, Serialize};

/// Prefix of the agents' protocol, unless another is configured.
pub const PREFIX: &str = "binaryrogue";
/// Prefix of the engine's protocol, unless another is configured.
pub const AISM_PREFIX: &str = "aism";

/// What a prefix or a host's name may be: it becomes a part of keys, and must not be taken for a pattern or another family.
pub fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The names of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    prefix: String,
    aism: String,
    host: String,
    /// Whether the keys lie in a cluster, where one transaction has the keys of one slot.
    #[serde(default)]
    cluster: bool,
}

impl Names {
    /// Names under `prefix` for `host`; `None` if one of them [is no word](is_word).
    pub fn new(prefix: &str, host: &str) -> Option<Self> {
        (is_word(prefix) && is_word(host)).then(|| Self {
            prefix: prefix.to_owned(),
            aism: AISM_PREFIX.to_owned(),
            host: host.to_owned(),
            cluster: false,
        })
    }

    /// The same for a store that is a cluster, or is none.
    #[must_use]
    pub fn in_cluster(self, cluster: bool) -> Self {
        Self { cluster, ..self }
    }

    /// Whether the keys lie in a cluster.
    pub fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// A key of ours beside `key`, to be changed together with it: `key:rest`, in a cluster `{key}:rest`, which has the slot of
    /// `key` itself, so that keys of the contract are spelled the same everywhere.
    pub fn beside(&self, key: &str, rest: &str) -> String {
        if self.cluster && !key.contains('{') { format!("{{{key}}}:{rest}") } else { format!("{key}:{rest}") }
    }

    /// The same with another prefix for the engine's protocol; `None` if it [is no word](is_word).
    pub fn with_aism(self, prefix: &str) -> Option<Self> {
        is_word(prefix).then(|| Self { aism: prefix.to_owned(), ..self })
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The stream of the host's events.
    pub fn events(&self) -> String {
        format!("{}:events:{}", self.prefix, self.host)
    }

    /// Which journal the stream of the host's events is of.
    pub fn events_journal(&self) -> String {
        self.beside(&self.events(), "journal")
    }

    /// How the process start began that the stream ends in.
    pub fn events_start(&self) -> String {
        self.beside(&self.events(), "start")
    }

    /// Who writes the stream of the host's events at the moment.
    pub fn events_writer(&self) -> String {
        self.beside(&self.events(), "writer")
    }

    /// Up to which event all was told before the stream was rebuilt.
    pub fn events_told(&self) -> String {
        self.beside(&self.events(), "told")
    }

    /// The positions at a venue.
    pub fn positions(&self, venue: &str) -> String {
        format!("{}:positions:{venue}", self.prefix)
    }

    /// A name of the engine's protocol: `audit`, `events:errors`, ….
    pub fn aism(&self, name: &str) -> String {
        format!("{}:{name}", self.aism)
    }

    /// The sorted set of all agents' heartbeats: member = agent id, score = Unix seconds.
    pub fn engine_heartbeats(&self) -> String {
        self.aism("agents:heartbeats")
    }

    /// Labels and type of an agent: a hash.
    pub fn engine_metadata(&self, agent: &str) -> String {
        self.aism(&format!("agent:{agent}:metadata"))
    }

    /// The state of an agent of this host, for the engine.
    pub fn agent_state(&self, agent: &str) -> String {
        format!("{}:agent:{}.{agent}:state", self.aism, self.host)
    }

    /// A pub/sub channel: `heartbeats`, `alerts`, `signals`, …, or a topic such as `signal.long`.
    pub fn channel(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// How an agent stands: a hash.
    pub fn presence(&self, agent: &str) -> String {
        format!("{}:agents:{agent}", self.prefix)
    }

    /// What an agent has used of a provider: a number.
    pub fn budget(&self, agent: &str, provider: &str) -> String {
        format!("{}:budget:{agent}:{provider}", self.prefix)
    }

    /// What this host's supervisor remembers over a restart: a hash of its own.
    pub fn supervisor(&self) -> String {
        format!("{}:supervisor:{}", self.prefix, self.host)
    }

    /// An agent of this host: `{host}.{agent}`.
    pub fn agent(&self, name: &str) -> String {
        format!("{}.{name}", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_contracts() {
        let names = Names::new(PREFIX, "tickpath-1").unwrap();
        assert_eq!(names.events(), "binaryrogue:events:tickpath-1");
        assert_eq!(names.channel("signals"), "binaryrogue:signals");
        assert_eq!(names.agent("market-data"), "tickpath-1.market-data");
        assert_eq!(names.positions("SIM"), "binaryrogue:positions:SIM");
        assert_eq!(names.agent_state("risk"), "aism:agent:tickpath-1.risk:state");
        let other = names.clone().with_aism("engine").unwrap();
        assert_eq!((other.aism("audit").as_str(), other.with_aism("a:b")), ("engine:audit", None));
        assert_eq!(names.presence("agent:002"), "binaryrogue:agents:agent:002");
        assert_eq!(names.budget("agent:002", "openai"), "binaryrogue:budget:agent:002:openai");
        assert_eq!(names.engine_heartbeats(), "aism:agents:heartbeats");
        assert_eq!(names.engine_metadata("x"), "aism:agent:x:metadata");
        assert_eq!(names.events_journal(), "binaryrogue:events:tickpath-1:journal");
        let cluster = names.clone().in_cluster(true);
        assert_eq!(cluster.events(), names.events());
        assert_eq!(cluster.events_journal(), "{binaryrogue:events:tickpath-1}:journal");
        assert_eq!(cluster.beside(&cluster.channel("tasks"), "done:1"), "{binaryrogue:tasks}:done:1");
        assert_eq!(cluster.beside("{a}:b", "c"), "{a}:b:c");
        for bad in ["", "a:b", "a*", "a b", "ä", "a\n", &"x".repeat(33)] {
            assert_eq!((Names::new(bad, "h"), Names::new(PREFIX, bad)), (None, None), "{bad}");
        }
    }
}
