//! Amounts: integers at a scale, never floating point.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// ISO 4217 code, three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Euro: what holds where nothing else is configured.
    pub const EUR: Currency = Currency(*b"EUR");

    /// Parses three capital letters.
    pub fn new(code: &str) -> Option<Currency> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Currency(bytes))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { self.0.serialize(to) }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Currency, D::Error> {
        if from.is_human_readable() {
            let code = String::deserialize(from)?;
            Currency::new(&code).ok_or_else(|| serde::de::Error::custom("a currency is three capital letters"))
        } else {
            <[u8; 3]>::deserialize(from).map(Currency)
        }
    }
}

/// `units · 10^-scale` of a currency. Made only by the tariff room, which rounds exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Scaled integer amount.
    pub units: i64,
    /// Decimals, 0..=8.
    pub scale: u8,
    /// ISO 4217.
    pub currency: Currency,
}

/// The amount with all its decimals, without the currency: `-0.0300`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let power = 10_u64.pow(u32::from(self.scale.min(18)));
        let magnitude = self.units.unsigned_abs();
        let sign = if self.units < 0 { "-" } else { "" };
        if self.scale == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        write!(f, "{sign}{}.{:0width$}", magnitude / power, magnitude % power, width = usize::from(self.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_prints_every_decimal() {
        let euro = Currency::new("EUR").unwrap();
        for (units, scale, text) in [(300, 4, "0.0300"), (-300, 4, "-0.0300"), (12, 0, "12"), (123_456, 4, "12.3456")] {
            assert_eq!(Money { units, scale, currency: euro }.to_string(), text);
        }
        assert_eq!(Currency::new("eur"), None);
    }
}
