//! Edge: who crossed a threshold of what a provider's budget allows: a pure state machine, exact to the last digit; and the host's
//! own spending. Source: the agents' protocol, section 5.

use crate::acp::names::Names;
use crate::acp::ops::Level;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::str::FromStr as _;

/// Longest number that is read, in bytes.
pub const BYTES_MAX: usize = 64;
/// Agents and providers that are tracked.
const TRACKED_MAX: usize = 4_096;

/// An exact decimal; `None` for anything else.
pub fn parse_amount(text: &str) -> Option<Decimal> {
    if text.is_empty()
        || text.len() > BYTES_MAX
        || !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'))
    {
        return None;
    }
    Decimal::from_str(text).ok()
}

/// A threshold that was crossed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// [`Level::Warning`] above 90 % of the limit, [`Level::Critical`] above all of it.
    pub level: Level,
    /// Whose use.
    pub agent: String,
    /// Of whom.
    pub provider: String,
    /// Used.
    pub usage: Decimal,
    /// Allowed.
    pub limit: Decimal,
}

impl Crossed {
    /// For people.
    pub fn message(&self) -> String {
        let Self { agent, provider, usage, limit, .. } = self;
        match self.level {
            Level::Critical => format!("{agent} is over its {provider} budget: {usage}/{limit}"),
            Level::Warning | Level::Info => format!("Near {provider} limit: {agent} has used {usage}/{limit}"),
        }
    }
}

/// What came of a look at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A threshold was crossed.
    Crossed(Crossed),
    /// The value is no number: told once, until it is one.
    Junk {
        /// Whose.
        agent: String,
        /// Of whom.
        provider: String,
        /// The value, cut.
        value: String,
    },
    /// There is no room to track one more: told once.
    Full {
        /// Whose not.
        agent: String,
    },
}

/// Which thresholds are crossed, as a number that can be kept: 0, 1 = warning, 2 = critical.
#[derive(Clone, Debug, Default)]
struct Tracked {
    crossed: u8,
    junk: bool,
    usage: Decimal,
}

/// All budgets.
#[derive(Clone, Debug)]
pub struct Budgets {
    limits: BTreeMap<String, Decimal>,
    tracked: BTreeMap<(String, String), Tracked>,
    full_told: bool,
}

impl Budgets {
    /// With the limits of the providers.
    pub fn new(limits: impl IntoIterator<Item = (String, Decimal)>) -> Self {
        Self { limits: limits.into_iter().collect(), tracked: BTreeMap::new(), full_told: false }
    }

