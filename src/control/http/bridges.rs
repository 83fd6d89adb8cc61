//! Edge: the bridges: how they stand, and what people ask of them. No inputs of the sequence, so nothing of it is journaled; who
//! asked what and why stands in the log.

use super::Shared;
use super::error::Failure;
use super::guard::Operator;
use super::intake::Checked;
use super::wire::{BridgesNow, Plain, RebuildOrder, Why};
use super::write::{Answer, Plane};
use crate::control::plane::view::BridgeNow;
use crate::control::plane::{BridgeAction, BridgeOrder, Refused};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;

fn order(plane: &Shared, operator: &Operator, name: &str, action: BridgeAction, why: &Why) -> Answer {
    let order = BridgeOrder {
        action,
        who: operator.name().to_owned(),
        ticket: why.ticket(),
        reason: why.reason.kept().to_owned(),
        request: why.request.map(|number| number.0),
    };
    let (what, who) = (action.name(), &order.who);
    let now = plane.host.bridge(name, &order).map_err(|refused| {
        let in_path = matches!(refused, Refused::Unknown { .. });
        let failure = Failure::from(refused);
        tracing::warn!("{what} of a bridge by {who} refused: {}", failure.problem.reason);
        let expected = failure.problem.expected.clone().unwrap_or_default();
        if in_path { failure.at("path", expected) } else { failure.runbook("bridge_down") }
    })?;
    tracing::warn!("{what} of bridge {} by {who} taken: {} {}", now.name, order.ticket, order.reason);
    let status = if now.rebuild_asked { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(now)).into_response())
}

/// The bridges that are on: how far, how far behind, what is wrong, who paused them.
#[utoipa::path(get, path = "/bridges", tag = "state", responses((status = 200, description = "The bridges.", body = BridgesNow)))]
pub async fn bridges(State(plane): Plane) -> Json<BridgesNow> {
    Json(BridgesNow { bridges: plane.host.process().bridges })
}

/// A bridge writes nothing more, until it is resumed or the host starts again. The journal keeps all.
#[utoipa::path(post, path = "/bridges/{name}/pause", tag = "commands", request_body = Plain,
    params(("name" = String, Path, description = "As `GET /bridges` shows it.")),
    responses((status = 200, body = BridgeNow, description = "In force."), (status = 202, body = BridgeNow, description = "In force; a rebuilding that was asked for is begun first.")))]
pub async fn pause(
    State(plane): Plane,
    operator: Operator,
    Path(name): Path<String>,
    Checked(body): Checked<Plain>,
) -> Answer {
    order(&plane, &operator, &name, BridgeAction::Pause, &Why::from(&body))
}

/// A bridge that was paused goes on from where its store stands.
#[utoipa::path(post, path = "/bridges/{name}/resume", tag = "commands", request_body = Plain,
    params(("name" = String, Path, description = "As `GET /bridges` shows it.")),
    responses((status = 200, body = BridgeNow, description = "In force."), (status = 202, body = BridgeNow, description = "In force; a rebuilding that was asked for is begun first.")))]
pub async fn resume(
    State(plane): Plane,
    operator: Operator,
    Path(name): Path<String>,
    Checked(body): Checked<Plain>,
) -> Answer {
    order(&plane, &operator, &name, BridgeAction::Resume, &Why::from(&body))
}

/// A bridge writes its store again. Redis: the stream is deleted and written from as far back as is kept; nothing is published a
/// second time. PostgreSQL: everything is written again, and what is there stays as it is.
#[utoipa::path(post, path = "/bridges/{name}/rebuild", tag = "commands", request_body = RebuildOrder,
    params(("name" = String, Path, description = "As `GET /bridges` shows it.")),
    responses((status = 200, body = BridgeNow, description = "Begun before: the request was repeated."), (status = 202, body = BridgeNow, description = "Asked for: `rebuilds` counts it once it is begun, `rebuild_refused` says why it is not.")))]
pub async fn rebuild(
    State(plane): Plane,
    operator: Operator,
    Path(name): Path<String>,
    Checked(body): Checked<RebuildOrder>,
) -> Answer {
    order(&plane, &operator, &name, BridgeAction::Rebuild { force: body.force }, &Why::from(&body))
}
