//! "Did you mean …?": the known word that is nearest to a mistyped one.

/// The nearest of the known words, if one is near, whatever the case: at most a quarter of the letters of the word differ (one at least may).
/// Of equally near ones the first.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(WORD_LEN_MAX).collect();
    let allowed = (word.len() / 4).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The hint to append to a message, or nothing.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"))
}

/// Longest word that is compared, in characters; the cost is the product of both lengths.
const WORD_LEN_MAX: usize = 100;

/// Letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &y) in b.iter().enumerate() {
            row[j + 1] = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expected: usize) {
        let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
        assert_eq!(distance(&a, &b), expected);
        assert_eq!(distance(&b, &a), expected);
    }

    #[test]
    fn counts_letters() {
        check("", "", 0);
        check("abc", "", 3);
        check("skibdi", "skibidi", 1);
        check("limtis", "limits", 1);
        check("kitten", "sitting", 3);
        check("ab", "ba", 1);
    }

    #[test]
    fn names_only_what_is_near() {
        let known = ["bestie", "corporate", "plain", "skibidi"];
        assert_eq!(nearest("skibdi", known), Some("skibidi"));
        assert_eq!(nearest("SKIBIDI", known), Some("skibidi"));
        assert_eq!(nearest("skibdi", ["SKIBIDI"]), Some("SKIBIDI"));
        assert_eq!(nearest("pirate", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), known), None);
    }
}
