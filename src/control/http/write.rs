//! Edge: commands. Each needs a token, a name and a reason; each is decided by the host, remembered, and told as
//! journaled or queued.

use super::Shared;
use super::error::Failure;
use super::guard::Operator;
use super::intake::Checked;
use super::wire::{self, Why};
use super::word::{DirectionWord, ScopeWord};
use crate::control::plane::ledger::{Request, Seen};
use crate::control::plane::view::{Limit, iso};
use crate::control::plane::{Action, Command, Refused, ScopeId};
use crate::event::operator::Scope;
use crate::event::risk::OperatorOutcome;
use crate::types::decimal::format_decimal;
use crate::types::time::SECONDS;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

pub(super) type Plane = State<Arc<Shared>>;
pub(super) type Answer = Result<Response, Failure>;

/// Pause between two looks at whether a command is in the journal.
const JOURNAL_POLL: Duration = Duration::from_millis(2);

/// Gives the command to the host once, and waits a little for the journal.
async fn submit(plane: &Shared, operator: &Operator, action: Action, scope: ScopeId, why: Why) -> Answer {
    let host = &plane.host;
    let request = {
        // From the look at the number until it is remembered nothing waits, so two repeats cannot both be new.
        let mut ledger = plane.ledger();
        let mut number = why.request.map_or_else(|| ledger.number(), |number| number.0);
        let mut command = Command {
            request: number,
            action,
            scope,
            who: operator.name().to_owned(),
            ticket: why.ticket(),
            trace: String::new(),
            reason: why.reason.kept().to_owned(),
        };
        let seen = match ledger.seen(&command) {
            // What only stops is done whatever its number: under a fresh one, so that nobody takes the older for it. And a kill
            // kills again: twice is no harm, and not at all is.
            Seen::Reused if command.action.only_reduces() => None,
            Seen::Repeat if matches!(command.action, Action::Kill { .. }) => None,
            seen => Some(seen),
        };
        if seen.is_none() {
            number = ledger.number();
            command.request = number;
        }
        match seen.unwrap_or(Seen::New) {
            Seen::Repeat => {}
            Seen::Reused => {
                return Err(Failure::new(
                    StatusCode::CONFLICT,
                    "request_reused",
                    format!("request {number} was another command: nothing was done; take another number"),
                )
                .at("body.request", "a number that was not used before"));
            }
            Seen::New => {
                if let Some(refused) = look_ahead(plane, &command) {
                    return Err(told(&command, refused));
                }
                let accepted = host.command(&command).map_err(|refused| told(&command, refused))?;
                let (action, scope, who, why) = (command.action.name(), &command.scope, &command.who, &command.reason);
                tracing::warn!("command {action} of {scope} by {who} taken as request {number}: {why}");
                ledger.add(command, host.now(), &accepted);
            }
        }
        number
    };
    let answer = written(plane, request).await;
    let refused = answer.outcome.as_deref().filter(|outcome| *outcome != OperatorOutcome::Accepted.name());
    // What is in force is not undone by what the record says of it.
    if let Some(outcome) = refused.filter(|_| !answer.in_force) {
        let sequence = answer.sequence.unwrap_or(0);
        return Err(Failure::new(
            StatusCode::CONFLICT,
            outcome,
            format!(
                "risk did not do it: {outcome} (request {request}, journaled as sequence {sequence}); nothing has changed"
            ),
        ));
    }
    let done = answer.sequence.is_some() || answer.in_force;
    Ok((if done { StatusCode::OK } else { StatusCode::ACCEPTED }, Json(answer)).into_response())
}

/// The refusals of the contract, before the host is asked; it asks itself again.
fn look_ahead(plane: &Shared, command: &Command) -> Option<Refused> {
    match command.action {
        Action::Recover => Refused::recover(&plane.host.situation(), &plane.host.heartbeat()),
        Action::ReleaseKill { .. } if command.scope == ScopeId::HOST => Refused::release(&plane.host.situation()),
        _ => None,
    }
}

fn told(command: &Command, refused: Refused) -> Failure {
    let failure = Failure::from(refused);
    let (action, scope, who) = (command.action.name(), &command.scope, &command.who);
    tracing::warn!("command {action} of {scope} by {who} refused: {}", failure.problem.reason);
    failure
}

