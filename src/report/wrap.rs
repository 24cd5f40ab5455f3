//! Breaks sentences into lines between words, with a hanging indent; a word that is too long stays whole.

/// The text in lines of at most `width` columns; `head` starts the first line, blanks of the same width the others.
/// Commands are never passed here: they must stay in one piece to be copied.
#[must_use]
pub(super) fn wrap(head: &str, text: &str, width: usize) -> String {
    let indent = head.chars().count();
    let mut out = String::from(head);
    let mut column = indent;
    let mut first = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
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

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn hanging_indent() {
        assert_eq!(wrap("ab: ", "one two three", 12), "ab: one two\n    three\n");
        assert_eq!(wrap("", "averylongword b", 5), "averylongword\nb\n");
    }
}
