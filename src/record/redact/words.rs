//! Secrets in settings that are no JSON (TOML, shell variables, unit files, JSON that is broken) and in program arguments.

use super::{REDACTED, Span, apply, names_secret};
use std::ops::Range;

/// What in a text of names and values has to go.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let byte = |at: usize| chars.get(at).map_or(text.len(), |(byte, _)| *byte);
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some((_, c)) = chars.get(at) {
        if !is_name(*c) {
            at += 1;
            continue;
        }
        let end = run(&chars, at, is_name);
        let name = text.get(byte(at)..byte(end)).unwrap_or_default();
        let value = names_secret(name).then(|| value_after(&chars, end)).flatten();
        at = end;
        if let Some(value) = value {
            let range = byte(value.start)..byte(value.end);
            if !is_harmless(text.get(range.clone()).unwrap_or_default()) {
                at = value.end;
                spans.push(Span::secret(range));
            }
        }
    }
    spans.extend(environment(text));
    spans.extend(users(text));
    spans
}

/// What cannot be a secret, whatever its name is: a switch, or nothing at all.
fn is_harmless(value: &str) -> bool {
    let inside = |open, close| value.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    let empty = inside('[', ']').or_else(|| inside('{', '}')).is_some_and(|inside| inside.trim().is_empty());
    empty || matches!(value, "true" | "false" | "null" | "yes" | "no" | "on" | "off")
}

/// JSON that cannot be parsed, so that it is not known where a value ends: of a line that names a secret only the name is
/// kept, and everything after it where its value may go on. A name that is written with escapes may be any.
pub(super) fn broken_json(text: &str) -> Vec<Span> {
    let mut spans = users(text);
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let start = from;
        from += line.len();
        let Some(name_end) = secret_name_end(line) else { continue };
        let rest = line.get(name_end..).unwrap_or_default();
        let rest = rest.trim_end_matches(['\n', '\r']);
        let at = start + name_end;
        match plain_value(rest) {
            Some(value) => spans.push(Span::secret(at + value.start..at + value.end)),
            None if is_switch(rest) => {}
            // A list, an object, or a value on the next line: its end is not known.
            None => {
                spans.push(Span::secret(at..text.len()));
                break;
            }
        }
    }
    spans
}

