//! Edge: what everybody on this machine may read.

use super::Shared;
use super::error::Failure;
use super::wire::{Agents, AlertsNow, Health, Healthz, Limits, Liveness, Readiness, State as Now};
use super::write::Plane;
use crate::control::plane::view::{Agent, Enablement, ExecutionState, Mode};
use crate::control::plane::{Refused, Scrape};
use crate::event::input::GateReason;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// 200 with the body if `good`, else 503 with the same body.
fn probe(good: bool, body: impl serde::Serialize) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// Market-data heartbeat: 200 only while ticks are fresh.
#[utoipa::path(get, path = "/healthz", tag = "probes", responses(
    (status = 200, description = "Ticks are fresh.", body = Healthz),
    (status = 503, description = "Stale, no tick yet, or forced stale.", body = Healthz),
))]
pub async fn healthz(State(plane): Plane) -> Response {
    let body = Healthz::new(plane.host.process().host, &plane.host.heartbeat());
    probe(body.ok, body)
}

/// Health of the process: 200 while it can do its work.
#[utoipa::path(get, path = "/health", tag = "probes", responses(
    (status = 200, description = "It can do its work.", body = Health),
    (status = 503, description = "It cannot: `faults` says why.", body = Health),
))]
pub async fn health(State(plane): Plane) -> Response {
    let process = plane.host.process();
    let ok = process.live && process.faults.is_empty();
    probe(ok, Health { ok, state: plane.host.situation().state, process })
}

/// Readiness: state READY, and every stage ready. Trading does not wait for supervisor and compliance: see `/agents`.
#[utoipa::path(get, path = "/ready", tag = "probes", responses(
    (status = 200, description = "Ready.", body = Readiness),
    (status = 503, description = "Not ready.", body = Readiness),
))]
pub async fn ready(State(plane): Plane) -> Response {
    let state = plane.host.situation().state;
    let agents = plane.host.agents().into_iter();
    let waiting_for: Vec<String> = agents.filter(|a| !a.ready && a.is_stage()).map(|a| a.name).collect();
    let ready = state == ExecutionState::Ready && waiting_for.is_empty();
    probe(ready, Readiness { ready, state, waiting_for })
}

/// Liveness: 503 means that the process should be restarted.
#[utoipa::path(get, path = "/live", tag = "probes", responses(
    (status = 200, description = "It turns.", body = Liveness),
    (status = 503, description = "It stands still.", body = Liveness),
))]
pub async fn live(State(plane): Plane) -> Response {
    let process = plane.host.process();
    probe(process.live, Liveness { live: process.live, faults: process.faults })
}

/// The agents of the host.
#[utoipa::path(get, path = "/agents", tag = "probes", responses((status = 200, description = "All agents.", body = Agents)))]
pub async fn agents(State(plane): Plane) -> Json<Agents> {
    Json(Agents { agents: plane.host.agents() })
}

fn agent(plane: &Shared, name: &str) -> Result<Agent, Failure> {
    let agents = plane.host.agents();
    let known = agents.iter().map(|a| a.name.clone()).collect();
    agents
        .into_iter()
        .find(|a| a.name == name)
        .ok_or_else(|| Refused::Unknown { what: "agent", given: name.chars().take(64).collect(), known }.into())
        .map_err(|failure: Failure| {
            let expected = failure.problem.expected.clone().unwrap_or_default();
            failure.at("path", expected)
        })
}

/// Readiness of one agent.
#[utoipa::path(get, path = "/agents/{name}/ready", tag = "probes", params(("name" = String, Path, description = "As `GET /agents` shows it.")), responses(
    (status = 200, description = "Ready.", body = Agent),
    (status = 503, description = "Not ready.", body = Agent),
    (status = 404, description = "No such agent.", body = super::error::Problem),
))]
pub async fn agent_ready(State(plane): Plane, Path(name): Path<String>) -> Result<Response, Failure> {
    let agent = agent(&plane, &name)?;
    Ok(probe(agent.ready, agent))
}

/// Liveness of one agent.
#[utoipa::path(get, path = "/agents/{name}/live", tag = "probes", params(("name" = String, Path, description = "As `GET /agents` shows it.")), responses(
    (status = 200, description = "It turns.", body = Agent),
    (status = 503, description = "It stands still.", body = Agent),
    (status = 404, description = "No such agent.", body = super::error::Problem),
))]
pub async fn agent_live(State(plane): Plane, Path(name): Path<String>) -> Result<Response, Failure> {
    let agent = agent(&plane, &name)?;
    Ok(probe(agent.live, agent))
}

