//! A record as one JSON object: instants as RFC 3339 in UTC, durations as integers of ms, amounts as strings with all their
//! decimals.

use serde::Serialize;
use turno_base::fact::Party;
use turno_base::{Cause, Codec, Number, Quality};

use super::{by, party_parts, segment_parts};
use crate::cdr::record::{Charge, Leg, Offer, Record, Stage, Stay};
use crate::rating::Run;

/// The object on one line, without LF: a line of a JSONL export.
pub fn json(record: &Record) -> String {
    serde_json::to_string(&View::of(record)).expect("text keys and no failing serialiser")
}

#[derive(Serialize)]
struct View<'a> {
    call: String,
    direction: &'static str,
    purpose: &'static str,
    from: NumberView<'a>,
    to: NumberView<'a>,
    number_type: Option<&'static str>,
    trunk: Option<String>,
    customer: Option<&'a str>,
    segment: Option<String>,
    value_per_mille: Option<u32>,
    callback_asked: Option<&'static str>,
    callback_of: Option<String>,
    callback_attempt: Option<u32>,
    queue: Option<String>,
    agent: Option<String>,
    arrived: String,
    ended: String,
    total_ms: u64,
    wait_ms: u64,
    talk_ms: u64,
    hold_ms: u64,
    wrap_ms: u64,
    outcome: &'static str,
    disposition: Option<String>,
    ended_by: &'static str,
    cause: Option<CauseView>,
    recovered: bool,
    estimated: bool,
    left_out: u32,
    config_revision: u64,
    costs: Vec<CostView>,
    stays: Vec<StayView>,
    offers: Vec<OfferView>,
    legs: Vec<LegView<'a>>,
    wraps: Vec<WrapView>,
}

#[derive(Serialize)]
struct WrapView {
    agent: String,
    at: String,
    ms: Option<u64>,
}

#[derive(Serialize)]
struct NumberView<'a> {
    raw: &'a str,
    e164: Option<String>,
    withheld: bool,
}

#[derive(Serialize)]
struct CauseView {
    sip: u16,
    q850: u8,
    reason: &'static str,
}

#[derive(Serialize)]
struct CostView {
    payer: String,
    net: Option<String>,
    currency: Option<String>,
    unrated: u32,
}

#[derive(Serialize)]
struct StayView {
    queue: String,
    entered: String,
    position: u32,
    left: &'static str,
    left_position: u32,
    wait_ms: u64,
}

#[derive(Serialize)]
struct OfferView {
    queue: String,
    agent: String,
    epoch: u64,
    at: String,
    end: Option<&'static str>,
    ring_ms: u64,
    config_revision: u64,
}

#[derive(Serialize)]
struct LegView<'a> {
    leg: String,
    party: &'static str,
    agent: Option<String>,
    station: Option<String>,
    trunk: Option<String>,
    sip_call_id: &'a str,
    local_tag: &'a str,
    remote_tag: &'a str,
    from: NumberView<'a>,
    to: NumberView<'a>,
    began: String,
    rang: Option<String>,
    answered: Option<String>,
    ended: String,
    ring_ms: u64,
    talk_ms: u64,
    total_ms: u64,
    cause: CauseView,
    ended_by: &'static str,
    media: Option<MediaView>,
    segments: Vec<StageView>,
    charges: Vec<ChargeView<'a>>,
}

#[derive(Serialize)]
struct MediaView {
    codec: Option<&'static str>,
    mos: Option<String>,
    received: u64,
    sent: u64,
    lost: u64,
    jitter_us: u32,
    round_trip_us: u32,
}

#[derive(Serialize)]
struct StageView {
    kind: &'static str,
    queue: Option<String>,
    agent: Option<String>,
    prompt: Option<String>,
    at: String,
    ms: u64,
    shares: Vec<ShareView>,
}

#[derive(Serialize)]
struct ShareView {
    payer: String,
    net: String,
}

#[derive(Serialize)]
struct ChargeView<'a> {
    payer: String,
    status: &'static str,
    net: Option<String>,
    tax: Option<String>,
    gross: Option<String>,
    currency: Option<String>,
    rate: Option<String>,
    valid_from: Option<String>,
    revision: Option<u32>,
    billed_ms: u64,
    breakdown: &'a [Run],
}

