//! How values are written: durations, sizes, networks, codecs, hosts.

use std::net::IpAddr;
use std::time::Duration;

use turno_base::Codec;
use turno_sip::config::{Cidr, HostPort};
use turno_sip::flow::Transport;

const DURATION_UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SIZE_UNITS: &[(&str, u64)] = &[("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1)];

/// `20s`, `1m30s`, `500ms`, `0`.
pub fn duration_of(text: &str) -> Option<Duration> {
    if text.trim() == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.trim();
    let mut total_ms = 0u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit_ms = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total_ms = total_ms.checked_add(number.parse::<u64>().ok()?.checked_mul(unit_ms)?)?;
        rest = after.trim_start();
    }
    Some(Duration::from_millis(total_ms))
}

/// The reverse of [`duration_of`].
pub(super) fn duration_words(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut words = String::new();
    for (name, unit_ms) in DURATION_UNITS {
        if left >= *unit_ms {
            words.push_str(&format!("{}{name}", left / unit_ms));
            left %= unit_ms;
        }
    }
    words
}

/// `64MB`, `1GB`, `4096`.
pub fn bytes_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" => 1,
        unit => SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// The reverse of reading a size such as `64MB`.
pub fn bytes_words(bytes: u64) -> String {
    let (name, unit) =
        SIZE_UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit)).unwrap_or(&("B", 1));
    format!("{}{name}", bytes / unit)
}

/// `10.0.0.0/8`, `::1`.
pub(super) fn cidr_of(text: &str) -> Option<Cidr> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix.parse::<u8>().ok()?)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(most);
    (prefix <= most).then_some(Cidr { address, prefix })
}

pub(super) const CIDR_FORM: &str = "write a network, for example \"10.0.0.0/8\", or an address";

/// `pcma`, `opus` …
pub(super) fn codec_of(text: &str) -> Option<Codec> {
    Some(match text.to_ascii_lowercase().as_str() {
        "pcmu" | "ulaw" => Codec::Pcmu,
        "pcma" | "alaw" => Codec::Pcma,
        "g722" => Codec::G722,
        "opus" => Codec::Opus,
        "g729" => Codec::G729,
        _ => return None,
    })
}

pub(super) const CODEC_FORM: &str = "write pcma, pcmu, g722, opus or g729";

/// `udp` or `tcp`.
pub(super) fn transport_of(text: &str) -> Option<Transport> {
    match text.to_ascii_lowercase().as_str() {
        "udp" => Some(Transport::Udp),
        "tcp" => Some(Transport::Tcp),
        _ => None,
    }
}

pub(super) const TRANSPORT_FORM: &str = "write \"udp\" or \"tcp\"";

/// `pbx.example.com`, `10.0.0.5:5060`, `[2001:db8::1]:5060`.
pub(super) fn host_of(text: &str) -> Option<HostPort> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(HostPort { host: ip.to_string(), port: None });
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|p| *p > 0)?)),
        None => (text, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let fits = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        || host.parse::<IpAddr>().is_ok();
    fits.then(|| HostPort { host: host.to_owned(), port })
}

pub(super) const HOST_FORM: &str =
    "write a host or an address, with a port if it is not in DNS, for example \"10.0.0.5:5060\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, ms) in [
            ("20s", Some(20_000)),
            ("1m30s", Some(90_000)),
            ("500ms", Some(500)),
            ("7d", Some(604_800_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("20", None), // without a unit nobody knows
            ("s", None),
            ("", None),
            ("1y", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(duration_of(text).map(|d| d.as_millis()), ms, "{text}");
        }
        assert_eq!(duration_words(Duration::from_millis(90_500)), "1m30s500ms");
        assert_eq!(duration_words(Duration::ZERO), "0s");
    }

    #[test]
    fn sizes_networks_and_hosts_read() {
        assert_eq!(
            (bytes_of("64MB"), bytes_of("4096"), bytes_of("1 gb"), bytes_of("1TB")),
            (Some(64 << 20), Some(4096), Some(1 << 30), None)
        );
        assert_eq!((bytes_words(64 << 20).as_str(), bytes_words(1500).as_str()), ("64MB", "1500B"));
        for (text, fits) in
            [("10.0.0.0/8", true), ("10.0.0.0/33", false), ("::1", true), ("2001:db8::/129", false), ("x", false)]
        {
            assert_eq!(cidr_of(text).is_some(), fits, "{text}");
        }
        for (text, host, port) in [
            ("pbx.example.com", "pbx.example.com", None),
            ("10.0.0.5:5060", "10.0.0.5", Some(5060)),
            ("[2001:db8::1]:5062", "2001:db8::1", Some(5062)),
            ("2001:db8::1", "2001:db8::1", None),
        ] {
            assert_eq!(host_of(text), Some(HostPort { host: host.into(), port }), "{text}");
        }
        assert_eq!((host_of("a b"), host_of("a:0"), host_of("")), (None, None, None));
    }
}
