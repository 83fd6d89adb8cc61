//! Hot: configuration of the feature stage; read at the start only.

use super::{AnyFeature, Feature, KINDS};
use crate::event::feature::FEATURES_MAX;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Which features the host computes, in the order of their index in `FeatureSection::values`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// At most [`FEATURES_MAX`].
    pub features: Vec<FeatureConfig>,
}

/// One feature. The keys beside `name` and `kind` are the parameters of its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureConfig {
    /// The name that models and exports use; empty = the kind. Unique; letters, digits and `_`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// Parameters; those left out have their defaults.
    #[serde(flatten)]
    pub params: Table,
}

impl FeatureConfig {
    /// A feature of `kind` named `name`, with `params` different from the defaults.
    pub fn new(name: &str, kind: &str, params: &[(&str, Value)]) -> Self {
        let params = params.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Self { name: name.to_owned(), kind: kind.to_owned(), params }
    }

    /// The name that holds.
    pub fn name(&self) -> &str {
        if self.name.is_empty() { &self.kind } else { &self.name }
    }
}

impl Default for Config {
    /// The standard set: 16 features, all warm within 40 seconds of a live market.
    fn default() -> Self {
        let text = |t: &str| Value::String(t.to_owned());
        let set = FeatureConfig::new;
        Self {
            features: vec![
                set("spread", "spread", &[]),
                set("spread_bps", "spread", &[("unit", text("bps"))]),
                set("mid", "mid", &[]),
                set("weighted_mid", "weighted_mid", &[]),
                set("weighted_mid_bps", "weighted_mid", &[("output", text("bps"))]),
                set("top_imbalance", "top_imbalance", &[]),
                set("depth_imbalance_5", "depth_imbalance", &[("levels", Value::Integer(5))]),
                set("ofi", "ofi", &[]),
                set("trade_flow", "trade_flow", &[]),
                set("ewma_return", "ewma_return", &[]),
                set("realized_vol", "realized_vol", &[]),
                set("vwap", "vwap", &[]),
                set("rsi", "rsi", &[]),
                set("macd", "macd", &[("output", text("histogram"))]),
                set("atr", "atr", &[]),
                set("bollinger_b", "bollinger", &[("output", text("percent_b"))]),
            ],
        }
    }
}

/// What is wrong with the parameters of one feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParamFault {
    /// A key that its kind does not have.
    Unknown { key: String, known: Vec<String> },
    /// A value that is not allowed.
    Bad(String),
}