impl<'a> View<'a> {
    fn of(record: &'a Record) -> View<'a> {
        View {
            call: record.call.to_string(),
            direction: record.direction.as_str(),
            purpose: record.purpose.as_str(),
            from: NumberView::of(&record.ani),
            to: NumberView::of(&record.dnis),
            number_type: record.dnis_type.map(|kind| kind.as_str()),
            trunk: text(record.trunk),
            customer: record.customer.as_deref(),
            segment: text(record.segment),
            value_per_mille: record.value_pm,
            callback_asked: record.callback_asked.map(|how| how.as_str()),
            callback_of: text(record.calling_back.and_then(|back| back.first)),
            callback_attempt: record.calling_back.map(|back| back.attempt),
            queue: text(record.queue()),
            agent: text(record.agent()),
            arrived: record.arrived.to_string(),
            ended: record.ended.to_string(),
            total_ms: record.total_ms,
            wait_ms: record.wait_ms(),
            talk_ms: record.talk_ms(),
            hold_ms: record.hold_ms(),
            wrap_ms: record.wrap_ms(),
            outcome: record.outcome.as_str(),
            disposition: record.disposition.map(|disposition| disposition.to_string()),
            ended_by: by(record.by),
            cause: record.cause.map(CauseView::of),
            recovered: record.recovered,
            estimated: record.estimated,
            left_out: record.left_out,
            config_revision: record.config_revision,
            costs: record.costs.iter().map(CostView::of).collect(),
            stays: record.stays.iter().map(StayView::of).collect(),
            offers: record.offers.iter().map(OfferView::of).collect(),
            legs: record.legs.iter().map(LegView::of).collect(),
            wraps: record
                .wraps
                .iter()
                .map(|wrap| WrapView { agent: wrap.agent.to_string(), at: wrap.at.to_string(), ms: wrap.ms })
                .collect(),
        }
    }
}

impl<'a> NumberView<'a> {
    fn of(number: &'a Number) -> NumberView<'a> {
        NumberView { raw: &number.raw, e164: text(number.e164), withheld: number.withheld }
    }
}

impl CauseView {
    fn of(cause: Cause) -> CauseView {
        CauseView { sip: cause.sip, q850: cause.q850, reason: cause.reason.as_str() }
    }
}

impl CostView {
    fn of(cost: &crate::cdr::record::Cost) -> CostView {
        let currency = text(cost.net.map(|net| net.currency));
        CostView { payer: cost.payer.to_string(), net: text(cost.net), currency, unrated: cost.unrated }
    }
}

impl StayView {
    fn of(stay: &Stay) -> StayView {
        StayView {
            queue: stay.queue.to_string(),
            entered: stay.entered.to_string(),
            position: stay.position,
            left: stay.left.as_str(),
            left_position: stay.left_position,
            wait_ms: stay.wait_ms,
        }
    }
}

impl OfferView {
    fn of(offer: &Offer) -> OfferView {
        OfferView {
            queue: offer.queue.to_string(),
            agent: offer.agent.to_string(),
            epoch: offer.epoch,
            at: offer.at.to_string(),
            end: offer.end.map(|end| end.as_str()),
            ring_ms: offer.ring_ms,
            config_revision: offer.config_revision,
        }
    }
}

impl<'a> LegView<'a> {
    fn of(leg: &'a Leg) -> LegView<'a> {
        let party = party_parts(leg.party);
        LegView {
            leg: leg.leg.to_string(),
            party: party.kind,
            agent: text(party.agent),
            station: text(party.station),
            trunk: text(party.trunk),
            sip_call_id: &leg.sip_call_id,
            local_tag: &leg.local_tag,
            remote_tag: &leg.remote_tag,
            from: NumberView::of(&leg.a),
            to: NumberView::of(&leg.b),
            began: leg.began.to_string(),
            rang: text(leg.rang),
            answered: text(leg.answered),
            ended: leg.ended.to_string(),
            ring_ms: if matches!(leg.party, Party::Caller(_)) { 0 } else { leg.ring_ms },
            talk_ms: leg.talk_ms,
            total_ms: leg.total_ms,
            cause: CauseView::of(leg.cause),
            ended_by: by(leg.by),
            media: leg.quality.map(MediaView::of),
            segments: leg.stages.iter().map(|stage| StageView::of(stage, &leg.charges)).collect(),
            charges: leg.charges.iter().map(ChargeView::of).collect(),
        }
    }
}

impl MediaView {
    fn of(quality: Quality) -> MediaView {
        let mos = quality.mos_x100;
        MediaView {
            codec: quality.codec.map(Codec::as_str),
            mos: (mos > 0).then(|| format!("{}.{:02}", mos / 100, mos % 100)),
            received: quality.received,
            sent: quality.sent,
            lost: quality.lost,
            jitter_us: quality.jitter_us,
            round_trip_us: quality.round_trip_us,
        }
    }
}

impl StageView {
    fn of(stage: &Stage, charges: &[Charge]) -> StageView {
        let parts = segment_parts(stage.segment);
        let shares = charges.iter().zip(&stage.shares).filter_map(|(charge, &units)| {
            let net = turno_base::Money { units, ..charge.rated.net? };
            (units != 0).then(|| ShareView { payer: charge.payer.to_string(), net: net.to_string() })
        });
        StageView {
            kind: parts.kind,
            queue: text(parts.queue),
            agent: text(parts.agent),
            prompt: text(parts.prompt),
            at: stage.at.to_string(),
            ms: stage.ms,
            shares: shares.collect(),
        }
    }
}

impl<'a> ChargeView<'a> {
    fn of(charge: &'a Charge) -> ChargeView<'a> {
        let rated = &charge.rated;
        ChargeView {
            payer: charge.payer.to_string(),
            status: rated.status.as_str(),
            net: text(rated.net),
            tax: text(rated.tax),
            gross: text(rated.gross),
            currency: text(rated.net.map(|net| net.currency)),
            rate: text(rated.rate),
            valid_from: text(rated.version.map(|(from, _)| from)),
            revision: rated.version.map(|(_, revision)| revision),
            billed_ms: rated.billed_ms,
            breakdown: &rated.breakdown,
        }
    }
}

fn text(of: Option<impl ToString>) -> Option<String> {
    of.map(|value| value.to_string())
}