/// Where the first name of a secret on a line ends; where the line has an escaped character, at that.
fn secret_name_end(line: &str) -> Option<usize> {
    let escape = line.find("\\u");
    let mut at = 0;
    for word in line.split(|c| !is_name(c)) {
        let end = at + word.len();
        if names_secret(word) {
            return Some(escape.map_or(end, |escape| escape.min(end)));
        }
        at = end + line.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    escape
}

/// The text between the quotes of a rest such as `": "value",`, where that is all there is.
fn plain_value(rest: &str) -> Option<Range<usize>> {
    let value =
        rest.trim_start_matches('"').trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let start = rest.len() - value.len();
    let (inner, after) = value.split_once('"')?;
    let whole = !inner.contains('\\') && matches!(after.trim(), "" | "," | "}" | "},");
    whole.then(|| start..start + inner.len())
}

/// Whether a rest such as `": false,` holds no more than a switch, a number or nothing.
fn is_switch(rest: &str) -> bool {
    let Some(value) = rest.trim_start_matches('"').trim_start().strip_prefix(':') else { return false };
    let value = value.trim().trim_end_matches(',').trim();
    !value.is_empty() && (is_harmless(value) || value.bytes().all(|b| b.is_ascii_digit()))
}

/// Values of environment variables in a service's unit, but for those that hold a daemon's options.
fn environment(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut from = 0;
    let mut goes_on = false;
    for line in text.split_inclusive('\n') {
        let start = from;
        from += line.len();
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let assigned = body.strip_prefix("Environment").and_then(|rest| rest.trim_start().strip_prefix('='));
        let list = match assigned {
            Some(list) => list,
            None if goes_on => body,
            None => continue,
        };
        goes_on = line.trim_end().ends_with('\\');
        let offset = start + indent + (body.len() - list.len());
        spans.extend(assignments(list).into_iter().map(|r| Span::secret(offset + r.start..offset + r.end)));
    }
    spans
}

/// The values in `"NAME=value" 'NAME=value' NAME=value`.
fn assignments(list: &str) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    let mut chars = list.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        if first.is_whitespace() {
            continue;
        }
        let quote = matches!(first, '"' | '\'').then_some(first);
        let ends = |c: char| quote.map_or(c.is_whitespace(), |quote| c == quote);
        let mut end = list.len();
        let mut escaped = false;
        for (at, c) in chars.by_ref() {
            if ends(c) && !escaped {
                end = at;
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        let word = list.get(start..end).unwrap_or_default();
        let Some((name, value)) = word.split_once('=') else { continue };
        if !carries_options(name) && !value.trim_matches(['"', '\'']).is_empty() {
            let at = start + name.len() + 1;
            let value = value.trim_end_matches(['"', '\'']);
            let open = value.len() - value.trim_start_matches(['"', '\'']).len();
            values.push(at + open..at + value.len());
        }
    }
    values
}

/// `DOCKER_OPTS`, `OPTIONS`, `DOCKER_STORAGE_OPTIONS`, `ARGS`.
fn carries_options(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["OPT", "ARG", "FLAG"].iter().any(|word| name.contains(word))
}

/// One program's arguments, separated by tabs, with the values of secrets taken out.
pub(in crate::record) fn arguments(line: &str) -> String {
    let mut after_name = false;
    let kept: Vec<String> = line
        .split('\t')
        .map(|argument| {
            let value_of_secret = after_name && !argument.starts_with('-');
            after_name = after_secret_option(argument);
            if value_of_secret { REDACTED.to_owned() } else { text_without_secret(argument) }
        })
        .collect();
    kept.join("\t")
}

/// Whether the argument after this one is a secret: `--token`.
pub(super) fn after_secret_option(argument: &str) -> bool {
    argument.starts_with('-') && names_secret(argument) && !argument.contains('=')
}

/// `lvm.conf` without its whole-line comments and empty lines: a hundred kilobytes that say the same
/// everywhere.
pub(in crate::record) fn uncommented(text: &str) -> String {
    let said = |line: &&str| !line.trim_start().starts_with('#') && !line.trim().is_empty();
    text.lines().filter(said).flat_map(|line| [line, "\n"]).collect()
}

/// `--name=value`: everything after the first `=` that follows a secret's name is one value, `=` included.
pub(super) fn text_without_secret(argument: &str) -> String {
    let mut kept = String::new();
    for part in argument.split_inclusive('=') {
        kept.push_str(part);
        if part.ends_with('=') && names_secret(part) && kept.len() < argument.len() {
            return kept + REDACTED;
        }
    }
    let spans = users(&kept);
    apply(&kept, spans).text
}

/// The users and passwords in addresses: `https://user:word@host` becomes `https://<redacted>@host`.
fn users(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (at, mark) in text.match_indices("://") {
        let start = at + mark.len();
        let host_ends = |c: char| c == '/' || c == '"' || c == '\'' || c.is_whitespace();
        let authority = text.get(start..).unwrap_or_default().split(host_ends).next().unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@') {
            spans.push(Span::secret(start..start + user.len()));
        }
    }
    spans
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Where a run of characters that `belong` ends.
fn run(chars: &[(usize, char)], from: usize, belong: fn(char) -> bool) -> usize {
    from + chars.get(from..).unwrap_or_default().iter().take_while(|(_, c)| belong(*c)).count()
}

fn char_at(chars: &[(usize, char)], at: usize) -> Option<char> {
    chars.get(at).map(|(_, c)| *c)
}

/// The place of the value that belongs to a name which ends at `at`, without the quotes around it.
fn value_after(chars: &[(usize, char)], at: usize) -> Option<Range<usize>> {
    let mut at = at;
    if matches!(char_at(chars, at), Some('"' | '\'')) {
        at += 1;
    }
    at = run(chars, at, |c| c == ' ' || c == '\t');
    if !matches!(char_at(chars, at), Some('=' | ':')) {
        return None;
    }
    at = run(chars, at + 1, char::is_whitespace);
    let end = match char_at(chars, at)? {
        quote @ ('"' | '\'') => {
            at += 1;
            quoted_end(chars, at, quote)
        }
        '{' | '[' => block_end(chars, at),
        _ => run(chars, at, |c| !c.is_whitespace() && !matches!(c, '"' | '\'' | ',' | '}' | ']')),
    };
    (end > at).then_some(at..end)
}

/// Where a quoted value ends: at its closing quote, or with its text.
fn quoted_end(chars: &[(usize, char)], from: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, (_, c)) in chars.iter().enumerate().skip(from) {
        if *c == quote && !escaped {
            return at;
        }
        escaped = *c == '\\' && !escaped;
    }
    chars.len()
}

/// Where a list or an object ends: after its closing bracket, or with its text.
fn block_end(chars: &[(usize, char)], from: usize) -> usize {
    let (mut depth, mut at) = (0_usize, from);
    while let Some(c) = char_at(chars, at) {
        match c {
            '"' => at = quoted_end(chars, at + 1, '"'),
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    chars.len()
}
