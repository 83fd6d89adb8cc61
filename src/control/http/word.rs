//! Edge: the words that a request may hold, each with its form. A request with another word is refused with what was
//! expected, before anything happens.

use crate::control::plane::ledger::REQUEST_MAX;
use crate::control::plane::scope::ScopeId;
use crate::event::operator::{REASON_BYTES, ScopeState, TICKET_BYTES, WHO_BYTES};
use serde::{Deserialize, Deserializer, de};
use utoipa::ToSchema;

/// Declares a text that is checked when it is read, with the same rule in the API's document.
macro_rules! words {
    ($( $(#[$doc:meta])* $name:ident, $pattern:expr, $expected:expr, $test:expr; )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
        #[schema(value_type = String, pattern = $pattern)]
        pub struct $name(String);

        impl $name {
            /// What it must look like, in words.
            pub const EXPECTED: &'static str = $expected;

            /// Takes a text.
            ///
            /// # Errors
            /// What was expected.
            pub fn new(text: &str) -> Result<Self, &'static str> {
                let test: fn(&str) -> bool = $test;
                if test(text) { Ok(Self(text.to_owned())) } else { Err(Self::EXPECTED) }
            }

            /// The text.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(|expected| de::Error::custom(format!("expected {expected}")))
            }
        }
    )+ };
}

words! {
    /// Who: goes into the journal.
    OperatorName, "^[A-Za-z0-9][A-Za-z0-9._@-]{0,47}$",
        "a name of 1 to 48 letters, digits and . _ @ -, beginning with a letter or digit",
        |text| id_like(text, WHO_BYTES, b"._@-");
    /// Under which ticket.
    Ticket, "^[A-Za-z0-9][A-Za-z0-9._/#-]{0,31}$",
        "a ticket of 1 to 32 letters, digits and . _ / # -, beginning with a letter or digit",
        |text| id_like(text, TICKET_BYTES, b"._/#-");
    /// Why. The journal keeps the first 128 bytes of it.
    Reason, "^[^\\u0000-\\u0020\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]{0,127}$",
        "a reason: 1 to 128 characters of text in one line, not beginning with a space",
        |text| !text.is_empty() && !text.starts_with(' ') && text.chars().count() <= 128
            && !text.chars().any(|c| c <= '\u{1f}' || ('\u{7f}'..='\u{9f}').contains(&c));
    /// The name of a limit, as `GET /limits` shows it.
    LimitName, "^[A-Za-z][A-Za-z0-9_]{0,63}$",
        "the name of a limit as `GET /limits` shows it, such as NOTIONAL_EXCEEDS_MAX_PER_ORDER",
        |text| id_like(text, 64, b"_") && text.starts_with(|c: char| c.is_ascii_alphabetic());
    /// A value in whole units, exactly.
    Amount, "^(0|[1-9][0-9]{0,17})(\\.[0-9]{1,18})?$",
        "a decimal number in quotes, such as \"1500.5\": at most 18 digits before and 18 behind the point, no sign, no exponent",
        is_amount;
}

impl Reason {
    /// As much of it as the journal keeps.
    pub fn kept(&self) -> &str {
        &self.0[..self.0.floor_char_boundary(REASON_BYTES)]
    }
}

fn id_like(text: &str, max: usize, others: &[u8]) -> bool {
    text.len() <= max
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
}

fn is_amount(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| (1..=18).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits)
}

impl Amount {
    /// The number at `decimals` decimals; `None` if it is finer than that or does not fit.
    pub fn at_scale(&self, decimals: u8) -> Option<i128> {
        let (whole, fraction) = self.0.split_once('.').unwrap_or((&self.0, ""));
        let fraction = fraction.trim_end_matches('0');
        let missing = usize::from(decimals).checked_sub(fraction.len())?;
        format!("{whole}{fraction}").parse::<i128>().ok()?.checked_mul(10i128.checked_pow(missing as u32)?)
    }
}

/// A scope in one word.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^(host|(venue|instrument|strategy):[A-Za-z0-9][A-Za-z0-9._-]{0,47})$")]
pub struct ScopeWord(pub ScopeId);

impl ScopeWord {
    /// What it must look like, in words.
    pub const EXPECTED: &'static str =
        "`host`, `venue:ID`, `instrument:ID` or `strategy:ID`, the id 1 to 48 letters, digits and . _ -";

    /// The whole host.
    pub fn host() -> Self {
        Self(ScopeId::HOST)
    }
}

impl<'de> Deserialize<'de> for ScopeWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ScopeId::parse(&text).map(Self).ok_or_else(|| de::Error::custom(format!("expected {}", Self::EXPECTED)))
    }
}

