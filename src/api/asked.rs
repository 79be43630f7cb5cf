//! Who asks by HTTP, for the audit log: the guard says it around each request, and what the request asks of the engine or
//! changes otherwise is written down under that name.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use axum::http::{HeaderName, Method, header};
use axum::response::Response;
use serde_json::json;
use turno_engine::{Answer, Command};

use crate::api::AppState;
use crate::shell::asker::Unanswered;
use crate::shell::audit::{Author, Deed, Door};

/// Where the log is not about: who signs in and out stands in the log of the process.
const SESSION: &str = "/api/v1/session";
/// Of answers from memory, for which nothing was done.
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

tokio::task_local! {
    static ASKING: Asking;
}

struct Asking {
    author: Author,
    /// The engine was asked for something: that is written down with more than what is known here.
    has_asked: Cell<bool>,
    /// What else is to be written down.
    more: RefCell<String>,
    /// Under which number a customer's store tells what changed of him.
    edit: Cell<Option<i64>>,
}

/// Asks the engine on behalf of whoever this request is from.
pub(super) async fn ask(state: &AppState, command: Command) -> Result<Answer, Unanswered> {
    let by = ASKING.try_with(|asking| {
        asking.has_asked.set(true);
        asking.author.clone()
    });
    match by {
        Ok(by) => state.audit.ask(&by, command).await,
        Err(_) => state.audit.ask(&Author { who: "anybody".into(), door: Door::Rest }, command).await,
    }
}

/// Who asks, in words.
pub(super) fn who() -> Arc<str> {
    ASKING.try_with(|asking| asking.author.who.clone()).unwrap_or_else(|_| "anybody".into())
}

/// What is to be written down of this request beside its path.
pub(super) fn say(more: String) {
    let _ = ASKING.try_with(|asking| asking.more.replace(more));
}

/// A customer's store tells under this number what changed of him.
pub(super) fn edited(edit: i64) {
    let _ = ASKING.try_with(|asking| asking.edit.set(Some(edit)));
}

/// Serves a request of somebody; a change that the engine was not asked for is written down by method and path.
pub(super) async fn serve(
    state: &AppState,
    who: Arc<str>,
    (method, path, query): (Method, String, Option<String>),
    served: impl Future<Output = Response>,
) -> Response {
    let author = Author { who, door: Door::Rest };
    let asking =
        Asking { author: author.clone(), has_asked: Cell::new(false), more: RefCell::default(), edit: Cell::new(None) };
    let served = async {
        let response = served.await;
        let (has_asked, said, edit) =
            ASKING.with(|asking| (asking.has_asked.get(), asking.more.take(), asking.edit.get()));
        (response, has_asked, said, edit)
    };
    let (response, has_asked, said, edit) = ASKING.scope(asking, served).await;
    let is_change = method != Method::GET && method != Method::HEAD && response.status().is_success();
    let is_dry = query.as_deref().is_some_and(|query| query.split('&').any(|pair| pair == "dry_run=true"));
    let is_known = is_dry || has_asked || path == SESSION || response.headers().contains_key(&REPLAYED);
    if is_change && !is_known {
        let etag = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
        let revision = etag.and_then(|etag| etag.trim_matches('"').parse::<u64>().ok());
        let deed = Deed {
            what: method.as_str().to_owned(),
            about: path,
            more: if said.is_empty() { query.unwrap_or_default() } else { said },
            after: revision.map(|revision| json!({"revision": revision})),
            edit,
            ..Deed::default()
        };
        state.audit.note(&author, deed).await;
    }
    response
}

#[cfg(test)]
mod tests;
