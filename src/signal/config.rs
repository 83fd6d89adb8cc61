//! Hot: configuration of the signal stage; read at the start only.

use super::{AnyModel, KINDS, Model};
use crate::event::feature::FEATURES_MAX;
use crate::event::signal::VOTES_MAX;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The models and how they vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Votes that must be cast for a signal, at least 1 and at most the number of models (if there are any).
    pub quorum: u32,
    /// Share of the cast weight that must point the way of the result, 0..=1; a flat result needs none.
    pub agreement_min: f64,
    /// Size of the ensemble's score below which the result is flat, 0..=1.
    pub score_min: f64,
    /// At most [`VOTES_MAX`].
    pub models: Vec<ModelConfig>,
}

/// One model. The keys beside the named ones are the parameters of its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Its name: letters, digits and `_`. Unique together with the version.
    pub name: String,
    /// Its version, `vYYMMDD`. What people read is `name@vYYMMDD`.
    pub version: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// Its weight in the vote, above 0.
    #[serde(default = "one")]
    pub weight: f64,
    /// Parameters; those left out have their defaults.
    #[serde(flatten)]
    pub params: Table,
}

fn one() -> f64 {
    1.0
}

impl ModelConfig {
    /// The tag that names it in exports: `name@vYYMMDD`.
    pub fn tag(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

impl Default for Config {
    /// One linear model of the book and the flow, and one rule on the flow, by equal votes. The weights are hand-set,
    /// and nothing is claimed of what they earn.
    fn default() -> Self {
        let model = |name: &str, kind: &str, params: Table| ModelConfig {
            name: name.to_owned(),
            version: "v261121".to_owned(),
            kind: kind.to_owned(),
            weight: 1.0,
            params,
        };
        let table = |entries: &[(&str, f64)]| -> Table {
            entries.iter().map(|(key, value)| ((*key).to_owned(), Value::Float(*value))).collect()
        };
        let mut linear = Table::new();
        linear.insert("link".to_owned(), Value::String("tanh".to_owned()));
        linear.insert("score_min".to_owned(), Value::Float(0.2));
        let weights = table(&[("top_imbalance", 0.5), ("ofi", 0.3), ("trade_flow", 0.3), ("weighted_mid_bps", 0.2)]);
        linear.insert("weights".to_owned(), Value::Table(weights));
        let mut standardize = Table::new();
        standardize.insert("ofi".to_owned(), Value::Table(table(&[("mean", 0.0), ("scale", 5.0)])));
        linear.insert("standardize".to_owned(), Value::Table(standardize));

        let mut rule = table(&[("long_above", 0.6), ("long_exit", 0.3), ("short_below", -0.6), ("short_exit", -0.3)]);
        rule.insert("feature".to_owned(), Value::String("trade_flow".to_owned()));
        Self {
            quorum: 1,
            agreement_min: 0.5,
            score_min: 0.1,
            models: vec![model("book", "linear", linear), model("flow", "threshold", rule)],
        }
    }
}

/// What is wrong with the parameters of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A parameter that its kind does not have.
    UnknownParam {
        /// The key.
        key: String,
        /// All known ones.
        known: Vec<String>,
    },
    /// A feature that is not configured.
    UnknownFeature {
        /// The name.
        feature: String,
    },
    /// A value that is not allowed: what is wrong, and what is allowed.
    Bad(String),
}

/// Names of the configured features, to look up.
#[derive(Clone, Copy, Debug)]
pub struct FeatureIndex<'a> {
    names: &'a [String],
}

impl<'a> FeatureIndex<'a> {
    /// Over `names`, in the order of `FeatureSection::values`.
    pub fn new(names: &'a [String]) -> Self {
        Self { names }
    }

    /// The index of `feature`, below `FEATURES_MAX`.
    ///
    /// # Errors
    /// [`Fault::UnknownFeature`].
    pub fn find(&self, feature: &str) -> Result<usize, Fault> {
        let found = self.names.iter().take(FEATURES_MAX).position(|name| name == feature);
        found.ok_or_else(|| Fault::UnknownFeature { feature: feature.to_owned() })
    }
}

