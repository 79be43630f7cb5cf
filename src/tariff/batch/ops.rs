//! The operations, each from its input to the keys of its result.

use std::collections::BTreeMap;

use super::input::{AgentTime, Input, JsonCall, decimal, exchange, ms, ratio};
use super::{Known, Refused};
use crate::amount::{Rounding, allocate_exact};
use crate::credit::{concurrent, max_duration_ms};
use crate::decimal::{Decimal, Ratio, push};
use crate::deck::{Deck, Payer};
use crate::json::Scalar;
use crate::number::key_of;
use crate::rating::{CALL_MS_MAX, Quote, quote};

/// Room for the breakdown of most calls.
const RUNS_BYTES: usize = 256;

type Done = Result<(), Refused>;

/// Appends the keys of the result, each with a comma before it.
pub(super) fn answer(known: &[Known], op: &str, input: &Input<'_>, out: &mut String) -> Done {
    match op {
        "rate" => rate(known, input.tariff, &input.call, input.party.as_ref(), out),
        "normalize" => normalize(input, out),
        "validate" => validate(known, input, out),
        "max_duration" => max_duration(known, input, out),
        "interim" => interim(known, input, out),
        "concurrent" => shared(input, out),
        "allocate" => allocate(input, out),
        "lcr" => lcr(known, input, out),
        "ledger" => ledger(input, out),
        "invoice" => invoice(input, out),
        "fx" => fx(known, input, out),
        "agent_cost" => agent_cost(input, out),
        "sum_call" => sum_call(known, input, out),
        _ => Err(Refused::UnknownOp),
    }
}

fn deck(known: &[Known], place: Option<usize>) -> Result<&Deck, Refused> {
    let known = known.get(place.ok_or(Refused::Missing("tariff"))?).ok_or(Refused::Malformed)?;
    known.deck.as_ref().map_err(|error| Refused::Tariff(error.code))
}

fn call<'i, 'a>(call: &'i Option<JsonCall<'a>>) -> Result<&'i JsonCall<'a>, Refused> {
    call.as_ref().ok_or(Refused::Missing("call"))
}

fn payer(party: Option<&Scalar<'_>>) -> Result<Payer, Refused> {
    party.map_or(Some(Payer::company()), |party| Deck::party(&party.0)).ok_or(Refused::Bad("party"))
}

/// `,"key":`
fn key(out: &mut String, name: &str) {
    out.extend([",\"", name, "\":"]);
}

/// An amount as a string; an absent one is null.
fn amount(out: &mut String, units: Option<i128>, scale: u8) {
    match units {
        None => out.push_str("null"),
        Some(units) => {
            out.push('"');
            push(out, units, scale);
            out.push('"');
        }
    }
}

fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut String, T)) {
    out.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

fn text(out: &mut String, text: &str) {
    match text.bytes().any(|b| b < b' ' || b == b'"' || b == b'\\') {
        false => out.extend(["\"", text, "\""]),
        true => out.push_str(&serde_json::Value::from(text).to_string()),
    }
}

pub(super) fn rate(
    known: &[Known],
    tariff: Option<usize>,
    of: &Option<JsonCall<'_>>,
    party: Option<&Scalar<'_>>,
    out: &mut String,
) -> Done {
    let (deck, payer) = (deck(known, tariff)?, payer(party)?);
    let call = call(of)?.call(None)?;
    let mut runs = String::with_capacity(RUNS_BYTES);
    let quoted = quote(deck, &call, payer, |step| {
        runs.push_str(if runs.is_empty() { "{\"band\":" } else { ",{\"band\":" });
        text(&mut runs, step.label());
        key(&mut runs, "slot_at_ms");
        push(&mut runs, step.slot.at_ms.into(), 0);
        key(&mut runs, "increments");
        push(&mut runs, step.increments.into(), 0);
        runs.push('}');
    });
    let scale = deck.scale();
    let (status, stored, billed_ms) = match quoted {
        Quote::Unrated => ("unrated", None, 0),
        Quote::NotChargeable => ("not_chargeable", Some((0, 0)), 0),
        Quote::Priced(priced) => ("rated", Some(priced.stored().ok_or(Refused::OutOfBounds)?), priced.billed_ms),
    };
    key(out, "status");
    text(out, status);
    let parts = [
        ("net", stored.map(|(net, _)| net)),
        ("gross", stored.map(|(_, gross)| gross)),
        ("tax", stored.map(|(net, gross)| gross - net)),
    ];
    for (name, units) in parts {
        key(out, name);
        amount(out, units.map(i128::from), scale);
    }
    key(out, "billed_ms");
    push(out, billed_ms.into(), 0);
    key(out, "breakdown");
    out.extend(["[", &runs, "]"]);
    Ok(())
}

fn normalize(input: &Input<'_>, out: &mut String) -> Done {
    let country = input.country.as_ref().map_or("", |country| country.0.as_ref());
    let raw = input.raw.as_ref().map_or("", |raw| raw.0.as_ref());
    key(out, "key");
    text(out, &key_of(raw, country).to_string());
    Ok(())
}

fn validate(known: &[Known], input: &Input<'_>, out: &mut String) -> Done {
    match deck(known, input.tariff) {
        Ok(_) => out.push_str(",\"error\":null"),
        Err(Refused::Tariff(code)) => {
            key(out, "error");
            text(out, code.as_str());
        }
        Err(refused) => return Err(refused),
    }
    Ok(())
}

fn max_duration(known: &[Known], input: &Input<'_>, out: &mut String) -> Done {
    let (deck, payer) = (deck(known, input.tariff)?, payer(input.party.as_ref())?);
    let call = call(&input.call)?.call(Some(0))?;
    let cap_ms = input.cap_ms.as_ref().map_or(Ok(CALL_MS_MAX), |cap| ms(cap, "cap_ms"))?;
    let budget = decimal(input.budget.as_ref(), "budget")?;
    key(out, "max_ms");
    push(out, max_duration_ms(deck, (call.a, call.b), call.answer, payer, budget, cap_ms).into(), 0);
    Ok(())
}

/// The stored net of a call; none if unrated.
fn stored_net(deck: &Deck, call: &crate::rating::Call, payer: Payer) -> Result<Option<i128>, Refused> {
    Ok(match quote(deck, call, payer, |_| {}) {
        Quote::Unrated => None,
        Quote::NotChargeable => Some(0),
        Quote::Priced(priced) => Some(priced.stored().ok_or(Refused::OutOfBounds)?.0.into()),
    })
}

fn interim(known: &[Known], input: &Input<'_>, out: &mut String) -> Done {
    let (deck, payer) = (deck(known, input.tariff)?, payer(input.party.as_ref())?);
    let json = call(&input.call)?;
    let cuts = input.cuts_ms.as_ref().ok_or(Refused::Missing("cuts_ms"))?;
    let mut cuts_ms = cuts.iter().map(|cut| ms(cut, "cuts_ms")).collect::<Result<Vec<u64>, Refused>>()?;
    // The end of the call is the last cut, so that the debits come to what it costs.
    if let Some(end_ms) = json.lasted_ms()? {
        cuts_ms.iter_mut().for_each(|cut| *cut = (*cut).min(end_ms));
        if cuts_ms.last().is_none_or(|last| *last < end_ms) {
            cuts_ms.push(end_ms);
        }
    }
    let (mut so_far, mut debits) = (Some(0), Vec::with_capacity(cuts_ms.len()));
    for cut_ms in cuts_ms {
        let cost = stored_net(deck, &json.call(Some(cut_ms))?, payer)?;
        debits.push(cost.zip(so_far).map(|(cost, before)| cost - before));
        so_far = cost;
    }
    key(out, "debits");
    list(out, debits, |out, units| amount(out, units, deck.scale()));
    key(out, "total");
    amount(out, so_far, deck.scale());
    Ok(())
}

fn shared(input: &Input<'_>, out: &mut String) -> Done {
    let (budget, cost) =
        (decimal(input.budget.as_ref(), "budget")?, decimal(input.increment_cost.as_ref(), "increment_cost")?);
    let scale = budget.decimals().max(cost.decimals());
    let (budget, cost) = budget.at(scale).zip(cost.at(scale)).ok_or(Refused::OutOfBounds)?;
    let increment_ms = ms(input.increment_ms.as_ref().ok_or(Refused::Missing("increment_ms"))?, "increment_ms")?;
    let answers = input.answers_ms.as_ref().ok_or(Refused::Missing("answers_ms"))?;
    let answers_ms = answers.iter().map(|at| ms(at, "answers_ms")).collect::<Result<Vec<u64>, Refused>>()?;
    if increment_ms == 0 {
        return Err(Refused::Bad("increment_ms"));
    }
    key(out, "cut_ms");
    // What costs nothing is never cut.
    if cost <= 0 {
        list(out, &answers_ms, |out, _| out.push_str("null"));
        key(out, "spent");
        amount(out, Some(0), scale);
        return Ok(());
    }
    let increments = if answers_ms.is_empty() { 0 } else { budget.max(0) / cost };
    let held = u64::try_from(increments).ok().filter(|held| *held < 1 << 40).ok_or(Refused::OutOfBounds)?;
    list(out, concurrent(held, increment_ms, &answers_ms), |out, at| push(out, at.into(), 0));
    key(out, "spent");
    amount(out, Some(increments * cost), scale);
    Ok(())
}

fn allocate(input: &Input<'_>, out: &mut String) -> Done {
    let total = decimal(input.total.as_ref(), "total")?;
    let scale = input.scale(total.decimals())?;
    let units =
        total.ratio().and_then(|total| total.rounded(scale, input.rounding().ok()?)).ok_or(Refused::OutOfBounds)?;
    let weights = input.weights.as_ref().ok_or(Refused::Missing("weights"))?;
    let weights =
        weights.iter().map(Scalar::decimal).collect::<Option<Vec<Decimal>>>().ok_or(Refused::Bad("weights"))?;
    let common = weights.iter().map(|weight| weight.decimals()).max().unwrap_or(0);
    let weights: Option<Vec<u128>> = weights.iter().map(|weight| u128::try_from(weight.at(common)?).ok()).collect();
    let parts = allocate_exact(units, &weights.ok_or(Refused::Bad("weights"))?).ok_or(Refused::OutOfBounds)?;
    key(out, "parts");
    list(out, parts, |out, part| amount(out, Some(part), scale));
    Ok(())
}

fn lcr(known: &[Known], input: &Input<'_>, out: &mut String) -> Done {
    let payer = payer(input.party.as_ref())?;
    let json = call(&input.call)?;
    let expected_ms = match &input.expected_ms {
        Some(text) => Some(ms(text, "expected_ms")?),
        None => json.lasted_ms()?,
    };
    let call = json.call(Some(expected_ms.ok_or(Refused::Missing("expected_ms"))?))?;
    let mut order = Vec::new();
    for route in input.routes.as_ref().ok_or(Refused::Missing("routes"))? {
        let deck = deck(known, route.tariff)?;
        let net = match quote(deck, &call, payer, |_| {}) {
            Quote::Unrated => continue,
            Quote::NotChargeable => Ratio::new(0, 1),
            Quote::Priced(priced) => priced.net(),
        };
        let rate = match route.fx.or(input.fx) {
            None => Ratio::new(1, 1),
            Some(raw) => Some(exchange(raw, deck.day(call.answer))?),
        };
        let converted = net.zip(rate).and_then(|(net, rate)| net.times(rate)).ok_or(Refused::OutOfBounds)?;
        let prio = route.prio.as_ref().map_or(Some(0), Scalar::whole).ok_or(Refused::Bad("prio"))?;
        order.push((converted, prio, route.id.map_or("null", |id| id.get())));
    }
    // A stable sort: routes that are equal in both stay as they came.
    order.sort_by_key(|&(net, prio, _)| (net, prio));
    key(out, "order");
    list(out, order, |out, (_, _, id)| out.push_str(id));
    Ok(())
}

fn ledger(input: &Input<'_>, out: &mut String) -> Done {
    let events = input.events.as_ref().ok_or(Refused::Missing("events"))?;
    let mut nets = Vec::with_capacity(events.len());
    for event in events {
        nets.push(event.net.as_ref().map(|net| net.decimal().ok_or(Refused::Bad("net"))).transpose()?);
    }
    let scale = input.scale(nets.iter().flatten().map(|net| net.decimals()).max().unwrap_or(4))?;
    let mut posted: BTreeMap<(&str, &str), (i64, i128)> = BTreeMap::new();
    let (mut entries, mut balance) = (Vec::new(), 0_i128);
    for (event, net) in events.iter().zip(nets) {
        let revision = event.revision.as_ref().map_or(Some(0), Scalar::whole).ok_or(Refused::Bad("revision"))?;
        let name = event.key.as_ref().ok_or(Refused::Missing("key"))?;
        let key = (name.0.as_ref(), event.party.as_ref().map_or("", |party| party.0.as_ref()));
        // A leg without an amount has nothing to post; what was posted for it is taken back.
        let units = net.map_or(Some(0), |net| net.at(scale)).ok_or(Refused::OutOfBounds)?;
        let before = match posted.get(&key) {
            Some((last, _)) if revision <= *last => continue,
            Some((_, units)) => Some(*units),
            None => None,
        };
        posted.insert(key, (revision, units));
        if net.is_none() && before.unwrap_or(0) == 0 {
            continue;
        }
        let difference = units - before.unwrap_or(0);
        balance = balance.checked_add(difference).ok_or(Refused::OutOfBounds)?;
        entries.push(difference);
    }
    key(out, "entries");
    list(out, entries, |out, units| amount(out, Some(units), scale));
    key(out, "balance");
    amount(out, Some(balance), scale);
    Ok(())
}

fn invoice(input: &Input<'_>, out: &mut String) -> Done {
    let (scale, rounding) = (input.scale(4)?, input.rounding()?);
    let mut sum = Ratio::new(0, 1).ok_or(Refused::OutOfBounds)?;
    for net in input.nets.as_ref().ok_or(Refused::Missing("nets"))?.iter().flatten() {
        sum = sum.plus(ratio(Some(net), "nets")?).ok_or(Refused::OutOfBounds)?;
    }
    let tax = input.tax.as_ref().map_or(Ok(Decimal::ZERO), |tax| decimal(Some(tax), "tax"))?.ratio();
    let tax = tax.and_then(|tax| sum.times(tax)).and_then(|tax| tax.rounded(scale, rounding));
    let (net, tax) = sum.rounded(scale, rounding).zip(tax).ok_or(Refused::OutOfBounds)?;
    for (name, units) in [("net", net), ("tax", tax), ("gross", net + tax)] {
        key(out, name);
        amount(out, Some(units), scale);
    }
    Ok(())
}

fn fx(known: &[Known], input: &Input<'_>, out: &mut String) -> Done {
    let (deck, payer) = (deck(known, input.tariff)?, payer(input.party.as_ref())?);
    let call = call(&input.call)?.call(None)?;
    let scale = input.scale(deck.scale())?;
    let rounding = if input.rounding.is_some() { input.rounding()? } else { deck.rounding() };
    let rate = exchange(input.fx.ok_or(Refused::Missing("fx"))?, deck.day(call.answer))?;
    let net = match quote(deck, &call, payer, |_| {}) {
        Quote::Unrated => None,
        Quote::NotChargeable => Some(0),
        Quote::Priced(priced) => {
            let net = priced.net().and_then(|net| net.times(rate)).and_then(|net| net.rounded(scale, rounding));
            Some(net.ok_or(Refused::OutOfBounds)?)
        }
    };
    key(out, "net");
    amount(out, net, scale);
    Ok(())
}

/// Cost of a person's time, rounded once (S9.9).
fn time_cost(
    per_hour: Option<&Scalar<'_>>,
    time: Option<&Scalar<'_>>,
    scale: u8,
    rounding: Rounding,
) -> Result<i128, Refused> {
    let per_hour = ratio(per_hour, "per_hour")?;
    let time_ms = ms(time.ok_or(Refused::Missing("ms"))?, "ms")?;
    let cost = Ratio::new(time_ms.into(), 3_600_000).and_then(|hours| per_hour.times(hours));
    cost.and_then(|cost| cost.rounded(scale, rounding)).ok_or(Refused::OutOfBounds)
}

fn agent_cost(input: &Input<'_>, out: &mut String) -> Done {
    let (scale, rounding) = (input.scale(4)?, input.rounding()?);
    let units = time_cost(input.per_hour.as_ref(), input.ms.as_ref(), scale, rounding)?;
    key(out, "net");
    amount(out, Some(units), scale);
    Ok(())
}

fn sum_call(known: &[Known], input: &Input<'_>, out: &mut String) -> Done {
    let legs = input.legs.as_deref().unwrap_or_default();
    let of_tariff = legs.first().and_then(|leg| deck(known, leg.tariff).ok()).map_or(4, Deck::scale);
    let (scale, rounding) = (input.scale(of_tariff)?, input.rounding()?);
    let mut parts: Vec<(Option<i128>, u8)> = Vec::new();
    for leg in legs {
        let deck = deck(known, leg.tariff.or(input.tariff))?;
        let payer = payer(leg.party.as_ref().or(input.party.as_ref()))?;
        parts.push((stored_net(deck, &call(&leg.call)?.call(None)?, payer)?, deck.scale()));
    }
    if let Some(AgentTime { per_hour, ms }) = &input.agent {
        parts.push((Some(time_cost(per_hour.as_ref(), ms.as_ref(), scale, rounding)?), scale));
    }
    let mut sum: Option<Ratio> = None;
    for (units, scale) in parts.iter().filter_map(|(units, scale)| units.map(|units| (units, *scale))) {
        let part = Ratio::new(units, 10_i128.pow(scale.into())).ok_or(Refused::OutOfBounds)?;
        sum = Some(sum.map_or(Some(part), |sum| sum.plus(part)).ok_or(Refused::OutOfBounds)?);
    }
    key(out, "parts");
    list(out, &parts, |out, (units, scale)| amount(out, *units, *scale));
    key(out, "total");
    let total = sum.map(|sum| sum.rounded(scale, rounding).ok_or(Refused::OutOfBounds)).transpose()?;
    amount(out, total, scale);
    Ok(())
}
