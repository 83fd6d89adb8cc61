//! Edge: every message as a JSON Schema (draft 2020-12), made from the types that are sent and read.

use super::inbound::{command, signal as heard, task};
use super::{agent, budget, decision, heartbeat, market, ops, signal, trade};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// A message.
#[derive(Clone, Copy)]
pub struct Message {
    /// Its name, such as `signal`.
    pub name: &'static str,
    make: fn() -> Schema,
}

impl Message {
    /// Its schema.
    pub fn schema(&self) -> Schema {
        (self.make)()
    }
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// Why the message was given up.
    pub reason: String,
    /// When, ISO-8601.
    pub at: String,
    /// The host that gave it up.
    pub by: String,
    /// Length of the message, in bytes.
    pub bytes: usize,
    /// The message as it came: what is no UTF-8 is replaced, and a huge one is cut.
    pub item: String,
}

fn of<T: JsonSchema>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<T>()
}

/// Every message, by its name.
pub const MESSAGES: &[Message] = &[
    Message { name: "alert", make: of::<ops::Alert<'_>> },
    Message { name: "budget", make: of::<budget::Budget> },
    Message { name: "candle", make: of::<market::CandleClosed<'_>> },
    Message { name: "command", make: of::<command::AgentCommand> },
    Message { name: "dead_letter", make: of::<DeadLetter> },
    Message { name: "decision", make: of::<decision::Decision<'_>> },
    Message { name: "decision_heard", make: of::<heard::Decision> },
    Message { name: "error", make: of::<agent::Failure<'_>> },
    Message { name: "features", make: of::<market::Vector<'_>> },
    Message { name: "fill", make: of::<trade::Fill<'_>> },
    Message { name: "heartbeat", make: of::<heartbeat::Heartbeat> },
    Message { name: "incident", make: of::<ops::Incident<'_>> },
    Message { name: "log", make: of::<ops::Log<'_>> },
    Message { name: "market_raw", make: of::<market::Raw<'_>> },
    Message { name: "measurements", make: of::<agent::Measurements<'_>> },
    Message { name: "position", make: of::<trade::Position> },
    Message { name: "response", make: of::<command::Response> },
    Message { name: "signal", make: of::<signal::Signal<'_>> },
    Message { name: "signal_heard", make: of::<heard::Signal> },
    Message { name: "state_change", make: of::<agent::StateChange<'_>> },
    Message { name: "target", make: of::<trade::Target<'_>> },
    Message { name: "task", make: of::<task::Task> },
];

/// The message with this name.
pub fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.iter().find(|message| message.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acp::places::PLACES;

    #[test]
    fn schemas_say_what_each_field_is_and_each_message_has_a_place() {
        assert!(MESSAGES.is_sorted_by_key(|message| message.name));
        for message in MESSAGES {
            let schema = serde_json::to_value(message.schema()).unwrap();
            let fields = schema["properties"].as_object().unwrap_or_else(|| panic!("{}: {schema}", message.name));
            for (name, field) in fields {
                let told = field["description"].is_string() || field["$ref"].is_string();
                assert!(told, "{}.{name}: {field}", message.name);
            }
            jsonschema::meta::validate(&schema).unwrap_or_else(|e| panic!("{}: {e}", message.name));
            assert!(PLACES.iter().any(|place| place.message == message.name), "{} has no place", message.name);
        }
        for place in PLACES {
            let known = place.message.is_empty() || message(place.message).is_some();
            assert!(known, "{}: no message `{}`", place.name, place.message);
        }
    }
}
