//! A command that is sent twice is done once: `Idempotency-Key` names it, and the same answer comes again.
//!
//! Kept in memory, for a day at most: after a restart a key is new again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::{Asking, refused};

/// Longest key, bytes.
const KEY_BYTES_MAX: usize = 128;
/// Answers kept at once; the oldest make room.
const ANSWERS_MAX: usize = 4096;
/// Bytes of all answers kept.
const BYTES_MAX: usize = 8 << 20;
/// Largest answer that is kept, and largest body that is looked at.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
static KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Who, where to, and the key.
type Name = [u8; 32];

#[derive(Clone, Debug)]
struct Kept {
    body: [u8; 32],
    /// None: it is being done.
    answer: Option<(StatusCode, Option<HeaderValue>, Bytes)>,
}

#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<Name, Kept>,
    order: VecDeque<(Name, Instant)>,
    bytes: usize,
}

/// Answers to commands that had a key.
#[derive(Debug, Default)]
pub(super) struct Once(Mutex<Shelf>);

/// Forgets a command that nobody finished: its request was cut off.
struct Doing<'a> {
    once: &'a Once,
    name: Name,
    is_done: bool,
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.once.shelf().kept.remove(&self.name);
        }
    }
}

impl Shelf {
    /// Makes room; what is being done stays.
    fn tidy(&mut self, now: Instant) {
        while let Some((name, at)) = self.order.front().copied() {
            let is_over = now.saturating_duration_since(at) > KEPT_FOR;
            if !is_over && self.order.len() <= ANSWERS_MAX && self.bytes <= BYTES_MAX {
                return;
            }
            self.order.pop_front();
            if let Some(Kept { answer: Some((.., bytes)), .. }) = self.kept.remove(&name) {
                self.bytes -= bytes.len();
            }
        }
    }
}

impl Once {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves `request`, or answers as it was answered before.
    pub(super) async fn run(&self, asking: &Asking, request: Request, next: Next) -> Response {
        let Some(key) = request.headers().get(&KEY).cloned() else { return next.run(request).await };
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return refused(StatusCode::BAD_REQUEST, "an idempotency key has 1 to 128 bytes");
        }
        let path = request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned();
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, ANSWER_BYTES_MAX).await else {
            return refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or did not come whole");
        };
        let part = |hash: Sha256, part: &[u8]| hash.chain_update((part.len() as u64).to_le_bytes()).chain_update(part);
        let name = [asking.name.as_bytes(), path.as_bytes(), key.as_bytes()].into_iter().fold(Sha256::new(), part);
        let (name, sum): (Name, [u8; 32]) = (name.finalize().into(), Sha256::digest(&body).into());
        if let Some(answer) = self.begin(name, sum) {
            return answer;
        }
        let mut doing = Doing { once: self, name, is_done: false };
        let response = next.run(Request::from_parts(head, Body::from(body))).await;
        // What may be right the next time is tried again.
        let is_passing = response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS;
        let (head, body) = response.into_parts();
        let Ok(bytes) = to_bytes(body, usize::MAX).await else {
            return refused(StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off");
        };
        if !is_passing && bytes.len() <= ANSWER_BYTES_MAX {
            let kind = head.headers.get(header::CONTENT_TYPE).cloned();
            self.done(name, (head.status, kind, bytes.clone()), Instant::now());
            doing.is_done = true;
        }
        Response::from_parts(head, Body::from(bytes))
    }

    /// None: it is to be done now.
    fn begin(&self, name: Name, body: [u8; 32]) -> Option<Response> {
        let mut shelf = self.shelf();
        let Some(kept) = shelf.kept.get(&name) else {
            shelf.kept.insert(name, Kept { body, answer: None });
            return None;
        };
        if kept.body != body {
            let sentence = "this idempotency key was used with another body";
            return Some(refused(StatusCode::UNPROCESSABLE_ENTITY, sentence));
        }
        Some(match &kept.answer {
            None => refused(StatusCode::CONFLICT, "the same command is being done; ask again for its answer"),
            Some((status, kind, bytes)) => {
                let mut response = (*status, bytes.clone()).into_response();
                let headers = response.headers_mut();
                headers.insert(REPLAYED.clone(), HeaderValue::from_static("true"));
                headers.remove(header::CONTENT_TYPE);
                if let Some(kind) = kind {
                    headers.insert(header::CONTENT_TYPE, kind.clone());
                }
                response
            }
        })
    }

    fn done(&self, name: Name, answer: (StatusCode, Option<HeaderValue>, Bytes), now: Instant) {
        let mut shelf = self.shelf();
        let bytes = answer.2.len();
        if let Some(kept) = shelf.kept.get_mut(&name) {
            kept.answer = Some(answer);
            shelf.bytes += bytes;
            shelf.order.push_back((name, now));
        }
        shelf.tidy(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(once: &Once, n: u32, bytes: usize, now: Instant) {
        let name: Name = Sha256::digest(n.to_le_bytes()).into();
        assert!(once.begin(name, [0; 32]).is_none(), "{n}");
        once.done(name, (StatusCode::OK, None, Bytes::from(vec![0; bytes])), now);
    }

    #[test]
    fn answers_are_bounded_in_number_bytes_and_age() {
        let (once, now) = (Once::default(), Instant::now());
        (0..ANSWERS_MAX as u32 + 50).for_each(|n| play(&once, n, 1, now));
        let lengths = |shelf: MutexGuard<'_, Shelf>| (shelf.kept.len(), shelf.order.len(), shelf.bytes);
        assert_eq!(lengths(once.shelf()), (ANSWERS_MAX, ANSWERS_MAX, ANSWERS_MAX));
        (1_000_000..1_000_200).for_each(|n| play(&once, n, ANSWER_BYTES_MAX, now));
        let (.., bytes) = lengths(once.shelf());
        assert!(bytes <= BYTES_MAX, "{bytes}");
        play(&once, 2_000_000, 1, now + KEPT_FOR + Duration::from_secs(1));
        assert_eq!(lengths(once.shelf()), (1, 1, 1));
    }
}
