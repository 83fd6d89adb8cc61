//! Edge: what a command is about, in one word: `host`, `venue:binance_usdm`, `instrument:BTCUSDT.BINANCE_USDM`,
//! `strategy:0`. The same word in paths, bodies, on the command line and in answers.

use crate::event::operator::Scope;

/// Longest id behind the colon, in bytes.
const ID_MAX: usize = 48;

/// A scope and, unless it is the host, whose. The host resolves the id; here only its form is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeId {
    scope: Scope,
    id: String,
}

impl ScopeId {
    /// The whole host.
    pub const HOST: Self = Self { scope: Scope::Host, id: String::new() };

    /// Reads the word; `None` for anything that is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if text == Scope::Host.name() {
            return Some(Self::HOST);
        }
        let (scope, id) = text.split_once(':')?;
        let scope = Scope::from_name(scope).filter(|scope| *scope != Scope::Host)?;
        let mut letters = id.bytes();
        let first = letters.next()?.is_ascii_alphanumeric();
        let rest = letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        (first && rest && id.len() <= ID_MAX).then(|| Self { scope, id: id.to_owned() })
    }

    /// Of what kind.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The id behind the colon; empty for the host.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl std::fmt::Display for ScopeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.scope {
            Scope::Host => f.write_str(Scope::Host.name()),
            scope => write!(f, "{}:{}", scope.name(), self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_read_and_written() {
        for text in ["host", "venue:binance_usdm", "instrument:BTCUSDT.BINANCE_USDM", "strategy:0"] {
            assert_eq!(ScopeId::parse(text).unwrap().to_string(), text);
        }
        let id = "a".repeat(48);
        assert_eq!(ScopeId::parse(&format!("strategy:{id}")).unwrap().id(), id);
    }

    #[test]
    fn anything_else_is_no_scope() {
        for text in
            ["", "Host", "host:", "host:x", "venue", "venue:", "desk:1", "venue:.x", "venue:a b", "venue:é", "a:b:c"]
        {
            assert_eq!(ScopeId::parse(text), None, "{text}");
        }
        assert_eq!(ScopeId::parse(&format!("strategy:{}", "a".repeat(49))), None);
    }
}
