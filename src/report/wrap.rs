//! Fits text into the width of a terminal: wrapped between words, or cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Wraps text into lines of at most `width` columns. `head` starts the first line; the others are indented by its
/// width. A word that is too long stays whole. Never used for commands, which must stay in one piece to be copied.
#[must_use]
pub(super) fn wrap(head: &str, text: &str, width: usize) -> String {
    let indent = head.width();
    let mut out = String::from(head);
    let mut column = indent;
    let mut first = true;
    for word in text.split_whitespace() {
        let length = word.width();
        if !first && column + 1 + length > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
            first = true;
        }
        if !first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        first = false;
    }
    out.push('\n');
    out
}

/// Cuts a text to at most `most` columns; if it is cut, the last column is `…`.
#[must_use]
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.width().unwrap_or(0));
        room = left.unwrap_or_default();
        left.is_some()
    };
    let cut: String = text.chars().take_while(fits).collect();
    if most == 0 { cut } else { cut + "…" }
}

#[cfg(test)]
mod tests {
    use super::{cut, wrap};

    #[test]
    fn cut_to_columns() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("漢字かな", 5), "漢字…", "wide characters take two columns");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn hanging_indent() {
        assert_eq!(wrap("ab: ", "one two three", 12), "ab: one two\n    three\n");
        assert_eq!(wrap("", "averylongword b", 5), "averylongword\nb\n");
    }
}
