//! How alike two texts are.

/// Longest texts that are compared, bytes; the rest does not count.
const COMPARED_MAX: usize = 64;

/// Jaro-Winkler similarity of two folded texts, 0..=1000: common characters near each other, transpositions, and a bonus for
/// a common beginning. Two empty texts are alike.
pub fn jaro_winkler_pm(a: &str, b: &str) -> u32 {
    if a == b {
        return 1000;
    }
    let (a, b) = (clipped(a), clipped(b));
    let jaro = jaro_pm(a, b);
    let prefix = a.iter().zip(b).take(4).take_while(|(a, b)| a == b).count() as u32;
    if jaro <= 700 { jaro } else { jaro + prefix * (1000 - jaro) / 10 }
}

fn clipped(text: &str) -> &[u8] {
    let bytes = text.as_bytes();
    bytes.get(..COMPARED_MAX.min(bytes.len())).unwrap_or(bytes)
}

fn jaro_pm(a: &[u8], b: &[u8]) -> u32 {
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let (mut in_a, mut in_b) = (0_u64, 0_u64);
    for (at, byte) in a.iter().enumerate() {
        let (from, to) = (at.saturating_sub(window), (at + window + 1).min(b.len()));
        for (other, candidate) in b.iter().enumerate().take(to).skip(from) {
            if in_b & (1 << other) == 0 && candidate == byte {
                in_a |= 1 << at;
                in_b |= 1 << other;
                break;
            }
        }
    }
    let common = in_a.count_ones();
    if common == 0 {
        return 0;
    }
    let taken = |bytes: &'_ [u8], bits: u64| -> Vec<u8> {
        bytes.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, byte)| *byte).collect()
    };
    let moved = taken(a, in_a).iter().zip(taken(b, in_b).iter()).filter(|(a, b)| a != b).count() as u32 / 2;
    let share = |of: usize| 1000 * common / of as u32;
    (share(a.len()) + share(b.len()) + 1000 * (common - moved) / common) / 3
}

/// Whether one slip of the hand makes one of the other: a character more, less or other, or two neighbours swapped.
pub(super) fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let rest = |of: &[u8], from: usize| of.get(from..).unwrap_or(&[]).to_vec();
    let (a, b) = (rest(a, start), rest(b, start));
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let swapped = || a.len() >= 2 && b.len() >= 2 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..];
    rest(&a, 1) == rest(&b, 1) || rest(&a, 1) == b || a == rest(&b, 1) || swapped()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn similarities_of_the_literature() {
        // Winkler's own examples, rounded down in each step.
        for (a, b, want) in [
            ("martha", "marhta", 961),
            ("dwayne", "duane", 839),
            ("dixon", "dicksonx", 812),
            ("garcia", "garcia", 1000),
            ("garcia", "gracia", 949),
            ("abc", "xyz", 0),
            ("", "", 1000),
            ("", "a", 0),
        ] {
            let got = jaro_winkler_pm(a, b);
            assert!(got.abs_diff(want) <= 2, "{a} {b}: {got}, not {want}");
        }
    }

    #[test]
    fn one_slip_of_the_hand() {
        for (a, b, want) in [
            ("12345", "12345", true),
            ("12345", "12346", true),
            ("12345", "1345", true),
            ("12345", "123945", true),
            ("12345", "13245", true),
            ("12345", "13254", false),
            ("12345", "1234599", false),
            ("", "1", true),
            ("12", "21", true),
        ] {
            assert_eq!((is_one_slip(a, b), is_one_slip(b, a)), (want, want), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn likeness_is_mutual_and_bounded(a in "[a-e]{0,70}", b in "[a-e]{0,70}") {
            let (there, back) = (jaro_winkler_pm(&a, &b), jaro_winkler_pm(&b, &a));
            prop_assert!(there <= 1000 && there.abs_diff(back) <= 40);
            prop_assert_eq!(jaro_winkler_pm(&a, &a), 1000);
        }
    }
}
