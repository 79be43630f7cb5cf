//! What rating again reads of a record's bytes is what the record says.

use turno_base::{Name, Quality};

use super::*;
use crate::cdr::{Brief, CallingBack};
use crate::kind::NumberType;

/// The brief in the bytes of a record is the record's own.
pub(super) fn is_of(record: &Record) -> Result<(), TestCaseError> {
    let bytes = postcard::to_allocvec(record).unwrap();
    prop_assert_eq!(postcard::from_bytes::<Brief>(&bytes), Ok(Brief::from(record)));
    Ok(())
}

#[test]
fn a_brief_is_read_from_the_bytes_of_a_record_that_has_everything_and_of_one_that_has_nothing() {
    let mut full = record(&a_queued_call());
    full.dnis_type = Some(NumberType::Freephone);
    full.customer = Some("C-1024 · 龍".to_owned());
    full.segment = "gold".parse().ok();
    full.value_pm = Some(4000);
    full.callback_asked = Some(turno_base::fact::CallbackAsked::Overflow);
    full.calling_back = Some(CallingBack { first: Some(CallId(7)), attempt: 3 });
    full.disposition = Name::new("solved").ok();
    full.cause = Some(Cause::NORMAL);
    (full.recovered, full.estimated, full.left_out) = (true, true, 5);
    full.ani.withheld = true;
    for (n, leg) in (1..).zip(&mut full.legs) {
        leg.sip_call_id = "x".repeat(300);
        (leg.local_tag, leg.remote_tag) = ("ours".to_owned(), "theirs".to_owned());
        leg.quality = Some(Quality { received: u64::MAX, jitter_us: n, ..Quality::default() });
        leg.a.withheld = n % 2 == 0;
    }
    assert!(full.legs.iter().any(|leg| leg.charges.iter().any(|charge| !charge.rated.breakdown.is_empty())));
    assert!(!full.stays.is_empty() && full.legs.len() > 1 && full.legs.iter().any(|leg| leg.stages.len() > 1));
    is_of(&full).unwrap();

    let mut bare = full.clone();
    (bare.dnis_type, bare.customer, bare.segment, bare.disposition) = (None, None, None, None);
    bare.stays.clear();
    is_of(&bare).unwrap();
    bare.legs.clear();
    is_of(&bare).unwrap();
}

#[test]
fn bytes_that_end_before_the_stays_are_no_brief() {
    let record = record(&a_queued_call());
    let bytes = postcard::to_allocvec(&record).unwrap();
    // Behind the stays are offers, which a brief does not need.
    let bare = Record { stays: Vec::new(), offers: Vec::new(), wraps: Vec::new(), costs: Vec::new(), ..record };
    let before_stays = postcard::to_allocvec(&bare).unwrap().len() - 5;
    for end in 0..=before_stays {
        assert!(postcard::from_bytes::<Brief>(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
    }
}
