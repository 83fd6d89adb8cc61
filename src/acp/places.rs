//! Edge: every channel, key and table, in one list: the page that people read is made of it.

use super::schema;
use std::fmt::Write as _;

crate::code_enum! {
    /// What is there.
    pub enum Kind {
        /// A pub/sub channel.
        Channel = 1, "channel";
        /// A list.
        List = 2, "list";
        /// A hash.
        Hash = 3, "hash";
        /// A string.
        Text = 4, "string";
        /// A stream.
        Stream = 5, "stream";
        /// A sorted set.
        SortedSet = 6, "sorted set";
        /// A table of PostgreSQL.
        Table = 7, "table";
    }
}

crate::code_enum! {
    /// Who writes it.
    pub enum Flow {
        /// The host.
        Out = 1, "host";
        /// Agents outside; the host reads it.
        In = 2, "agents";
        /// Both.
        Both = 3, "both";
    }
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its name; `{…}` stands for what differs.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Who writes it.
    pub flow: Flow,
    /// The message that it carries or holds; empty if its fields stand in `what`.
    pub message: &'static str,
    /// What it is for.
    pub what: &'static str,
}

impl Place {
    /// For programs: `name`, `kind`, `written_by`, `message` (`null` if there is none), `for`.
    pub fn to_json(&self) -> serde_json::Value {
        let message = Some(self.message).filter(|name| !name.is_empty());
        serde_json::json!({
            "name": self.name, "kind": self.kind.name(), "written_by": self.flow.name(), "message": message, "for": self.what,
        })
    }
}

const fn at(name: &'static str, kind: Kind, flow: Flow, message: &'static str, what: &'static str) -> Place {
    Place { name, kind, flow, message, what }
}

