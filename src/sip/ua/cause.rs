//! Causes to and from SIP: statuses, Q.850 (RFC 3398 §7.2.6.1, §8.2.6.1), the Reason header (RFC 3326).

use turno_base::{Cause, Reason};

use crate::message::{Header, Message};

/// Text of the Reason header of a call that somebody else took; phones then list no missed call.
const COMPLETED_ELSEWHERE: &str = "Call completed elsewhere";

/// Q.850 cause for a final SIP status; 0 if there is none.
pub(super) fn q850_of(status: u16) -> u8 {
    match status {
        200..=299 | 487 => 16,
        401 | 402 | 403 | 407 | 603 => 21,
        404 | 485 | 604 => 1,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        410 => 22,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        488 | 606 => 88,
        502 => 38,
        400 | 481 | 500 | 503 => 41,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        _ => 0,
    }
}

/// A final refusal by the peer, with its Reason header if there is one.
pub(super) fn of_refusal(status: u16, reason: Option<&str>) -> Cause {
    let read = read_reason(reason.unwrap_or(""));
    let ours = match status {
        408 => Reason::Unreachable,
        488 | 606 | 415 => Reason::NotAcceptable,
        _ => Reason::Peer,
    };
    Cause { sip: status, q850: read.q850.unwrap_or_else(|| q850_of(status)), reason: ours }
}

/// A BYE (200) or CANCEL (487) by the peer.
pub(super) fn of_hang_up(status: u16, reason: Option<&str>) -> Cause {
    let read = read_reason(reason.unwrap_or(""));
    let ours = if read.completed_elsewhere { Reason::CompletedElsewhere } else { Reason::Peer };
    Cause { sip: status, q850: read.q850.unwrap_or(16), reason: ours }
}

/// All Reason lines of a message.
pub(super) fn joined(message: &Message) -> Option<String> {
    let lines: Vec<&str> = message.lines(Header::Reason).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

#[derive(Default)]
struct Read {
    q850: Option<u8>,
    completed_elsewhere: bool,
}

fn read_reason(text: &str) -> Read {
    let mut read = Read::default();
    for value in text.split(',') {
        let mut parts = value.split(';').map(str::trim);
        let protocol = parts.next().unwrap_or("");
        let cause = parts.find_map(|p| {
            let (name, value) = p.split_once('=')?;
            name.trim().eq_ignore_ascii_case("cause").then(|| value.trim().parse::<u16>().ok())?
        });
        if protocol.eq_ignore_ascii_case("Q.850") {
            read.q850 = cause.and_then(|c| u8::try_from(c).ok()).filter(|c| (1..=127).contains(c));
        } else if protocol.eq_ignore_ascii_case("SIP") && cause == Some(200) {
            read.completed_elsewhere = true;
        }
    }
    read
}

/// The value of our Reason header in a BYE, CANCEL or refusal.
pub(super) fn reason_value(cause: Cause) -> String {
    if cause.reason == Reason::CompletedElsewhere {
        return format!("SIP;cause=200;text=\"{COMPLETED_ELSEWHERE}\"");
    }
    match cause.q850 {
        0 => format!("SIP;cause={};text=\"{}\"", cause.sip, cause.reason.as_str()),
        q850 => format!("Q.850;cause={q850};text=\"{}\"", cause.reason.as_str()),
    }
}

/// The status to refuse a call with.
pub(super) fn refusal_status(cause: Cause) -> u16 {
    match (cause.sip, cause.reason) {
        (400..=699, _) => cause.sip,
        (_, Reason::Forbidden) => 403,
        (_, Reason::NotFound) => 404,
        (_, Reason::NotAcceptable) => 488,
        (_, Reason::Overload) => 503,
        (_, Reason::Fault | Reason::Restart) => 500,
        (
            _,
            Reason::Peer
            | Reason::Normal
            | Reason::CompletedElsewhere
            | Reason::RingLimit
            | Reason::MediaSilent
            | Reason::SessionExpired
            | Reason::DurationLimit
            | Reason::Unreachable
            | Reason::Operator
            | Reason::Transferred
            | Reason::Overflow,
        ) => 480,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_header_is_read_whoever_wrote_it() {
        for (text, q850, reason) in [
            ("Q.850;cause=31;text=\"Normal, unspecified\"", 31, Reason::Peer),
            ("q.850 ; text=x ; cause = 17", 17, Reason::Peer),
            ("SIP;cause=200;text=\"Call completed elsewhere\"", 16, Reason::CompletedElsewhere),
            ("SIP;cause=200;text=\"x\", Q.850;cause=26", 26, Reason::CompletedElsewhere),
            ("Q.850;cause=0", 16, Reason::Peer),
            ("Q.850;cause=999", 16, Reason::Peer),
            ("Q.850;cause", 16, Reason::Peer),
            ("", 16, Reason::Peer),
        ] {
            assert_eq!(of_hang_up(200, Some(text)), Cause { sip: 200, q850, reason }, "{text}");
        }
    }

    #[test]
    fn a_call_is_refused_with_a_final_status_whatever_the_cause_says() {
        for (sip, reason, status) in [
            (486, Reason::Normal, 486),
            (200, Reason::Normal, 480),
            (302, Reason::Overflow, 480), // we redirect nobody
            (0, Reason::Forbidden, 403),
            (0, Reason::NotFound, 404),
            (200, Reason::Fault, 500),
        ] {
            assert_eq!(refusal_status(Cause { sip, q850: 0, reason }), status);
        }
    }
}
