//! Edge: what outside agents send: tasks, commands, signals, decisions. Read with every field checked; a message that is refused
//! says what was wrong, where, and what was expected.
//!
//! | file | what |
//! |---|---|
//! | [`task`] | items of the task queue, and their outcome |
//! | [`command`] | commands to one agent, responses, state changes |
//! | [`signal`] | signals and decisions |
//!
//! Fields that are not known are left alone: those agents exist, and may say more than we read.

pub mod command;
pub mod signal;
pub mod task;

use serde::de::DeserializeOwned;

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadMessage(pub String);

/// Bytes of a name of an agent: with the mark of where it came from it fits into the journal's room.
pub const NAME_BYTES: usize = 42;

/// Whether `text` can be an agent's name: it goes into the journal, keys and logs.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-' | b':'))
}

/// What was given, short enough for a log.
pub fn shown(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(48)];
    if cut.len() < text.len() { format!("{}…", cut.escape_debug()) } else { cut.escape_debug().to_string() }
}

/// A JSON object of at most `bytes_max` bytes as a `T`.
fn read<T: DeserializeOwned>(bytes: &[u8], bytes_max: usize) -> Result<T, BadMessage> {
    if bytes.len() > bytes_max {
        return Err(BadMessage(format!("{} bytes: at most {bytes_max} are read", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| BadMessage(format!("no UTF-8 from byte {}", e.valid_up_to())))?;
    // A list of the fields in their order would be read as the object.
    if !text.trim_start().starts_with('{') {
        return Err(BadMessage(format!("`{}`: expected a JSON object", shown(text))));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner());
        if inner.is_data() && path != "." {
            BadMessage(format!("`{path}`: {inner}"))
        } else {
            BadMessage(format!("not the JSON that was expected: {inner}"))
        }
    })?;
    json.end().map_err(|e| BadMessage(format!("something stands behind the JSON object: {e}")))?;
    Ok(value)
}

/// Refuses a name that is none.
fn name(field: &str, text: &str) -> Result<(), BadMessage> {
    let expected = "1 to 42 characters A-Z a-z 0-9 . _ @ - :";
    if is_name(text) { Ok(()) } else { Err(BadMessage(format!("`{field}`: `{}`: expected {expected}", shown(text)))) }
}

/// Refuses a trace that does not fit: it is never cut, since a part of a trace is another trace.
fn trace(text: &str, bytes_max: usize) -> Result<(), BadMessage> {
    let is_text = text.len() <= bytes_max && text.bytes().all(|b| b.is_ascii_graphic());
    let expected = format!("at most {bytes_max} ASCII characters without spaces");
    if is_text { Ok(()) } else { Err(BadMessage(format!("`traceId`: `{}`: expected {expected}", shown(text)))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_object_says_so() {
        let check = |bytes: &[u8], part: &str| {
            let told = read::<task::Task>(bytes, 1000).unwrap_err().to_string();
            assert!(told.contains(part) && told.len() < 400, "{told}");
        };
        check(b"", "expected a JSON object");
        check(b"[1]", "expected a JSON object");
        check(b"\xff{}", "no UTF-8 from byte 0");
        check(b"{", "not the JSON");
        check(br#"{"created_at": NaN}"#, "expected value");
        check(br#"{"created_at": "x"}"#, "`created_at`");
        check(&[b' '; 1001], "at most 1000");
        check(format!("{{\"payload\": {{\"a\": {}", "[".repeat(500)).as_bytes(), "recursion limit");
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let _ = task::Task::read(bytes, 100);
                let _ = command::AgentCommand::read(bytes, 100);
                let _ = signal::Signal::read(bytes, 100);
                let _ = signal::Decision::read(bytes, 100);
            }
            let _ = shown(&text);
        }
    }
}