/// The request as it stands once it is in the journal, or when waiting is over.
async fn written(plane: &Shared, number: u64) -> Request {
    let until = tokio::time::Instant::now() + Duration::from_millis(plane.config.journal_wait_ms);
    loop {
        let now = {
            let mut ledger = plane.ledger();
            ledger.refresh(&*plane.host);
            ledger.get(number)
        };
        match now {
            Some(request) if request.sequence.is_some() || tokio::time::Instant::now() >= until => return request,
            Some(_) => tokio::time::sleep(JOURNAL_POLL).await,
            // 256 newer commands came while we waited: it was taken, and that is all that is known here.
            None => return forgotten(plane, number),
        }
    }
}

fn forgotten(plane: &Shared, number: u64) -> Request {
    let journaled = plane.host.journaled(number);
    let sequence = journaled.map(|j| j.sequence);
    Request {
        request: number,
        action: String::new(),
        scope: String::new(),
        status: if sequence.is_some() { "journaled" } else { "queued" }.to_owned(),
        sequence,
        outcome: journaled.map(|j| j.outcome.name().to_owned()),
        in_force: false,
        who: String::new(),
        ticket: String::new(),
        reason: String::new(),
        at: iso(plane.host.now()),
    }
}

/// DEGRADED or ERROR to READY, when the inputs are good. Never lifts HALTED.
#[utoipa::path(post, path = "/recover", tag = "commands", request_body = wire::Plain, responses((status = 200, body = Request, description = "Done")))]
pub async fn recover(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Plain>) -> Answer {
    submit(&plane, &operator, Action::Recover, ScopeId::HOST, Why::from(&body)).await
}

/// End the process in order: cancels, journal, snapshots.
#[utoipa::path(post, path = "/stop", tag = "commands", request_body = wire::Plain, responses((status = 200, body = Request, description = "Done")))]
pub async fn stop(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Plain>) -> Answer {
    submit(&plane, &operator, Action::Stop, ScopeId::HOST, Why::from(&body)).await
}

/// The kill switch: no new order of the scope from now on, what works is cancelled. Latched; in force before the answer.
#[utoipa::path(post, path = "/kill", tag = "commands", request_body = wire::Kill, responses((status = 200, body = Request, description = "Done")))]
pub async fn kill(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Kill>) -> Answer {
    let action = Action::Kill { flatten: body.flatten };
    submit(&plane, &operator, action, body.scope.0.clone(), Why::from(&body)).await
}

/// Takes back a kill that was latched by a command. What the environment or the file still says stays.
#[utoipa::path(post, path = "/kill/release", tag = "commands", request_body = wire::Release, responses((status = 200, body = Request, description = "Done")))]
pub async fn release(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Release>) -> Answer {
    submit(&plane, &operator, Action::ReleaseKill { number: body.number.0 }, body.scope.0.clone(), Why::from(&body))
        .await
}

/// Close what the scope holds; also while halted. Only makes positions smaller.
#[utoipa::path(post, path = "/flatten", tag = "commands", request_body = wire::Scoped, responses((status = 200, body = Request, description = "Done")))]
pub async fn flatten(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Scoped>) -> Answer {
    submit(&plane, &operator, Action::Flatten, body.scope.0.clone(), Why::from(&body)).await
}

/// Cancel what works in the scope.
#[utoipa::path(post, path = "/cancel", tag = "commands", request_body = wire::Scoped, responses((status = 200, body = Request, description = "Done")))]
pub async fn cancel(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Scoped>) -> Answer {
    submit(&plane, &operator, Action::CancelAll, body.scope.0.clone(), Why::from(&body)).await
}

/// A wanted position of an instrument, which expires. Every check is asked, as for a signal.
#[utoipa::path(post, path = "/target", tag = "commands", request_body = wire::Target, responses((status = 200, body = Request, description = "Done")))]
pub async fn target(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Target>) -> Answer {
    let sign = if body.direction == DirectionWord::Short { "-" } else { "" };
    let action =
        Action::Target { size: format!("{sign}{}", body.size.as_str()), ttl: i64::from(body.ttl_seconds.0) * SECONDS };
    submit(&plane, &operator, action, body.scope.0.clone(), Why::from(&body)).await
}

