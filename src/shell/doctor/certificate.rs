//! Whether the certificates of HTTPS and of the manager interface are within their dates.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::shell::config::{Settings, TlsSettings};
use crate::shell::doctor::{Finding, Verdict};

/// Before its end a certificate is called due for so long, seconds: those that renew by themselves have done it by then.
const DUE_SECS: u64 = 14 * 24 * 3600;

/// One for each certificate that is configured; `now_secs` since 1970. What the manager interface shares with HTTP is said once.
pub(super) fn findings(settings: &Settings, now_secs: u64) -> Vec<Finding> {
    let (http, ami) = (settings.http.tls.as_ref(), settings.ami.tls.as_ref());
    let each = [("http.tls", http), ("ami.tls", ami.filter(|own| http != Some(own)))];
    let each = each.into_iter().filter_map(|(key, tls)| Some((key, tls?)));
    each.map(|(key, tls)| finding(key, tls, now_secs, &settings.node.zone)).collect()
}

fn finding(key: &str, tls: &TlsSettings, now_secs: u64, zone: &TimeZone) -> Finding {
    let said = |verdict, sentence: String| Finding::new(format!("certificate {key}"), verdict, sentence);
    let Some((from_secs, until_secs)) = tls.validity_secs() else {
        return said(Verdict::Warning, "its dates cannot be read".to_owned());
    };
    let (from, until) = (day(from_secs, zone), day(until_secs, zone));
    if now_secs < from_secs {
        return said(Verdict::Failed, format!("is not valid before {from}: is this machine's clock right?"));
    }
    match until_secs.checked_sub(now_secs) {
        None => said(Verdict::Failed, format!("expired on {until}: clients refuse it; renew it, then turno reload")),
        Some(left) if left < DUE_SECS => {
            said(Verdict::Warning, format!("expires on {until}: renew it, then turno reload"))
        }
        Some(_) => said(Verdict::Fine, format!("is valid until {until}")),
    }
}

/// The last day of the calendar stands for every later one.
fn day(secs: u64, zone: &TimeZone) -> Date {
    let at = i64::try_from(secs).ok().and_then(|secs| Timestamp::from_second(secs).ok());
    at.unwrap_or(Timestamp::MAX).to_zoned(zone.clone()).date()
}
