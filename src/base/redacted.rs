//! Numbers and names of people in logs: enough to recognise, not enough to call.

use std::fmt;

/// Prints only the last four characters: `…1234`. What is four characters or shorter (an extension) prints whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Redacted<T>(pub T);

impl<T: AsRef<str>> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        match text.char_indices().rev().nth(3) {
            Some((at, _)) if at > 0 => write!(f, "…{}", &text[at..]),
            Some(_) | None => f.write_str(text),
        }
    }
}

impl<T: AsRef<str>> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_last_four_digits() {
        for (text, shown) in [("+34612045118", "…5118"), ("1004", "1004"), ("", ""), ("señora", "…ñora")] {
            assert_eq!(Redacted(text).to_string(), shown);
        }
    }
}