/// No new risk in the scope.
#[utoipa::path(post, path = "/restrict", tag = "commands", request_body = wire::Scoped, responses((status = 200, body = Request, description = "Done")))]
pub async fn restrict(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Scoped>) -> Answer {
    submit(&plane, &operator, Action::Restrict, body.scope.0.clone(), Why::from(&body)).await
}

/// New risk is allowed in the scope again.
#[utoipa::path(post, path = "/unrestrict", tag = "commands", request_body = wire::Scoped, responses((status = 200, body = Request, description = "Done")))]
pub async fn unrestrict(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Scoped>) -> Answer {
    submit(&plane, &operator, Action::Unrestrict, body.scope.0.clone(), Why::from(&body)).await
}

/// What the repeated-execution throttle stopped may go on.
#[utoipa::path(post, path = "/reenable", tag = "commands", request_body = wire::Scoped, responses((status = 200, body = Request, description = "Done")))]
pub async fn reenable(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Scoped>) -> Answer {
    submit(&plane, &operator, Action::Reenable, body.scope.0.clone(), Why::from(&body)).await
}

/// A circuit breaker of the scope closes again.
#[utoipa::path(post, path = "/breaker/reset", tag = "commands", request_body = wire::Scoped, responses((status = 200, body = Request, description = "Done")))]
pub async fn reset_breaker(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::Scoped>) -> Answer {
    submit(&plane, &operator, Action::ResetBreaker, body.scope.0.clone(), Why::from(&body)).await
}

/// The trading state of a scope.
#[utoipa::path(post, path = "/state/{scope}", tag = "commands", request_body = wire::SetState,
    params(("scope" = ScopeWord, Path, description = "`host`, `venue:ID`, `instrument:ID`, `strategy:ID`.")),
    responses((status = 200, body = Request, description = "Done")))]
pub async fn set_state(
    State(plane): Plane,
    operator: Operator,
    Path(scope): Path<String>,
    Checked(body): Checked<wire::SetState>,
) -> Answer {
    let scope = ScopeId::parse(&scope).ok_or_else(|| {
        Failure::new(StatusCode::BAD_REQUEST, "invalid_scope", "the path names no scope")
            .at("path", ScopeWord::EXPECTED)
    })?;
    submit(&plane, &operator, Action::SetState(body.state.into()), scope, Why::from(&body)).await
}

/// Changes a limit, if it still is what `old` says.
#[utoipa::path(post, path = "/limits", tag = "commands", request_body = wire::SetLimit, responses((status = 200, body = Request, description = "Done")))]
pub async fn set_limit(State(plane): Plane, operator: Operator, Checked(body): Checked<wire::SetLimit>) -> Answer {
    let limits = plane.host.limits();
    let limit = limits
        .iter()
        .find(|limit| limit.name == body.limit.as_str() && limit.scope == body.scope.0)
        // An instrument without a limit of its own has the host's.
        .or_else(|| {
            let of_host = |limit: &&Limit| limit.name == body.limit.as_str() && limit.scope == ScopeId::HOST;
            limits.iter().find(of_host).filter(|_| body.scope.0.scope() == Scope::Instrument)
        })
        .ok_or_else(|| {
            let known = limits.iter().map(|limit| format!("{} of {}", limit.name, limit.scope)).collect();
            Refused::Unknown { what: "limit", given: format!("{} of {}", body.limit.as_str(), body.scope.0), known }
        })?;
    // A number finer than the unit cannot be what the limit is.
    let Some(old) = body.old.at_scale(limit.decimals) else {
        return Err(Refused::LimitChanged { now: format_decimal(limit.value, limit.decimals, 0) }.into());
    };
    let new = body.new.at_scale(limit.decimals).ok_or_else(|| Refused::OutOfRange {
        what: "new",
        given: body.new.as_str().to_owned(),
        expected: format!("at most {} decimals, in {}", limit.decimals, limit.unit),
    })?;
    let action = Action::SetLimit { number: limit.number, old, new };
    submit(&plane, &operator, action, body.scope.0.clone(), Why::from(&body)).await
}
