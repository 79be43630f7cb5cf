//! How a price came about, in words for whoever asks why a call cost so much.

use std::fmt::Write;

use crate::amount::{Exact, Rounding, Taxed};
use crate::decimal::push;
use crate::deck::{Deck, Payer};
use crate::rating::{Call, Quote, quote};

/// Decimals of sums that are not rounded yet.
const FINE: u8 = 8;

/// What `call` costs `payer` and why, a line each, with LF at the end of each line.
pub fn explain(deck: &Deck, call: &Call, payer: Payer) -> String {
    let mut steps = String::new();
    let quoted = quote(deck, call, payer, |step| {
        let slot = step.slot;
        writeln!(
            steps,
            "  {} x {} from {} on, {} per {}, band {}: {}",
            step.increments,
            span(slot.inc_ms),
            span(step.from_ms),
            fine(Exact::fee(slot.price)),
            span(slot.per_ms),
            step.label(),
            fine(step.cost()),
        )
        .expect("writing to a string succeeds");
    });
    match quoted {
        Quote::Unrated => format!("unrated: no rule of the deck is for this call and {payer}\n"),
        Quote::NotChargeable => "not chargeable: it was not answered, or no time passed\n".to_owned(),
        Quote::Priced(priced) => {
            let (by, mut out) = (priced.by, String::new());
            let mut line =
                |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").expect("writing to a string succeeds");
            let (terms, rule) = (by.terms, by.rule);
            let Some((net, gross)) = priced.stored() else {
                return "unrated: the amount is beyond what is stored\n".to_owned();
            };
            let amount = |units: i64| crate::amount::money(units, terms.scale, terms.currency);
            line(format_args!(
                "{} {} without tax, {} with it ({payer} pays, rate {})",
                amount(net),
                terms.currency,
                amount(gross),
                rule.id
            ));
            line(format_args!("  version of {}, revision {}", by.version.valid_from, by.version.revision));
            if call.duration_ms < rule.free_under_ms {
                line(format_args!("  free below {}", span(rule.free_under_ms)));
                return out;
            }
            line(format_args!("  {} elapsed, {} billed", span(call.duration_ms), span(priced.billed_ms)));
            if rule.duration_min_ms > 0 {
                line(format_args!("  at least {} are billed", span(rule.duration_min_ms)));
            }
            line(format_args!("  setup: {}", fine(by.setup())));
            out.push_str(&steps);
            let mut line =
                |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").expect("writing to a string succeeds");
            for (word, charge) in [("least", rule.charge_min), ("most", rule.charge_max)] {
                if let Some(charge) = charge {
                    line(format_args!("  at {word} {}", fine(Exact::fee(charge))));
                }
            }
            if terms.tax_included {
                line(format_args!("  these prices have the tax in them"));
            }
            out
        }
    }
}

/// A sum at eight decimals without the zeros at its end.
fn fine(sum: Exact) -> String {
    let plain = Taxed { share: crate::amount::Share::default(), included: false };
    let mut text = String::new();
    match sum.net(plain, FINE, Rounding::HalfUp) {
        None => text.push_str("beyond 64 bits"),
        Some(units) => push(&mut text, units.into(), FINE),
    }
    let short = text.trim_end_matches('0').trim_end_matches('.').len();
    text.truncate(short);
    text
}

/// `90 s`, `1.5 s`.
fn span(ms: u64) -> String {
    let mut text = String::new();
    push(&mut text, ms.into(), 3);
    let short = text.trim_end_matches('0').trim_end_matches('.').len();
    text.truncate(short);
    text + " s"
}

#[cfg(test)]
mod tests {
    use turno_base::Wall;

    use super::*;
    use crate::prefix::Key;

    #[test]
    fn a_price_is_told_step_by_step() {
        let deck = Deck::parse_json(
            r#"{"tz":"Europe/Madrid","tax":"0.21","versions":[{"valid_from":"2026-01-01","rules":[{"b":"34","rate":"spain","min_charge":"0.01",
            "default":{"setup":"0.05","slots":[{"at":0,"price":"0.10","per":60000,"inc":60000},{"at":60000,"price":"0.08","per":60000,"inc":1000}]},
            "bands":[{"name":"Noche","days":[1,2,3,4,5],"from":"22:00","to":"08:00","rate":{"slots":[{"at":0,"price":"0.03","per":60000,"inc":1000}]}}]}]}]}"#,
        )
        .unwrap();
        let answer = Wall(crate::civil::instant("2026-03-10T20:58:30Z").unwrap());
        let call =
            Call { a: Key::EMPTY, b: Key::new("34912345678").unwrap(), answer, duration_ms: 150_000, answered: true };
        assert_eq!(
            explain(&deck, &call, Payer::company()),
            "0.2200 EUR without tax, 0.2662 with it (company pays, rate spain)\n  \
             version of 2026-01-01T00:00:00.000000Z, revision 0\n  \
             150 s elapsed, 150 s billed\n  \
             setup: 0.05\n  \
             1 x 60 s from 0 s on, 0.1 per 60 s, band default: 0.1\n  \
             30 x 1 s from 60 s on, 0.08 per 60 s, band default: 0.04\n  \
             60 x 1 s from 90 s on, 0.03 per 60 s, band Noche: 0.03\n  \
             at least 0.01\n"
        );
        assert_eq!(
            explain(&deck, &Call { answered: false, ..call }, Payer::company()),
            "not chargeable: it was not answered, or no time passed\n"
        );
        assert_eq!(
            explain(&deck, &call, Payer::caller()),
            "unrated: no rule of the deck is for this call and caller\n"
        );
    }
}