    /// Whether any provider has a limit.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Agent and provider of what stands behind `{prefix}:budget:`; `None` if it is of no provider that has a limit. Ids may have
    /// colons.
    pub fn split<'a>(&self, rest: &'a str) -> Option<(&'a str, &'a str)> {
        let (agent, provider) = rest.rsplit_once(':')?;
        (!agent.is_empty() && self.limits.contains_key(provider)).then_some((agent, provider))
    }

    /// Has known before this start that thresholds were crossed.
    pub fn was_crossed(&mut self, agent: &str, provider: &str, crossed: u8) {
        if self.tracked.len() < TRACKED_MAX && self.limits.contains_key(provider) {
            self.tracked.entry((agent.to_owned(), provider.to_owned())).or_default().crossed = crossed.min(2);
        }
    }

    /// What is to be kept of it: 0, 1 or 2.
    pub fn crossed(&self, agent: &str, provider: &str) -> u8 {
        self.tracked.get(&(agent.to_owned(), provider.to_owned())).map_or(0, |tracked| tracked.crossed)
    }

    fn tracked(&mut self, agent: &str, provider: &str) -> Option<&mut Tracked> {
        let key = (agent.to_owned(), provider.to_owned());
        if self.tracked.len() >= TRACKED_MAX && !self.tracked.contains_key(&key) {
            return None;
        }
        Some(self.tracked.entry(key).or_default())
    }

    fn full(&mut self, agent: &str) -> Vec<Told> {
        let news = !std::mem::replace(&mut self.full_told, true);
        news.then(|| Told::Full { agent: agent.to_owned() }).into_iter().collect()
    }

    /// What a key says now: `text` as it stands, empty if there is none.
    pub fn read(&mut self, agent: &str, provider: &str, text: &str) -> Vec<Told> {
        let usage = if text.is_empty() { Some(Decimal::ZERO) } else { parse_amount(text) };
        if let Some(usage) = usage {
            return self.used(agent, provider, usage);
        }
        if !self.limits.contains_key(provider) {
            return Vec::new();
        }
        let Some(tracked) = self.tracked(agent, provider) else { return self.full(agent) };
        let news = !std::mem::replace(&mut tracked.junk, true);
        let junk = || Told::Junk {
            agent: agent.to_owned(),
            provider: provider.to_owned(),
            value: text.chars().take(BYTES_MAX).collect(),
        };
        news.then(junk).into_iter().collect()
    }

    /// `agent` has used `usage` of `provider` so far. Each threshold is told when it is crossed, and again only when the use was
    /// not above it meanwhile.
    pub fn used(&mut self, agent: &str, provider: &str, usage: Decimal) -> Vec<Told> {
        let Some(&limit) = self.limits.get(provider) else { return Vec::new() };
        let Some(tracked) = self.tracked(agent, provider) else { return self.full(agent) };
        (tracked.usage, tracked.junk) = (usage, false);
        let now = crossed_by(usage, limit);
        let before = std::mem::replace(&mut tracked.crossed, now);
        let told = |level| {
            Told::Crossed(Crossed { level, agent: agent.to_owned(), provider: provider.to_owned(), usage, limit })
        };
        (before..now).map(|step| told(if step == 0 { Level::Warning } else { Level::Critical })).collect()
    }

    /// Those that are above a threshold, in words.
    pub fn above(&self) -> Vec<String> {
        let words = |((agent, provider), tracked): (&(String, String), &Tracked)| {
            let limit = self.limits.get(provider)?;
            (tracked.crossed > 0).then(|| format!("{agent} {provider} {}/{limit}", tracked.usage))
        };
        self.tracked.iter().filter_map(words).collect()
    }
}

/// How many thresholds `usage` is above: 90 % of the limit, the limit.
fn crossed_by(usage: Decimal, limit: Decimal) -> u8 {
    // Exact: a limit of up to 28 digits has room for one more behind its point, and one that has none is far beyond money.
    let nearly = limit.checked_mul(Decimal::new(9, 1)).unwrap_or(limit);
    u8::from(usage > nearly) + u8::from(usage > limit)
}

