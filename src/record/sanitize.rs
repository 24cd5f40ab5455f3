//! Removes characters that could deceive a reader from external text: control characters and bidirectional overrides.
//!
//! Never shortens or interprets a text: each such character becomes `U+FFFD`.

/// Replaces by `U+FFFD` all control characters other than tab and newline, which could control a terminal, and all
/// characters that change the writing direction.
#[must_use]
pub fn clean(text: String) -> String {
    // Fast path: nearly every text is printable ASCII.
    let plain = |b: u8| matches!(b, b'\t' | b'\n' | b' '..=b'~');
    if text.bytes().all(plain) || !text.chars().any(forbidden) {
        return text;
    }
    text.chars().map(|c| if forbidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

const fn forbidden(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{B}'..='\u{1F}' | '\u{7F}'..='\u{9F}'
        | '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_does_not_pass() {
        assert_eq!(clean("a\tb\nc é".to_owned()), "a\tb\nc é");
        assert_eq!(clean("\u{1b}[31mred\r\u{0}".to_owned()), "\u{FFFD}[31mred\u{FFFD}\u{FFFD}");
        assert_eq!(clean("\u{202E}txt".to_owned()), "\u{FFFD}txt");
    }
}