/// Why a signal configuration does not load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// More models than the section has room for.
    #[error("signal.models: {count} models, at most {VOTES_MAX} are allowed")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A value of the ensemble that is not allowed.
    #[error("signal.{key}: {fault}")]
    Bad {
        /// The key.
        key: &'static str,
        /// What is wrong, and what is allowed.
        fault: String,
    },
    /// No such kind.
    #[error("signal.models[{index}] `{tag}`: unknown kind `{kind}`{}; known: {}", hint(.nearest.as_deref()), KINDS.join(", "))]
    UnknownKind {
        /// Position.
        index: usize,
        /// Tag of the model.
        tag: String,
        /// The kind that was asked for.
        kind: String,
        /// The known kind that looks most like it.
        nearest: Option<String>,
    },
    /// No such parameter.
    #[error("signal.models[{index}] `{tag}`: unknown parameter `{key}`{}; known: {}", hint(.nearest.as_deref()), .known.join(", "))]
    UnknownParam {
        /// Position.
        index: usize,
        /// Tag of the model.
        tag: String,
        /// The key.
        key: String,
        /// The known one that looks most like it.
        nearest: Option<String>,
        /// All known ones.
        known: Vec<String>,
    },
    /// No such feature.
    #[error("signal.models[{index}] `{tag}`: no feature named `{feature}` is configured{}; there are: {}", hint(.nearest.as_deref()), .known.join(", "))]
    UnknownFeature {
        /// Position.
        index: usize,
        /// Tag of the model.
        tag: String,
        /// The feature that was asked for.
        feature: String,
        /// The configured one that looks most like it.
        nearest: Option<String>,
        /// All configured ones.
        known: Vec<String>,
    },
    /// A value of a model that is not allowed.
    #[error("signal.models[{index}] `{tag}`: {fault}")]
    BadModel {
        /// Position.
        index: usize,
        /// Tag of the model.
        tag: String,
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

/// An `M` with `params`.
pub(crate) fn build<M: Model>(params: &Table, features: &FeatureIndex<'_>, instruments_max: usize) -> Result<M, Fault> {
    let known = Table::try_from(M::Params::default()).map_err(|e| Fault::Bad(e.to_string()))?;
    if let Some(key) = params.keys().find(|key| !known.contains_key(*key)) {
        return Err(Fault::UnknownParam { key: key.clone(), known: known.keys().cloned().collect() });
    }
    let params: M::Params =
        Value::Table(params.clone()).try_into().map_err(|e| Fault::Bad(e.to_string().trim().to_owned()))?;
    M::new(&params, features, instruments_max)
}

/// A model with its place in the vote.
#[derive(Debug)]
pub(crate) struct Voter {
    pub(crate) model: AnyModel,
    pub(crate) weight: f64,
}

impl Config {
    /// The models, in order.
    pub(crate) fn build(&self, feature_names: &[String], instruments_max: usize) -> Result<Vec<Voter>, ConfigError> {
        let count = self.models.len();
        if count > VOTES_MAX {
            return Err(ConfigError::TooMany { count });
        }
        let bad = |key, fault| Err(ConfigError::Bad { key, fault });
        if !(0.0..=1.0).contains(&self.agreement_min) {
            return bad("agreement_min", format!("must be 0..=1, not {}", self.agreement_min));
        }
        if !(0.0..=1.0).contains(&self.score_min) {
            return bad("score_min", format!("must be 0..=1, not {}", self.score_min));
        }
        if self.quorum < 1 || (count > 0 && self.quorum as usize > count) {
            return bad("quorum", format!("must be 1..={}, the number of models, not {}", count.max(1), self.quorum));
        }
        let features = FeatureIndex::new(feature_names);
        let mut voters = Vec::with_capacity(count);
        for (index, config) in self.models.iter().enumerate() {
            let tag = config.tag();
            if let Some(fault) = self.head_fault(index) {
                return Err(ConfigError::BadModel { index, tag, fault });
            }
            let model = match AnyModel::build(&config.kind, &config.params, &features, instruments_max) {
                Some(Ok(model)) => model,
                None => {
                    let nearest = nearest(&config.kind, KINDS.iter().copied());
                    return Err(ConfigError::UnknownKind { index, tag, kind: config.kind.clone(), nearest });
                }
                Some(Err(Fault::UnknownParam { key, known })) => {
                    let nearest = nearest(&key, known.iter().map(String::as_str));
                    return Err(ConfigError::UnknownParam { index, tag, key, nearest, known });
                }
                Some(Err(Fault::UnknownFeature { feature })) => {
                    let nearest = nearest(&feature, feature_names.iter().map(String::as_str));
                    let known = feature_names.to_vec();
                    return Err(ConfigError::UnknownFeature { index, tag, feature, nearest, known });
                }
                Some(Err(Fault::Bad(fault))) => return Err(ConfigError::BadModel { index, tag, fault }),
            };
            voters.push(Voter { model, weight: config.weight });
        }
        Ok(voters)
    }

    /// What is wrong with name, version or weight of model `index`.
    fn head_fault(&self, index: usize) -> Option<String> {
        let model = &self.models[index];
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let version = model.version.strip_prefix('v').unwrap_or_default();
        if model.name.is_empty() || model.name.len() > 48 || !model.name.chars().all(allowed) {
            Some(format!("the name `{}` is not allowed: letters, digits and `_`, 1 to 48 of them", model.name))
        } else if version.len() != 6 || !version.bytes().all(|b| b.is_ascii_digit()) {
            Some(format!("the version `{}` is not allowed: `v` and six digits, vYYMMDD", model.version))
        } else if !(model.weight > 0.0 && model.weight <= 1e6) {
            Some(format!("`weight` must be above 0 and at most 1000000, not {}", model.weight))
        } else if self.models[..index].iter().any(|m| m.tag() == model.tag()) {
            Some("this tag is used twice; give one of them another name or version".to_owned())
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn names() -> Vec<String> {
        ["top_imbalance", "ofi", "trade_flow", "weighted_mid_bps"].map(str::to_owned).into()
    }

    fn check(toml: &str, expected: &str) {
        let config: Config = toml::from_str(toml).unwrap();
        match config.build(&names(), 1) {
            Ok(_) => assert_eq!("ok", expected, "{toml}"),
            Err(e) => assert!(e.to_string().contains(expected), "{toml}\ngave: {e}"),
        }
    }

    fn check_model(lines: &str, expected: &str) {
        check(&format!("[[models]]\nname='m'\nversion='v261121'\n{lines}"), expected);
    }

    #[test]
    fn errors_say_what_where_and_what_is_allowed() {
        check("", "ok");
        check("models = []", "ok");
        check("quorum = 0", "signal.quorum: must be 1..=2, the number of models, not 0");
        check("quorum = 3", "not 3");
        check("agreement_min = 1.5", "signal.agreement_min: must be 0..=1, not 1.5");
        check("score_min = nan", "signal.score_min: must be 0..=1");
        check_model("kind='linear'\nweights={ofi=1.0}", "ok");
        check_model(
            "kind='linar'",
            "signal.models[0] `m@v261121`: unknown kind `linar`, did you mean `linear`?; known: linear, threshold",
        );
        check_model("kind='linear'\nwieghts={ofi=1.0}", "unknown parameter `wieghts`, did you mean `weights`?");
        check_model(
            "kind='linear'\nweights={ofl=1.0}",
            "no feature named `ofl` is configured, did you mean `ofi`?; there are: top_imbalance, ofi",
        );
        check_model("kind='linear'\nweights={}", "`weights` must name at least one feature");
        check_model("kind='linear'\nweights={ofi=inf}", "`weights.ofi` must be finite");
        check_model("kind='linear'\nweights={ofi=1.0}\nstandardize={ofi={mean=0.0,scale=0.0}}", "`standardize.ofi`");
        check_model("kind='linear'\nweights={ofi=1.0}\nstandardize={trade_flow={mean=0.0,scale=1.0}}", "has no weight");
        check_model("kind='linear'\nweights={ofi=1.0}\nlink='relu'", "expected `tanh` or `logistic`");
        check_model("kind='linear'\nweight=0.0\nweights={ofi=1.0}", "`weight` must be above 0");
        check_model("kind='threshold'\nfeature='ofi'\nlong_above=1.0\nlong_exit=2.0", "must be in this order");
        check_model("kind='threshold'", "`feature` must be given");
        check("[[models]]\nname='m'\nversion='v2'\nkind='linear'", "the version `v2` is not allowed");
        check("[[models]]\nname='m m'\nversion='v261121'\nkind='linear'", "the name `m m` is not allowed");
        let twice = "[[models]]\nname='m'\nversion='v261121'\nkind='linear'\nweights={ofi=1.0}\n".repeat(2);
        check(&twice, "signal.models[1] `m@v261121`: this tag is used twice");
        check(&twice.repeat(5), "10 models, at most 8");
        assert!(toml::from_str::<Config>("quorun = 1").is_err(), "unknown keys are refused");
    }

    #[test]
    fn the_default_survives_a_round_trip() {
        let config = Config::default();
        let again: Config = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
        assert_eq!(again.models[0].tag(), "book@v261121");
    }
}