/// Books what this host's `agent` used of `provider`; what it has used so far. It is the value that the store made of it: one that
/// is read behind it would have others' in it.
///
/// # Errors
/// [`Trouble`]: whether it was booked is not known if the store did not answer.
pub async fn spend(
    connection: &mut Link,
    names: &Names,
    agent: &str,
    provider: &str,
    cost: Decimal,
) -> Result<Decimal, Trouble> {
    let key = names.budget(agent, provider);
    let text: String =
        redis::cmd("INCRBYFLOAT").arg(&key).arg(cost.normalize().to_string()).query_async(connection).await?;
    parse_amount(&text)
        .ok_or_else(|| Trouble(format!("Redis: `{key}` holds {text}, which is beyond what can be counted")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(told: &[Told]) -> Vec<String> {
        let word = |told: &Told| match told {
            Told::Crossed(crossed) => format!("{} {}", crossed.level.name(), crossed.usage),
            Told::Junk { value, .. } => format!("junk {value}"),
            Told::Full { agent } => format!("full {agent}"),
        };
        told.iter().map(word).collect()
    }

    fn budgets() -> Budgets {
        Budgets::new([("openai".to_owned(), Decimal::new(1000, 1))])
    }

    #[test]
    fn each_threshold_is_told_once_for_each_crossing() {
        let check = |values: &[&str], expected: &[&str]| {
            let mut budgets = budgets();
            let told: Vec<String> =
                values.iter().flat_map(|value| words(&budgets.read("agent:002", "openai", value))).collect();
            assert_eq!(told, expected, "{values:?}");
        };
        check(&["0", "89.99", "90", "90.0"], &[]);
        check(&["90.00000000000000001", "91", "100"], &["warning 90.00000000000000001"]);
        check(&["95", "100.1", "150"], &["warning 95", "critical 100.1"]);
        check(&["150"], &["warning 150", "critical 150"]);
        // A reset, and crossed anew; without one, nothing.
        check(&["95", "0", "95"], &["warning 95", "warning 95"]);
        check(&["95", "", "95"], &["warning 95", "warning 95"]);
        check(&["101", "95", "101"], &["warning 101", "critical 101", "critical 101"]);
        check(&["x", "y", "95", "z", "95"], &["junk x", "warning 95", "junk z"]);
        check(&["nan", "inf", "1e400", "-5"], &["junk nan"]);
        check(
            &["99999999999999999999999999999999999999999999"],
            &["junk 99999999999999999999999999999999999999999999"],
        );
        // What a float would lose.
        check(
            &["90.0000000000000000001", "100.0000000000000000001"],
            &["warning 90.0000000000000000001", "critical 100.0000000000000000001"],
        );
    }

    #[test]
    fn ids_have_colons_and_providers_without_a_limit_are_left_out() {
        let mut budgets = budgets();
        assert_eq!(budgets.split("agent:002:openai"), Some(("agent:002", "openai")));
        assert_eq!(
            (budgets.split("agent:002:other"), budgets.split("openai"), budgets.split(":openai")),
            (None, None, None)
        );
        assert!(budgets.read("a", "other", "1000").is_empty() && budgets.read("a", "other", "junk").is_empty());
        budgets.was_crossed("a", "openai", 1);
        assert_eq!(
            words(&budgets.read("a", "openai", "101")),
            ["critical 101"],
            "the warning was told before the start"
        );
        assert_eq!((budgets.crossed("a", "openai"), budgets.crossed("b", "openai")), (2, 0));
        assert_eq!(budgets.above(), ["a openai 101/100.0"]);
    }

    #[test]
    fn there_is_an_end_to_what_is_tracked() {
        let mut budgets = budgets();
        for number in 0..TRACKED_MAX {
            assert!(budgets.read(&number.to_string(), "openai", "1").is_empty());
        }
        assert_eq!(words(&budgets.read("more", "openai", "95")), ["full more"]);
        assert!(budgets.read("more", "openai", "95").is_empty());
        assert_eq!(words(&budgets.read("7", "openai", "95")), ["warning 95"]);
    }

    proptest! {
        /// Two independent thresholds, each an edge of "is above".
        #[test]
        fn it_agrees_with_two_edges(values in prop::collection::vec(0i64..20_000, 1..40)) {
            let (mut budgets, mut was) = (budgets(), [false; 2]);
            for value in values {
                let usage = Decimal::new(value, 2);
                let is = [value > 9_000, value > 10_000];
                let expected: Vec<&str> = ["warning", "critical"]
                    .into_iter()
                    .zip(was.iter().zip(&is))
                    .filter(|(_, (was, is))| !**was && **is)
                    .map(|(word, _)| word)
                    .collect();
                let told = budgets.used("a", "openai", usage);
                let told: Vec<&str> = told.iter().map(|told| match told {
                    Told::Crossed(crossed) => crossed.level.name(),
                    _ => "?",
                }).collect();
                prop_assert_eq!(told, expected);
                was = is;
            }
        }

        #[test]
        fn nothing_that_is_given_panics(text in ".{0,80}") {
            let _ = budgets().read("a", "openai", &text);
        }
    }
}
