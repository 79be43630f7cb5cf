//! Reports by REST: the same as `turno report`, from the same tables.

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde::Deserialize;
use serde_json::json;
use turno_base::{AgentId, QueueId, SegmentId};
use turno_report::kpi::By;

use crate::api::AppState;
use crate::shell::clock::wall;
use crate::shell::figures::{FigureReader, zone};
use crate::shell::report::sheet::Form;
use crate::shell::report::{Ask, Behind, ReportError, Split, Subject, day_of, report, subject_of};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/reports/{subject}", get(sheet)).route("/figures/{figure}/calls", get(behind))
}

/// `?from=&to=&by=&zone=&split=&queue=&segment=&figures=&idle=&of=&agent=&format=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    from: Option<String>,
    to: Option<String>,
    by: Option<By>,
    zone: Option<String>,
    split: Option<Part>,
    queue: Option<QueueId>,
    segment: Option<SegmentId>,
    figures: Option<String>,
    #[serde(default)]
    idle: bool,
    of: Option<Behind>,
    agent: Option<AgentId>,
    format: Option<Form>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Part {
    Queue,
    Segment,
    NumberType,
    Nothing,
}

async fn sheet(State(state): State<AppState>, Path(word): Path<String>, Query(which): Query<Which>) -> Response {
    match subject_of(&word) {
        Some(subject) => answer(&state, subject, which).await,
        None => {
            let words = "there are reports queues, agents, law, dispositions, repeat, cost and ledger";
            refused(StatusCode::NOT_FOUND, words)
        }
    }
}

async fn behind(State(state): State<AppState>, Path(figure): Path<String>, Query(which): Query<Which>) -> Response {
    answer(&state, Subject::Calls(which.of.unwrap_or(Behind::Queues), figure), which).await
}

async fn answer(state: &AppState, subject: Subject, which: Which) -> Response {
    let (form, ask) = match asked(state, subject, which) {
        Ok(asked) => asked,
        Err(sentence) => return refused(StatusCode::BAD_REQUEST, &sentence),
    };
    let dir = state.records.clone();
    // On a thread that may wait for the disk.
    let made = tokio::task::spawn_blocking(move || {
        let sheet = report(&FigureReader::open(&dir)?, &ask)?;
        Ok::<_, ReportError>(sheet.render(form))
    });
    match made.await {
        Ok(Ok(Ok(bytes))) => ([(header::CONTENT_TYPE, form.content_type())], bytes).into_response(),
        Ok(Err(
            error @ (ReportError::NoFigure(_)
            | ReportError::NotOfCalls(_)
            | ReportError::OfNoQueue
            | ReportError::Period
            | ReportError::TooLong),
        )) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        Ok(Err(ReportError::Store(error))) => {
            tracing::error!(%error, "figures cannot be read");
            refused(StatusCode::SERVICE_UNAVAILABLE, "figures cannot be read now; the log says why")
        }
        Ok(Ok(Err(error))) => {
            tracing::error!(%error, "a workbook cannot be written");
            refused(StatusCode::INTERNAL_SERVER_ERROR, "the workbook could not be written; the log says why")
        }
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "making the report failed; the log says why"),
    }
}

fn asked(state: &AppState, subject: Subject, which: Which) -> Result<(Form, Ask), String> {
    let settings = state.reloader.settings();
    let own = settings.node.zone.iana_name().unwrap_or("UTC");
    let name = which.zone.as_deref().unwrap_or(own);
    let zone = zone(name).ok_or_else(|| format!("there is no time zone {name:?}; for example Europe/Madrid"))?;
    let from = which.from.as_deref().map_or_else(|| Ok(zone.date(wall())), day_of)?;
    let to = which.to.as_deref().map_or(Ok(from), day_of)?;
    let split = match which.split {
        None | Some(Part::Queue) => Split::Queue,
        Some(Part::Segment) => Split::Segment,
        Some(Part::NumberType) => Split::NumberType,
        Some(Part::Nothing) => Split::Nothing,
    };
    let figures = which.figures.map(|names| names.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let ask = Ask {
        subject,
        from,
        to,
        by: which.by.unwrap_or(By::Day),
        zone,
        split,
        queue: which.queue,
        segment: which.segment,
        figures,
        with_idle: which.idle,
        agent: which.agent,
        currency: settings.figures.currency,
        windows: settings.figures.windows,
        settled: settings.figures.settled.clone(),
    };
    Ok((which.format.unwrap_or(Form::Json), ask))
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}
