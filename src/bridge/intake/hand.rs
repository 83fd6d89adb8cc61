//! Edge: what the host has in hand: items that were taken and are not over, and what each waits for.

use super::desk::{Dead, Desk, Handled};
use super::seen::request_of;
use crate::acp::inbound::command::{AgentCommand, Response};
use crate::acp::inbound::task::Task;
use std::time::{Duration, Instant};

/// Between two looks whether a command is in the journal.
pub const ASK_EVERY: Duration = Duration::from_millis(5);
/// So long a command may take into the journal before that is told.
const JOURNALED_WITHIN: Duration = Duration::from_secs(5);

/// What an item was read as.
pub enum Item {
    /// A task.
    Task(Box<Task>),
    /// A command, and to which agent.
    Command(&'static str, Box<AgentCommand>),
}

impl Item {
    /// Its number: the same for a repeat.
    pub fn number(&self) -> u64 {
        match self {
            Self::Task(task) => request_of("task", &task.task_id),
            Self::Command(agent, command) => Desk::number_of(agent, command),
        }
    }

    /// Its name, for people.
    pub fn name(&self) -> String {
        match self {
            Self::Task(task) => format!("task {}", task.task_id),
            Self::Command(agent, command) => format!("command {} to {agent}", command.id),
        }
    }
}

/// What an item waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Another try.
    Again,
    /// The outcome that another host has.
    Elsewhere,
    /// To be in the journal.
    Journaled {
        /// Ask with this number.
        number: u64,
        /// When it was taken.
        since: Instant,
        /// Whether it was told that it takes long.
        told: bool,
    },
}

/// An item that is not over.
pub struct Waiting {
    /// As it stands in our list.
    pub bytes: Vec<u8>,
    /// What it is.
    pub item: Item,
    /// When to look again.
    pub due: Instant,
    /// What it waits for.
    pub until: Until,
}

impl Waiting {
    /// The id of the task that it is.
    pub fn task_id(&self) -> Option<&str> {
        match &self.item {
            Item::Task(task) => Some(&task.task_id),
            Item::Command(..) => None,
        }
    }

    /// Whether it was taken and should be in the journal by now.
    pub fn is_late(&self, now: Instant) -> bool {
        matches!(self.until, Until::Journaled { since, .. }
            if now.saturating_duration_since(since) >= JOURNALED_WITHIN)
    }

    /// Says once that it takes long. It is not given up for that: to say that it failed would be wrong.
    pub fn tell_if_late(&mut self, now: Instant) {
        if !self.is_late(now) {
            return;
        }
        if let Until::Journaled { told, .. } = &mut self.until
            && !std::mem::replace(told, true)
        {
            tracing::warn!("intake: {} was taken, and is not in the journal yet: see `/health`", self.item.name());
        }
    }
}

/// What comes next for an item.
pub enum Next {
    /// A task's outcome, whether it had an effect, and whether it is a dead letter.
    Outcome(Box<Task>, bool, Option<Dead>),
    /// A command's response, and whether it is a dead letter.
    Response(Box<Response>, Option<Dead>),
    /// It is in the journal soon: ask with this number.
    Asked(u64),
    /// Not now.
    Later(String),
}

impl From<Handled<(Task, Option<Dead>)>> for Next {
    fn from(handled: Handled<(Task, Option<Dead>)>) -> Self {
        match handled {
            Handled::Over((outcome, dead)) => Self::Outcome(Box::new(outcome), false, dead),
            Handled::Taken(number) => Self::Asked(number),
            Handled::Later(why) => Self::Later(why),
        }
    }
}

impl From<Handled<(Response, Option<Dead>)>> for Next {
    fn from(handled: Handled<(Response, Option<Dead>)>) -> Self {
        match handled {
            Handled::Over((response, dead)) => Self::Response(Box::new(response), dead),
            Handled::Taken(number) => Self::Asked(number),
            Handled::Later(why) => Self::Later(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_late_and_told_once() {
        let text = br#"{"id": "cmd-1", "type": "kill", "timestamp": "2026-01-02T03:04:05"}"#;
        let command = AgentCommand::read(text, 1_000).unwrap();
        let since = Instant::now();
        let until = Until::Journaled { number: 7, since, told: false };
        let item = Item::Command("risk", Box::new(command));
        let mut waiting = Waiting { bytes: text.to_vec(), item, due: since, until };
        let mut at = |millis: u64| {
            let now = since + Duration::from_millis(millis);
            waiting.tell_if_late(now);
            (waiting.is_late(now), matches!(waiting.until, Until::Journaled { told: true, .. }))
        };
        assert_eq!(at(4_999), (false, false));
        assert_eq!(at(5_000), (true, true));
        assert_eq!(at(60_000), (true, true));
        assert_eq!((waiting.item.name().as_str(), waiting.task_id()), ("command cmd-1 to risk", None));
    }
}
