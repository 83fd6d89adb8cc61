//! Edge: all routes on one page.

use super::{Shared, bridges, guard, intake, openapi, read, write};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes and the document made from them.
fn table() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(read::healthz))
        .routes(routes!(read::health))
        .routes(routes!(read::ready))
        .routes(routes!(read::live))
        .routes(routes!(read::agents))
        .routes(routes!(read::agent_ready))
        .routes(routes!(read::agent_live))
        .routes(routes!(read::state))
        .routes(routes!(read::alerts))
        .routes(routes!(read::metrics))
        .routes(routes!(read::enable))
        .routes(routes!(read::openapi))
        .routes(routes!(read::limits, write::set_limit))
        .routes(routes!(write::recover))
        .routes(routes!(write::kill))
        .routes(routes!(write::release))
        .routes(routes!(write::stop))
        .routes(routes!(write::flatten))
        .routes(routes!(write::target))
        .routes(routes!(write::cancel))
        .routes(routes!(write::restrict))
        .routes(routes!(write::unrestrict))
        .routes(routes!(write::reenable))
        .routes(routes!(write::reset_breaker))
        .routes(routes!(write::set_state))
        .routes(routes!(bridges::bridges))
        .routes(routes!(bridges::pause))
        .routes(routes!(bridges::resume))
        .routes(routes!(bridges::rebuild))
}

/// The API's document, as JSON.
pub fn document() -> String {
    openapi::finish(table().into_openapi())
}

/// The service: routes inside, what every request passes outside.
pub fn service(shared: &Arc<Shared>) -> Router {
    let (router, _) = table().split_for_parts();
    router
        .route_layer(from_fn_with_state(Arc::clone(shared), guard::authorise))
        .layer(DefaultBodyLimit::max(intake::BODY_MAX))
        .layer(from_fn_with_state(Arc::clone(shared), guard::watch))
        .with_state(Arc::clone(shared))
}
