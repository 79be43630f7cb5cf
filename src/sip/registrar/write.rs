//! Answers to REGISTER.

use std::net::SocketAddr;

use turno_base::{Now, StationId};

use super::{Refusal, Registrar};
use crate::message::{Header, Message, Writer};

/// 200 with all bindings and their time left (RFC 3261 §10.3, step 8), the Path (RFC 3327 §5.3) and, for a phone that
/// keeps flows, `Require: outbound` (RFC 5626 §6).
pub fn register_response(
    registrar: &Registrar,
    station: StationId,
    request: &Message,
    source: SocketAddr,
    to_tag: &str,
    now: Now,
) -> Vec<u8> {
    let mut writer = Writer::response(request, Some(source), 200, to_tag);
    let mut outbound = false;
    for binding in registrar.bindings_of(station) {
        let seconds = binding.seconds_left(now.mono);
        let mut params = format!(";expires={seconds}");
        if binding.q != 1000 {
            params.push_str(&format!(";q=0.{:03}", binding.q));
        }
        if let Some(instance) = &binding.instance {
            params.push_str(&format!(";+sip.instance=\"<{instance}>\""));
        }
        if let Some(reg_id) = binding.reg_id {
            outbound |= binding.instance.is_some();
            params.push_str(&format!(";reg-id={reg_id}"));
        }
        writer.header_fmt(Header::Contact, format_args!("<{}>{params}", binding.uri));
    }
    if outbound && request.supports("outbound") {
        writer.header(Header::Require, "outbound");
    }
    if request.supports("path") {
        writer.copy(request, Header::Path);
    }
    writer.header(Header::Supported, "path, outbound");
    writer.finish()
}

/// The answer to a REGISTER that changed nothing.
pub fn refusal_response(refusal: Refusal, request: &Message, source: SocketAddr, to_tag: &str) -> Vec<u8> {
    let mut writer = Writer::response(request, Some(source), refusal.status(), to_tag);
    if let Refusal::TooBrief { least } = refusal {
        writer.header_fmt(Header::MinExpires, format_args!("{}", least.as_secs()));
    }
    writer.finish()
}
