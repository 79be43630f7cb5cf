//! Records for people at a terminal: a line a call, or all of one.

use std::fmt::Write;

use super::{by, number, party_parts, segment_parts};
use crate::cdr::record::{Leg, Record};
use crate::deck::Payer;

/// The header of a list, without LF.
pub const LIST_HEADER: &str = "ARRIVED              CALL                              FROM              TO                QUEUE         AGENT         \
     WAIT   TALK  OUTCOME      COST";

/// One line of a list, without LF.
pub fn listed(record: &Record) -> String {
    let name = |name: Option<String>| name.unwrap_or_else(|| "-".to_owned());
    let ours = record.costs.iter().find(|cost| cost.payer == Payer::company()).and_then(|cost| cost.net);
    let cost = ours.map(|net| format!("{net} {}", net.currency));
    format!(
        "{}  {}  {:<16}  {:<16}  {:<12}  {:<12} {:>5}  {:>5}  {:<11}  {}",
        record.arrived.to_string().get(..19).unwrap_or(""),
        record.call,
        clean(&number(&record.ani)),
        clean(&number(&record.dnis)),
        name(record.queue().map(|queue| queue.to_string())),
        name(record.agent().map(|agent| agent.to_string())),
        clock(record.wait_ms()),
        clock(record.talk_ms()),
        record.outcome.as_str(),
        name(cost),
    )
}

/// Everything about one call, with LF at the end of each line.
pub fn shown(record: &Record) -> String {
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").expect("writing to a string succeeds");
    line(format_args!("call      {}", record.call));
    line(format_args!("arrived   {}", record.arrived));
    let note = if record.estimated { " (estimated: the end was not seen)" } else { "" };
    line(format_args!("ended     {} by {}{note}", record.ended, by(record.by)));
    line(format_args!("from      {}", clean(&number(&record.ani))));
    line(format_args!("to        {}", clean(&number(&record.dnis))));
    line(format_args!(
        "outcome   {} ({}, {})",
        record.outcome.as_str(),
        record.direction.as_str(),
        record.purpose.as_str()
    ));
    if let Some(disposition) = record.disposition {
        line(format_args!("said      {disposition}"));
    }
    if let Some(how) = record.callback_asked {
        line(format_args!("callback  asked for by {}", how.as_str()));
    }
    if let Some(back) = record.calling_back {
        let first = back.first.map_or(String::new(), |first| format!(" of {first}"));
        line(format_args!("callback  attempt {}{first}", back.attempt));
    }
    if let Some(customer) = &record.customer {
        line(format_args!("customer  {}", clean(customer)));
    }
    if let Some(segment) = record.segment {
        let value = record.value_pm.unwrap_or_default();
        line(format_args!("segment   {segment}, value {}.{:03}", value / 1000, value % 1000));
    }
    for cost in &record.costs {
        let net = cost.net.map_or("-".to_owned(), |net| format!("{net} {}", net.currency));
        let unrated = if cost.unrated > 0 { format!(", {} legs unrated", cost.unrated) } else { String::new() };
        line(format_args!("cost      {net} {}{unrated}", cost.payer));
    }
    for stay in &record.stays {
        let (entered, left) = (stay.entered, stay.left.as_str());
        line(format_args!(
            "queue     {} from {entered} at place {}: {left} after {}",
            stay.queue,
            stay.position,
            clock(stay.wait_ms)
        ));
    }
    for offer in &record.offers {
        let end = offer.end.map_or("open", |end| end.as_str());
        line(format_args!("offer     {} at {}: {end}, rang {}", offer.agent, offer.at, clock(offer.ring_ms)));
    }
    for leg in &record.legs {
        leg_lines(leg, &mut line);
    }
    for wrap in &record.wraps {
        let ms = wrap.ms.map_or("still".to_owned(), clock);
        line(format_args!("wrap-up   {} at {}: {ms}", wrap.agent, wrap.at));
    }
    out
}

fn leg_lines(leg: &Leg, line: &mut impl FnMut(std::fmt::Arguments<'_>)) {
    let party = party_parts(leg.party);
    let names = [party.agent.map(|n| n.0), party.station.map(|n| n.0), party.trunk.map(|n| n.0)];
    let names: String = names.into_iter().flatten().map(|name| format!(" {name}")).collect();
    let (cause, talk) = (leg.cause, clock(leg.talk_ms));
    line(format_args!(
        "leg {:<5} {}{names}: talked {talk}, {} {} by {}",
        leg.leg.to_string(),
        party.kind,
        cause.sip,
        cause.reason.as_str(),
        by(leg.by)
    ));
    let tags = [("our tag", &leg.local_tag), ("the peer's", &leg.remote_tag)];
    let tags: String = tags
        .iter()
        .filter(|(_, tag)| !tag.is_empty())
        .map(|(whose, tag)| format!(", {whose} {}", clean(tag)))
        .collect();
    if !leg.sip_call_id.is_empty() {
        line(format_args!("            Call-ID {}{tags}", clean(&leg.sip_call_id)));
    }
    if let Some(q) = leg.quality {
        let codec = q.codec.map_or("-", |codec| codec.as_str());
        line(format_args!(
            "            {codec}, MOS {}.{:02}, jitter {} us, lost {} of {}",
            q.mos_x100 / 100,
            q.mos_x100 % 100,
            q.jitter_us,
            q.lost,
            q.received + q.lost
        ));
    }
    for stage in &leg.stages {
        let parts = segment_parts(stage.segment);
        let names = [parts.queue.map(|n| n.0), parts.agent.map(|n| n.0), parts.prompt.map(|n| n.0)];
        let names: String = names.into_iter().flatten().map(|name| format!(" {name}")).collect();
        line(format_args!("            {}  {}{names}", clock(stage.ms), parts.kind));
    }
    for charge in &leg.charges {
        let rated = &charge.rated;
        let net = rated.net.map_or("-".to_owned(), |net| format!("{net} {}", net.currency));
        let rate = rated.rate.map_or("-".to_owned(), |rate| rate.to_string());
        line(format_args!(
            "            {net} {} ({}, rate {rate}, billed {})",
            charge.payer,
            rated.status.as_str(),
            clock(rated.billed_ms)
        ));
    }
}

/// `1:05`, or `1:02:03` from an hour on.
fn clock(ms: u64) -> String {
    let s = ms / 1000;
    if s < 3600 {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }
}

/// What came over the network cannot move the cursor of whoever reads it.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
