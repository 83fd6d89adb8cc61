//! Edge: a signal, on `signal.long`, `signal.short`, `signal.flat` and `signals`.

use super::head::Head;
use super::topic::Topic;
use crate::event::signal::{Direction, SignalSection, VOTES_MAX, Vote};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What the models of an instrument say together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `signal.long`, `signal.short` or `signal.flat`.
    #[serde(rename = "type")]
    pub kind: Cow<'a, str>,
    /// `SYMBOL.VENUE`.
    pub instrument: Cow<'a, str>,
    /// 0..=1.
    pub confidence: f64,
    /// The model that was surest of this direction, `name@vYYMMDD`; empty if none voted for it.
    pub model: Cow<'a, str>,
    /// The ensemble's score, −1..=1.
    pub score: f64,
    /// Whether the direction is another than before.
    pub changed: bool,
    /// What each model said that had what it needed.
    pub votes: Vec<Ballot<'a>>,
}

/// One model's vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ballot<'a> {
    /// `name@vYYMMDD`.
    pub model: Cow<'a, str>,
    /// `long`, `short` or `flat`.
    pub direction: Cow<'a, str>,
    /// 0..=1.
    pub confidence: f32,
}

/// The topic of a direction.
pub const fn topic_of(direction: Direction) -> Topic {
    match direction {
        Direction::Long => Topic::Long,
        Direction::Short => Topic::Short,
        Direction::Flat => Topic::Flat,
    }
}

impl<'a> Signal<'a> {
    /// The signal of a section, with the models' tags in the order of their configuration.
    pub fn of(head: Head<'a>, instrument: &'a str, section: &SignalSection, tags: &'a [String]) -> Self {
        let direction = section.direction();
        let cast = section.votes[..usize::from(section.votes_len).min(VOTES_MAX)].iter().filter(|vote| vote.cast != 0);
        let tag = |vote: &Vote| tags.get(usize::from(vote.model)).map_or("", String::as_str);
        let surest = cast
            .clone()
            .filter(|vote| vote.direction == direction.code())
            .max_by(|a, b| a.confidence.total_cmp(&b.confidence));
        Self {
            head,
            kind: topic_of(direction).name().into(),
            instrument: instrument.into(),
            confidence: section.confidence,
            model: surest.map_or("", tag).into(),
            score: section.score,
            changed: section.changed != 0,
            votes: cast
                .map(|vote| Ballot {
                    model: tag(vote).into(),
                    direction: Direction::from_code(vote.direction).unwrap_or(Direction::Flat).name().into(),
                    confidence: vote.confidence,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn fields_are_the_contracts_and_the_model_is_the_surest_of_its_side() {
        let mut section = SignalSection::zeroed();
        (section.present, section.confidence, section.score, section.changed) = (1, 0.75, -0.5, 1);
        section.direction = Direction::Short.code();
        let vote = |model, direction: Direction, confidence, cast| Vote {
            model,
            direction: direction.code(),
            confidence,
            cast,
        };
        section.votes_len = 4;
        section.votes[0] = vote(0, Direction::Long, 0.9, 1);
        section.votes[1] = vote(1, Direction::Short, 0.5, 1);
        section.votes[2] = vote(2, Direction::Short, 0.6, 1);
        section.votes[3] = vote(1, Direction::Short, 1.0, 0);
        let tags = ["a@v261121", "b@v261121", "c@v261121"].map(str::to_owned);
        let head = Head::said("h", "signal", 0, 3, 7);
        let text = serde_json::to_string(&Signal::of(head, "X.SIM", &section, &tags)).unwrap();
        let expected = r#"{"timestamp":"1970-01-01T00:00:00.000000+00:00","source":"h.signal","traceId":"h-3-7","sequence":7,"type":"signal.short","instrument":"X.SIM","confidence":0.75,"model":"c@v261121","score":-0.5,"changed":true,"votes":[{"model":"a@v261121","direction":"long","confidence":0.9},"#;
        assert!(text.starts_with(expected), "{text}");
        let back: Signal<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.votes.len(), 3);
        // A build that has no such model names none.
        let unknown = Signal::of(Head::default(), "X.SIM", &section, &[]);
        assert_eq!(unknown.model, "");
    }
}
