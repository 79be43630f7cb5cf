//! Facts of a call as words.

use turno_base::fact::{CallbackEnd, DialogId, Party, Segment, WaitingChange, What};
use turno_base::{CallId, EndedBy, LegId, Number, Quality};
use turno_tariff::cdr::format::segment_parts;

/// Whose, on which leg, and what; none: it is about no call.
pub(super) fn of(what: &What) -> Option<(CallId, Option<LegId>, String)> {
    let of_call = |call: &CallId, words: String| Some((*call, None, words));
    let of_leg = |call: &CallId, leg: &LegId, words: String| Some((*call, Some(*leg), words));
    match what {
        What::CallArrived { call, ani, dnis, trunk } => {
            let by = trunk.map(|trunk| format!(" by trunk {trunk}")).unwrap_or_default();
            of_call(call, format!("{} calls {}{by}", number(ani), number(dnis)))
        }
        What::CustomerKnown { call, customer, segment, value_pm } => {
            let who = customer.as_deref().unwrap_or("unknown");
            of_call(
                call,
                format!("customer {who}, segment {segment}, value {}.{:03}", value_pm / 1000, value_pm % 1000),
            )
        }
        What::LegBegan { call, leg, a, b, party, .. } => {
            let way = match party {
                Party::Caller(_) => "arrives",
                Party::Agent(..) | Party::Outside(_) | Party::Station(_) => "begins",
            };
            of_leg(call, leg, format!("{way}: {} to {}", number(a), number(b)))
        }
        What::LegRinging { call, leg } => of_leg(call, leg, "rings".to_owned()),
        What::LegAnswered { call, leg } => of_leg(call, leg, "answered".to_owned()),
        What::SegmentBegan { call, leg, segment } => of_leg(call, leg, segment_words(*segment)),
        What::LegDialog { call, leg, dialog } => {
            let DialogId { call_id, local_tag, remote_tag } = dialog;
            of_leg(call, leg, format!("its dialog is {call_id}, our tag {local_tag}, the peer's {remote_tag}"))
        }
        What::LegSilent { call, leg, heard } => {
            of_leg(call, leg, format!("nothing was heard of it since {}: so long it counts", heard.wall))
        }
        What::LegQuality { call, leg, quality } => of_leg(call, leg, quality_words(quality)),
        What::LegEnded { call, leg, cause, by } => {
            let words =
                format!("ended by {}: {} ({}, Q.850 {})", by_words(*by), cause.reason.as_str(), cause.sip, cause.q850);
            of_leg(call, leg, words)
        }
        What::QueueEntered { call, queue, position } => of_call(call, format!("enters {queue} at place {position}")),
        What::QueueLeft { call, queue, left, position, wait_ms } => {
            of_call(call, format!("leaves {queue} from place {position} after {}: {}", secs(*wait_ms), left.as_str()))
        }
        What::Offered { call, queue, agent, epoch } => {
            of_call(call, format!("{queue} offers it to {agent} (epoch {epoch})"))
        }
        What::OfferEnded { call, agent, end, ring_ms, .. } => {
            of_call(call, format!("the offer to {agent} ends after {}: {}", secs(*ring_ms), end.as_str()))
        }
        What::LeavingByKey { call, queue, key } => of_call(call, format!("presses {key} to leave {queue}")),
        What::CallbackTaken { call, queue, how } => {
            of_call(call, format!("will be called back from {queue}: {}", how.as_str()))
        }
        What::CallingBack { call, first, attempt } => {
            let first = first.map(|first| format!(" for call {first}")).unwrap_or_default();
            of_call(call, format!("attempt {attempt} to call back{first}"))
        }
        What::CallbackEnded { first: Some(call), queue, end, attempts } => {
            let end: CallbackEnd = *end;
            of_call(call, format!("the callback from {queue} is over after {attempts} attempts: {}", end.as_str()))
        }
        What::WaitingChanged { call, change } => of_call(call, change_words(change)),
        What::CallEnded { call, outcome, by } => {
            of_call(call, format!("ends: {}, by {}", outcome.as_str(), by_words(*by)))
        }
        What::AgentChanged { agent, state, call: Some(call), .. } => {
            of_call(call, format!("{agent} is {}", state.as_str()))
        }
        What::Disposed { call, agent, disposition } => of_call(call, format!("{agent} says: {disposition}")),
        What::CallbackEnded { first: None, .. }
        | What::CallbacksDue { .. }
        | What::AgentChanged { call: None, .. }
        | What::AgentServes { .. }
        | What::PauseTooLong { .. }
        | What::QueueNoted { .. }
        | What::Configured { .. }
        | What::Task { .. }
        | What::Emergency { .. } => None,
    }
}

/// In quotation marks, so that who shortens numbers finds it.
fn number(of: &Number) -> String {
    match (of.withheld, of.e164) {
        (true, _) => "a withheld number".to_owned(),
        (false, Some(number)) => number.to_string(),
        (false, None) => format!("{:?}", of.raw),
    }
}

fn by_words(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "the caller",
        EndedBy::Agent => "the other party",
        EndedBy::Us => "us",
    }
}

fn segment_words(segment: Segment) -> String {
    let parts = segment_parts(segment);
    let mut words = format!("is in {}", parts.kind);
    let about =
        [parts.queue.map(|q| q.to_string()), parts.agent.map(|a| a.to_string()), parts.prompt.map(|p| p.to_string())];
    about.into_iter().flatten().for_each(|about| words.push_str(&format!(" {about}")));
    words
}

fn quality_words(quality: &Quality) -> String {
    let Quality { codec, received, sent, lost, jitter_us, round_trip_us, mos_x100 } = *quality;
    let codec = codec.map_or("no codec", |codec| codec.as_str());
    let mut words = format!("media {codec}: {received} packets received, {lost} lost, {sent} sent");
    if received > 0 {
        let ms = |us: u32| format!("{}.{} ms", us / 1000, us % 1000 / 100);
        words.push_str(&format!(", jitter {}, MOS {}.{:02}", ms(jitter_us), mos_x100 / 100, mos_x100 % 100));
        if round_trip_us > 0 {
            words.push_str(&format!(", round trip {}", ms(round_trip_us)));
        }
    }
    words
}

fn change_words(change: &WaitingChange) -> String {
    match change {
        WaitingChange::Bumped(ms) => format!("counts as {} older from now on", secs(*ms)),
        WaitingChange::Moved(from, to) => format!("is moved from {from} to {to}"),
        WaitingChange::Needs(need) => format!("needs {} from now on", turno_acd::need::text(need)),
    }
}

/// `12.3 s`.
fn secs(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}
