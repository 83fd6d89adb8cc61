//! Edge: signals and decisions of outside agents.

use super::{BadMessage, name, read, trace};
use crate::event::operator::TRACE_BYTES as COMMAND_TRACE_BYTES;
use crate::event::outside::{MODEL_BYTES, TRACE_BYTES};
use crate::event::signal::Direction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A signal as an outside agent publishes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// When it was made, ISO-8601.
    pub timestamp: String,
    /// Whose it is.
    pub source: String,
    /// The sender's trace: the same one is never followed twice.
    #[serde(rename = "traceId")]
    pub trace_id: String,
    /// `signal.long`, `signal.short` or `signal.flat`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `SYMBOL` or `SYMBOL.VENUE`.
    pub instrument: String,
    /// 0..=1.
    pub confidence: f64,
    /// `name@vYYMMDD`; may be left out.
    #[serde(default)]
    pub model: String,
    /// How long it counts, in seconds; the host's setting where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<f64>,
}

impl Signal {
    /// Reads and checks one. Its time is checked by whoever knows the clock, its instrument by whoever knows them.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn read(bytes: &[u8], bytes_max: usize) -> Result<Self, BadMessage> {
        let signal: Self = read(bytes, bytes_max)?;
        name("source", &signal.source)?;
        trace(&signal.trace_id, TRACE_BYTES)?;
        if signal.trace_id.is_empty() {
            return Err(BadMessage("`traceId`: empty: without it a repeat could not be known".to_owned()));
        }
        signal.direction()?;
        if !(0.0..=1.0).contains(&signal.confidence) {
            return Err(BadMessage(format!("`confidence`: {}: expected 0..=1", signal.confidence)));
        }
        if signal.model.len() > MODEL_BYTES || !signal.model.bytes().all(|b| b.is_ascii_graphic()) {
            let given = super::shown(&signal.model);
            return Err(BadMessage(format!("`model`: `{given}`: expected at most {MODEL_BYTES} ASCII characters")));
        }
        match signal.ttl_seconds {
            Some(ttl) if !(ttl > 0.0 && ttl <= 86_400.0) => {
                Err(BadMessage(format!("`ttl_seconds`: {ttl}: expected more than 0, at most 86400")))
            }
            _ => Ok(signal),
        }
    }

    /// Which way.
    ///
    /// # Errors
    /// [`BadMessage`] for another type.
    pub fn direction(&self) -> Result<Direction, BadMessage> {
        match self.kind.as_str() {
            "signal.long" => Ok(Direction::Long),
            "signal.short" => Ok(Direction::Short),
            "signal.flat" => Ok(Direction::Flat),
            other => Err(BadMessage(format!(
                "`type`: `{}`: expected signal.long, signal.short or signal.flat",
                super::shown(other)
            ))),
        }
    }
}

/// A decision as an outside agent publishes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// When it was made, ISO-8601.
    pub timestamp: String,
    /// Whose it is.
    pub source: String,
    /// The sender's trace: the same one is never followed twice.
    #[serde(rename = "traceId")]
    pub trace_id: String,
    /// What was decided.
    pub decision: String,
    /// With what.
    #[serde(default)]
    pub payload: Map<String, Value>,
}

impl Decision {
    /// Reads and checks one. Its time is checked by whoever knows the clock.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn read(bytes: &[u8], bytes_max: usize) -> Result<Self, BadMessage> {
        let decision: Self = read(bytes, bytes_max)?;
        name("source", &decision.source)?;
        name("decision", &decision.decision)?;
        trace(&decision.trace_id, COMMAND_TRACE_BYTES)?;
        if decision.trace_id.is_empty() {
            return Err(BadMessage("`traceId`: empty: without it a repeat could not be known".to_owned()));
        }
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"timestamp": "2026-01-02T03:04:05.123456", "source": "agent:002", "traceId": "abc-1",
        "type": "signal.long", "instrument": "BTCUSDT", "confidence": 0.8, "model": "scout@v260101"}"#;

    #[test]
    fn signals_are_read_and_bad_ones_say_what_is_wrong() {
        let signal = Signal::read(GOOD.as_bytes(), 1000).unwrap();
        assert_eq!((signal.direction(), signal.confidence, signal.ttl_seconds), (Ok(Direction::Long), 0.8, None));
        let check = |from: &str, to: &str, part: &str| {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let told = Signal::read(text.as_bytes(), 1000).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        };
        check("0.8", "NaN", "expected value");
        check("0.8", "1.01", "`confidence`: 1.01");
        check("0.8", "-0.01", "`confidence`: -0.01");
        check("0.8", "\"0.8\"", "`confidence`");
        check("0.8", "1e999", "out of range");
        check("signal.long", "long", "`type`: `long`");
        check("\"abc-1\"", "\"\"", "`traceId`");
        check("abc-1", "ä", "`traceId`");
        check("abc-1", &"x".repeat(65), "`traceId`");
        check("\"source\": \"agent:002\",", "", "missing field `source`");
        check("\"confidence\": 0.8", "\"confidence\": 0.8, \"ttl_seconds\": 0", "`ttl_seconds`");
        check("scout@v260101", &"m".repeat(49), "`model`");
    }

    #[test]
    fn decisions_are_read() {
        let text = r#"{"timestamp": "2026-01-02T03:04:05", "source": "milkbot", "traceId": "d-1", "decision": "halt", "payload": {}}"#;
        assert_eq!(Decision::read(text.as_bytes(), 1000).unwrap().decision, "halt");
        for (from, to, part) in [("d-1", "", "`traceId`"), ("halt", "", "`decision`"), ("{}}", "3}", "`payload`")] {
            let told = Decision::read(text.replacen(from, to, 1).as_bytes(), 1000).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }
}
