//! Takes secrets out of settings and program arguments before they are kept: values of proxies, tokens,
//! passwords, and the user part of addresses.
//!
//! It works on words, not on a parsed document, so that broken settings are kept (and redacted) too.

/// What stands where a secret stood.
pub(crate) const REDACTED: &str = "<redacted>";

/// A name that contains one of these names a secret, or something that may carry one.
const SECRETS: [&str; 10] =
    ["prox", "auth", "token", "passw", "secret", "credential", "apikey", "api-key", "api_key", "access"];

/// Settings in JSON, TOML, or shell notation, with the values of secrets taken out.
pub(super) fn settings(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if !is_name(c) {
            kept.push(c);
            at += 1;
            continue;
        }
        let end = run(&chars, at, is_name);
        let name: String = chars.get(at..end).unwrap_or_default().iter().collect();
        kept.push_str(&name);
        at = end;
        if names_secret(&name)
            && let Some(value) = value_after(&chars, end)
        {
            kept.extend(chars.get(end..value.start).unwrap_or_default());
            kept.push_str(REDACTED);
            at = value.end;
        }
    }
    addresses(&kept)
}

/// One program's arguments, separated by tabs, with the values of secrets taken out.
pub(super) fn arguments(line: &str) -> String {
    let mut after_name = false;
    let kept: Vec<String> = line
        .split('\t')
        .map(|argument| {
            let option = argument.starts_with('-');
            let value_of_secret = after_name && !option;
            after_name = option && names_secret(argument) && !argument.contains('=');
            if value_of_secret { REDACTED.to_owned() } else { argument_without_secret(argument) }
        })
        .collect();
    kept.join("\t")
}

/// `lvm.conf` without its whole-line comments and empty lines: a hundred kilobytes that say the same
/// everywhere.
pub(super) fn uncommented(text: &str) -> String {
    let said = |line: &&str| !line.trim_start().starts_with('#') && !line.trim().is_empty();
    text.lines().filter(said).flat_map(|line| [line, "\n"]).collect()
}

/// `--name=value`: everything after the first `=` that follows a secret's name is one value, `=` included.
fn argument_without_secret(argument: &str) -> String {
    let mut kept = String::new();
    for part in argument.split_inclusive('=') {
        kept.push_str(part);
        if part.ends_with('=') && names_secret(part) {
            return kept + REDACTED;
        }
    }
    addresses(&kept)
}

/// Addresses without their user and password: `https://user:word@host` becomes `https://<redacted>@host`.
fn addresses(text: &str) -> String {
    let mut pieces = text.split("://");
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        kept.push_str("://");
        let host_ends = |c: char| c == '/' || c == '"' || c == '\'' || c.is_whitespace();
        let authority = piece.split(host_ends).next().unwrap_or_default();
        match authority.rsplit_once('@') {
            Some((user, _)) => {
                kept.push_str(REDACTED);
                kept.push_str(piece.get(user.len()..).unwrap_or_default());
            }
            None => kept.push_str(piece),
        }
    }
    kept
}

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|s| name.contains(s))
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Where a run of characters that `belong` ends.
fn run(chars: &[char], from: usize, belong: fn(char) -> bool) -> usize {
    from + chars.get(from..).unwrap_or_default().iter().take_while(|c| belong(**c)).count()
}

/// The place of the value that belongs to a name which ends at `at`, without the quotes around it.
fn value_after(chars: &[char], at: usize) -> Option<std::ops::Range<usize>> {
    let blank = |c: char| c == ' ' || c == '\t';
    let mut at = at;
    if matches!(chars.get(at), Some('"' | '\'')) {
        at += 1;
    }
    at = run(chars, at, blank);
    if !matches!(chars.get(at), Some('=' | ':')) {
        return None;
    }
    at = run(chars, at + 1, char::is_whitespace);
    let end = match chars.get(at)? {
        quote @ ('"' | '\'') => {
            at += 1;
            quoted_end(chars, at, *quote)
        }
        '{' | '[' => block_end(chars, at),
        _ => {
            let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | ',' | '}' | ']');
            run(chars, at, plain)
        }
    };
    (end > at).then_some(at..end)
}

/// Where a quoted value ends: at its closing quote, or with its text.
fn quoted_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in chars.iter().enumerate().skip(from) {
        if *c == quote && !escaped {
            return at;
        }
        escaped = *c == '\\' && !escaped;
    }
    chars.len()
}

/// Where a list or an object ends: after its closing bracket, or with its text.
fn block_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0_usize, from);
    while let Some(c) = chars.get(at) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_settings() {
        let text = r#"{"storage-opts": ["dm.min_free_space=5%"], "http-proxy": "http://a:b@c:1/",
 "proxies": {"x": "sec}ret", "y": ["z"]}, "auths":{"r":{"auth":"c2VjcmV0"}}, "data-root": "/data" "#;
        let kept = settings(text);
        assert!(kept.contains(r#""storage-opts": ["dm.min_free_space=5%"]"#), "{kept}");
        assert!(kept.contains(r#""http-proxy": "<redacted>","#), "{kept}");
        assert!(
            kept.contains(r#""proxies": <redacted>, "auths":<redacted>, "data-root": "/data" "#),
            "{kept}"
        );
    }

    #[test]
    fn broken_settings_keep_their_secrets_out() {
        for text in
            ["{\"token\": \"abc", "{\"token\": [\"abc\"", "token = abc", "token: abc", "'TOKEN' = 'abc'"]
        {
            let kept = settings(text);
            assert!(!kept.contains("abc") && kept.contains(REDACTED), "{text} -> {kept}");
        }
        assert_eq!(settings("token"), "token");
        assert_eq!(settings("[x.auth]\nroot_path = \"/a\""), "[x.auth]\nroot_path = \"/a\"");
    }

    #[test]
    fn shell_and_unit_notation() {
        let text =
            "OPTIONS='--log-opt splunk-token=abc -g /data'\nEnvironment=\"HTTPS_PROXY=http://u:p@h\" \"A=1\"";
        let want = "OPTIONS='--log-opt splunk-token=<redacted> -g /data'\n\
                    Environment=\"HTTPS_PROXY=<redacted>\" \"A=1\"";
        assert_eq!(settings(text), want);
    }

    #[test]
    fn program_arguments() {
        let line =
            "7\tdockerd\t-g\t/data\t--token\tabc\t--log-opt\tsplunk-token=a=b\t--mirror=https://u:p@h/x@y";
        let want = "7\tdockerd\t-g\t/data\t--token\t<redacted>\t--log-opt\tsplunk-token=<redacted>\t\
                    --mirror=https://<redacted>@h/x@y";
        assert_eq!(arguments(line), want);
        assert_eq!(arguments("1\t--no-proxy\t--debug"), "1\t--no-proxy\t--debug");
    }

    #[test]
    fn comments_of_lvm_conf() {
        assert_eq!(uncommented("# a\n\n\tb = 1 # c\n\t# d\n}\n"), "\tb = 1 # c\n}\n");
    }
}
