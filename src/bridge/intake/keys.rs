//! Edge: the lists and channels that the intake uses, spelled as outside agents spell them.

use super::config::IntakeConfig;
use crate::acp::names::Names;
use crate::acp::roster::{NAMES, SUPERVISOR};
use std::collections::BTreeMap;

/// Names of one host's intake.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The shared queue; its notifications have the same name.
    pub tasks: String,
    /// What the host has taken of it and not acknowledged.
    pub processing: String,
    /// How often a task was begun, by its id.
    pub attempts: String,
    /// Tasks that are given up.
    pub tasks_dead: String,
    /// Signals.
    pub signals: String,
    /// Decisions.
    pub decisions: String,
    /// Logs.
    pub logs: String,
    /// Responses: published.
    pub responses: String,
    /// Responses: kept.
    pub response_queue: String,
    /// State changes.
    pub state_changes: String,
    /// Outcomes that wait for PostgreSQL.
    pub outcomes: String,
    names: Names,
    /// Name that a task may be addressed to → agent of the roster that takes it.
    receivers: BTreeMap<String, &'static str>,
}

impl Keys {
    /// Those of the host of `names`.
    pub fn new(names: &Names, config: &IntakeConfig) -> Self {
        let host = names.host();
        let mut receivers = BTreeMap::new();
        for agent in NAMES {
            receivers.insert(agent.to_owned(), agent);
            receivers.insert(names.agent(agent), agent);
        }
        // The host itself is its supervisor.
        receivers.insert(host.to_owned(), SUPERVISOR);
        for (alias, agent) in &config.aliases {
            if let Some(agent) = NAMES.iter().find(|name| *name == agent) {
                receivers.insert(alias.clone(), agent);
            }
        }
        let tasks = names.channel("tasks");
        Self {
            processing: names.beside(&tasks, &format!("processing:{host}")),
            attempts: names.beside(&tasks, &format!("attempts:{host}")),
            tasks_dead: names.beside(&tasks, "dead"),
            outcomes: names.beside(&tasks, &format!("outcomes:{host}")),
            tasks,
            signals: names.channel("signals"),
            decisions: names.channel("decisions"),
            logs: names.channel("logs"),
            responses: names.aism("engine:responses"),
            response_queue: names.aism("engine:response_queue"),
            state_changes: names.aism("events:state_changes"),
            names: names.clone(),
            receivers,
        }
    }

    /// The outcome of a task that was done.
    pub fn done(&self, task_id: &str) -> String {
        self.names.beside(&self.tasks, &format!("done:{task_id}"))
    }

    /// The id of an agent of this host.
    pub fn agent(&self, name: &str) -> String {
        self.names.agent(name)
    }

    /// The names of the host.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Which host does a task, and when it said so last.
    pub fn claim(&self, task_id: &str) -> String {
        self.names.beside(&self.tasks, &format!("claim:{task_id}"))
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        self.names.host()
    }

    /// Commands to an agent of this host.
    pub fn commands(&self, agent: &str) -> String {
        self.names.aism(&format!("agent:{}:commands", self.agent(agent)))
    }

    /// Those that were taken and not acknowledged.
    pub fn commands_processing(&self, agent: &str) -> String {
        self.names.beside(&self.commands(agent), "processing")
    }

    /// Those that are given up.
    pub fn commands_dead(&self, agent: &str) -> String {
        self.names.beside(&self.commands(agent), "dead")
    }

    /// How often a command was begun, by its number.
    pub fn commands_attempts(&self, agent: &str) -> String {
        self.names.beside(&self.commands(agent), "attempts")
    }

    /// In a cluster: that what belongs to the item `number` was done to `key`, so that it is not done again before the item is
    /// acknowledged.
    pub fn told(&self, key: &str, number: u64) -> String {
        self.names.beside(key, &format!("told:{number}"))
    }

    /// An agent's state.
    pub fn state(&self, agent: &str) -> String {
        self.names.agent_state(agent)
    }

    /// Dead letters of a channel.
    pub fn dead_of(channel: &str) -> String {
        format!("{channel}:dead")
    }

    /// Names that a task for this host may be addressed to.
    pub fn receivers(&self) -> impl Iterator<Item = &str> {
        self.receivers.keys().map(String::as_str)
    }

    /// The agent that takes what is addressed to `receiver`; nobody's are the supervisor's. `None`: another host's.
    pub fn agent_for(&self, receiver: Option<&str>) -> Option<&'static str> {
        match receiver {
            None | Some("") => Some(SUPERVISOR),
            Some(receiver) => self.receivers.get(receiver).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acp::names::PREFIX;

    #[test]
    fn names_are_the_contracts() {
        let config = IntakeConfig {
            aliases: [("agent:003".to_owned(), "market-data".to_owned())].into(),
            ..IntakeConfig::default()
        };
        let keys = Keys::new(&Names::new(PREFIX, "tickpath-1").unwrap(), &config);
        assert_eq!(keys.processing, "binaryrogue:tasks:processing:tickpath-1");
        assert_eq!(keys.tasks_dead, "binaryrogue:tasks:dead");
        assert_eq!(keys.commands("risk"), "aism:agent:tickpath-1.risk:commands");
        assert_eq!(keys.commands_dead("risk"), "aism:agent:tickpath-1.risk:commands:dead");
        assert_eq!(keys.state("risk"), "aism:agent:tickpath-1.risk:state");
        assert_eq!(keys.response_queue, "aism:engine:response_queue");
        assert_eq!(keys.done("1"), "binaryrogue:tasks:done:1");
        // In a cluster what is changed together lies together; names of the contract stay as they are.
        let cluster = Keys::new(&Names::new(PREFIX, "tickpath-1").unwrap().in_cluster(true), &config);
        assert_eq!((cluster.tasks.as_str(), cluster.commands("risk")), ("binaryrogue:tasks", keys.commands("risk")));
        assert_eq!(cluster.processing, "{binaryrogue:tasks}:processing:tickpath-1");
        assert_eq!(cluster.claim("1"), "{binaryrogue:tasks}:claim:1");
        assert_eq!(cluster.commands_attempts("risk"), "{aism:agent:tickpath-1.risk:commands}:attempts");
        assert_eq!(cluster.told("aism:audit", 7), "{aism:audit}:told:7");
        for (receiver, agent) in [
            (None, Some("supervisor")),
            (Some(""), Some("supervisor")),
            (Some("risk"), Some("risk")),
            (Some("tickpath-1.risk"), Some("risk")),
            (Some("tickpath-1"), Some("supervisor")),
            (Some("agent:003"), Some("market-data")),
            (Some("tickpath-2.risk"), None),
            (Some("agent:001"), None),
        ] {
            assert_eq!(keys.agent_for(receiver), agent, "{receiver:?}");
        }
    }
}
