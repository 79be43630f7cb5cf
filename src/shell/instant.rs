//! Instants as people write them on the command line and in queries.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use turno_base::Wall;

/// `2026-03-10` (its midnight, UTC), `2026-03-10T11:00:00Z`, or with an offset.
pub fn wall_of(text: &str) -> Result<Wall, String> {
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) => Some(instant),
        Err(_) => text.parse::<Date>().ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok()).map(|z| z.timestamp()),
    };
    instant
        .map(|instant| Wall(instant.as_microsecond()))
        .ok_or_else(|| "write a date such as 2026-03-10, or an instant such as 2026-03-10T11:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_instants_read() {
        for (text, secs) in [
            ("2026-03-10", Some(1_773_100_800)),
            ("2026-03-10T11:00:00Z", Some(1_773_140_400)),
            ("2026-03-10T12:00:00+01:00", Some(1_773_140_400)),
            ("10/03/2026", None),
            ("", None),
        ] {
            assert_eq!(wall_of(text).ok().map(Wall::as_secs), secs, "{text}");
        }
    }
}
