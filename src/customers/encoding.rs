//! Which encoding a file has, and its text: UTF-8, UTF-16 of either order, or Windows-1252 (Latin-1 with the quotes and the
//! euro sign that office programs write into its gap).

use std::borrow::Cow;

use serde::Serialize;

/// How a file's bytes are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Windows-1252, and so Latin-1.
    Windows1252,
}

/// What 0x80..=0x9f are in Windows-1252; unassigned ones are the control characters of Latin-1.
const GAP: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Encoding {
    /// By the name that people give it.
    pub fn named(name: &str) -> Option<Encoding> {
        Some(match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "utf-8" | "utf8" => Encoding::Utf8,
            "utf-16" | "utf-16le" | "utf16" | "utf16le" => Encoding::Utf16Le,
            "utf-16be" | "utf16be" => Encoding::Utf16Be,
            "latin1" | "latin-1" | "iso-8859-1" | "windows-1252" | "cp1252" => Encoding::Windows1252,
            _ => return None,
        })
    }

    /// By a byte order mark; by zeros in every second byte; what is no UTF-8 is Windows-1252.
    pub fn detect(bytes: &[u8]) -> Encoding {
        match bytes {
            [0xff, 0xfe, ..] => return Encoding::Utf16Le,
            [0xfe, 0xff, ..] => return Encoding::Utf16Be,
            _ => {}
        }
        let start = bytes.get(..bytes.len().min(400)).unwrap_or(bytes);
        let zeros = |odd: usize| start.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
        let half = start.len() / 2;
        if half > 0 && zeros(1) * 10 > half * 7 && zeros(0) == 0 {
            return Encoding::Utf16Le;
        }
        if half > 0 && zeros(0) * 10 > half * 7 && zeros(1) == 0 {
            return Encoding::Utf16Be;
        }
        if std::str::from_utf8(bytes).is_ok() { Encoding::Utf8 } else { Encoding::Windows1252 }
    }

    /// The text without a byte order mark; what cannot be read becomes `�`.
    pub fn text(self, bytes: &[u8]) -> Cow<'_, str> {
        let text = match self {
            Encoding::Utf8 => String::from_utf8_lossy(bytes),
            Encoding::Utf16Le => Cow::Owned(utf16(bytes, u16::from_le_bytes)),
            Encoding::Utf16Be => Cow::Owned(utf16(bytes, u16::from_be_bytes)),
            Encoding::Windows1252 => Cow::Owned(bytes.iter().map(|&byte| windows_1252(byte)).collect()),
        };
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches('\u{feff}')),
            Cow::Owned(text) if text.starts_with('\u{feff}') => {
                Cow::Owned(text.trim_start_matches('\u{feff}').to_owned())
            }
            Cow::Owned(text) => Cow::Owned(text),
        }
    }
}

fn utf16(bytes: &[u8], of: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|&pair| of(pair))).map(|c| c.unwrap_or('\u{fffd}')).collect()
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => GAP[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_office_program_reads() {
        let text = "id;nombre\n1;Núñez – 3 €\n";
        let utf16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let marked = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
        let latin: Vec<u8> = text
            .chars()
            .map(|c| match c {
                '–' => 0x96,
                '€' => 0x80,
                _ => c as u8,
            })
            .collect();
        for (bytes, want) in [
            (text.as_bytes().to_vec(), Encoding::Utf8),
            (marked(b"\xef\xbb\xbf", text.as_bytes()), Encoding::Utf8),
            (utf16(u16::to_le_bytes), Encoding::Utf16Le),
            (marked(b"\xff\xfe", &utf16(u16::to_le_bytes)), Encoding::Utf16Le),
            (utf16(u16::to_be_bytes), Encoding::Utf16Be),
            (marked(b"\xfe\xff", &utf16(u16::to_be_bytes)), Encoding::Utf16Be),
            (latin, Encoding::Windows1252),
        ] {
            let found = Encoding::detect(&bytes);
            assert_eq!((found, &*found.text(&bytes)), (want, text));
        }
        assert_eq!(Encoding::detect(b""), Encoding::Utf8);
        assert_eq!(Encoding::Utf16Le.text(b"\x00\xd8x"), "\u{fffd}", "half a pair, half a unit");
    }

    #[test]
    fn encodings_go_by_their_usual_names() {
        for (name, want) in [("UTF-8", Some(Encoding::Utf8)), ("ISO_8859-1", Some(Encoding::Windows1252)), ("x", None)]
        {
            assert_eq!(Encoding::named(name), want);
        }
    }
}
