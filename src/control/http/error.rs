//! Edge: every answer that is no success has one shape: a word for programs, a sentence for people, and what to read.

use super::auth::HOW_TO;
use crate::control::plane::Refused;
use crate::control::plane::view::ExecutionState;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every answer that is no success (but for probes, whose body is the same in both cases).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// A word for programs: `kill_switch_enabled`, `agent_state_not_ready:DEGRADED`, `marketdata_stale`, …
    pub reason: String,
    /// What is wrong, and what to do.
    pub what: String,
    /// Where in the request: `header Authorization`, `body.reason`, `path`, …; null if it is not the request.
    #[serde(rename = "where")]
    pub place: Option<String>,
    /// What was expected there.
    pub expected: Option<String>,
    /// The runbook that says more: `tickpath runbook NAME`.
    pub runbook: Option<String>,
}

/// A problem on its way out.
#[derive(Debug)]
pub struct Failure {
    /// Its status.
    pub status: StatusCode,
    /// Its body, boxed since most requests succeed.
    pub problem: Box<Problem>,
    /// For 429: seconds to wait.
    retry_after: Option<u64>,
}

impl Failure {
    /// A problem of the host's, not of the request's form.
    pub fn new(status: StatusCode, reason: impl Into<String>, what: impl Into<String>) -> Self {
        let problem = Problem { reason: reason.into(), what: what.into(), place: None, expected: None, runbook: None };
        Self { status, problem: Box::new(problem), retry_after: None }
    }

    /// Where in the request, and what was expected there.
    pub fn at(mut self, place: impl Into<String>, expected: impl Into<String>) -> Self {
        self.problem.place = Some(place.into());
        self.problem.expected = Some(expected.into());
        self
    }

    /// What to read.
    pub fn runbook(mut self, name: &str) -> Self {
        self.problem.runbook = Some(name.to_owned());
        self
    }

    /// No token is set, so nobody gets in.
    pub fn closed() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no_admin_token", format!("this host has no admin token: {HOW_TO}"))
            .at("header Authorization", "Bearer TOKEN")
            .runbook("unauthorized_calls")
    }

    /// The token is missing or wrong.
    pub fn unauthorized(what: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", what)
            .at("header Authorization", "Bearer TOKEN")
            .runbook("unauthorized_calls")
    }

    /// Too many requests.
    pub fn too_many(reason: &str, what: &str) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::TOO_MANY_REQUESTS, reason, what) }
    }
}

/// The runbook of an execution state.
pub fn runbook_of(state: ExecutionState) -> &'static str {
    crate::control::runbook::of_state(state).map_or("index", |book| book.name)
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let conflict = |reason: String, what: String| Self::new(StatusCode::CONFLICT, reason, what);
        match refused {
            Refused::KillSwitch { source } => conflict(
                "kill_switch_enabled".to_owned(),
                format!(
                    "the kill switch is set ({source}): clear its cause, then release it; a recovery never lifts it"
                ),
            )
            .runbook("kill"),
            Refused::NotReady(state) => conflict(
                format!("agent_state_not_ready:{state}"),
                format!("the execution state is {state}, which does not allow this; `GET /state` says why"),
            )
            .runbook(runbook_of(state)),
            Refused::MarketDataStale => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "marketdata_stale",
                "market data is stale: `GET /healthz` shows its age; the host cannot become READY before it is fresh",
            )
            .runbook("marketdata_stale"),
            Refused::Unknown { what, given, known } => Self::new(
                StatusCode::NOT_FOUND,
                format!("unknown_{what}"),
                format!("this host has no {what} `{given}`"),
            )
            .at(
                "body",
                if known.is_empty() { "there is none".to_owned() } else { format!("one of: {}", known.join(", ")) },
            ),
            Refused::LimitChanged { now } => conflict(
                "limit_changed".to_owned(),
                format!("the limit is {now} now, not what `old` says: look at `GET /limits`, then ask again"),
            )
            .at("body.old", now),
            Refused::OutOfRange { what, given, expected } => {
                conflict("out_of_range".to_owned(), format!("{what} cannot be {given}"))
                    .at(format!("body.{what}"), expected)
            }
            Refused::Conflict { reason, message } => conflict(reason.to_owned(), message),
            Refused::Busy => Self::too_many(
                "command_lane_full",
                "the lane for commands is full: nothing was done; try again in a second",
            ),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&*self.problem)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_status_and_reason_of_the_contract() {
        let kill = Refused::KillSwitch { source: "file".to_owned() };
        for (refused, status, reason) in [
            (kill, 409, "kill_switch_enabled"),
            (Refused::NotReady(ExecutionState::Degraded), 409, "agent_state_not_ready:DEGRADED"),
            (Refused::NotReady(ExecutionState::Init), 409, "agent_state_not_ready:INIT"),
            (Refused::MarketDataStale, 503, "marketdata_stale"),
            (Refused::Unknown { what: "venue", given: "x".into(), known: vec![] }, 404, "unknown_venue"),
            (Refused::LimitChanged { now: "5".into() }, 409, "limit_changed"),
            (Refused::OutOfRange { what: "new", given: "0".into(), expected: "1".into() }, 409, "out_of_range"),
            (Refused::Busy, 429, "command_lane_full"),
        ] {
            let failure = Failure::from(refused);
            assert_eq!((failure.status.as_u16(), failure.problem.reason.as_str()), (status, reason));
        }
        assert_eq!(Failure::closed().status, 401);
    }
}