/// The direction of a position in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DirectionWord {
    /// Above zero.
    Long,
    /// Below zero.
    Short,
}

/// A trading state in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateWord {
    /// Trade.
    Active,
    /// Only make positions smaller.
    Reducing,
    /// Only cancel.
    Halted,
}

impl From<StateWord> for ScopeState {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Active => Self::Active,
            StateWord::Reducing => Self::Reducing,
            StateWord::Halted => Self::Halted,
        }
    }
}

/// Number of a request, chosen by who asks, so that a repeat after a time-out has no second effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = u64, minimum = 1, maximum = 9_007_199_254_740_991u64)]
pub struct RequestNumber(pub u64);

/// Number of a kill, as `GET /state` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = u64, minimum = 1, maximum = 4_294_967_295u64)]
pub struct KillNumber(pub u32);

/// Seconds until a target counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = u64, minimum = 1, maximum = 86_400u64)]
pub struct TtlSeconds(pub u32);

/// A whole number from 1 to `max`.
fn whole<'de, D: Deserializer<'de>>(deserializer: D, max: u64) -> Result<u64, D::Error> {
    // JSON knows one kind of number: 5.0 is the integer 5 there.
    let number = serde_json::Number::deserialize(deserializer)?;
    let whole = number
        .as_u64()
        .or_else(|| number.as_f64().filter(|f| f.fract() == 0.0 && (0.0..=max as f64).contains(f)).map(|f| f as u64));
    whole
        .filter(|n| (1..=max).contains(n))
        .ok_or_else(|| de::Error::custom(format!("expected a whole number from 1 to {max}")))
}

impl<'de> Deserialize<'de> for RequestNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, REQUEST_MAX).map(Self)
    }
}

impl<'de> Deserialize<'de> for KillNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // It fits: the bound is that of the type.
        whole(deserializer, u64::from(u32::MAX)).map(|n| Self(n as u32))
    }
}

impl<'de> Deserialize<'de> for TtlSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 86_400).map(|n| Self(n as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, decimals, expected) in [
            ("1500.5", 8, Some(150_050_000_000)),
            ("0", 0, Some(0)),
            ("1.50", 1, Some(15)),
            ("1.55", 1, None),
            ("5.000", 0, Some(5)),
            ("999999999999999999.999999999999999999", 18, Some(10i128.pow(36) - 1)),
            ("999999999999999999", 30, None),
        ] {
            assert_eq!(Amount::new(text).unwrap().at_scale(decimals), expected, "{text} at {decimals}");
        }
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "01", "1e3", "1 ", "٣", "1.0000000000000000000", "1000000000000000000"]
        {
            assert!(Amount::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reasons_are_one_line_and_cut_at_a_character() {
        assert!(Reason::new("drill: nach Plan, §4").is_ok());
        for text in ["", " x", "a\nb", "a\u{0}", "a\u{7f}", &"x".repeat(129)] {
            assert!(Reason::new(text).is_err(), "{text:?}");
        }
        assert_eq!(Reason::new(&"é".repeat(128)).unwrap().kept(), "é".repeat(64));
    }

    #[test]
    fn names_and_tickets_have_a_form() {
        for good in ["ada", "a.b-c_d@desk.example", "7"] {
            assert!(OperatorName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a b", "é", "a/b", &"a".repeat(49)] {
            assert!(OperatorName::new(bad).is_err(), "{bad}");
        }
        assert!(
            Ticket::new("OPS-1/2#3").is_ok() && Ticket::new("#3").is_err() && Ticket::new(&"a".repeat(33)).is_err()
        );
        assert!(LimitName::new("A_B").is_ok() && LimitName::new("1A").is_err());
    }

    #[test]
    fn numbers_of_requests_stay_exact() {
        let read = |text: &str| serde_json::from_str::<RequestNumber>(text).ok().map(|n| n.0);
        assert_eq!(read("1"), Some(1));
        assert_eq!(read("5.0"), Some(5));
        assert_eq!(read("9007199254740991"), Some(REQUEST_MAX));
        let ttl = |text: &str| serde_json::from_str::<TtlSeconds>(text).ok().map(|n| n.0);
        let kill = |text: &str| serde_json::from_str::<KillNumber>(text).ok().map(|n| n.0);
        assert_eq!((ttl("86400"), ttl("86400.0"), ttl("86401"), ttl("0")), (Some(86_400), Some(86_400), None, None));
        assert_eq!((kill("4294967295"), kill("4294967296"), kill("0")), (Some(u32::MAX), None, None));
        for bad in ["0", "-1", "1.5", "9007199254740992", "1e300", "\"1\"", "null"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
