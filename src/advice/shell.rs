//! Words quoted for a POSIX shell.

/// Quotes a word for a shell: unchanged if it has no special characters, else in single quotes. A word with control
/// characters, which cannot be pasted safely, is written as bash's `$'…'` with escapes.
#[must_use]
pub fn quote(word: &str) -> String {
    let needs_no_quotes = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(needs_no_quotes) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        let escape = |c: char| match c {
            '\'' => "\\'".to_owned(),
            '\\' => "\\\\".to_owned(),
            c if c.is_control() => c.to_string().bytes().map(|b| format!("\\x{b:02x}")).collect(),
            c => c.to_string(),
        };
        return format!("$'{}'", word.chars().map(escape).collect::<String>());
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn words_survive_the_shell() {
        let words = [
            "pool",
            "docker-8:1-2-pool",
            "two words",
            "a'b",
            "$(reboot)",
            "`id`",
            "",
            "a;b",
            "tab\there",
            "\u{1b}[2J",
            "-n",
        ];
        for word in words {
            let command = format!("printf %s {}", quote(word));
            let out = std::process::Command::new("bash").args(["-c", &command]).output().unwrap();
            assert_eq!(
                String::from_utf8_lossy(&out.stdout),
                if word == "-n" { "-n" } else { word },
                "{command}"
            );
        }
    }
}