/// Where execution stands: state, mode, kill switch, market data, gate, the last transition and the last commands.
#[utoipa::path(get, path = "/state", tag = "state", responses((status = 200, description = "The state.", body = Now)))]
pub async fn state(State(plane): Plane) -> Json<Now> {
    let requests = {
        let mut ledger = plane.ledger();
        ledger.refresh(&*plane.host);
        ledger.list()
    };
    let host = &plane.host;
    Json(Now::new(host.situation(), &host.heartbeat(), host.enablement(), requests))
}

/// All limits in force, with what is used of them.
#[utoipa::path(get, path = "/limits", tag = "state", responses((status = 200, description = "The limits.", body = Limits)))]
pub async fn limits(State(plane): Plane) -> Json<Limits> {
    Json(Limits { limits: plane.host.limits().iter().map(Into::into).collect() })
}

/// Whether two people have enabled a real venue. Read only: enabling is done with signatures, never here.
#[utoipa::path(get, path = "/enable", tag = "state", responses((status = 200, description = "The enablement.", body = Enablement)))]
pub async fn enable(State(plane): Plane) -> Json<Enablement> {
    Json(plane.host.enablement())
}

/// The alerts that stand, each with its runbook.
#[utoipa::path(get, path = "/alerts", tag = "state", responses((status = 200, description = "The alerts.", body = AlertsNow)))]
pub async fn alerts(State(plane): Plane) -> Json<AlertsNow> {
    Json(AlertsNow { alerts: plane.host.situation().alerts })
}

/// Metrics in Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "state", responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain")))]
pub async fn metrics(State(plane): Plane) -> Response {
    let mut out = Scrape::default();
    own_metrics(&plane, &mut out);
    plane.host.scrape(&mut out);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out.text()).into_response()
}

fn own_metrics(plane: &Shared, out: &mut Scrape) {
    let (now, heartbeat, process) = (plane.host.situation(), plane.host.heartbeat(), plane.host.process());
    let flag = |holds: bool| f64::from(u8::from(holds));
    let labels = [("host", process.host.as_str()), ("version", &process.version), ("build", &process.build)];
    out.gauge("info", "The host and its build.", &labels, 1.0);
    out.gauge("uptime_seconds", "Since the start.", &[], process.uptime_seconds);
    out.gauge("sequence", "Newest input that went through all stages.", &[], process.sequence as f64);
    out.gauge("journaled_sequence", "Newest input in the journal.", &[], process.journaled_sequence as f64);
    for state in ExecutionState::ALL {
        let labels = [("state", state.name())];
        out.gauge("execution_state", "1 for the present execution state.", &labels, flag(now.state == *state));
    }
    for mode in Mode::ALL {
        out.gauge("mode", "1 for the present mode.", &[("mode", mode.name())], flag(now.mode == *mode));
    }
    for reason in GateReason::ALL {
        let labels = [("reason", reason.name())];
        out.gauge("gate_closed", "1 while the reason holds the gate closed.", &labels, flag(now.gate.contains(reason)));
    }
    out.gauge("kill_switch", "1 while the kill switch stops new orders.", &[], flag(now.kill_switch.halted));
    let age = heartbeat.age().map_or(f64::NAN, |nanos| nanos as f64 / 1e9);
    out.gauge("marketdata_age_seconds", "Age of the newest tick; NaN if it is not known.", &[], age);
    out.gauge("marketdata_fresh", "1 while market data is fresh.", &[], flag(heartbeat.is_fresh()));
    out.gauge(
        "enablement_valid",
        "1 while a two-person enablement is in force.",
        &[],
        flag(plane.host.enablement().valid),
    );
    for alert in &now.alerts {
        out.gauge(
            "alert",
            "1 for each alert that stands.",
            &[("alert", &alert.name), ("runbook", &alert.runbook)],
            1.0,
        );
    }
    for agent in plane.host.agents() {
        out.gauge("agent_ready", "1 while the agent can do its work.", &[("agent", &agent.name)], flag(agent.ready));
    }
    let (answered, unauthorized, limited) = plane.traffic.figures();
    for (class, count) in answered.iter().enumerate().skip(2) {
        let class = format!("{class}xx");
        out.counter("http_answers_total", "Answers by status.", &[("status", &class)], *count);
    }
    out.counter("http_unauthorized_total", "Calls without a right token.", &[], unauthorized);
    out.counter("http_limited_total", "Calls over a rate.", &[], limited);
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "state", responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)))]
pub async fn openapi(State(plane): Plane) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], plane.document.clone()).into_response()
}