/// All, with the default prefixes.
pub const PLACES: &[Place] = &[
    // The host's own events
    at(
        "binaryrogue:events:{host}",
        Kind::Stream,
        Flow::Out,
        "",
        "every journaled event once, in order; ids are `{epoch}-{sequence}`; fields type, timestamp, source, traceId, sequence, instrument, data",
    ),
    at("binaryrogue:events:{host}:journal", Kind::Text, Flow::Out, "", "which journal the stream is of"),
    at(
        "binaryrogue:events:{host}:start",
        Kind::Text,
        Flow::Out,
        "",
        "number, sequence and time (ns since 1970) of the process start that the stream ends in",
    ),
    at("binaryrogue:events:{host}:writer", Kind::Text, Flow::Out, "", "who writes the stream at the moment"),
    at(
        "binaryrogue:events:{host}:since",
        Kind::Text,
        Flow::Out,
        "",
        "the newest event that the journal had when the stream was begun",
    ),
    at("binaryrogue:market.raw", Kind::Channel, Flow::Out, "market_raw", "market data"),
    at("binaryrogue:features.candles", Kind::Channel, Flow::Out, "candle", "candles that closed"),
    at("binaryrogue:features.micro", Kind::Channel, Flow::Out, "features", "samples of the feature vectors"),
    at("binaryrogue:signal.long", Kind::Channel, Flow::Out, "signal", "the models want to be long"),
    at("binaryrogue:signal.short", Kind::Channel, Flow::Out, "signal", "the models want to be short"),
    at("binaryrogue:signal.flat", Kind::Channel, Flow::Out, "signal", "the models want nothing"),
    at("binaryrogue:portfolio.target", Kind::Channel, Flow::Out, "target", "what risk allows or refuses"),
    at("binaryrogue:execution.fill", Kind::Channel, Flow::Out, "fill", "fills"),
    at("binaryrogue:positions:{venue}", Kind::Hash, Flow::Out, "position", "positions; field = instrument"),
    // The agents' protocol
    at("binaryrogue:heartbeats", Kind::Channel, Flow::Both, "heartbeat", "signs of life, each 30 s"),
    at(
        "binaryrogue:agents:{agent_id}",
        Kind::Hash,
        Flow::Both,
        "",
        "status, last_seen, uptime_seconds, and what else the agent tells",
    ),
    at("binaryrogue:alerts", Kind::Channel, Flow::Both, "alert", "what somebody must know"),
    at("binaryrogue:incidents", Kind::Channel, Flow::Out, "incident", "outages, opened and resolved"),
    at("binaryrogue:budget", Kind::Channel, Flow::Out, "budget", "budgets that crossed 90 % or all of their limit"),
    at(
        "binaryrogue:budget:{agent_id}:{provider}",
        Kind::Text,
        Flow::Both,
        "",
        "what was used: a decimal, moved with INCRBYFLOAT",
    ),
    at(
        "binaryrogue:supervisor:{host}",
        Kind::Hash,
        Flow::Out,
        "",
        "what the host's supervisor has told, so that a restart does not tell it again",
    ),
    at("binaryrogue:signals", Kind::Channel, Flow::Out, "signal", "the host's signals"),
    at(
        "binaryrogue:signals",
        Kind::Channel,
        Flow::In,
        "signal_heard",
        "signals of the agents that `[intake] agents` names",
    ),
    at("binaryrogue:signals:dead", Kind::List, Flow::Out, "dead_letter", "signals that were refused"),
    at("binaryrogue:decisions", Kind::Channel, Flow::Out, "decision", "the host's decisions"),
    at(
        "binaryrogue:decisions",
        Kind::Channel,
        Flow::In,
        "decision_heard",
        "decisions of the agents that `[intake] agents` names",
    ),
    at("binaryrogue:decisions:dead", Kind::List, Flow::Out, "dead_letter", "decisions that were refused"),
    at("binaryrogue:logs", Kind::Channel, Flow::Both, "log", "what happened, for other programs"),
    at("binaryrogue:tasks", Kind::List, Flow::In, "task", "the task queue: LPUSH in, taken in one step"),
    at("binaryrogue:tasks", Kind::Channel, Flow::Both, "task", "notifications of new tasks, and outcomes"),
    at(
        "binaryrogue:tasks:processing:{host}",
        Kind::List,
        Flow::Out,
        "task",
        "what the host has taken and not acknowledged",
    ),
    at("binaryrogue:tasks:attempts:{host}", Kind::Hash, Flow::Out, "", "how often a task was begun, by its id"),
    at("binaryrogue:tasks:done:{task_id}", Kind::Text, Flow::Out, "task", "the outcome, for seven days"),
    at(
        "binaryrogue:tasks:claim:{task_id}",
        Kind::Text,
        Flow::Out,
        "",
        "which host does it, and when it said so last (Unix seconds)",
    ),
    at("binaryrogue:tasks:outcomes:{host}", Kind::List, Flow::Out, "task", "outcomes on their way to PostgreSQL"),
    at("binaryrogue:tasks:dead", Kind::List, Flow::Out, "dead_letter", "tasks that were given up"),
    // Engine and agents
    at("aism:agent:{agent_id}:commands", Kind::List, Flow::In, "command", "commands to an agent of the host"),
    at(
        "aism:agent:{agent_id}:commands:processing",
        Kind::List,
        Flow::Out,
        "command",
        "those that were taken and not acknowledged",
    ),
    at(
        "aism:agent:{agent_id}:commands:attempts",
        Kind::Hash,
        Flow::Out,
        "",
        "how often a command was begun, by its number",
    ),
    at("aism:agent:{agent_id}:commands:dead", Kind::List, Flow::Out, "dead_letter", "those that were given up"),
    at("aism:agent:{agent_id}:state", Kind::Text, Flow::Out, "", "the agent's state"),
    at("aism:agent:{agent_id}:metadata", Kind::Hash, Flow::Out, "", "labels, type, version of the agent"),
    at("aism:engine:responses", Kind::Channel, Flow::Out, "response", "responses, published behind being queued"),
    at("aism:engine:response_queue", Kind::List, Flow::Out, "response", "the same responses, for delivery"),
    at("aism:events:state_changes", Kind::Channel, Flow::Out, "state_change", "states that changed"),
    at("aism:events:errors", Kind::Channel, Flow::Out, "error", "errors"),
    at("aism:events:measurements", Kind::Channel, Flow::Out, "measurements", "latency, rates, depths, each 10 s"),
    at("aism:agents:heartbeats", Kind::SortedSet, Flow::Both, "", "member = agent id, score = Unix seconds"),
    at(
        "aism:audit",
        Kind::Stream,
        Flow::Out,
        "",
        "commands, responses and transitions; fields kind, agent_id, timestamp, source, traceId, sequence, data",
    ),
    at(
        "aism:audit:told:{host}",
        Kind::Text,
        Flow::Out,
        "",
        "up to where the host has audited and told: journal, id, how that start began, number of the last notice",
    ),
    // PostgreSQL: what agents outside use
    at("public.agent_events", Kind::Table, Flow::In, "", "what agents tell, for the record"),
    at("public.agent_heartbeats", Kind::Table, Flow::Both, "", "the history of heartbeats"),
    at("public.task_queue", Kind::Table, Flow::Both, "", "tasks and what became of them"),
    at("public.ops_missions", Kind::Table, Flow::In, "", "what a group of agents is about to reach"),
    at("public.ops_mission_steps", Kind::Table, Flow::In, "", "its steps, claimed by `ops_claim_step`"),
    at("public.ops_policy", Kind::Table, Flow::In, "", "settings; daily quotas under `quota:{kind}`"),
    at("public.ops_agent_events", Kind::Table, Flow::In, "", "what agents tell of missions"),
    at("public.ops_outcomes", Kind::Table, Flow::Both, "", "what became of tasks and steps"),
    at("public.ops_reaction_rules", Kind::Table, Flow::In, "", "event type to action"),
    // PostgreSQL: the host's own record
    at("tickpath.cursors", Kind::Table, Flow::Out, "", "how far each host's journal is written"),
    at("tickpath.events", Kind::Table, Flow::Out, "", "every journaled event"),
    at("tickpath.orders", Kind::Table, Flow::Out, "", "one row for each order, as it was sent"),
    at("tickpath.order_events", Kind::Table, Flow::Out, "", "one row for each transition of an order"),
    at("tickpath.fills", Kind::Table, Flow::Out, "", "fills"),
    at("tickpath.signals", Kind::Table, Flow::Out, "", "signals, where the direction changed"),
    at("tickpath.features", Kind::Table, Flow::Out, "", "samples of the features"),
    at("tickpath.risk_refusals", Kind::Table, Flow::Out, "", "what risk refused, and by which check"),
    at("tickpath.state_changes", Kind::Table, Flow::Out, "", "starts, gates, commands, agreement with the venue"),
    at("tickpath.heartbeats", Kind::Table, Flow::Out, "", "the stages' own signs of life"),
    at("tickpath.retention", Kind::Table, Flow::In, "", "below how many days nothing may be dropped; an admin sets it"),
];

