//! A command that is sent twice is done once: `Idempotency-Key` names it, and the same answer comes again.
//!
//! Kept for a day at most, over a restart too. Of a command that the process ended in the midst of nobody knows whether it was
//! done: its key is answered with that.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use turno_base::Wall;

use super::kept::{self, Kept as File};
use super::{Asking, refused};
use crate::shell::clock::wall;

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
    answer: Answered,
}

/// How far a command is.
#[derive(Clone, Debug)]
enum Answered {
    /// It is being done.
    NotYet,
    /// It was being done when the last process ended.
    Never,
    /// With this.
    With(StatusCode, Option<HeaderValue>, Bytes),
}

#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<Name, Kept>,
    order: VecDeque<(Name, Instant)>,
    bytes: usize,
}

/// Answers to commands that had a key.
#[derive(Debug, Default)]
pub(super) struct Once {
    shelf: Mutex<Shelf>,
    file: File,
}

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
    /// Makes room; what is being done stays. Gives what has gone.
    fn tidy(&mut self, now: Instant) -> Vec<Name> {
        let mut gone = Vec::new();
        while let Some((name, at)) = self.order.front().copied() {
            let is_over = now.saturating_duration_since(at) > KEPT_FOR;
            if !is_over && self.order.len() <= ANSWERS_MAX && self.bytes <= BYTES_MAX {
                break;
            }
            self.order.pop_front();
            gone.push(name);
            if let Some(Kept { answer: Answered::With(.., bytes), .. }) = self.kept.remove(&name) {
                self.bytes -= bytes.len();
            }
        }
        gone
    }
}

impl Once {
    /// With what the last process answered.
    pub(super) fn new(file: File) -> Once {
        let (now, at) = (Instant::now(), wall());
        let since = Wall(at.0.saturating_sub(i64::try_from(KEPT_FOR.as_micros()).unwrap_or(i64::MAX)));
        let mut shelf = Shelf::default();
        for done in file.done(since, ANSWERS_MAX) {
            let age = Duration::from_micros(u64::try_from(at.0.saturating_sub(done.at.0)).unwrap_or(0));
            let answer = done.answer.and_then(|(status, kind, body)| {
                let kind = kind.map(|kind| HeaderValue::from_bytes(&kind)).transpose().ok()?;
                Some(Answered::With(StatusCode::from_u16(status).ok()?, kind, body.into()))
            });
            let answer = answer.unwrap_or(Answered::Never);
            if let Answered::With(.., body) = &answer {
                shelf.bytes += body.len();
            }
            shelf.kept.insert(done.command, Kept { body: done.body, answer });
            shelf.order.push_back((done.command, now.checked_sub(age).unwrap_or(now)));
        }
        shelf.tidy(now);
        Once { shelf: Mutex::new(shelf), file }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.file.write(move |db| kept::begin(db, name, sum, wall())).await;
        let response = next.run(Request::from_parts(head, Body::from(body))).await;
        // What may be right the next time is tried again.
        let is_passing = response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS;
        let (head, body) = response.into_parts();
        let Ok(bytes) = to_bytes(body, usize::MAX).await else {
            return refused(StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off");
        };
        if !is_passing && bytes.len() <= ANSWER_BYTES_MAX {
            let kind = head.headers.get(header::CONTENT_TYPE).cloned();
            let answer = (head.status.as_u16(), kind.as_ref().map(|kind| kind.as_bytes().to_vec()), bytes.to_vec());
            let gone = self.done(name, (head.status, kind, bytes.clone()), Instant::now());
            doing.is_done = true;
            let write =
                move |db: &rusqlite::Connection| kept::finish(db, name, answer).and_then(|()| kept::forget(db, &gone));
            self.file.write(write).await;
        } else {
            self.file.write(move |db| kept::forget(db, &[name])).await;
        }
        Response::from_parts(head, Body::from(bytes))
    }

    /// None: it is to be done now.
    fn begin(&self, name: Name, body: [u8; 32]) -> Option<Response> {
        let mut shelf = self.shelf();
        let Some(kept) = shelf.kept.get(&name) else {
            shelf.kept.insert(name, Kept { body, answer: Answered::NotYet });
            return None;
        };
        if kept.body != body {
            let sentence = "this idempotency key was used with another body";
            return Some(refused(StatusCode::UNPROCESSABLE_ENTITY, sentence));
        }
        Some(match &kept.answer {
            Answered::NotYet => {
                refused(StatusCode::CONFLICT, "the same command is being done; ask again for its answer")
            }
            Answered::Never => refused(
                StatusCode::CONFLICT,
                "the node ended while it was doing this; look whether it was done, then use another key",
            ),
            Answered::With(status, kind, bytes) => {
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

    /// Gives what made room for it.
    fn done(
        &self,
        name: Name,
        (status, kind, body): (StatusCode, Option<HeaderValue>, Bytes),
        now: Instant,
    ) -> Vec<Name> {
        let mut shelf = self.shelf();
        let bytes = body.len();
        if let Some(kept) = shelf.kept.get_mut(&name) {
            kept.answer = Answered::With(status, kind, body);
            shelf.bytes += bytes;
            shelf.order.push_back((name, now));
        }
        shelf.tidy(now)
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
