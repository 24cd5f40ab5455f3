//! Scans JSON that may be truncated anywhere: complete members are found, the rest is skipped.
//!
//! For pasted reports only; complete files are parsed with `serde_json`.

/// A token of the scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::host) enum Token {
    /// `"key": "value"`, or a bare value such as `12` or `true`.
    Member(String, String),
    /// A pair of strings in brackets: `["Pool Name","docker-pool"]`.
    Pair(String, String),
    /// `{`
    Open,
    /// `}`
    Close,
}

/// The members, pairs and braces of a text, in order.
pub(in crate::host) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    // The atoms before `last`, which show whether a value completes a member or a pair.
    let mut before: (Atom, Atom) = (Atom::Mark(' '), Atom::Mark(' '));
    let mut last = Atom::Mark(' ');
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let atom = match c {
            c if c.is_whitespace() => continue,
            '"' => Atom::Text(string(&mut chars)),
            '{' | '}' | '[' | ']' | ':' | ',' => Atom::Mark(c),
            _ => {
                while chars.next_if(|(_, c)| !c.is_whitespace() && !",]}:[{\"".contains(*c)).is_some() {}
                let end = chars.peek().map_or(text.len(), |(end, _)| *end);
                Atom::Bare(text.get(at..end).unwrap_or_default().to_owned())
            }
        };
        match (&before.1, &last, &atom) {
            (Atom::Text(key), Atom::Mark(':'), Atom::Text(value) | Atom::Bare(value)) => {
                found.push(Token::Member(key.clone(), value.clone()));
            }
            (Atom::Text(key), Atom::Mark(','), Atom::Text(value)) if before.0 == Atom::Mark('[') => {
                found.push(Token::Pair(key.clone(), value.clone()));
            }
            (_, _, Atom::Mark('{')) => found.push(Token::Open),
            (_, _, Atom::Mark('}')) => found.push(Token::Close),
            _ => {}
        }
        before = (before.1, last);
        last = atom;
    }
    found
}

#[derive(Debug, PartialEq, Eq)]
enum Atom {
    Text(String),
    Bare(String),
    Mark(char),
}

/// Reads the rest of a string, up to its closing quote or the end, and decodes the escapes that occur in reports.
fn string(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> String {
    let mut text = String::new();
    while let Some((_, c)) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c) => text.push(c),
                None => break,
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_members_of_truncated_json_are_found() {
        let text = r#"{"Containers":3,"DriverStatus":[["Pool Name","a-b"],["Data file",""],["Data Sp"#;
        let (member, pair) = (
            |k: &str, v: &str| Token::Member(k.into(), v.into()),
            |k: &str, v: &str| Token::Pair(k.into(), v.into()),
        );
        let expected =
            [Token::Open, member("Containers", "3"), pair("Pool Name", "a-b"), pair("Data file", "")];
        assert_eq!(tokens(text), expected);
        assert!(tokens("\"").is_empty());
        assert!(tokens("{\"a\":\\").len() <= 2);
    }
}