/// The page: what there is, and the fields of each message.
pub fn page() -> String {
    let mut page = String::from(
        "# Channels, keys, tables, messages\n\nMade by `tickpath schema --page` from the types that the program sends and reads. Prefixes are the defaults.\n\n\
         | name | kind | written by | message | for |\n|---|---|---|---|---|\n",
    );
    for place in PLACES {
        let message = if place.message.is_empty() {
            String::new()
        } else {
            format!("[{}](#{})", place.message, place.message.replace('_', "-"))
        };
        let Place { name, kind, flow, what, .. } = place;
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{name}` | {} | {} | {message} | {what} |", kind.name(), flow.name());
    }
    for message in schema::MESSAGES {
        let schema = message.schema();
        let _ = writeln!(page, "\n## {}\n", message.name.replace('_', "-"));
        if let Some(text) = schema.get("description").and_then(|text| text.as_str()) {
            let _ = writeln!(page, "{text}\n");
        }
        let required = schema.get("required").and_then(|list| list.as_array()).cloned().unwrap_or_default();
        let fields = schema.get("properties").and_then(|fields| fields.as_object()).cloned().unwrap_or_default();
        let _ = writeln!(page, "| field | type | needed | what |\n|---|---|---|---|");
        for (name, field) in &fields {
            let what = field.get("description").and_then(|text| text.as_str()).unwrap_or_default().replace('\n', " ");
            let needed = if required.iter().any(|one| one == name) { "yes" } else { "" };
            let _ = writeln!(page, "| `{name}` | {} | {needed} | {what} |", type_of(field));
        }
    }
    page
}

/// The type of a field, in a word or two.
fn type_of(field: &serde_json::Value) -> String {
    match field.get("type") {
        Some(serde_json::Value::String(name)) => name.clone(),
        Some(serde_json::Value::Array(names)) => {
            names.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => field
            .get("$ref")
            .and_then(|path| path.as_str())
            .and_then(|path| path.rsplit('/').next())
            .unwrap_or("any")
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_place_and_every_field() {
        let page = page();
        for place in PLACES {
            assert!(page.contains(&format!("| `{}` |", place.name)), "{}", place.name);
        }
        for part in ["## signal-heard", "| `confidence` | number | yes |", "| `ttl_seconds` | number or null |  |"] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("| any |  | |"), "a field without a word");
    }
}
