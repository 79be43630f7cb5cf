//! What is waited for and what is to be put right about customers, by REST: cases opened and closed, tasks done.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use turno_customers::customer::Case;

use super::care::{Not, changed, done};
use crate::api::{AppState, asked};
use crate::shell::clock::wall;
use crate::shell::store::customers::{CaseError, Customers};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/customers/{id}/cases", post(open))
        .route("/customers/{id}/cases/close", post(close))
        .route("/customer-tasks/{task}/done", post(finish))
}

/// Its number where it is handled, and what about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    reference: String,
    title: String,
}

/// Its number where it is handled.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    reference: String,
}

impl From<CaseError> for Not {
    fn from(error: CaseError) -> Not {
        let sentence = error.to_string();
        match error {
            CaseError::Store(error) => error.into(),
            CaseError::NoCustomer(_) | CaseError::NotOpen(_) => Not::Asked(StatusCode::NOT_FOUND, sentence),
            CaseError::IsOpen(_) => Not::Asked(StatusCode::CONFLICT, sentence),
            CaseError::Unkeepable(_) => Not::Asked(StatusCode::UNPROCESSABLE_ENTITY, sentence),
        }
    }
}

async fn open(State(state): State<AppState>, Path(id): Path<String>, Json(case): Json<Opened>) -> Response {
    asked::say(case.reference.clone());
    changed(&state, move |store| {
        store.open_case(&id, Case { reference: case.reference, title: case.title, opened: wall() })?;
        Ok(json!({"cases": store.get(&id)?.map(|customer| customer.cases)}))
    })
    .await
}

async fn close(State(state): State<AppState>, Path(id): Path<String>, Json(case): Json<Closed>) -> Response {
    asked::say(case.reference.clone());
    changed(&state, move |store| {
        store.close_case(&id, &case.reference)?;
        Ok(json!({"cases": store.get(&id)?.map(|customer| customer.cases)}))
    })
    .await
}

async fn finish(State(state): State<AppState>, Path(task): Path<i64>) -> Response {
    done(&state, move |dir| match Customers::open(dir)?.finish_task(task, wall())? {
        true => Ok(json!({"done": true})),
        false => Err(Not::Asked(StatusCode::NOT_FOUND, "there is no such task, or it was done".to_owned())),
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use turno_base::{E164, Wall};
    use turno_customers::hygiene::Shown;

    use super::*;
    use crate::api::tests::place;
    use crate::shell::store::customers::Lesson;

    #[test]
    fn cases_are_opened_and_closed_and_tasks_done() {
        let place = place(None);
        let post = |path: &str, body: Value| {
            let headers = "Content-Type: application/json\r\n";
            let (status, body) = place.send("POST", &format!("/api/v1/{path}"), headers, &body.to_string());
            (status, serde_json::from_str::<Value>(&body).unwrap_or_default())
        };
        let file = "id;nombre;telefono\nX-1;Ana Roca;688111222\n";
        assert_eq!(place.send("POST", "/api/v1/customers/import", "", file).0, 200);
        let case = json!({"reference": "R-1", "title": "no line"});
        let (status, told) = post("customers/X-1/cases", case.clone());
        assert_eq!((status, &told["cases"][0]["title"]), (200, &json!("no line")), "{told}");
        for (path, body, status) in [
            ("customers/X-1/cases", case.clone(), 409),
            ("customers/X-9/cases", case, 404),
            ("customers/X-1/cases", json!({"reference": "R-2", "title": "x".repeat(300)}), 422),
            ("customers/X-1/cases/close", json!({"reference": "R-2"}), 404),
            ("customers/X-1/cases/close", json!({"reference": "R-1"}), 200),
            ("customers/X-1/cases/close", json!({"reference": "R-1"}), 404),
            ("customer-tasks/1/done", json!({}), 404),
        ] {
            assert_eq!(post(path, body.clone()).0, status, "{path} {body}");
        }
        let number = E164::new("+34688111222").unwrap();
        let lesson =
            |at| Lesson { customer: "X-1".into(), number, shown: Shown::NoSuchNumber, at: Wall(at), contact: None };
        let mut store = Customers::open(&place.state.records).unwrap();
        assert_eq!(store.learn(&[lesson(1)]).unwrap(), 1);
        for task in store.tasks().unwrap() {
            assert_eq!(post(&format!("customer-tasks/{}/done", task.task), json!({})).0, 200);
        }
        assert_eq!(store.tasks().unwrap(), []);
    }
}
