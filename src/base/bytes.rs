//! Bytes that serialise as one piece: `#[serde(with = "turno_base::bytes")]`. In postcard and JSON they look as a `Vec<u8>` does
//! by itself, but are copied at once instead of one by one: messages and states are most of what is written.

use std::fmt;

use serde::{Deserializer, Serializer, de};

/// As [`serde::Serialize::serialize`].
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(bytes)
}

/// As [`serde::Deserialize::deserialize`].
///
/// # Errors
/// Those of the format.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    from.deserialize_byte_buf(Whole)
}

struct Whole;

impl<'de> de::Visitor<'de> for Whole {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct AsOne(#[serde(with = "super")] Vec<u8>);

    #[test]
    fn bytes_are_written_and_read_as_a_list_of_them_is() {
        for bytes in [vec![], b"BYE\r\n".to_vec(), vec![0xff; 300]] {
            let list = postcard::to_allocvec(&bytes).unwrap();
            let one = AsOne(bytes.clone());
            assert_eq!(postcard::to_allocvec(&one).unwrap(), list);
            assert_eq!(postcard::from_bytes::<AsOne>(&list).unwrap(), one);
            let text = serde_json::to_string(&bytes).unwrap();
            assert_eq!(serde_json::to_string(&one).unwrap(), text);
            assert_eq!(serde_json::from_str::<AsOne>(&text).unwrap(), one);
        }
    }
}
