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
    done: String,
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
            processing: format!("{tasks}:processing:{host}"),
            attempts: format!("{tasks}:attempts:{host}"),
            tasks_dead: format!("{tasks}:dead"),
            outcomes: format!("{tasks}:outcomes:{host}"),
            done: format!("{tasks}:done"),
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
        format!("{}:{task_id}", self.done)
    }

    /// The id of an agent of this host.
    pub fn agent(&self, name: &str) -> String {
        self.names.agent(name)
    }

    /// The names of the host.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Which host does a task.
    pub fn claim(&self, task_id: &str) -> String {
        format!("{}:claim:{task_id}", self.tasks)
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
        format!("{}:processing", self.commands(agent))
    }

    /// Those that are given up.
    pub fn commands_dead(&self, agent: &str) -> String {
        format!("{}:dead", self.commands(agent))
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
