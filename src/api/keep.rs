//! What takes calls or records away, by REST: no new calls from now on, records that are too old, and the person in records. What
//! cannot be taken back is said aloud: `{"yes": true}`.
//!
//! Not here: a backup and its restoration write and read folders of the machine, with the rights of whoever runs the command
//! (docs/how-to/backup.md).

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use turno_base::{E164, Redacted};
use turno_tariff::cdr::Purpose;

use crate::api::{AppState, asked, rest};
use crate::shell::clock::wall;
use crate::shell::customers::person::{self, EraseError, Forgotten};
use crate::shell::store::StoreError;
use crate::shell::store::customers::Erased;
use crate::shell::store::retention::{DAYS_MAX, Old, days_before, retain as retain_records};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/drain", post(drain))
        .route("/records/retain", post(retain))
        .route("/records/erase", post(erase))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sure {
    yes: bool,
}

/// `?dry_run=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dry {
    #[serde(default)]
    dry_run: bool,
}

/// Which records go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TooOld {
    older_than_days: u32,
    purpose: Option<Purpose>,
    #[serde(default)]
    yes: bool,
}

/// Of whom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    customer: Option<String>,
    number: Option<E164>,
    yes: bool,
}

fn not_sure() -> Response {
    rest::bad("this cannot be taken back; say {\"yes\": true}")
}

async fn drain(State(state): State<AppState>, Json(sure): Json<Sure>) -> Response {
    if !sure.yes {
        return not_sure();
    }
    state.gate.drain();
    Json(json!({"done": true})).into_response()
}

async fn retain(State(state): State<AppState>, Query(dry): Query<Dry>, Json(old): Json<TooOld>) -> Response {
    if !old.yes && !dry.dry_run {
        return not_sure();
    }
    if !(1..=DAYS_MAX).contains(&old.older_than_days) {
        return rest::bad(&format!("older_than_days is 1 to {DAYS_MAX}"));
    }
    let before = days_before(wall(), old.older_than_days);
    let which = Old { before, purpose: old.purpose };
    let purpose = old.purpose.map(|purpose| format!(", purpose {}", purpose.as_str())).unwrap_or_default();
    let told = format!("older than {} d{purpose}", old.older_than_days);
    asked::say(told.clone());
    let done = done(&state, move |dir| Ok(retain_records(dir, which, dry.dry_run)?)).await;
    answered(done, |calls| {
        asked::say(format!("{told}: {calls} calls"));
        json!({"calls": calls, "before": before.to_string(), "dry_run": dry.dry_run})
    })
}

async fn erase(State(state): State<AppState>, Json(whose): Json<Whose>) -> Response {
    let Whose { customer, number, yes } = whose;
    if !yes {
        return not_sure();
    }
    if customer.is_none() && number.is_none() {
        return rest::bad("name a customer by his external id, a number with + and the country code, or both");
    }
    // Who is to be forgotten is not remembered here by his whole number.
    let shown = number.map(|number| Redacted(number.to_string()).to_string());
    asked::say(customer.clone().into_iter().chain(shown).collect::<Vec<_>>().join(" "));
    let erased = Erased { ids: customer.into_iter().collect(), numbers: number.into_iter().collect() };
    let done = done(&state, move |dir| person::erase_calls(dir, &erased)).await;
    answered(done, |Forgotten { pseudonym, calls }| json!({"pseudonym": pseudonym, "calls": calls}))
}

/// On a thread that may wait for the disk; none: it failed there.
async fn done<T: Send + 'static>(
    state: &AppState,
    work: impl FnOnce(&std::path::Path) -> Result<T, EraseError> + Send + 'static,
) -> Option<Result<T, EraseError>> {
    let dir = state.records.clone();
    tokio::task::spawn_blocking(move || work(&dir)).await.ok()
}

fn answered<T>(done: Option<Result<T, EraseError>>, shown: impl FnOnce(T) -> Value) -> Response {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    match done {
        Some(Ok(given)) => Json(shown(given)).into_response(),
        Some(Err(EraseError::Store(StoreError::Missing(_)))) => {
            rest::refused_by(StatusCode::NOT_FOUND, "there are no records yet")
        }
        Some(Err(EraseError::Store(error))) => {
            tracing::error!(%error, "records cannot be changed");
            rest::refused_by(unavailable, "records cannot be changed now; the log says why")
        }
        Some(Err(error @ EraseError::Entropy)) => rest::refused_by(unavailable, &error.to_string()),
        None => rest::refused_by(StatusCode::INTERNAL_SERVER_ERROR, "changing the records failed; the log says why"),
    }
}

#[cfg(test)]
mod tests;