/// Why a feature configuration does not load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// More features than the section has room for.
    #[error("feature.features: {count} features, at most {FEATURES_MAX} are allowed")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A name twice.
    #[error("feature.features[{index}]: the name `{name}` is used twice; give one of them another `name`")]
    Duplicate {
        /// Position of the second.
        index: usize,
        /// The name.
        name: String,
    },
    /// A name that models could not write.
    #[error("feature.features[{index}]: the name `{name}` is not allowed: letters, digits and `_`, 1 to 48 of them")]
    BadName {
        /// Position.
        index: usize,
        /// The name.
        name: String,
    },
    /// No such kind.
    #[error("feature.features[{index}] `{name}`: unknown kind `{kind}`{}; known: {}", hint(.nearest.as_deref()), KINDS.join(", "))]
    UnknownKind {
        /// Position.
        index: usize,
        /// Name of the feature.
        name: String,
        /// The kind that was asked for.
        kind: String,
        /// The known kind that looks most like it.
        nearest: Option<String>,
    },
    /// No such parameter.
    #[error("feature.features[{index}] `{name}` ({kind}): unknown parameter `{key}`{hint}")]
    UnknownParam {
        /// Position.
        index: usize,
        /// Name of the feature.
        name: String,
        /// Its kind.
        kind: String,
        /// The key.
        key: String,
        /// The known one that looks most like it, and all known ones, as they stand in the message.
        hint: String,
    },
    /// A value that is not allowed.
    #[error("feature.features[{index}] `{name}` ({kind}): {fault}")]
    BadParam {
        /// Position.
        index: usize,
        /// Name of the feature.
        name: String,
        /// Its kind.
        kind: String,
        /// What is wrong, and what is allowed.
        fault: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// The name that looks most like `wrong`, if any does at all.
fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

/// A cold `F` with `params`.
pub(crate) fn build<F: Feature>(params: &Table) -> Result<F, ParamFault> {
    let known = Table::try_from(F::Params::default()).map_err(|e| ParamFault::Bad(e.to_string()))?;
    if let Some(key) = params.keys().find(|key| !known.contains_key(*key)) {
        return Err(ParamFault::Unknown { key: key.clone(), known: known.keys().cloned().collect() });
    }
    let params: F::Params =
        Value::Table(params.clone()).try_into().map_err(|e| ParamFault::Bad(e.to_string().trim().to_owned()))?;
    F::new(&params).map_err(ParamFault::Bad)
}

impl Config {
    /// The cold features and their names, in order.
    pub(crate) fn build(&self) -> Result<(Vec<String>, Vec<AnyFeature>), ConfigError> {
        if self.features.len() > FEATURES_MAX {
            return Err(ConfigError::TooMany { count: self.features.len() });
        }
        let mut names: Vec<String> = Vec::with_capacity(self.features.len());
        let mut cold = Vec::with_capacity(self.features.len());
        for (index, feature) in self.features.iter().enumerate() {
            let (name, kind) = (feature.name().to_owned(), feature.kind.clone());
            if names.contains(&name) {
                return Err(ConfigError::Duplicate { index, name });
            }
            match AnyFeature::build(&kind, &feature.params) {
                None => {
                    let nearest = nearest(&kind, KINDS.iter().copied());
                    return Err(ConfigError::UnknownKind { index, name, kind, nearest });
                }
                Some(Err(ParamFault::Unknown { key, known })) => {
                    let nearest = nearest(&key, known.iter().map(String::as_str));
                    let hint = format!("{}; known: {}", hint(nearest.as_deref()), known.join(", "));
                    return Err(ConfigError::UnknownParam { index, name, kind, key, hint });
                }
                Some(Err(ParamFault::Bad(fault))) => return Err(ConfigError::BadParam { index, name, kind, fault }),
                Some(Ok(built)) => cold.push(built),
            }
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.len() > 48 || !name.chars().all(allowed) {
                return Err(ConfigError::BadName { index, name });
            }
            names.push(name);
        }
        Ok((names, cold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, expected: &str) {
        let config: Config = toml::from_str(toml).unwrap();
        match config.build() {
            Ok(_) => assert_eq!("ok", expected, "{toml}"),
            Err(e) => assert!(e.to_string().contains(expected), "{toml}\ngave: {e}"),
        }
    }

    #[test]
    fn errors_say_what_where_and_what_is_allowed() {
        check("", "ok");
        check("features = []", "ok");
        check("[[features]]\nkind = 'rsi'\ninterval = '1m'\nperiod = 9", "ok");
        check("[[features]]\nkind = 'sprad'", "unknown kind `sprad`, did you mean `spread`?; known: spread, mid");
        check(
            "[[features]]\nkind = 'rsi'\nperoid = 9",
            "`rsi` (rsi): unknown parameter `peroid`, did you mean `period`?",
        );
        check("[[features]]\nkind = 'rsi'\nperiod = 0", "`period` must be 1..=1000, not 0");
        check(
            "[[features]]\nkind = 'rsi'\ninterval = '2s'",
            "unknown variant `2s`, expected one of `1s`, `1m`, `5m`, `1h`",
        );
        check("[[features]]\nkind = 'depth_imbalance'\nlevels = 7", "`levels` must be 5 or 10, not 7");
        check("[[features]]\nkind = 'mid'\n[[features]]\nkind = 'mid'", "features[1]: the name `mid` is used twice");
        check("[[features]]\nkind = 'mid'\nname = 'a b'", "the name `a b` is not allowed");
        check(&"[[features]]\nkind = 'mid'\n".repeat(41), "41 features, at most 40");
        assert!(toml::from_str::<Config>("feature = []").is_err(), "unknown keys are refused");
    }

    #[test]
    fn the_standard_set_survives_a_round_trip() {
        let config = Config::default();
        let text = toml::to_string(&config).unwrap();
        let again: Config = toml::from_str(&text).unwrap();
        assert_eq!(again, config);
        let (names, _) = again.build().unwrap();
        assert_eq!(names.len(), 16);
    }

    #[test]
    fn every_kind_builds_with_its_defaults() {
        for kind in KINDS {
            assert!(matches!(AnyFeature::build(kind, &Table::new()), Some(Ok(_))), "{kind}");
        }
    }
}
